"""The composer of a conversation: messages to her, notes among staff, drafts, and what becomes of a message."""

import re
from datetime import datetime
from typing import Any

from aiohttp import web

from bot import clock, gate, manners
from bot.console.contact import is_live, refused, situation_of
from bot.console.visit import BadForm, Visit
from bot.messages import OutboundClass
from handlers import given_back_texts
from storage.repositories import inbox, reaching, staff_sends, typing
from storage.repositories.inbox import notes
from storage.repositories.reaching import Standing

_LONGEST = 2000
_KEY = re.compile(r"^[A-Za-z0-9_-]{1,48}$")
_KINDS = frozenset({"message", "note"})


async def reply(visit: Visit) -> web.StreamResponse:
    """Answer her; the same key twice is one message. What her wishes hold back is refused with the reason."""
    talk_id = visit.part("talk")
    text, key = _text_of(visit), visit.form.get("key", "")
    if not _KEY.match(key):
        raise BadForm({"key": "缺少消息编号，请刷新页面"})
    now = clock.now()
    async with visit.house.database.transaction() as tx:
        found = await reaching.standing(tx, talk_id, await visit.scope(tx))
        known = await inbox.find_reply(tx, talk_id, key)
        if known:
            return _sent(visit, talk_id, known, is_new=False)
        if found.state == "held" and found.holder_id == visit.me.id:
            passed = await _pass_gate(visit, tx, talk_id, found, now)
            if isinstance(passed, web.Response):
                return passed
            _check_opening(text, found, now)
        else:
            passed = (None, None)
        not_before, allowance_id = passed
        outbox_id, is_new = await inbox.reply(
            tx, talk_id, visit.me.id, text, key, now, not_before=not_before, allowance_id=allowance_id
        )
        await notes.drop_draft(tx, talk_id, visit.me.id, "message")
        if is_new:
            await visit.record(
                tx,
                "conversation.replied",
                f"conversation:{talk_id}",
                f"allowance:{allowance_id}" if allowance_id else "",
            )
    return _sent(visit, talk_id, outbox_id, is_new=is_new)


async def write_note(visit: Visit) -> web.StreamResponse:
    """A note for colleagues: never sent, whoever holds the conversation."""
    talk_id, text = visit.part("talk"), _text_of(visit)
    async with visit.house.database.transaction() as tx:
        found = await reaching.standing(tx, talk_id, await visit.scope(tx))
        note_id = await notes.add_note(
            tx,
            found.key,
            contact_id=found.contact_id,
            conversation_id=talk_id,
            staff_id=visit.me.id,
            text=text,
            now=clock.now(),
        )
        await notes.drop_draft(tx, talk_id, visit.me.id, "note")
        await visit.record(tx, "conversation.noted", f"conversation:{talk_id}")
    return visit.done({"id": note_id}, f"/console/conversations/{talk_id}")


async def save_draft(visit: Visit) -> web.StreamResponse:
    """Keep what she has half written, sealed, until it is sent."""
    talk_id, kind = visit.part("talk"), visit.form.get("kind", "")
    if kind not in _KINDS:
        raise BadForm({"kind": "没有这种草稿"})
    async with visit.house.database.transaction() as tx:
        found = await reaching.standing(tx, talk_id, await visit.scope(tx))
        await notes.save_draft(
            tx,
            found.key,
            contact_id=found.contact_id,
            conversation_id=talk_id,
            staff_id=visit.me.id,
            kind=kind,
            text=visit.form.get("text", "")[:_LONGEST],
            now=clock.now(),
        )
    return visit.json({})


async def note_typing(visit: Visit) -> web.StreamResponse:
    """Whoever holds the talk is writing: her page, or her platform where it can, shows it."""
    talk_id = visit.part("talk")
    async with visit.house.database.transaction() as tx:
        await inbox.check_visible(tx, talk_id, await visit.scope(tx))
        await typing.note_staff(tx, talk_id, visit.me.id, clock.now())
    return visit.json({})


async def give_to_bot(visit: Visit) -> web.StreamResponse:
    """The bot answers her again; she is told when whoever held her wants it."""
    talk_id, now = visit.part("talk"), clock.now()
    async with visit.house.database.transaction() as tx:
        found = await reaching.standing(tx, talk_id, await visit.scope(tx))
        await inbox.check_calm(tx, talk_id)
        verdict = gate.decide(
            situation_of(visit.house.settings.service, found, OutboundClass.STAFF, found.channel, now)
        )
        if visit.form.get("tell") and verdict.allowed:
            for number, text in enumerate(given_back_texts()):
                key = f"back-{int(now.timestamp())}-{number}"
                await inbox.reply(tx, talk_id, visit.me.id, text, key, now)
        await inbox.give_to_bot(tx, talk_id, visit.me.id)
        await visit.record(tx, "conversation.given_to_bot", f"conversation:{talk_id}")
    return visit.done({}, "/console")


