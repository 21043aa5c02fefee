"""What may be passed on to a partner unit, and on what ground: her consent, or a legal basis (sharing.yaml).

Personal Information Protection Law, article 23: whoever passes it on names receiver, contact, purpose, way and kinds,
and has her separate consent; article 13 names the cases without it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from bot import clock
from bot.config import Service
from bot.workdays import calendar_of
from nlp.citations import Citation, read_laws

_FILE = Path(__file__).parent / "sharing.yaml"
_DAY = timedelta(days=1)
#: A county without any duty hours still gets an answer some day.
_FURTHEST = 400


@dataclass(frozen=True, slots=True)
class Basis:
    """A legal basis to pass something on without her consent; `kinds` of units it holds for."""

    name: str
    label: str
    said: str
    hint: str
    kinds: frozenset[str]
    citations: tuple[Citation, ...]


@cache
def _book() -> dict[str, Any]:
    book: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return book


def labels() -> Mapping[str, str]:
    """Everything that can be shared, by name, in order."""
    fields: Mapping[str, str] = _book()["fields"]
    return fields


def identifiers() -> frozenset[str]:
    """Names of what tells who or where she is."""
    return frozenset(_book()["identifiers"])


def missing_company(names: Sequence[str]) -> list[str]:
    """What must go along with what was picked: a number never goes without how it is called safely."""
    if "phone" not in names:
        return []
    return [one for one in _book()["phone_goes_with"] if one not in names]


def group(name: str) -> Mapping[str, str]:
    """`ways` she can consent in, `givers` who can consent."""
    words: Mapping[str, str] = _book()[name]
    return words


@cache
def bases() -> Mapping[str, Basis]:
    """The legal bases by name."""
    laws = read_laws()
    return {
        name: Basis(
            name,
            one["label"],
            "、".join(cite["said"] for cite in one["cites"]),
            one["hint"],
            frozenset(one["kinds"]),
            tuple(
                Citation(cite["law"], article, laws[cite["law"]]["since"].isoformat())
                for cite in one["cites"]
                for article in cite["articles"]
            ),
        )
        for name, one in _book()["bases"].items()
    }


def consent_version() -> str:
    """The version of the wording in use."""
    return str(_book()["consent"]["current"])


def consent_wording(version: str, **values: str) -> str:
    """What she is asked, with `unit`, `phone`, `purpose`, `fields` filled in. Raises KeyError for another version."""
    text = str(_book()["consent"]["wordings"][version]).strip()
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    return text


def safety(names: Sequence[str]) -> str:
    """What whoever receives it is told about reaching her."""
    return str(_book()["safety" if "phone" in names else "safety_without_phone"])


def answer_by(service: Service, opened_at: datetime, days: int) -> datetime:
    """The end of the local day, `days` working days after the one it was opened on."""
    calendar = calendar_of(service)
    day: date = clock.local(opened_at, service.timezone).date()
    left, seen = days, 0
    while left > 0 and seen < _FURTHEST:
        day, seen = day + _DAY, seen + 1
        left -= bool(calendar.hours(day))
    return datetime.combine(day, time(23, 59, 59), ZoneInfo(service.timezone))
