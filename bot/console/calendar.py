"""The year at a glance: days for notices, holidays, activities, campaigns; what is sent this year, and what not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from bot import clock, ics, occasions
from bot.console import words
from bot.console.access import ANNOUNCE
from bot.console.visit import BadForm, Visit
from bot.errors import NotFound
from bot.workdays import Calendar, calendar_of, missing_years
from storage.database import Transaction
from storage.repositories import activities
from storage.repositories import occasions as planned
from storage.repositories.activities import ActivityLine
from storage.repositories.occasions import DatedCampaign, Plan

_DAY = timedelta(days=1)
#: Lunar dates are known for these (bot.occasions).
_FIRST_YEAR, _LAST_YEAR = 1902, 2098


@dataclass(frozen=True, slots=True)
class Line:
    """An occasion in the list of a month."""

    day: occasions.Date
    plan: Plan
    lunar: str
    over: bool

    @property
    def status(self) -> str:
        """declined, the campaign's own, or none."""
        return "declined" if self.plan.declined else self.plan.status


@dataclass(frozen=True, slots=True)
class Cell:
    """A day in the grid of a month."""

    day: date
    off: bool
    shifted: bool
    occasion: str
    activities: int
    campaigns: int


@dataclass(frozen=True, slots=True)
class Month:
    """A month: weeks of seven days (None outside of it), and what is listed beside them."""

    number: int
    weeks: Sequence[Sequence[Cell | None]]
    lines: Sequence[Line]
    activities: Sequence[ActivityLine]
    campaigns: Sequence[DatedCampaign]
    rest: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Year:
    """All that stands in the calendar of one year."""

    year: int
    lines: Sequence[Line]
    activities: Sequence[ActivityLine]
    campaigns: Sequence[DatedCampaign]


async def show(visit: Visit) -> web.StreamResponse:
    """Twelve months; programs get the occasions with their state."""
    async with visit.house.database.reading() as tx:
        read = await _read(visit, tx)
    if visit.wants_json:
        return visit.json([_json(one) for one in read.lines])
    return visit.page(
        "calendar.html",
        year=read.year,
        this_year=_today(visit).year,
        today=_today(visit),
        months=_months(read, calendar_of(visit.house.settings.service), visit.zone),
        planned=sum(1 for one in read.lines if one.status),
        lines=read.lines,
        unknown=missing_years(visit.house.settings.service, date(read.year, 1, 1)),
        decides=visit.me.role in ANNOUNCE,
    )


async def give_file(visit: Visit) -> web.StreamResponse:
    """The year as a calendar file: what it is called is public, notices only say that there is one."""
    async with visit.house.database.transaction() as tx:
        read = await _read(visit, tx)
        await visit.record(tx, "calendar.exported", "", str(read.year))
    found = [
        ics.Event(f"occasion-{one.day.key}", one.day.occasion.name, one.day.begins, one.day.ends)
        for one in read.lines
        if not one.plan.declined
    ]
    for line in read.activities:
        if line.status == "open":
            end = line.starts_at + timedelta(hours=1)
            found.append(ics.Event(f"session-{line.session_id}", line.title, line.starts_at, end, line.place))
    sent = words.name("calendar", "sent")
    found += [ics.Event(f"campaign-{one.id}", sent, one.at, one.at + timedelta(hours=1)) for one in read.campaigns]
    name = f"{visit.house.settings.service.name} {read.year}"
    return web.Response(
        text=ics.write(found, name, clock.now()),
        content_type="text/calendar",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="calendar-{read.year}.ics"'},
    )


async def begin(visit: Visit) -> web.StreamResponse:
    """A draft for a day, before its time or because somebody wants to begin; the one there is otherwise."""
    day = _day(visit)
    async with visit.house.database.transaction() as tx:
        made = await planned.begin(tx, day, visit.me.id, visit.zone, clock.now())
        await visit.record(tx, "occasion.begun", f"campaign:{made}")
    return visit.done({"campaign": made}, f"/console/campaigns/{made}")


async def decline(visit: Visit) -> web.StreamResponse:
    """Nothing is sent on that day this year."""
    day = _day(visit)
    async with visit.house.database.transaction() as tx:
        await planned.decline(tx, day, visit.me.id, clock.now())
        await visit.record(tx, "occasion.declined", "", day.key)
    return visit.done({}, f"/console/calendar?year={day.year}")


