"""Safe contact on top of every page of hers: her wishes, a supervisor's allowance, telephone calls.

The gate (bot/gate.py) decides; this asks it before a number is shown or a message is queued.
"""

from datetime import datetime, time
from typing import Any

from aiohttp import web

from bot import clock, gate
from bot.config import Service
from bot.console import words
from bot.console.visit import BadForm, Visit
from bot.errors import WrongState
from bot.messages import HeldElsewhere, OutboundClass
from storage.repositories import persons, reaching
from storage.repositories.inbox import notes
from storage.repositories.reaching import Standing

_LONGEST_STORY, _FEWEST, _LONGEST_REASON, _LONGEST_NOTE = 100, 4, 200, 1000
_KINDS = frozenset({"message", "call"})


def situation_of(
    service: Service, found: Standing, outbound_class: OutboundClass, channel: str, now: datetime
) -> gate.Situation:
    """What the gate decides from, for something staff do now; a call is not part of any chat."""
    is_call = channel == gate.PHONE
    return gate.Situation(
        outbound_class=outbound_class,
        channel=channel,
        now=now,
        zone=service.timezone,
        quiet_from=service.quiet_from,
        quiet_to=service.quiet_to,
        live=not is_call and is_live(found, now),
        wishes=gate.read_wishes(found.wishes),
        locked=found.locked,
        unfollowed=found.unfollowed and not is_call,
        in_group=found.in_group and not is_call,
        held_elsewhere=found.held_elsewhere == HeldElsewhere.PERSON and not is_call,
    )


def is_live(found: Standing, now: datetime) -> bool:
    """Whether she is talking with us right now."""
    return found.last_inbound_at is not None and now - found.last_inbound_at < gate.LIVE_CHAT


def refused(visit: Visit, verdict: gate.Verdict) -> web.Response:
    """409 with the reason in words, when it may go instead, and whether a supervisor could let it through."""
    sentence = gate.REASONS[verdict.reason]
    if verdict.wait_until is not None:
        sentence = f"{words.name('held_back', verdict.reason)}，最早 {words.day(verdict.wait_until, visit.zone)}"
    if not visit.wants_json:
        return visit.page("refused.html", status=409, sentence=sentence, status_code=409)
    return visit.json(
        {
            "error": sentence,
            "reason": verdict.reason,
            "wait_until": verdict.wait_until.isoformat() if verdict.wait_until else None,
            "can_be_overridden": gate.can_be_overridden(verdict.reason),
        },
        409,
    )


async def block_of(visit: Visit, tx: Any, talk_id: str) -> dict[str, Any]:
    """What the safe-contact block of a page shows: `contact` with her wishes, verdicts, allowances, an open call."""
    now, service = clock.now(), visit.house.settings.service
    found = await reaching.standing(tx, talk_id, await visit.scope(tx))
    call_id = await reaching.open_call(tx, talk_id, visit.me.id, now)
    numbers: dict[str, str] = {}
    call = gate.decide(situation_of(service, found, OutboundClass.STAFF, gate.PHONE, now))
    send = gate.decide(situation_of(service, found, OutboundClass.STAFF, found.channel, now))
    if call_id and not found.locked and not found.wishes.get("do_not_initiate"):
        numbers = await _numbers(visit, tx, talk_id)
    wishes = gate.read_wishes(found.wishes)
    return {
        "talk_id": talk_id,
        "wishes": wishes,
        "sources": found.wishes.get("source", [])[-3:],
        "has_safe_word": found.has_safe_word,
        "locked": found.locked,
        "live": is_live(found, now),
        "send": send,
        "call": call,
        "allowances": await reaching.allowances(tx, talk_id, now),
        "call_id": call_id,
        "numbers": numbers,
        "can_allow": {"call": _liftable(call), "message": _liftable(send)},
        "channels": words.group("contact_channels"),
    }


def call_verdict(visit: Visit, wishes: gate.Wishes, *, locked: bool) -> gate.Verdict:
    """Whether somebody who never wrote to us may be called now; the same gate as for everybody."""
    service = visit.house.settings.service
    return gate.decide(
        gate.Situation(
            outbound_class=OutboundClass.STAFF,
            channel=gate.PHONE,
            now=clock.now(),
            zone=service.timezone,
            quiet_from=service.quiet_from,
            quiet_to=service.quiet_to,
            wishes=wishes,
            locked=locked,
        )
    )


async def save_wishes(visit: Visit) -> web.StreamResponse:
    """Write down what she said about being contacted, and where that is known from."""
    talk_id, now = visit.part("talk"), clock.now()
    source = visit.form.get("source", "").strip()[:_LONGEST_REASON]
    if len(source) < _FEWEST:
        raise BadForm({"source": "请写她是什么时候、怎么说的"})
    wishes = _read(visit.form)
    async with visit.house.database.transaction() as tx:
        found = await reaching.standing(tx, talk_id, await visit.scope(tx))
        said = {"at": now.isoformat(), "by": visit.me.id, "text": source}
        wishes["source"] = [*found.wishes.get("source", []), said][-20:]
        await reaching.save_wishes(tx, found, wishes)
        await visit.record(tx, "wishes.changed", f"contact:{found.contact_id}", f"conversation:{talk_id}")
    return visit.done({}, f"/console/conversations/{talk_id}")