async def cancel(visit: Visit) -> web.StreamResponse:
    """Take a message back that no worker has begun to send."""
    talk_id, row_id = visit.part("talk"), visit.part("message")
    async with visit.house.database.transaction() as tx:
        await inbox.check_visible(tx, talk_id, await visit.scope(tx))
        await staff_sends.cancel(tx, talk_id, row_id, clock.now())
        await visit.record(tx, "message.cancelled", f"outbox:{row_id}")
    return visit.done({"state": "cancelled"}, f"/console/conversations/{talk_id}")


async def send_again(visit: Visit) -> web.StreamResponse:
    """A failed message once more, as a new one; one whose fate is unknown only with `sure`."""
    talk_id, row_id, now = visit.part("talk"), visit.part("message"), clock.now()
    async with visit.house.database.transaction() as tx:
        found = await reaching.standing(tx, talk_id, await visit.scope(tx))
        row = await staff_sends.resendable(tx, found.key, talk_id, row_id)
        if row.state == "unknown" and not visit.form.get("sure"):
            raise BadForm({"sure": "上一条可能已经送到。先问她收到没有；确定要再发，请勾选"})
        known = await inbox.find_reply(tx, talk_id, f"again-{row_id}")
        if known:
            return _sent(visit, talk_id, known, is_new=False)
        passed = await _pass_gate(visit, tx, talk_id, found, now)
        if isinstance(passed, web.Response):
            return passed
        _check_opening(row.text, found, now)
        outbox_id, is_new = await inbox.reply(
            tx,
            talk_id,
            visit.me.id,
            row.text,
            f"again-{row_id}",
            now,
            not_before=passed[0],
            allowance_id=passed[1],
        )
        await visit.record(tx, "message.sent_again", f"outbox:{row_id}")
    return _sent(visit, talk_id, outbox_id, is_new=is_new)


async def recall(visit: Visit) -> web.StreamResponse:
    """Ask the platform to take a message off her screen, where it can; what it says stands under the message."""
    talk_id, row_id, now = visit.part("talk"), visit.part("message"), clock.now()
    async with visit.house.database.transaction() as tx:
        found = await reaching.standing(tx, talk_id, await visit.scope(tx))
        channel = visit.house.channels.get(found.channel)
        await staff_sends.ask_recall(tx, talk_id, row_id, channel.recall_seconds if channel else 0, now)
        await visit.record(tx, "message.recall_asked", f"outbox:{row_id}")
    return visit.done({"recall": "asked"}, f"/console/conversations/{talk_id}")


async def _pass_gate(
    visit: Visit, tx: Any, talk_id: str, found: Standing, now: datetime
) -> tuple[datetime | None, str | None] | web.Response:
    """When it may go and under which allowance, or the answer that says why not."""
    service = visit.house.settings.service
    verdict = gate.decide(situation_of(service, found, OutboundClass.STAFF, found.channel, now))
    if verdict.allowed:
        return None, None
    if gate.can_be_overridden(verdict.reason):
        allowance_id = await reaching.use_allowance(tx, talk_id, "message", visit.me.id, now)
        if allowance_id is not None:
            return None, allowance_id
        if verdict.wait_until is not None and visit.form.get("later"):
            return verdict.wait_until, None
    return refused(visit, verdict)


def _check_opening(text: str, found: Standing, now: datetime) -> None:
    """What begins a talk stands on her screen before she opens it. Raises BadForm with the words found."""
    if is_live(found, now):
        return
    giveaways = manners.giveaways(text)
    if giveaways:
        raise BadForm(
            {
                "text": f"她现在不在线，第一行会直接显示在手机上，不能出现「{'、'.join(giveaways)}」。"
                f"可以改成：「{manners.opening()}」"
            }
        )


def _text_of(visit: Visit) -> str:
    text = visit.form.get("text", "").strip()
    if not text:
        raise BadForm({"text": "请先写内容"})
    if len(text) > _LONGEST:
        raise BadForm({"text": f"一次最多 {_LONGEST} 字，请分开写"})
    return text


def _sent(visit: Visit, talk_id: str, outbox_id: str, *, is_new: bool) -> web.Response:
    return visit.done({"id": outbox_id, "new": is_new, "state": "queued"}, f"/console/conversations/{talk_id}")
