"""Who may see one conversation or case: 回避 declared, set and lifted; colleagues let in for a time."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from bot import clock
from bot.console import words
from bot.console.access import LEAD
from bot.console.visit import BadForm, Forbidden, Visit
from storage.repositories import access, staff
from storage.repositories.access import Matter

_FEWEST, _MOST = 2, 200
#: Whoever needs longer is made the one it is assigned to.
LONGEST_GRANT = timedelta(days=90)


async def show(visit: Visit) -> web.StreamResponse:
    """Who holds it, who is kept out, who is let in until when."""
    async with visit.house.database.reading() as tx:
        matter = await _matter(visit, tx)
        kept_out = await access.recusals(tx, matter)
        let_in = await access.grants(tx, matter, clock.now())
        colleagues = await access.colleagues(tx)
        names = await staff.names(tx)
    if visit.wants_json:
        return visit.json(
            {
                "recusals": [{"id": one.id, "staff": one.staff_id, "relation": one.relation} for one in kept_out],
                "grants": [{"id": one.id, "staff": one.staff_id, "until": one.until.isoformat()} for one in let_in],
            }
        )
    out = {one.staff_id for one in kept_out}
    return visit.page(
        "viewers.html",
        base=_base(visit),
        matter=matter,
        recusals=kept_out,
        grants=let_in,
        colleagues=[one for one in colleagues if one.id not in out],
        names=names,
        days=LONGEST_GRANT.days,
        latest=(clock.local(clock.now(), visit.zone).date() + LONGEST_GRANT).isoformat(),
    )


async def recuse(visit: Visit) -> web.StreamResponse:
    """Keep oneself out, or as a supervisor a colleague: everything of this woman is closed to her from now on."""
    staff_id = visit.form.get("staff") or visit.me.id
    relation, reason = visit.form.get("relation", ""), _reason(visit)
    if staff_id != visit.me.id and visit.me.role not in LEAD:
        raise Forbidden
    if relation not in words.group("recusal_relations"):
        raise BadForm({"relation": "请选择是什么关系"})
    async with visit.house.database.transaction() as tx:
        matter = await _matter(visit, tx)
        recusal_id = await access.recuse(tx, matter, staff_id, relation, reason, by=visit.me.id, now=clock.now())
        await visit.record(tx, "recusal.declared", matter.subject, f"staff:{staff_id} {relation}")
    return visit.done({"id": recusal_id}, "/console" if staff_id == visit.me.id else f"{_base(visit)}/viewers")


async def lift(visit: Visit) -> web.StreamResponse:
    """Let her see it again; why."""
    because = _reason(visit)
    async with visit.house.database.transaction() as tx:
        matter = await _matter(visit, tx)
        staff_id = await access.lift(tx, matter, visit.part("recusal"), because, by=visit.me.id, now=clock.now())
        await visit.record(tx, "recusal.lifted", matter.subject, f"staff:{staff_id}")
    return visit.done({}, f"{_base(visit)}/viewers")


async def grant(visit: Visit) -> web.StreamResponse:
    """Let a colleague into this one matter until the end of a day."""
    reason, until = _reason(visit), _end_of(visit)
    async with visit.house.database.transaction() as tx:
        matter = await _matter(visit, tx)
        staff_id = visit.form.get("staff", "")
        grant_id = await access.grant(tx, matter, staff_id, reason, until=until, by=visit.me.id, now=clock.now())
        await visit.record(tx, "access.granted", matter.subject, f"staff:{staff_id} {visit.form['until']}")
    return visit.done({"id": grant_id}, f"{_base(visit)}/viewers")


async def revoke(visit: Visit) -> web.StreamResponse:
    """End it before its time."""
    async with visit.house.database.transaction() as tx:
        matter = await _matter(visit, tx)
        staff_id = await access.revoke(tx, matter, visit.part("grant"), by=visit.me.id, now=clock.now())
        await visit.record(tx, "access.revoked", matter.subject, f"staff:{staff_id}")
    return visit.done({}, f"{_base(visit)}/viewers")


async def _matter(visit: Visit, tx: Any) -> Matter:
    scope, parts = await visit.scope(tx), visit.request.match_info
    if "case" in parts:
        return await access.of_case(tx, parts["case"], scope)
    return await access.of_talk(tx, visit.part("talk"), scope)


def _base(visit: Visit) -> str:
    parts = visit.request.match_info
    return f"/console/cases/{parts['case']}" if "case" in parts else f"/console/conversations/{parts['talk']}"


def _reason(visit: Visit) -> str:
    reason = visit.form.get("reason", "").strip()
    if not _FEWEST <= len(reason) <= _MOST:
        raise BadForm({"reason": f"请写明原因，{_FEWEST} 到 {_MOST} 字"})
    return reason


def _end_of(visit: Visit) -> datetime:
    """The end of the day the form names, in the county's time. Raises BadForm."""
    today = clock.local(clock.now(), visit.zone).date()
    try:
        day = date.fromisoformat(visit.form.get("until", ""))
    except ValueError:
        raise BadForm({"until": "请选择到哪一天为止"}) from None
    if not today <= day <= today + LONGEST_GRANT:
        raise BadForm({"until": f"从今天起，最长 {LONGEST_GRANT.days} 天"})
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(visit.zone))
