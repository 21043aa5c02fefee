"""The queue: who waits, the most urgent first; take a conversation, give it back; alarms."""

from datetime import datetime
from typing import Any

from aiohttp import web

from bot import clock
from bot.console.stream import stream
from bot.console.visit import Visit
from storage.repositories import inbox, staff
from storage.repositories.inbox import QueueLine


async def show_queue(visit: Visit) -> web.StreamResponse:
    """Who waits, the most urgent first."""
    now = clock.now()
    async with visit.house.database.reading() as tx:
        scope = await visit.scope(tx)
        lines = await inbox.queue(tx, scope)
        alarms = await inbox.alarms(tx, scope)
        version = await inbox.queue_version(tx, scope)
        names = await staff.names(tx)
    if visit.wants_json:
        return visit.json([_queue_json(line, now, names) for line in lines])
    template = "queue_list.html" if "part" in visit.request.query else "queue.html"
    return visit.page(template, lines=lines, alarms=alarms, version=version, names=names)


async def watch_queue(visit: Visit) -> web.StreamResponse:
    """Tell the open queue page when it is out of date."""

    async with visit.house.database.reading() as tx:
        scope = await visit.scope(tx)
    return await stream(visit, "queue", scope.shared)


async def claim(visit: Visit) -> web.StreamResponse:
    """Take the conversation; 409 when a colleague was faster."""
    talk_id = visit.part("talk")
    async with visit.house.database.transaction() as tx:
        await inbox.claim(tx, talk_id, visit.me.id, clock.now(), await visit.scope(tx))
        await visit.record(tx, "conversation.claimed", f"conversation:{talk_id}")
    return visit.done({"holder": visit.me.login}, f"/console/conversations/{talk_id}")


async def hand_back(visit: Visit) -> web.StreamResponse:
    """Give it back into the queue."""
    talk_id = visit.part("talk")
    async with visit.house.database.transaction() as tx:
        await inbox.hand_back(tx, talk_id, visit.me.id, clock.now())
        await visit.record(tx, "conversation.handed_back", f"conversation:{talk_id}")
    return visit.done({}, "/console")


async def see_alarm(visit: Visit) -> web.StreamResponse:
    """Somebody looked at an alarm."""
    async with visit.house.database.transaction() as tx:
        await inbox.see_alarm(tx, visit.part("alarm"), visit.me.id, clock.now())
    return visit.done({}, "/console")


def _queue_json(line: QueueLine, now: datetime, names: dict[str, str]) -> dict[str, Any]:
    waiting = line.waiting_since or line.last_inbound_at or now
    return {
        "id": line.id,
        "channel": line.channel,
        "risk": line.risk,
        "urgent": line.urgent,
        "waiting_seconds": max(0, int((now - waiting).total_seconds())),
        "holder": names.get(line.holder_id) if line.holder_id else None,
        "reason": line.waiting_reason,
        "category": line.category,
    }
