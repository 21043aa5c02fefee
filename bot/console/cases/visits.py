"""Follow-up visits on the console: planned by hand or by the intervals of visit_plans.yaml, recorded, listed."""

from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from aiohttp import web

from bot import clock
from bot.console import words
from bot.console.cases.form import read_day
from bot.console.visit import BadForm, Visit
from storage.repositories import cases, staff
from storage.repositories.cases import CaseFile

_FILE = Path(__file__).parent / "visit_plans.yaml"
_LONGEST = 4000
_DAYS_AHEAD = 7


def intervals(case: CaseFile) -> tuple[int, ...]:
    """On which days from today one asks how she is, by risk, violence and category."""
    for plan in _plans():
        if "risk" in plan and case.risk < plan["risk"]:
            continue
        if plan.get("violence") and case.violence_at is None:
            continue
        if "category" in plan and case.category != plan["category"]:
            continue
        return tuple(plan["days"])
    return ()


async def plan(visit: Visit) -> web.StreamResponse:
    """Plan one visit on a day, or several by the intervals of such a case."""
    problems: dict[str, str] = {}
    way = visit.form.get("way", "")
    if way not in words.group("visit_ways"):
        problems["way"] = words.name("case_problems", "choose")
    by_intervals = visit.form.get("plan", "") == "1"
    day = read_day(visit.form.get("due", ""), visit.zone, problems, "due")
    if day is None and not by_intervals:
        problems.setdefault("due", words.name("case_problems", "required"))
    if problems:
        raise BadForm(problems)
    now = clock.now()
    async with visit.house.database.transaction() as tx:
        case = await cases.find(tx, visit.part("case"), await visit.scope(tx), for_update=True)
        days = [_in_days(now, number, visit.zone) for number in intervals(case)] if by_intervals else [day]
        await cases.plan_visits(tx, case, visit.me.id, now, days=[one for one in days if one], way=way)
        await visit.record(tx, "case.visit_planned", f"case:{case.id}")
    return visit.done({}, f"/console/cases/{case.id}#visits")


async def finish(visit: Visit) -> web.StreamResponse:
    """What came of a visit; `dropped`: it is not needed."""
    result, note = visit.form.get("result", ""), visit.form.get("note", "").strip()
    if result not in words.group("visit_results"):
        raise BadForm({"result": words.name("case_problems", "choose")})
    if len(note) > _LONGEST:
        raise BadForm({"note": words.name("case_problems", "too_long").format(most=_LONGEST)})
    async with visit.house.database.transaction() as tx:
        case = await cases.find(tx, visit.part("case"), await visit.scope(tx), for_update=True)
        await cases.finish_visit(tx, case, visit.part("visit"), visit.me.id, clock.now(), result=result, note=note)
        await visit.record(tx, "case.visited", f"case:{case.id}", result)
    return visit.done({}, f"/console/cases/{case.id}#visits")


async def show_due(visit: Visit) -> web.StreamResponse:
    """Visits that are due, mine or everybody's: what is overdue, today, within a week."""
    now = clock.now()
    whose = "all" if visit.request.query.get("whose") == "all" else "mine"
    async with visit.house.database.reading() as tx:
        scope = await visit.scope(tx)
        mine = visit.me.id if whose == "mine" else ""
        due = await cases.due_visits(tx, scope, _in_days(now, _DAYS_AHEAD, visit.zone) + timedelta(minutes=1), mine)
        names = await staff.names(tx)
    if visit.wants_json:
        return visit.json(
            [{"id": one.id, "case": one.case_id, "due_at": one.due_at.isoformat(), "way": one.way} for one in due]
        )
    return visit.page("case_visits.html", due=due, whose=whose, names=names)


def _in_days(now: datetime, number: int, zone: str) -> datetime:
    """The end of the day so many days from today in `zone`."""
    local = clock.local(now, zone) + timedelta(days=number)
    return datetime(local.year, local.month, local.day, 23, 59, tzinfo=ZoneInfo(zone))


@cache
def _plans() -> list[dict[str, Any]]:
    plans: list[dict[str, Any]] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return plans