async def restore(visit: Visit) -> web.StreamResponse:
    """After all."""
    day = _day(visit)
    async with visit.house.database.transaction() as tx:
        await planned.restore(tx, day)
        await visit.record(tx, "occasion.restored", "", day.key)
    return visit.done({}, f"/console/calendar?year={day.year}")


async def _read(visit: Visit, tx: Transaction) -> Year:
    today, zone = _today(visit), ZoneInfo(visit.zone)
    given = visit.request.query.get("year", "") or str(today.year)
    if not given.isascii() or not given.isdigit() or not _FIRST_YEAR <= int(given) <= _LAST_YEAR:
        raise BadForm({"year": words.name("calendar", "bad_year")})
    year = int(given)
    first, end = datetime(year, 1, 1, tzinfo=zone), datetime(year + 1, 1, 1, tzinfo=zone)
    days = occasions.dates_of(year)
    plans = await planned.plans(tx, [one.key for one in days])
    lines = [
        Line(
            one,
            plans.get(one.key, Plan()),
            occasions.lunar_name(one.begins) if "lunar" in one.occasion.when else "",
            one.ends < today,
        )
        for one in days
    ]
    sessions = await activities.sessions_between(tx, first, end)
    return Year(year, lines, sessions, await planned.dated(tx, first, end, (await visit.scope(tx)).areas))


def _months(read: Year, desk: Calendar, zone: str) -> list[Month]:
    found = []
    for number in range(1, 13):
        lines = [one for one in read.lines if one.day.begins.month == number]
        sessions = [one for one in read.activities if clock.local(one.starts_at, zone).month == number]
        sent = [one for one in read.campaigns if clock.local(one.at, zone).month == number]
        cells = _cells(read, number, desk, zone)
        # Monday first; what lies before the first and after the last day stays empty.
        padded: list[Cell | None] = [None] * (cells[0].day.isoweekday() - 1) + list(cells)
        padded += [None] * (-len(padded) % 7)
        weeks = [padded[at : at + 7] for at in range(0, len(padded), 7)]
        found.append(Month(number, weeks, lines, sessions, sent, _rest(cells)))
    return found


def _cells(read: Year, month: int, desk: Calendar, zone: str) -> list[Cell]:
    names: dict[date, str] = {}
    for one in read.lines:
        for number in range((one.day.ends - one.day.begins).days + 1):
            day = one.day.begins + number * _DAY
            names[day] = "、".join(filter(None, (names.get(day, ""), one.day.occasion.name)))
    held = [clock.local(one.starts_at, zone).date() for one in read.activities if one.status == "open"]
    sent = [clock.local(one.at, zone).date() for one in read.campaigns]
    found, day = [], date(read.year, month, 1)
    while day.month == month:
        found.append(
            Cell(
                day,
                desk.is_off(day),
                desk.is_shifted(day),
                names.get(day, ""),
                held.count(day),
                sent.count(day),
            )
        )
        day += _DAY
    return found


def _rest(cells: Sequence[Cell]) -> list[tuple[str, str]]:
    """Holidays and shifted workdays of a month as spans, such as ("off", "1—7日")."""
    found = []
    marks = [(cell, "off" if cell.off else "shifted" if cell.shifted else "") for cell in cells]
    for kind, run in groupby(marks, key=lambda one: one[1]):
        days = [cell.day.day for cell, _ in run]
        if kind:
            found.append((kind, f"{days[0]}—{days[-1]}日" if len(days) > 1 else f"{days[0]}日"))
    return found


def _day(visit: Visit) -> occasions.Date:
    """The day an address names. Raises NotFound."""
    key = visit.part("occasion")
    year = key.partition("-")[0]
    if year.isascii() and year.isdigit() and _FIRST_YEAR <= int(year) <= _LAST_YEAR:
        for one in occasions.dates_of(int(year)):
            if one.key == key:
                return one
    raise NotFound


def _today(visit: Visit) -> date:
    return clock.local(clock.now(), visit.zone).date()


def _json(line: Line) -> dict[str, Any]:
    return {
        "key": line.day.key,
        "name": line.day.occasion.name,
        "begins": line.day.begins.isoformat(),
        "ends": line.day.ends.isoformat(),
        "status": line.status,
        "campaign": line.plan.campaign_id,
        "author": line.plan.author,
    }
