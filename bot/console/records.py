"""The audit log for supervisors: who did what, when, from where and why, and whether the chain is whole."""

from datetime import date, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from aiohttp import web

from bot.console.visit import Visit
from storage.repositories import audit, staff

_AT_ONCE = 100
#: A longer chain is checked when somebody asks: it takes seconds.
_CHECKED_AT_ONCE = 20_000
_FILTERS = ("who", "what", "since", "until", "subject")


async def show_audit(visit: Visit) -> web.StreamResponse:
    """The newest entries that fit the filters, and whether the chain is whole."""
    query = visit.request.query
    asked = {name: query.get(name, "").strip()[:64] for name in _FILTERS}
    before = int(query["before"]) if query.get("before", "").isascii() and query.get("before", "").isdigit() else None
    wanted = audit.Wanted(
        staff_id=asked["who"],
        action=asked["what"],
        since=_midnight(asked["since"], visit.zone),
        until=_midnight(asked["until"], visit.zone, days=1),
        subject=asked["subject"],
        before=before,
    )
    async with visit.house.database.reading() as tx:
        entries = await audit.entries(tx, wanted, _AT_ONCE)
        total = await audit.count(tx)
        check = total <= _CHECKED_AT_ONCE or "verify" in query
        problems = await audit.verify(tx) if check else None
        names = await staff.names(tx)
    if visit.wants_json:
        return visit.json(
            {
                "whole": None if problems is None else not problems,
                "entries": [
                    {
                        "number": one.number,
                        "at": one.at.isoformat(),
                        "who": names.get(one.staff_id, "") if one.staff_id else "",
                        "action": one.action,
                        "subject": one.subject,
                        "reason": one.reason,
                        "address": one.address,
                    }
                    for one in entries
                ],
            }
        )
    older = ""
    if len(entries) == _AT_ONCE:
        older = urlencode({name: value for name, value in asked.items() if value} | {"before": entries[-1].number})
    return visit.page(
        "audit.html",
        entries=entries,
        problems=problems,
        total=total,
        names=names,
        asked=asked,
        filtered=any(asked.values()),
        older=older,
    )


def _midnight(text: str, zone: str, days: int = 0) -> datetime | None:
    """The beginning of a day as typed (2026-11-24), `days` later; None when it is no day."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) + timedelta(days=days)
