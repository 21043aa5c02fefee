"""One message taken along the straight line: understood, routed, answered, and turned into rows to keep.

Nothing here commits or sends. What a turn wants written is collected in `Writes` and in the `Person`; the
pipeline writes it all at once, together with the other messages of the batch.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot import duty, gate, router, sessions
from bot.config import Service
from bot.dialogue import ANY, Flow, House, Reply, Turn
from bot.messages import PRIORITY, InboundMessage, Kind, OutboundClass
from bot.router import SILENT_KINDS, Route, Way
from bot.sessions import Person
from nlp.meaning import Context, Risk, Understanding
from storage.database import Transaction
from storage.models import new_id
from storage.records import Records
from storage.repositories import cases, talk

log = logging.getLogger(__name__)

_ANSWER_PRIORITY = PRIORITY[OutboundClass.ANSWER]
#: Where 「继续」 means the flow she left, not an answer to a question.
_RESUMABLE_FROM = frozenset({"", "crisis", "consultation", "policy", "menu"})
_MEDIA_KINDS = frozenset({Kind.IMAGE, Kind.VOICE, Kind.VIDEO})


class Speech(Protocol):
    """What a turn needs to know of a channel: how its texts are cut, and whether it answers passively."""

    def split(self, texts: Sequence[str]) -> list[str]:
        """Merge short texts and split long ones so that each fits one message."""


@dataclass(frozen=True, slots=True)
class Line:
    """What every turn uses: who understands, who answers, and the house rules."""

    service: Service
    house: House
    handlers: Mapping[str, Flow]
    locked_handlers: frozenset[str]
    speech: Mapping[str, Speech]
    understand: Callable[[str, Context], Understanding]
    read_risk: Callable[[str], Risk]
    wants_to_leave: Callable[[str], bool]
    wants_to_resume: Callable[[str], bool]
    command: Callable[[str], str]
    leave: Callable[[Turn], Any]
    crash_texts: Callable[[House], Sequence[str]]


@dataclass(slots=True)
class Writes:
    """Rows to insert when the batch ends, and jobs to wake after the commit."""

    inbound: list[dict[str, Any]] = field(default_factory=list)
    handled: list[dict[str, Any]] = field(default_factory=list)
    outbox: list[dict[str, Any]] = field(default_factory=list)
    alarms: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Incoming:
    """A message on its way: its row, its digests, whether it is stored already, how it may be answered."""

    message: InboundMessage
    dedupe_digest: bytes
    nonce_digest: bytes | None
    body_digest: bytes | None
    received_at: datetime
    row_id: str = field(default_factory=new_id)
    is_stored: bool = False
    may_hand: Callable[[], bool] = lambda: False


async def take(line: Line, tx: Transaction, person: Person, incoming: Incoming, writes: Writes) -> str:
    """Answer one message: notes all rows in `writes`, returns the passive reply's text (empty: none)."""
    message, now = incoming.message, incoming.received_at
    flow, step, data = sessions.flow_of(person, now)
    context = Context(flow, step, tuple(str(choice) for choice in data.get("choices", ())))
    understanding = line.understand(message.text, context)
    sessions.note_inbound(person, message.kind, now)
    new_danger = await _heed_risk(line, tx, person, understanding, now, writes)
    contact, conversation = sessions.views(person)
    paused = person.learned.get("set_aside")
    situation = router.Situation(
        kind=message.kind,
        understanding=understanding,
        is_safeword=_is_word(tx, person, person.contact["safeword_digest"], message.text),
        is_unlock_word=_is_word(tx, person, person.contact["unlock_digest"], message.text),
        locked=person.locked,
        held=person.conversation["state"] == "held",
        new_danger=new_danger,
        flow=flow,
        wants_to_leave=bool(flow) and line.wants_to_leave(message.text),
        wants_to_resume=bool(paused) and flow in _RESUMABLE_FROM and line.wants_to_resume(message.text),
        command=line.command(message.text),
        locked_handlers=line.locked_handlers,
    )
    route = router.choose(situation)
    turn = Turn(
        message=message,
        understanding=understanding,
        contact=contact,
        conversation=conversation,
        records=Records(
            tx,
            person.key,
            contact_id=person.contact_id,
            identity_id=person.identity_id,
            conversation_id=person.conversation_id,
            now=now,
            zone=line.service.timezone,
        ),
        house=line.house,
        now=now,
        on_duty=duty.is_on_duty(line.service, now),
        flow=flow,
        step=step,
        data=data,
        is_new_danger=new_danger,
        learned=person.learned,
    )
    reply = await _answer(line, tx, person, route, turn)
    if reply.hand_to:
        route, reply = await _hand_over(line, tx, person, situation, turn, reply)
    await _keep_wishes(tx, person, reply.wishes, now)
    sessions.apply_reply(person, reply, line.service, now)
    if reply.alarm:
        raise_alarm(writes, person, reply.alarm, now, silent=person.locked)
    keep_inbound(person, incoming, writes, understanding=understanding, handler=route.handler or route.way)
    return _say(line, person, incoming, reply.texts, writes, crisis=route.handler == "crisis")


