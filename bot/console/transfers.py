"""Handing a conversation over: offer it with a reason, take it, give it back; a supervisor gives it to somebody."""

from datetime import timedelta
from typing import Any

from aiohttp import web

from bot import clock
from bot.console import words
from bot.console.queue import away_after
from bot.console.visit import BadForm, Visit
from storage.repositories import desks, transfers
from storage.repositories.inbox import TalkView
from storage.repositories.transfers import Towards

_LONGEST_REASON = 200
_SKILL, _STAFF = "skill:", "staff:"


async def offer(visit: Visit) -> web.StreamResponse:
    """Offer it to a colleague or to a skill; it stays hers until somebody takes it."""
    talk_id, now = visit.part("talk"), clock.now()
    towards, reason = _towards(visit), _reason(visit)
    due_at = now + timedelta(minutes=visit.house.settings.desk.transfer_minutes)
    async with visit.house.database.transaction() as tx:
        transfer_id = await transfers.offer(tx, talk_id, visit.me.id, towards, reason=reason, now=now, due_at=due_at)
        to = f"to=staff:{towards.staff_id}" if towards.staff_id else f"to={towards.skill}"
        await visit.record(tx, "conversation.offered", f"conversation:{talk_id}", to)
    return visit.done({"id": transfer_id, "due_at": due_at.isoformat()}, f"/console/conversations/{talk_id}")


async def accept(visit: Visit) -> web.StreamResponse:
    """Take what was offered: from now on she answers."""
    async with visit.house.database.transaction() as tx:
        scope = await visit.scope(tx)
        profile = await desks.profile_of(tx, visit.me.id)
        talk_id = await transfers.accept(tx, visit.part("transfer"), profile, scope, clock.now())
        await visit.record(tx, "conversation.accepted", f"conversation:{talk_id}")
    return visit.done({"id": talk_id}, f"/console/conversations/{talk_id}")


async def give_back(visit: Visit) -> web.StreamResponse:
    """Decline an offer, or take one's own back."""
    async with visit.house.database.transaction() as tx:
        scope = await visit.scope(tx)
        profile = await desks.profile_of(tx, visit.me.id)
        talk_id = await transfers.give_back(tx, visit.part("transfer"), profile, scope, clock.now())
        await visit.record(tx, "conversation.transfer_returned", f"conversation:{talk_id}")
    return visit.done({}, "/console/queue")


async def reassign(visit: Visit) -> web.StreamResponse:
    """A supervisor gives it to somebody, whoever holds it."""
    talk_id, to = visit.part("talk"), visit.form.get("to", "").removeprefix(_STAFF)
    if not to:
        raise BadForm({"to": "请选一位同事"})
    reason = _reason(visit)
    async with visit.house.database.transaction() as tx:
        scope = await visit.scope(tx)
        before = await transfers.reassign(
            tx, talk_id, to, by=visit.me.id, reason=reason, scope=scope, now=clock.now()
        )
        said = f"from=staff:{before or 'nobody'} to=staff:{to}"
        await visit.record(tx, "conversation.reassigned", f"conversation:{talk_id}", said)
    return visit.done({"holder": to}, f"/console/conversations/{talk_id}")


async def of_talk(visit: Visit, tx: Any, talk: TalkView) -> dict[str, Any]:
    """What a conversation's page needs to show and start transfers."""
    offer = await transfers.offer_of(tx, talk.id)
    profile = await desks.profile_of(tx, visit.me.id)
    return {
        "offer": offer,
        "offer_for_me": offer is not None and offer.is_for(profile),
        "team": await desks.team(tx, clock.now(), away_after(visit)) if talk.state != "closed" else [],
        "transfer_minutes": visit.house.settings.desk.transfer_minutes,
    }


def _towards(visit: Visit) -> Towards:
    to = visit.form.get("to", "")
    if to.startswith(_STAFF):
        return Towards(staff_id=to.removeprefix(_STAFF))
    skill = to.removeprefix(_SKILL)
    known = [*words.group("categories"), *(f"language_{code}" for code in words.group("languages") if code != "zh")]
    if skill not in known:
        raise BadForm({"to": "请选转给谁"})
    return Towards(skill=skill)


def _reason(visit: Visit) -> str:
    reason = visit.form.get("reason", "").strip()[:_LONGEST_REASON]
    if not reason:
        raise BadForm({"reason": "请写一句为什么转，接的人好接着做"})
    return reason
