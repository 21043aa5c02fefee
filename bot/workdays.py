"""Working time of the desk: weekly hours, public holidays and shifted workdays (调休); pure arithmetic on it.

Which days are off and which weekend days are worked is decided a year at a time by a notice of the State Council
(workdays.yaml). A year without a notice has only the days the law itself names (全国年节及纪念日放假办法), and
what an operator adds in the settings; `missing_years` says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import holidays
import yaml

from bot.config import Service, parse_hours

_FILE = Path(__file__).parent / "workdays.yaml"
_DAY = timedelta(days=1)
#: The next working day is never further away, unless there are no duty hours at all.
_FURTHEST = 60


@dataclass(frozen=True, slots=True)
class Calendar:
    """When the desk is open: hours by weekday (Monday first), and the operator's own days off and worked."""

    zone: str
    weekly: tuple[str, ...]
    off: frozenset[date] = frozenset()
    worked: frozenset[date] = frozenset()

    def is_off(self, day: date) -> bool:
        """Whether a local day is a public holiday; the operator's own days come first."""
        if day in self.off or day in self.worked:
            return day in self.off
        return day in _days_off(day.year)

    def is_shifted(self, day: date) -> bool:
        """Whether a weekend day is worked in exchange for another (调休)."""
        if day in self.off or day in self.worked:
            return day in self.worked
        return day in _days_worked(day.year)

    def hours(self, day: date) -> str:
        """The duty hours of a local day: none on holidays, those of a working day on shifted ones."""
        if self.is_off(day):
            return ""
        own = self.weekly[day.isoweekday() - 1]
        if not own and self.is_shifted(day):
            return next((hours for hours in self.weekly[:5] if hours), "")
        return own

    def is_open(self, now: datetime) -> bool:
        """Whether the desk is open at `now` (aware)."""
        return any(begin <= now < end for begin, end in self.spans(_local_day(now, self.zone)))

    def next_opening(self, now: datetime) -> datetime | None:
        """When the desk opens next; `now` itself while it is open, None when it never does."""
        for begin, end in self._spans_from(now):
            if end > now:
                return max(begin, now)
        return None

    def after(self, since: datetime, minutes: int) -> datetime:
        """The moment `minutes` of working time after `since`; by the wall clock where nobody ever works."""
        left = timedelta(minutes=minutes)
        for begin, end in self._spans_from(since):
            begin = max(begin, since)
            if end <= begin:
                continue
            if begin + left <= end:
                return begin + left
            left -= end - begin
        return since + timedelta(minutes=minutes)

    def between(self, begin: datetime, end: datetime) -> timedelta:
        """The working time from `begin` to `end`; by the wall clock where nobody ever works."""
        if not any(self.weekly):
            return max(end - begin, timedelta())
        total, day, last = timedelta(), _local_day(begin, self.zone), _local_day(end, self.zone)
        while day <= last:
            for opens, closes in self.spans(day):
                total += max(min(closes, end) - max(opens, begin), timedelta())
            day += _DAY
        return total

    def _spans_from(self, since: datetime) -> Iterator[tuple[datetime, datetime]]:
        day = _local_day(since, self.zone)
        for number in range(_FURTHEST):
            yield from self.spans(day + number * _DAY)

    def spans(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """The duty hours of a local day, as moments."""
        return _spans_of(self.hours(day), day, self.zone)


def calendar_of(service: Service) -> Calendar:
    """The desk's calendar, from the settings."""
    return Calendar(
        service.timezone,
        tuple(service.duty_hours.get(day, "") for day in range(1, 8)),
        frozenset(service.days_off),
        frozenset(service.days_worked),
    )


def missing_years(service: Service, today: date) -> list[int]:
    """Of this year and, from November on, the next: those nobody has told us the holidays of."""
    wanted = [today.year] + ([today.year + 1] if today.month >= 11 else [])
    own = {day.year for day in (*service.days_off, *service.days_worked)}
    return [year for year in wanted if year not in _notices() and year not in own]


@lru_cache(maxsize=256)
def _spans_of(hours: str, day: date, zone: str) -> tuple[tuple[datetime, datetime], ...]:
    """Asked for every message and every line of the queue: worked out once a day."""
    where = ZoneInfo(zone)
    spans = []
    for begin, end in parse_hours(hours):
        # 24:00 is written 23:59:59 by parse_hours: the last second counts too.
        until = datetime.combine(day + _DAY if end == time(23, 59, 59) else day, _midnight(end), where)
        spans.append((datetime.combine(day, begin, where), until))
    return tuple(spans)


def _midnight(end: time) -> time:
    return time(0) if end == time(23, 59, 59) else end


def _local_day(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()


@lru_cache(maxsize=1)
def _notices() -> dict[int, tuple[frozenset[date], frozenset[date]]]:
    read = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    found = {}
    for year, notice in read.items():
        off = set()
        for first, last in notice["holidays"]:
            off |= {first + number * _DAY for number in range((last - first).days + 1)}
        found[int(year)] = frozenset(off), frozenset(notice["worked"])
    return found


@lru_cache(maxsize=8)
def _days_off(year: int) -> frozenset[date]:
    known = _notices().get(year)
    return known[0] if known else frozenset(holidays.country_holidays("CN", years=year))


def _days_worked(year: int) -> frozenset[date]:
    known = _notices().get(year)
    return known[1] if known else frozenset()