def take_crashed(line: Line, person: Person, incoming: Incoming, writes: Writes) -> str:
    """The crash path: she still gets the crisis numbers, and a human is told. Needs no understanding."""
    now = incoming.received_at
    sessions.note_inbound(person, incoming.message.kind, now)
    try:
        risk = line.read_risk(incoming.message.text)
    except Exception:
        log.exception("risk.unreadable", extra={"inbound": incoming.row_id})
        risk = Risk(level=1, reasons=("程序没有读懂这条消息",))
    person.conversation["risk"] = max(person.conversation["risk"], risk.level)
    person.conversation["urgent"] = person.conversation["urgent"] or risk.urgent
    silent = person.locked or person.conversation["state"] == "held"
    sessions.call_person(person, "bot_failed", now)
    raise_alarm(writes, person, "bot_failed", now, silent=person.locked)
    understanding = Understanding(incoming.message.text, risk=risk)
    keep_inbound(person, incoming, writes, understanding=understanding, handler="crash", failed=True)
    if silent or incoming.message.kind in SILENT_KINDS or incoming.message.kind is Kind.UNFOLLOW:
        return ""
    return _say(line, person, incoming, tuple(line.crash_texts(line.house)), writes, crisis=True)


def keep_inbound(
    person: Person,
    incoming: Incoming,
    writes: Writes,
    *,
    understanding: Understanding | None,
    handler: str = "",
    failed: bool = False,
) -> None:
    """Note the inbound row: handled as described, or (without understanding) stored for later."""
    result: dict[str, Any] = {
        "conversation_id": person.conversation_id,
        "handled_at": incoming.received_at if understanding else None,
        "intent": understanding.intent if understanding else "",
        "category": understanding.category if understanding else "",
        "risk": understanding.risk.level if understanding else 0,
        "handler": handler,
        "failed": failed,
    }
    if incoming.is_stored:
        writes.handled.append({"row": incoming.row_id, **result})
        return
    message = incoming.message
    writes.inbound.append(
        {
            "id": incoming.row_id,
            "dedupe_digest": incoming.dedupe_digest,
            "nonce_digest": incoming.nonce_digest,
            "body_digest": incoming.body_digest,
            "contact_id": person.contact_id,
            "identity_id": person.identity_id,
            "kind": message.kind.value,
            "content_sealed": person.key.seal("inbound.content", pack(message)),
            "said_at": message.sent_at,
            "said_order": message.order,
            "received_at": incoming.received_at,
            **result,
        }
    )
    if message.media and message.media.media_id and message.kind in _MEDIA_KINDS:
        _want_attachment(person, incoming, writes)


def pack(message: InboundMessage) -> str:
    """What a message holds, as JSON for its sealed column."""
    content: dict[str, Any] = {"text": message.text}
    if message.key:
        content["key"] = message.key
    if message.media:
        content["media"] = {
            "media_id": message.media.media_id,
            "url": message.media.url,
            "format": message.media.format,
        }
    if message.location:
        place = message.location
        content["location"] = {
            "latitude": place.latitude,
            "longitude": place.longitude,
            "label": place.label,
        }
    if message.extra:
        content["extra"] = message.extra
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def raise_alarm(
    writes: Writes, person: Person, reason: str, now: datetime, *, detail: str = "", silent: bool = False
) -> None:
    """Note an alarm for staff: content-free, by name."""
    writes.alarms.append(
        {
            "id": new_id(),
            "conversation_id": person.conversation_id,
            "reason": reason,
            "detail": detail,
            "silent": silent,
            "raised_at": now,
        }
    )


