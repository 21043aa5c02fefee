"""The queue: who waits, the most urgent first; take one by hand or the next; give back; alarms; presence."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from bot import clock, sla
from bot.console import words
from bot.console.stream import stream
from bot.console.visit import BadForm, Visit
from bot.errors import WrongState
from storage.repositories import accounts, desks, inbox, staff, transfers
from storage.repositories.desks import PRESENCES, Profile
from storage.repositories.inbox import Filter, QueueLine

_DANGER = 2
#: A page shows as many of each part as anybody reads; a program gets more.
_ON_A_PAGE, _FOR_PROGRAMS = 100, 1000


async def show_queue(visit: Visit) -> web.StreamResponse:
    """Who waits, the most urgent first; the filters stand in the address."""
    now = clock.now()
    wanted = _wanted(visit)
    async with visit.house.database.reading() as tx:
        scope = await visit.scope(tx)
        lines = await inbox.queue(tx, scope, wanted, limit=_FOR_PROGRAMS if visit.wants_json else _ON_A_PAGE)
        counts = await inbox.counts(tx, scope, wanted)
        alarms = await inbox.alarms(tx, scope)
        names = await staff.names(tx)
        areas = dict(await accounts.areas(tx))
        team = await desks.team(tx, now, away_after(visit))
        mine = next((one for one in team if one.id == visit.me.id), None)
        offers = await transfers.offers(tx, scope, mine.profile if mine else Profile(visit.me.id))
    standings = {line.id: _standing(visit, line, now) for line in lines}
    if visit.wants_json:
        return visit.json([_queue_json(line, now, names, standings.get(line.id)) for line in lines])
    template = "queue_list.html" if "part" in visit.request.query else "queue.html"
    return visit.page(
        template,
        lines=lines,
        counts=counts,
        alarms=alarms,
        names=names,
        areas=areas,
        team=team,
        mine=mine,
        limit=limit_of(visit, mine.profile if mine else None),
        offers=offers,
        standings=standings,
        wanted=wanted,
        query=urlencode({name: value for name, value in asdict(wanted).items() if value}),
        languages=words.group("languages"),
    )


async def watch_queue(visit: Visit) -> web.StreamResponse:
    """Tell the open queue page when it is out of date."""
    async with visit.house.database.reading() as tx:
        scope = await visit.scope(tx)
    return await stream(visit, "queue", scope.shared)


async def claim(visit: Visit) -> web.StreamResponse:
    """Take the conversation; 409 when a colleague was faster, or asked once more when she holds many already."""
    talk_id = visit.part("talk")
    async with visit.house.database.transaction() as tx:
        scope = await visit.scope(tx)
        if not visit.form.get("over_limit"):
            profile = await desks.profile_of(tx, visit.me.id)
            load, limit = await desks.load_of(tx, visit.me.id), limit_of(visit, profile)
            talk = await desks.kind_of(tx, talk_id, scope)
            # Danger waits for no question.
            if load >= limit and talk.risk < _DANGER and talk.holder_id != visit.me.id:
                return _ask_over_limit(visit, talk_id, load, limit)
        await inbox.claim(tx, talk_id, visit.me.id, clock.now(), scope)
        await visit.record(tx, "conversation.claimed", f"conversation:{talk_id}")
    return visit.done({"holder": visit.me.login}, f"/console/conversations/{talk_id}")


async def claim_next(visit: Visit) -> web.StreamResponse:
    """The most urgent one she may take is hers; never more than her limit."""
    now = clock.now()
    async with visit.house.database.transaction() as tx:
        scope = await visit.scope(tx)
        profile = await desks.profile_of(tx, visit.me.id)
        load, limit = await desks.load_of(tx, visit.me.id), limit_of(visit, profile)
        if load >= limit:
            raise WrongState(f"你手里已经有 {load} 个会话，上限是 {limit} 个：先结束或转出一个，再接下一个")
        talk_id = await desks.claim_next(tx, profile, scope, now)
        if talk_id is not None:
            await visit.record(tx, "conversation.claimed", f"conversation:{talk_id}", "next")
        waiting = 0 if talk_id else await desks.count_waiting(tx, scope)
    if talk_id is not None:
        return visit.done({"id": talk_id}, f"/console/conversations/{talk_id}")
    if visit.wants_json:
        return visit.json({"id": None, "waiting": waiting})
    return visit.page("next_none.html", waiting=waiting)


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


async def set_presence(visit: Visit) -> web.StreamResponse:
    """In, busy or away, as she says herself."""
    presence = visit.form.get("presence", "")
    if presence not in PRESENCES:
        raise BadForm({"presence": "请选在岗、忙或离开"})
    async with visit.house.database.transaction() as tx:
        await desks.set_presence(tx, visit.me.id, presence, clock.now())
        await visit.record(tx, "staff.presence", f"staff:{visit.me.id}", presence)
    return visit.done({"presence": presence}, "/console/queue")


def away_after(visit: Visit) -> timedelta:
    """Nobody at an unlocked screen for so long is away."""
    return timedelta(minutes=visit.house.settings.security.lock_minutes + 1)


def limit_of(visit: Visit, profile: Profile | None) -> int:
    """How many conversations she holds at a time."""
    own = profile.load_limit if profile else None
    return visit.house.settings.desk.load_limit if own is None else own


def _ask_over_limit(visit: Visit, talk_id: str, load: int, limit: int) -> web.Response:
    sentence = f"你手里已经有 {load} 个会话，上限是 {limit} 个。再接会让她们等得更久。"
    if visit.wants_json:
        return visit.json({"error": sentence, "ask": "over_limit"}, 409)
    return visit.page("claim_over.html", status=409, talk_id=talk_id, sentence=sentence)


def _wanted(visit: Visit) -> Filter:
    query = visit.request.query
    return Filter(
        **{name: query.get(name, "")[:40] for name in ("area", "category", "language", "channel", "holder")}
    )


def _standing(visit: Visit, line: QueueLine, now: datetime) -> sla.Standing:
    service = visit.house.settings.service
    if line.state == "held" and line.danger_since is not None:
        return sla.stand(service, _DANGER, line.danger_since, now)
    return sla.stand(service, line.risk, line.waiting_since or line.last_inbound_at or now, now)


def _queue_json(
    line: QueueLine, now: datetime, names: Mapping[str, str], standing: sla.Standing | None
) -> dict[str, Any]:
    waiting = line.waiting_since or line.last_inbound_at or now
    found = {
        "id": line.id,
        "channel": line.channel,
        "state": line.state,
        "risk": line.risk,
        "urgent": line.urgent,
        "waiting_seconds": max(0, int((now - waiting).total_seconds())),
        "holder": names.get(line.holder_id) if line.holder_id else None,
        "reason": line.waiting_reason,
        "category": line.category,
        "language": line.language,
        "area": line.area_id,
    }
    if standing is not None and line.state == "waiting":
        found |= {
            "light": standing.light.value,
            "due_at": standing.due_at.isoformat(),
            "clock": words.standing(line, standing),
        }
    return found
