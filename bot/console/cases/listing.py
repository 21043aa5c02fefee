"""The list of cases: mine, everybody's, what is due; nothing of what they hold."""

from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from bot import clock
from bot.console import words
from bot.console.visit import Visit
from storage.repositories import accounts, cases, inbox, staff
from storage.repositories.cases import CaseLine, Wanted

_PAGE = 50
#: What is due: a name, and how far ahead it looks.
_DUE = {"overdue": timedelta(0), "today": timedelta(days=1), "week": timedelta(days=7)}


async def show_all(visit: Visit) -> web.StreamResponse:
    """Cases of one's scope, narrowed by what was chosen; the next action that is due first."""
    query = visit.request.query
    now = clock.now()
    page = max(1, int(query.get("page", "1"))) if query.get("page", "1").isdigit() else 1
    async with visit.house.database.reading() as tx:
        scope = await visit.scope(tx)
        wanted = await _wanted(visit, tx, now)
        lines = await cases.list_cases(tx, scope, wanted, offset=(page - 1) * _PAGE, limit=_PAGE)
        counts = {
            "mine": await cases.count_cases(tx, scope, Wanted(assignee_id=visit.me.id)),
            "overdue": await cases.count_cases(tx, scope, Wanted(assignee_id=visit.me.id, due_before=now)),
            "unassigned": await cases.count_cases(tx, scope, Wanted(unassigned=True)),
        }
        total = await cases.count_cases(tx, scope, wanted)
        areas = await accounts.areas(tx)
        names = await staff.names(tx)
    if visit.wants_json:
        return visit.json([_json(line) for line in lines])
    return visit.page(
        "cases.html",
        lines=lines,
        counts=counts,
        total=total,
        page_number=page,
        pages=max(1, -(-total // _PAGE)),
        query=dict(query),
        area_names={area_id: name.rpartition(" › ")[2] for area_id, name in areas},
        areas=areas,
        names=names,
    )


async def _wanted(visit: Visit, tx: Any, now: datetime) -> Wanted:
    query = visit.request.query
    status = query.get("status", "")
    if status not in (*cases.STATUSES, "all"):
        status = ""
    whose = query.get("whose", "mine" if not query else "")
    asked = query.get("q", "").strip()[:40]
    areas = await inbox.areas_under(tx, query["area"]) if query.get("area") else None
    due = _DUE.get(query.get("due", ""))
    return Wanted(
        status="all" if asked and not status else status,
        category=query.get("category", "") if query.get("category", "") in words.group("categories") else "",
        area_ids=areas,
        assignee_id=visit.me.id if whose == "mine" and not asked else "",
        unassigned=whose == "nobody",
        due_before=now + due if due is not None else None,
        asked=asked,
    )


def _json(line: CaseLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "number": line.number,
        "status": line.status,
        "category": line.category,
        "risk": line.risk,
        "assignee": line.assignee_id,
        "next_action": line.next_action,
        "next_at": line.next_at.isoformat() if line.next_at else None,
    }