async def _heed_risk(
    line: Line, tx: Transaction, person: Person, understanding: Understanding, now: datetime, writes: Writes
) -> bool:
    """Mark danger before anything else happens; True when this danger begins an episode."""
    risk, conversation = understanding.risk, person.conversation
    if understanding.category or understanding.entities:
        sessions.learn(person, category=understanding.category, **_plain(understanding.entities))
    if risk.level == 0:
        return False
    conversation["risk"] = max(conversation["risk"], risk.level)
    conversation["urgent"] = conversation["urgent"] or risk.urgent
    kinds = dict.fromkeys([*conversation["risk_kinds"].split(), *risk.kinds])
    conversation["risk_kinds"] = " ".join(kinds)[:128].strip()
    sessions.learn(person, risk_reasons=list(risk.reasons))
    if risk.level < 2:
        return False
    episode = timedelta(hours=line.service.crisis_episode_hours)
    is_new = conversation["crisis_at"] is None or now - conversation["crisis_at"] > episode
    held = conversation["state"] == "held"
    if held:
        conversation["danger_since"] = conversation["danger_since"] or now
    else:
        sessions.call_person(person, "danger", now)
        if is_new and not person.locked:
            conversation["crisis_at"] = now
    if not conversation["case_id"]:
        conversation["case_id"] = await cases.open_for_danger(
            tx,
            person.key,
            contact_id=person.contact_id,
            conversation_id=person.conversation_id,
            category=understanding.category or conversation["category"],
            kinds=risk.kinds,
            now=now,
            zone=line.service.timezone,
        )
    raise_alarm(
        writes,
        person,
        "danger" if is_new or held else "danger_again",
        now,
        detail="；".join(risk.reasons)[:500],
        silent=person.locked,
    )
    return is_new and not held and not person.locked


async def _answer(line: Line, tx: Transaction, person: Person, route: Route, turn: Turn) -> Reply:
    match route.way:
        case Way.SILENT:
            return Reply(keep_flow=True)
        case Way.LOCK:
            if not person.locked:
                person.locked = True
                await talk.update_contact(tx, person.contact_id, locked_at=turn.now)
                return replace(await _step(line, "safeword", "tell_harmless", turn), alarm="safeword")
            return await _step(line, "safeword", "tell_harmless", turn)
        case Way.UNLOCK:
            person.locked = False
            await talk.update_contact(tx, person.contact_id, locked_at=None)
            return await _step(line, "safeword", "tell_unlocked", turn)
        case Way.LEAVE:
            left: Reply = await line.leave(turn)
            return left
        case Way.RESUME:
            paused = person.learned["set_aside"]
            asked = paused["data"].get("asked", "")
            return Reply(
                texts=(asked,) if asked else (),
                flow=paused["flow"],
                step=paused["step"],
                data=paused["data"],
                set_aside={},
            )
        case Way.STEP:
            return await _step(line, turn.flow, turn.step, turn)
        case Way.HANDLER:
            handler = line.handlers.get(route.handler) or _by_intent(line, route.handler)
            reply = await handler.begin(turn)
            if turn.flow and turn.flow not in _RESUMABLE_FROM and not reply.keep_flow and reply.set_aside is None:
                # What she was in the middle of is not lost: 「继续」 brings it back.
                reply = replace(reply, set_aside=handler.set_aside(turn))
            return reply


async def _step(line: Line, flow: str, name: str, turn: Turn) -> Reply:
    """Run a step; one that no longer exists restarts its flow politely."""
    handler = line.handlers.get(flow)
    step = handler.find(name) if handler else None
    if step is not None:
        return await step(turn)
    log.warning("step.unknown", extra={"step": f"{flow}.{name}", "talk": turn.conversation.id})
    return await (handler or line.handlers["fallback"]).begin(turn)


async def _hand_over(
    line: Line, tx: Transaction, person: Person, situation: router.Situation, turn: Turn, first: Reply
) -> tuple[Route, Reply]:
    """Another handler answers for the one that was asked; once, so that nothing turns in a circle."""
    route = (
        router.choose(replace(situation, flow="", new_danger=False, wants_to_leave=False, wants_to_resume=False))
        if first.hand_to == ANY
        else Route(Way.HANDLER, first.hand_to)
    )
    if route.way is Way.STEP or (route.way is Way.HANDLER and route.handler == turn.flow == "fallback"):
        route = Route(Way.HANDLER, "fallback")
    reply = await _answer(line, tx, person, route, replace(turn, flow="", step="", data={}))
    if reply.hand_to:
        reply = await line.handlers["fallback"].begin(turn)
    return route, replace(
        reply,
        texts=first.texts + reply.texts,
        call_human=reply.call_human or first.call_human,
        category=reply.category or first.category,
    )


