"""Single words of hers that count by themselves (退出, 继续, 转人工 …), loaded from words.yaml once."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).parent / "words.yaml"
_NOISE = re.compile(r"[\s。，,.!！~～…、;；:：]+")
#: Longer messages are never a single word.
_LONGEST = 16


@cache
def _book() -> dict[str, Any]:
    book: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return book


@cache
def _commands() -> dict[str, str]:
    return {_plain(word): name for name, words in _book()["commands"].items() for word in words}


@cache
def _list(name: str) -> frozenset[str]:
    return frozenset(_plain(word) for word in _book()[name])


def command(text: str) -> str:
    """The handler a message names by itself; empty when it is no command."""
    return _commands().get(_plain(text), "") if len(text) <= _LONGEST else ""


def says(name: str, text: str) -> bool:
    """Whether the whole message is one of the words under `name` (leave, resume, skip, agree …)."""
    return len(text) <= _LONGEST and _plain(text) in _list(name)


def safe_hours(text: str) -> dict[str, Any]:
    """Days and hours named in her words about when to contact her: {days, not_before, not_after} as found."""
    found: dict[str, Any] = {}
    for entry in _book()["hours"]:
        if not any(word in text for word in entry["says"]):
            continue
        if "days" in entry:
            found.setdefault("days", entry["days"])
        if "from" in entry and "not_before" not in found:
            found["not_before"], found["not_after"] = entry["from"], entry["to"]
    return found


def _plain(text: str) -> str:
    return _NOISE.sub("", text).upper()
