"""Stretches of whole days as the dashboard and the monthly report ask for them, and what they are compared with."""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from storage.repositories.figures import Period

#: Longer stretches are asked for a year at a time.
_LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Days:
    """From `first` to `last`, both included."""

    first: date
    last: date

    @property
    def is_month(self) -> bool:
        """Whether it is one whole month of the calendar."""
        return self == month_of(self.first)

    def earlier(self, months: int) -> "Days":
        """The same stretch so many months before; a whole month stays a whole month, whatever its length."""
        first = _back(self.first, months)
        return month_of(first) if self.is_month else Days(first, _back(self.last, months))

    def period(self, zone: str) -> Period:
        """The same as moments, by the wall clock of `zone`."""
        return Period(_midnight(self.first, zone), _midnight(self.last + timedelta(days=1), zone))


def month_of(day: date) -> Days:
    """The whole month a day lies in."""
    return Days(day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1]))


def last_month(today: date) -> Days:
    """The month that is over: what a report is made of."""
    return month_of(today.replace(day=1) - timedelta(days=1))


def asked(query: Mapping[str, str], today: date) -> Days:
    """What an address asks for: month=2026-10, or from=2026-10-01 and to=2026-10-31; else this month so far.

    What is no day, lies in the future or is upside down is mended rather than refused; at most a year is given.
    """
    month = _day(f"{query.get('month', '')}-01")
    if month is not None and month <= today:
        return month_of(month)
    last = min(_day(query.get("to", "")) or today, today)
    first = _day(query.get("from", "")) or last.replace(day=1)
    if first > last:
        first, last = last, min(first, today)
    return Days(max(first, last - _LONGEST + timedelta(days=1)), last)


def _back(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 - months
    year, month = divmod(number, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year > 1 else None


def _midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
