"""The duty roster: a week to look at and to print, what recurs, single dates, swaps; from a file and as a file."""

from datetime import date, time, timedelta
from typing import Any

from aiohttp import web
from aiohttp.web_request import FileField

from bot import clock
from bot.console import words
from bot.console.access import LEAD
from bot.console.roster_sheet import MOST_BYTES, Read, clock_of, read_file, read_row, write_file
from bot.console.visit import BadForm, Visit
from bot.errors import WrongState
from bot.roster import gaps, on_duty, watches_of
from bot.workdays import calendar_of
from storage.repositories import desks, roster, staff
from storage.repositories.roster import ShiftView

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_DAY = timedelta(days=1)


async def show(visit: Visit) -> web.StreamResponse:
    """One week, with the hours nobody stands for."""
    return await _page(visit)


async def add(visit: Visit) -> web.StreamResponse:
    """One more row: every week, or on one date; or somebody is not there on a date."""
    async with visit.house.database.transaction() as tx:
        read = Read()
        cells = dict(visit.form) | {"level": words.name("duty_levels", visit.form.get("level", ""))}
        cells["plan"] = words.name("roster_plans", visit.form.get("plan") or "duty")
        read_row(cells, {one: one for one in await _people(tx)}, read, 0)
        if read.problems:
            raise BadForm({one.column: one.sentence for one in read.problems})
        await roster.add(tx, read.shifts, clock.now())
        await visit.record(tx, "roster.changed", "", f"added for staff:{read.shifts[0].staff_id}")
    return visit.done({}, _back(visit))


async def swap(visit: Visit) -> web.StreamResponse:
    """On one date somebody stands in for somebody else, in the same hours."""
    form = visit.form
    try:
        day = date.fromisoformat(form.get("day", ""))
    except ValueError:
        raise BadForm({"day": words.name("roster_problems", "no_date")}) from None
    async with visit.house.database.transaction() as tx:
        people = await _people(tx)
        if form.get("from") not in people or form.get("to") not in people or form["from"] == form["to"]:
            raise BadForm({"to": words.name("roster_problems", "two_people")})
        known = await roster.shifts(tx, day)
        found = [one.shift for one in watches_of(known, day) if one.staff_id == form["from"]]
        if not found:
            raise WrongState(words.name("roster_problems", "nothing_to_swap"))
        rows = []
        for one in found:
            hours = (one.level, one.begin_minute, one.end_minute)
            if one.day is None:
                rows.append(ShiftView(form["from"], *hours, day=day, off=True))
            else:
                await roster.remove(tx, one.id)
            rows.append(ShiftView(form["to"], *hours, day=day))
        await roster.add(tx, rows, clock.now())
        said = f"{day}: staff:{form['to']} for staff:{form['from']}"
        await visit.record(tx, "roster.swapped", "", said)
    return visit.done({"changed": len(found)}, f"/console/roster?day={day}")


async def remove(visit: Visit) -> web.StreamResponse:
    """One row less."""
    async with visit.house.database.transaction() as tx:
        await roster.remove(tx, visit.part("shift"))
        await visit.record(tx, "roster.changed", f"shift:{visit.part('shift')}", "removed")
    return visit.done({}, _back(visit))


async def give_file(visit: Visit) -> web.StreamResponse:
    """The roster as a spreadsheet: to look at, to change, to take in again."""
    async with visit.house.database.reading() as tx:
        content = write_file(await roster.shifts(tx, _today(visit)), await _people(tx))
    return web.Response(
        body=content,
        content_type=_XLSX,
        headers={"Content-Disposition": 'attachment; filename="roster.xlsx"'},
    )


async def take_file(visit: Visit) -> web.StreamResponse:
    """A spreadsheet instead of the roster there is: everything in it, or nothing and what is wrong in which row."""
    given = (await visit.request.post()).get("file")
    if not isinstance(given, FileField):
        raise BadForm({"file": words.name("roster_problems", "no_file")})
    content = given.file.read(MOST_BYTES + 1)
    async with visit.house.database.transaction() as tx:
        people = await _people(tx)
        known = {name: one for one, name in people.items()}
        known |= {one.login: one.id for one in await staff.list_all(tx) if one.id in people}
        read = read_file(content, known)
        if not read.problems:
            await roster.replace(tx, read.shifts, _today(visit), clock.now())
            await visit.record(tx, "roster.imported", "", f"{len(read.shifts)}")
    if visit.wants_json:
        wrong = [{"row": one.row, "column": one.column, "error": one.sentence} for one in read.problems]
        return visit.json({"rows": len(read.shifts), "problems": wrong}, 400 if wrong else 200)
    return await _page(visit, status=400 if read.problems else 200, read=read)


async def _page(visit: Visit, *, status: int = 200, read: Read | None = None) -> web.StreamResponse:
    service, today = visit.house.settings.service, _today(visit)
    day = _asked_day(visit, today)
    monday = day - timedelta(days=day.weekday())
    async with visit.house.database.reading() as tx:
        shifts = await roster.shifts(tx, min(monday, today) - _DAY)
        names = await _people(tx)
    calendar = calendar_of(service)
    days = [monday + number * _DAY for number in range(7)]
    week = [
        {
            "day": one,
            "watches": watches_of(shifts, one),
            "gaps": [_span(*gap) for gap in gaps(shifts, service, one)] if shifts else [],
            "holiday": calendar.is_off(one),
            "shifted": calendar.is_shifted(one),
            "today": one == today,
        }
        for one in days
    ]
    now = on_duty(shifts, clock.local(clock.now(), service.timezone))
    if visit.wants_json:
        return visit.json(_json(week, [one.staff_id for one in now]), status)
    return visit.page(
        "roster.html",
        status=status,
        week=week,
        now_on_duty=now,
        shifts=shifts,
        names=names,
        monday=monday,
        before=monday - 7 * _DAY,
        after=monday + 7 * _DAY,
        changes=visit.me.role in LEAD,
        clock_of=clock_of,
        read=read,
    )


async def _people(tx: Any) -> dict[str, str]:
    """Whoever may be on duty: names by id."""
    names = await staff.names(tx)
    return {one.id: names[one.id] for one in await desks.team(tx, clock.now(), _DAY)}


def _asked_day(visit: Visit, today: date) -> date:
    try:
        return date.fromisoformat(visit.request.query.get("day", ""))
    except ValueError:
        return today


def _today(visit: Visit) -> date:
    return clock.local(clock.now(), visit.zone).date()


def _back(visit: Visit) -> str:
    day = visit.form.get("week", "")
    return f"/console/roster?day={day}" if len(day) == 10 and day.replace("-", "").isdecimal() else "/console/roster"


def _span(begin: time, end: time) -> str:
    return f"{begin:%H:%M}-{'24:00' if end == time(0) else format(end, '%H:%M')}"


def _json(week: list[dict[str, Any]], now: list[str]) -> dict[str, Any]:
    return {
        "now": now,
        "days": [
            {
                "day": one["day"].isoformat(),
                "watches": [
                    {
                        "staff": watch.staff_id,
                        "level": watch.level,
                        "begin": f"{watch.begin:%H:%M}",
                        "end": f"{watch.end:%H:%M}",
                    }
                    for watch in one["watches"]
                ],
                "gaps": one["gaps"],
                "holiday": one["holiday"],
            }
            for one in week
        ],
    }
