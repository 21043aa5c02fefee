"""One message taken along the straight line: understood, routed, answered by a handler."""

import logging
from dataclasses import replace

from bot import clock, router, sessions
from bot.dialogue import ANY, Flow, Reply, Turn
from bot.messages import Kind
from bot.router import SILENT_KINDS, Route, Way
from bot.sessions import Person
from bot.turns.at_their_desk import note_member
from bot.turns.danger import heed_risk, heed_risk_whatever_breaks, is_lost_on_form, note_answered
from bot.turns.flood import may_speak
from bot.turns.line import Incoming, Line, Writes
from bot.turns.others import answer_others
from bot.turns.rows import keep_inbound, raise_alarm, say
from bot.turns.wishes import is_word, keep_wishes, lock, unlock
from nlp.meaning import Context, Risk, Understanding
from storage.database import Transaction
from storage.records import Records
from storage.repositories import talk

log = logging.getLogger(__name__)


#: Where 「继续」 means the flow she left, not an answer to a question.
_RESUMABLE_FROM = frozenset({"", "crisis", "consultation", "policy", "menu"})


async def take(line: Line, tx: Transaction, person: Person, incoming: Incoming, writes: Writes) -> str:
    """Answer one message: notes all rows in `writes`, returns the passive reply's text (empty: none)."""
    message, now = incoming.message, incoming.received_at
    if message.by_member:
        await note_member(tx, person, incoming, writes)
        return ""
    flow, step, data = sessions.flow_of(person, now)
    context = Context(
        flow,
        step,
        tuple(str(choice) for choice in data.get("choices", ())),
        now=clock.local(now, line.service.timezone),
        places=line.house.places,
    )
    understanding = line.understand(message.text, context)
    sessions.note_inbound(person, message, now)
    sessions.note_language(person, understanding.language, message.text)
    new_danger = await heed_risk(line, tx, person, understanding, now, writes)
    contact, conversation = sessions.views(person)
    paused = person.learned.get("set_aside")
    situation = router.Situation(
        kind=message.kind,
        understanding=understanding,
        is_safeword=is_word(tx, person, person.contact["safeword_digest"], message.text),
        is_unlock_word=is_word(tx, person, person.contact["unlock_digest"], message.text),
        locked=person.locked,
        held=sessions.is_held(person),
        new_danger=new_danger or is_lost_on_form(understanding, flow, step),
        flow=flow,
        wants_to_leave=bool(flow) and line.wants_to_leave(message.text),
        wants_to_resume=bool(paused) and flow in _RESUMABLE_FROM and line.wants_to_resume(message.text),
        command=_command(line, flow, message.text),
        locked_handlers=line.locked_handlers,
        in_group=person.in_group,
        flooded=person.in_group and not await may_speak(line, tx, person, now),
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
        on_duty=line.is_staffed(now),
        flow=flow,
        step=step,
        data=data,
        is_new_danger=new_danger,
        learned=person.learned,
    )
    is_locking = route.way is Way.LOCK and not person.locked
    if is_locking:
        await lock(tx, person, writes)
    reply = await _answer(line, tx, person, route, turn)
    if is_locking:
        reply = replace(reply, alarm="safeword")
    if reply.hand_to:
        route, reply = await _hand_over(line, tx, person, situation, turn, reply)
    elif not flow and not person.locked:
        reply = await answer_others(line, route, turn, reply)
    if new_danger:
        note_answered(person, understanding)
    await keep_wishes(tx, person, reply.wishes, now)
    sessions.apply_reply(person, reply, line.service, now)
    if reply.alarm:
        raise_alarm(writes, person, reply.alarm, now, silent=person.locked)
    if reply.secret and incoming.is_stored:
        await talk.blank_inbound(tx, incoming.row_id)
    keep_inbound(
        person,
        incoming,
        writes,
        understanding=understanding,
        handler=route.handler or route.way,
        secret=reply.secret,
    )
    is_crisis = route.handler == "crisis" or (person.in_group and new_danger)
    return say(line, person, incoming, reply.texts, writes, crisis=is_crisis)