async def allow(visit: Visit) -> web.StreamResponse:
    """A supervisor lets one message or call through. Never a lock, never "do not initiate"."""
    talk_id, now = visit.part("talk"), clock.now()
    kind, reason = visit.form.get("kind", ""), visit.form.get("reason", "").strip()[:_LONGEST_REASON]
    if kind not in _KINDS:
        raise BadForm({"kind": "请选择放行一条消息还是一个电话"})
    if len(reason) < _FEWEST:
        raise BadForm({"reason": "请写明为什么非现在联系不可"})
    async with visit.house.database.transaction() as tx:
        found = await reaching.standing(tx, talk_id, await visit.scope(tx))
        channel = gate.PHONE if kind == "call" else found.channel
        verdict = gate.decide(situation_of(visit.house.settings.service, found, OutboundClass.STAFF, channel, now))
        if verdict.allowed:
            raise WrongState("现在本来就可以联系，不用放行")
        if not _liftable(verdict):
            raise WrongState(f"{gate.REASONS[verdict.reason]}。这一条主管也不能放行")
        allowance_id = await reaching.allow(
            tx, talk_id, found, kind=kind, reason=reason, staff_id=visit.me.id, now=now
        )
        await visit.record(tx, "contact.allowed", f"contact:{found.contact_id}", f"{kind}:{allowance_id}")
    return visit.done({"id": allowance_id}, f"/console/conversations/{talk_id}")


async def call(visit: Visit) -> web.StreamResponse:
    """Take up the telephone: the number is shown only when the gate allows it now, her cover story before it."""
    talk_id, now = visit.part("talk"), clock.now()
    async with visit.house.database.transaction() as tx:
        found = await reaching.standing(tx, talk_id, await visit.scope(tx))
        verdict = gate.decide(situation_of(visit.house.settings.service, found, OutboundClass.STAFF, gate.PHONE, now))
        allowance_id = None
        if not verdict.allowed:
            if _liftable(verdict):
                allowance_id = await reaching.use_allowance(tx, talk_id, "call", visit.me.id, now)
            if allowance_id is None:
                return refused(visit, verdict)
        numbers = await _numbers(visit, tx, talk_id)
        if not numbers:
            raise WrongState("她没有留电话")
        call_id = await reaching.begin_call(tx, talk_id, found, visit.me.id, now, allowance_id)
        await visit.record(
            tx, "contact.called", f"contact:{found.contact_id}", " ".join(filter(None, (call_id, allowance_id)))
        )
    return visit.done(
        {"id": call_id, "numbers": numbers, "cover_story": found.wishes.get("cover_story", "")},
        f"/console/conversations/{talk_id}",
    )


async def end_call(visit: Visit) -> web.StreamResponse:
    """What became of the call; it stands in the timeline as a note among staff."""
    talk_id, call_id, result = visit.part("talk"), visit.part("call"), visit.form.get("result", "")
    if result not in words.group("call_results"):
        raise BadForm({"result": "请选择结果"})
    note, now = visit.form.get("note", "").strip()[:_LONGEST_NOTE], clock.now()
    async with visit.house.database.transaction() as tx:
        await reaching.end_call(tx, talk_id, call_id, visit.me.id, result, now)
        found = await reaching.standing(tx, talk_id, await visit.scope(tx))
        text = "。".join(filter(None, (words.name("call_results", result), note)))
        await notes.add_note(
            tx,
            found.key,
            contact_id=found.contact_id,
            conversation_id=talk_id,
            staff_id=visit.me.id,
            text=text,
            now=now,
            kind="call",
        )
        await visit.record(tx, "contact.call_ended", f"contact:{found.contact_id}", call_id)
    return visit.done({}, f"/console/conversations/{talk_id}")


def _liftable(verdict: gate.Verdict) -> bool:
    return not verdict.allowed and gate.can_be_overridden(verdict.reason)


async def _numbers(visit: Visit, tx: Any, talk_id: str) -> dict[str, str]:
    person = await persons.find(tx, talk_id, await visit.scope(tx), clock.now())
    return {name: value for name, value in person.identifiers.items() if name in ("phone", "callback_phone")}


def _read(form: dict[str, str]) -> dict[str, Any]:
    """Her wishes as the form has them. Raises BadForm."""
    begin, end = _time(form, "not_before"), _time(form, "not_after")
    if bool(begin) != bool(end) or (begin and begin == end):
        raise BadForm({"not_before": "钟点要写从几点到几点，两个都写或都不写"})
    return {
        "channels": [one for one in words.group("contact_channels") if form.get(f"channel_{one}")],
        "days": [day for day in range(1, 8) if form.get(f"day_{day}")],
        "not_before": begin,
        "not_after": end,
        "cover_story": form.get("cover_story", "").strip()[:_LONGEST_STORY],
        "do_not_initiate": bool(form.get("do_not_initiate")),
        "allow_broadcast": bool(form.get("allow_broadcast")),
    }


def _time(form: dict[str, str], name: str) -> str:
    value = form.get(name, "").strip()
    if not value:
        return ""
    try:
        return time.fromisoformat(value).strftime("%H:%M")
    except ValueError:
        raise BadForm({name: "钟点写成 09:30 这样"}) from None