def _by_intent(line: Line, intent: str) -> Flow:
    for handler in line.handlers.values():
        if intent in handler.intents:
            return handler
    return line.handlers["fallback"]


def _say(
    line: Line, person: Person, incoming: Incoming, texts: Sequence[str], writes: Writes, *, crisis: bool
) -> str:
    """Make outbox rows of what is to be said; the first is handed over passively where that is possible."""
    if not texts:
        return ""
    message, now = incoming.message, incoming.received_at
    verdict = gate.decide(
        gate.Situation(
            outbound_class=OutboundClass.ANSWER,
            channel=message.channel,
            now=now,
            zone=line.service.timezone,
            quiet_from=line.service.quiet_from,
            quiet_to=line.service.quiet_to,
            live=True,
            locked=person.locked,
            unfollowed=message.kind is Kind.UNFOLLOW,
        )
    )
    if not verdict.allowed:
        return ""
    handed = ""
    for number, text in enumerate(line.speech[message.channel].split(texts)):
        hand = number == 0 and incoming.may_hand()
        if hand:
            handed = text
        writes.outbox.append(_answer_row(person, incoming, text, number, hand=hand, crisis=crisis))
    person.conversation["last_outbound_at"] = now
    return handed


def _answer_row(
    person: Person, incoming: Incoming, text: str, number: int, *, hand: bool, crisis: bool
) -> dict[str, Any]:
    now = incoming.received_at
    return {
        "id": new_id(),
        "idempotency_key": talk.answer_key(incoming.row_id, number),
        "outbound_class": OutboundClass.ANSWER.value,
        "priority": _ANSWER_PRIORITY,
        "state": "handed" if hand else "queued",
        "contact_id": person.contact_id,
        "identity_id": person.identity_id,
        "conversation_id": person.conversation_id,
        "in_reply_to": incoming.row_id,
        "crisis": crisis,
        "text_sealed": person.key.seal("outbox.text", text),
        "said_at": incoming.message.sent_at,
        "said_order": incoming.message.order,
        "said_rank": number + 1,
        "created_at": now,
        "not_before": now,
        "finished_at": now if hand else None,
    }


async def _keep_wishes(tx: Transaction, person: Person, wishes: dict[str, Any], now: datetime) -> None:
    """Write the settings of hers this turn changed."""
    if not wishes:
        return
    values: dict[str, Any] = {}
    for name, column in (
        ("opted_out", "opted_out_at"),
        ("stopped_all", "stopped_all_at"),
        ("consented", "consented_at"),
    ):
        if name in wishes:
            values[column] = now if wishes[name] else None
    if wishes.get("consented"):
        values["opted_out_at"] = None
    for name, column in (("safeword", "safeword_digest"), ("unlock_word", "unlock_digest")):
        if name in wishes:
            word = str(wishes[name]).strip()
            values[column] = _word_digest(tx, person, word) if word else None
    if "area" in wishes:
        values["area_id"] = wishes["area"] or None
    if values:
        person.contact.update(values)
        await talk.update_contact(tx, person.contact_id, **values)


def _is_word(tx: Transaction, person: Person, digest: bytes | None, text: str) -> bool:
    return digest is not None and bool(text) and _word_digest(tx, person, text.strip()) == digest


def _word_digest(tx: Transaction, person: Person, word: str) -> bytes:
    return tx.keys.digest("word", f"{person.contact_id}\0{word}")


def _want_attachment(person: Person, incoming: Incoming, writes: Writes) -> None:
    media = incoming.message.media
    assert media is not None
    source = {"media_id": media.media_id, "url": media.url, "format": media.format}
    writes.attachments.append(
        {
            "id": new_id(),
            "contact_id": person.contact_id,
            "inbound_id": incoming.row_id,
            "kind": incoming.message.kind.value,
            "source_sealed": person.key.seal_json("attachment.source", source),
            "not_before": incoming.received_at,
            "created_at": incoming.received_at,
        }
    )


def _plain(entities: Mapping[str, object]) -> dict[str, Any]:
    """Entities as JSON holds them."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in entities.items()}
