"""Example sentences written as composed lines, expanded the same way every time.

A line may hold alternatives in braces, nested and empty ones too: `{老公|孩子他爸}{又|}打我{怎么办|}`. `{@city}`
stands for a word of the list `city` in lists.txt, and so does `@city` before a character that is no small
letter. Writing one line so gives several sentences that differ in words, length and order, without anybody
typing them out; a line never gives more than its file's cap, chosen by a hash of the line, so that data and
model can be compared byte for byte. `#` starts a comment line, `%cap 12` changes the cap for the lines after
it, `%each` takes every alternative of the next line by itself.
"""

import hashlib
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.errors import ConfigError
from nlp.text import DATA

FOLDER = DATA / "intents"
EXAMPLES = FOLDER / "examples"
LISTS = FOLDER / "lists.txt"
_CAP = 6
_TRIES = 4
_LITERAL = re.compile(r"[^{|}@]+|@(?![a-z])")
_NAME = re.compile(r"@([a-z]+)")

#: A composed text: literal strings, names of lists, and choices between composed texts.
Part = str | tuple["Composed", ...]
Composed = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence with its label (`intent:category`) and the line it came from (file name and number)."""

    text: str
    label: str
    line: str


def compose(line: str, lists: Mapping[str, tuple[str, ...]]) -> Composed:
    """The tree of a composed line. Raises ValueError for braces that do not match or a list nobody wrote."""
    composed, rest = _parse(line, 0, lists)
    if rest != len(line):
        raise ValueError(f"stray }} or | at {rest}")
    return composed


def _parse(line: str, place: int, lists: Mapping[str, tuple[str, ...]]) -> tuple[Composed, int]:
    parts: list[Part] = []
    while place < len(line) and line[place] not in "|}":
        literal = _LITERAL.match(line, place)
        name = _NAME.match(line, place)
        if literal:
            parts.append(literal[0])
            place = literal.end()
        elif name:
            parts.append(_named(name[1], lists))
            place = name.end()
        else:
            part, place = _choice(line, place, lists)
            parts.append(part)
    return tuple(parts), place


def _choice(line: str, place: int, lists: Mapping[str, tuple[str, ...]]) -> tuple[Part, int]:
    choices: list[Composed] = []
    while True:
        choice, place = _parse(line, place + 1, lists)
        choices.append(choice)
        if place >= len(line):
            raise ValueError("a { is never closed")
        if line[place] == "}":
            break
    only = choices[0]
    if len(choices) == 1 and len(only) == 1 and not isinstance(only[0], str):
        return only[0], place + 1
    return tuple(choices), place + 1


def _named(name: str, lists: Mapping[str, tuple[str, ...]]) -> tuple[Composed, ...]:
    if name not in lists:
        raise ValueError(f"there is no list {name}")
    return tuple(compose(word, lists) for word in lists[name])


def count(composed: Composed) -> int:
    """How many sentences a composed text can give (repeats counted)."""
    total = 1
    for part in composed:
        if not isinstance(part, str):
            total *= sum(count(choice) for choice in part)
    return total


def sentences(composed: Composed, cap: int, seed: str) -> list[str]:
    """At most `cap` different sentences; the same for the same seed, all of them when there are few."""
    if count(composed) <= cap:
        return list(dict.fromkeys(_all(composed)))
    chance = random.Random(hashlib.sha256(seed.encode()).digest())
    found = dict.fromkeys(_one(composed, chance) for _ in range(cap * _TRIES))
    return list(found)[:cap]


def _all(composed: Composed) -> Iterator[str]:
    if not composed:
        yield ""
        return
    head, tail = composed[0], composed[1:]
    heads = [head] if isinstance(head, str) else [text for choice in head for text in _all(choice)]
    for ending in list(_all(tail)):
        for beginning in heads:
            yield beginning + ending


def _one(composed: Composed, chance: random.Random) -> str:
    return "".join(
        part if isinstance(part, str) else _one(part[int(chance.random() * len(part))], chance) for part in composed
    )


def read_lists(path: Path = LISTS) -> dict[str, tuple[str, ...]]:
    """The word lists: `name: word word …`, several lines of one name add up."""
    lists: dict[str, tuple[str, ...]] = {}
    for line in path.read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, words = line.partition(":")
            lists[name.strip()] = lists.get(name.strip(), ()) + tuple(words.split())
    return lists


def read_file(path: Path, lists: Mapping[str, tuple[str, ...]]) -> Iterator[Example]:
    """The sentences of `intent-category.txt` or `….words.txt`; ConfigError names file, line and reason."""
    label = path.name.partition(".")[0].replace("-", ":", 1)
    cap, each = _CAP, False
    for number, raw in enumerate(path.read_text("utf-8").splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        place = f"{path.name}:{number}"
        if line.startswith("%"):
            cap, each = _order(place, line, cap)
            continue
        try:
            composed = compose(line, lists)
        except ValueError as error:
            raise ConfigError(f"{path}:{number}: {error}") from error
        found = list(_all(composed)) if each else sentences(composed, cap, line)
        each = False
        for text in found:
            if text.strip():
                yield Example(re.sub(r"\s+", " ", text).strip(), label, place)


def _order(place: str, line: str, cap: int) -> tuple[int, bool]:
    name, _, value = line[1:].partition(" ")
    if name == "each":
        return cap, True
    if name == "cap" and value.strip().isdigit():
        return int(value), False
    raise ConfigError(f"{place}: unknown order {line}")


def read_examples(folder: Path = EXAMPLES) -> list[Example]:
    """All examples, in the order of file names and lines."""
    lists = read_lists(folder.parent / LISTS.name)
    return [example for path in sorted(folder.glob("*-*.txt")) for example in read_file(path, lists)]


def digest(folder: Path = EXAMPLES) -> str:
    """A hash of everything examples are made from, kept in the model so that the two never drift apart."""
    total = hashlib.sha256()
    for path in sorted([*folder.glob("*-*.txt"), folder.parent / LISTS.name]):
        total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()
