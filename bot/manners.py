"""What is never said to her, and what nobody may read on her screen when we write first: rules as data, pure.

The lists restate the do and don't of the house (domain facts §14) and safety.md; the bot's own texts and what
staff begin are held against them.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).parent / "manners.yaml"


@cache
def _book() -> Mapping[str, Any]:
    book: Mapping[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return book


@cache
def never() -> Mapping[str, re.Pattern[str]]:
    """The expressions that are never said to her, by kind."""
    return {kind: re.compile(one["pattern"]) for kind, one in _book()["never"].items()}


def faults(text: str) -> list[str]:
    """What in `text` is never said to her, each with the reason in words; none: it may be said."""
    found = [(one["reason"], never()[kind].search(text)) for kind, one in _book()["never"].items()]
    return [f"{reason}：「{match[0]}」" for reason, match in found if match]


def giveaways(text: str) -> list[str]:
    """Words in the first line of `text` that tell whoever sees her screen what it is about; none: it is neutral."""
    first = text.strip().partition("\n")[0]
    found = [word for word in _book()["private"] if word in first]
    return [word for word in found if not any(word != other and word in other for other in found)]


def opening() -> str:
    """A first line anybody may read."""
    return str(_book()["opening"])
