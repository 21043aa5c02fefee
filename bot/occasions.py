"""The year's occasions for notices (三八维权周, 6·26, 11·25 …): when each falls, and the wording to begin from.

Occasions are data (occasions.yaml): a span of the solar year, a day of the lunar year, the second Sunday of a month,
the week a day lies in. Pure; dates are of the county's own calendar, without time or zone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from lunar_python import Lunar, Solar

from bot.errors import ConfigError

_FILE = Path(__file__).with_name("occasions.yaml")
#: A notice is written, approved and printed in less; a proposal that comes earlier is forgotten again.
AHEAD = timedelta(weeks=6)
#: A place a template leaves open: 〔时间〕.
GAP = re.compile(r"〔[^〔〕]+〕")
_TO = r"\s*(?:[至到—–~-]|——)\s*"
_DATED = re.compile(
    r"(?:\d{4}年)?\d{1,2}月\d{1,2}日"
    rf"(?:{_TO}(?:\d{{1,2}}月)?\d{{1,2}}日)?"
    r"(?:[（(]?(?:周|星期)[一二三四五六日天][）)]?)?"
    r"|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|(?:周|星期)[一二三四五六日天]|\d{4}年"
    rf"|(?:上午|下午|晚上|早上)?\d{{1,2}}[:：]\d{{2}}(?:{_TO}\d{{1,2}}[:：]\d{{2}})?"
    r"|(?:上午|下午|晚上|早上)\d{1,2}[点时]半?"
)
_MONTH_DAY = re.compile(r"(\d\d)-(\d\d)")
_SUNDAY = 7


@dataclass(frozen=True, slots=True)
class Occasion:
    """One occasion as the file describes it. `title` and `text` are what a draft begins with, gaps as 〔…〕."""

    id: str
    name: str
    when: Mapping[str, Any]
    topics: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Date:
    """An occasion in one year: its first and last day."""

    occasion: Occasion
    year: int
    begins: date
    ends: date

    @property
    def key(self) -> str:
        """What the campaign of this occasion in this year is known by: there is one at most."""
        return f"{self.year}-{self.occasion.id}"


@cache
def occasions() -> tuple[Occasion, ...]:
    """All occasions of the file. ConfigError names file, entry and what is wrong."""
    entries: Any = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    found = []
    for name, entry in entries.items():
        try:
            one = Occasion(id=name, **entry)
            _span(one.when, 2026)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise ConfigError(f"{_FILE.name}: {name}: {error}") from error
        found.append(one)
    return tuple(found)


def find(occasion_id: str) -> Occasion | None:
    """The occasion with this id."""
    return next((one for one in occasions() if one.id == occasion_id), None)


def dates_of(year: int) -> tuple[Date, ...]:
    """All occasions that begin in `year` (1901–2099), in the order of their days."""
    found = [Date(one, year, *_span(one.when, year)) for one in occasions()]
    return tuple(sorted(found, key=lambda one: (one.begins, one.ends)))


def due(today: date) -> tuple[Date, ...]:
    """What is to be proposed by now: it begins within six weeks and is not over."""
    soon = [one for year in (today.year - 1, today.year, today.year + 1) for one in dates_of(year)]
    return tuple(one for one in soon if one.begins <= today + AHEAD and one.ends >= today)


def mark_dates(text: str) -> str:
    """A text of an earlier year with its dates, weekdays and times as gaps to be filled anew."""
    return _DATED.sub(lambda match: f"〔原为{match[0]}〕", text)


def lunar_name(day: date) -> str:
    """A day in the lunar calendar, such as 正月初一."""
    lunar = Solar.fromYmd(day.year, day.month, day.day).getLunar()
    return f"{lunar.getMonthInChinese()}月{lunar.getDayInChinese()}"


def _span(when: Mapping[str, Any], year: int) -> tuple[date, date]:
    days = timedelta(days=int(when.get("days", 1)) - 1)
    if "from" in when:
        begin = _solar(when["from"], year)
        end = _solar(when["to"], year) if "to" in when else begin + days
        if end < begin:
            raise ValueError("it ends before it begins")
        return begin, end
    if "lunar" in when:
        month, day = _month_day(when["lunar"])
        solar = Lunar.fromYmd(year, month, day).getSolar()
        begin = date(solar.getYear(), solar.getMonth(), solar.getDay())
        return begin, begin + days
    if "week_of" in when:
        within = _solar(when["week_of"], year)
        monday = within - timedelta(days=within.isoweekday() - 1)
        return monday, monday + timedelta(days=6)
    first = date(year, int(when["month"]), 1)
    begin = first + timedelta(days=(_SUNDAY - first.isoweekday()) % 7 + 7 * (int(when["sunday"]) - 1))
    return begin, begin + days


def _solar(text: str, year: int) -> date:
    return date(year, *_month_day(text))


def _month_day(text: str) -> tuple[int, int]:
    match = _MONTH_DAY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a month and a day such as 03-08")
    return int(match[1]), int(match[2])
