"""Patterns written as data: regular expressions with named word lists, tried only where they can match.

A rule names the characters of which at least one must be in the text (`key`); most rules are thereby
passed over without so much as being looked at, which is what keeps reading a message under 0.1 ms.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.errors import ConfigError

_SLOT = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern and what it means: `fields` holds whatever else the YAML says of it."""

    pattern: re.Pattern[str]
    key: frozenset[str]
    fields: Mapping[str, Any]


class Rules:
    """Rules in their order, and for each character those that can match where it stands."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.all = tuple(rules)
        self._by_character: dict[str, int] = {}
        for place, rule in enumerate(self.all):
            for character in rule.key:
                self._by_character[character] = self._by_character.get(character, 0) | 1 << place

    def candidates(self, characters: Iterable[str]) -> Iterator[Rule]:
        """The rules one of whose key characters is among `characters`, in their order."""
        bit_of, found = self._by_character.get, 0
        for character in characters:
            found |= bit_of(character, 0)
        while found:
            lowest = found & -found
            yield self.all[lowest.bit_length() - 1]
            found ^= lowest


def read_yaml(path: Path) -> Any:
    """The content of a YAML file; ConfigError says file and line when it cannot be read."""
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error}") from error


def fill(pattern: str, words: Mapping[str, str]) -> str:
    """The pattern with each {name} replaced by its word list; a missing list is a KeyError."""
    return _SLOT.sub(lambda slot: f"(?:{words[slot.group(1)]})", pattern)


def compile_rules(path: Path, entries: Iterable[Mapping[str, Any]], words: Mapping[str, str]) -> list[Rule]:
    """Rules from YAML entries with `key` and `pattern`; ConfigError names file, pattern and reason."""
    rules = []
    for entry in entries:
        try:
            pattern = re.compile(fill(entry["pattern"], words))
            key = frozenset(entry["key"])
        except (KeyError, TypeError, re.error) as error:
            raise ConfigError(f"{path}: {entry}: {error!r}") from error
        rules.append(Rule(pattern, key, {k: v for k, v in entry.items() if k not in {"pattern", "key"}}))
    return rules