async def take_crashed(line: Line, tx: Transaction, person: Person, incoming: Incoming, writes: Writes) -> str:
    """The crash path: her two words lock and unlock, else she gets the crisis numbers; a human is told.

    Needs no understanding. Danger opens its case and its episode here too.
    """
    now, text = incoming.received_at, incoming.message.text
    in_private = not person.in_group
    is_locking = in_private and not person.locked and is_word(tx, person, person.contact["safeword_digest"], text)
    is_unlocking = in_private and person.locked and is_word(tx, person, person.contact["unlock_digest"], text)
    if is_locking:
        await lock(tx, person, writes)
        raise_alarm(writes, person, "safeword", now, silent=True)
    elif is_unlocking:
        await unlock(tx, person)
    sessions.note_inbound(person, incoming.message, now)
    try:
        risk = line.read_risk(text)
    except Exception:
        log.exception("risk.unreadable", extra={"inbound": incoming.row_id})
        risk = Risk(level=1, reasons=("程序没有读懂这条消息",))
    await heed_risk_whatever_breaks(line, tx, person, Understanding(text, risk=risk), now, writes)
    silent = person.locked or sessions.is_held(person)
    sessions.call_person(person, "bot_failed", now)
    sessions.note_due(person, line.service)
    raise_alarm(writes, person, "bot_failed", now, silent=person.locked)
    understanding = Understanding(text, risk=risk)
    keep_inbound(person, incoming, writes, understanding=understanding, handler="crash", failed=True)
    if is_locking:
        return say(line, person, incoming, tuple(line.harmless_texts()), writes, crisis=False)
    if is_unlocking:
        return say(line, person, incoming, tuple(line.unlocked_texts()), writes, crisis=False)
    if silent or incoming.message.kind in SILENT_KINDS or incoming.message.kind is Kind.UNFOLLOW:
        return ""
    if person.in_group:
        pointer = line.group_pointer(line.house, incoming.message.channel)
        return say(line, person, incoming, (pointer,), writes, crisis=True)
    return say(line, person, incoming, tuple(line.crash_texts(line.house)), writes, crisis=True)


async def _answer(line: Line, tx: Transaction, person: Person, route: Route, turn: Turn) -> Reply:
    match route.way:
        case Way.SILENT:
            return Reply(keep_flow=True)
        case Way.LOCK:
            return await _step(line, "safeword", "tell_harmless", turn)
        case Way.STOP:
            asked = (await line.handlers["optout"].begin(turn)).wishes
            harmless = await _step(line, "safeword", "tell_harmless", turn)
            # Wishes to hear more wait until she is back: it may be somebody else who has them.
            return replace(harmless, wishes={} if asked.get("consented") else asked)
        case Way.UNLOCK:
            await unlock(tx, person)
            return await _step(line, "safeword", "tell_unlocked", turn)
        case Way.LEAVE:
            left: Reply = await line.leave(turn)
            return left
        case Way.RESUME:
            paused = person.learned["set_aside"]
            question = paused["data"].get("asked", "")
            return Reply(
                texts=(question,) if question else (),
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


def _command(line: Line, flow: str, text: str) -> str:
    """The handler her words name; in danger 「没用」 is despair rather than an opinion of the answer."""
    command = line.command(text)
    return "" if flow == "crisis" and command == "feedback" else command


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
    aside: tuple[str, ...] = ()
    if first.hand_to == ANY and turn.flow not in _RESUMABLE_FROM and reply.set_aside is None and not reply.keep_flow:
        # Another matter in the middle of something: that is not lost, and she is told how to go back.
        reply = replace(reply, set_aside={"flow": turn.flow, "step": turn.step, "data": dict(turn.data)})
        aside = tuple(line.set_aside_texts())
    return route, replace(
        reply,
        texts=first.texts + aside + reply.texts,
        call_human=reply.call_human or first.call_human,
        category=reply.category or first.category,
    )


def _by_intent(line: Line, intent: str) -> Flow:
    for handler in line.handlers.values():
        if intent in handler.intents:
            return handler
    return line.handlers["fallback"]
