"""The console's view of conversations: the queue, one conversation, and what staff do to it."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, select, update

from bot.errors import NotFound, StaleConversation, WrongState
from bot.messages import PRIORITY, OutboundClass
from storage.database import AnyRow, Transaction
from storage.encryption import DataKey
from storage.models import (
    Alarm,
    Area,
    Attachment,
    Case,
    Contact,
    Conversation,
    Identity,
    InboundMessage,
    Outbox,
    new_id,
    table,
)
from storage.repositories import cases

_conversation = table(Conversation).c
_contact = table(Contact).c
_identity = table(Identity).c
_inbound = table(InboundMessage).c
_outbox = table(Outbox).c
_alarm = table(Alarm).c
_attachment = table(Attachment).c
_area = table(Area).c
_case = table(Case).c


@dataclass(frozen=True, slots=True)
class QueueLine:
    """A conversation in the queue: nothing of what was said."""

    id: str
    channel: str
    state: str
    risk: int
    urgent: bool
    category: str
    waiting_reason: str
    waiting_since: datetime | None
    last_inbound_at: datetime | None
    holder_id: str | None
    danger_since: datetime | None
    unfollowed: bool
    version: int


@dataclass(frozen=True, slots=True)
class Line:
    """One thing said or done in a conversation, in order."""

    id: str
    #: her, bot, staff, or note (an event of the platform)
    who: str
    kind: str
    at: datetime
    text: str
    staff_id: str | None = None
    state: str = ""
    error: str = ""
    key: str = ""
    place: dict[str, Any] = field(default_factory=dict)
    attachments: tuple[AnyRow, ...] = ()


@dataclass(frozen=True, slots=True)
class TalkView:
    """One conversation as staff see it; texts opened."""

    id: str
    version: int
    channel: str
    state: str
    risk: int
    urgent: bool
    risk_kinds: tuple[str, ...]
    category: str
    waiting_reason: str
    waiting_since: datetime | None
    opened_at: datetime
    last_inbound_at: datetime | None
    closed_at: datetime | None
    outcome: str
    outcome_note: str
    holder_id: str | None
    danger_since: datetime | None
    locked: bool
    unfollowed: bool
    learned: dict[str, Any]
    wishes: dict[str, Any]
    case_number: str
    case_fields: dict[str, Any]
    lines: tuple[Line, ...]


async def queue(tx: Transaction, scope: Collection[str] | None) -> list[QueueLine]:
    """Conversations that wait or are held, the most urgent first; `scope` limits to areas (None: all)."""
    rows = await tx.rows(
        select(
            _conversation.id,
            _conversation.channel,
            _conversation.state,
            _conversation.risk,
            _conversation.urgent,
            _conversation.category,
            _conversation.waiting_reason,
            _conversation.waiting_since,
            _conversation.last_inbound_at,
            _conversation.holder_id,
            _conversation.danger_since,
            _identity.unfollowed_at.is_not(None).label("unfollowed"),
            _conversation.version,
        )
        .join(table(Identity), _identity.id == _conversation.identity_id)
        .where(_conversation.state.in_(("waiting", "held")), _within(scope))
        .order_by(
            case((_conversation.state == "waiting", 0), (_conversation.danger_since.is_not(None), 0), else_=1),
            _conversation.risk.desc(),
            _conversation.urgent.desc(),
            _conversation.waiting_since,
            _conversation.id,
        )
        .limit(200)
    )
    return [QueueLine(*row) for row in rows]


async def queue_version(tx: Transaction, scope: Collection[str] | None) -> str:
    """Changes whenever a queue page is out of date."""
    row = await tx.first(
        select(func.count(), func.coalesce(func.sum(_conversation.version), 0)).where(
            _conversation.state.in_(("waiting", "held")), _within(scope)
        )
    )
    alarms = await tx.first(select(func.count(), func.max(_alarm.id)).where(_alarm.seen_at.is_(None)))
    assert row is not None
    assert alarms is not None
    return f"{row[0]}.{row[1]}.{alarms[0]}.{alarms[1] or ''}"


async def version_of(tx: Transaction, conversation_id: str) -> int:
    """Counts every change of one conversation. Raises NotFound."""
    row = await tx.first(select(_conversation.version).where(_conversation.id == conversation_id))
    if row is None:
        raise NotFound
    return int(row.version)


async def find(tx: Transaction, conversation_id: str, scope: Collection[str] | None) -> TalkView:
    """One conversation with everything said in it. Raises NotFound, also outside `scope`."""
    row = await tx.first(
        select(
            table(Conversation),
            _contact.wrapped_key,
            _contact.locked_at,
            _contact.wishes_sealed,
            _identity.unfollowed_at,
        )
        .join(table(Contact), _contact.id == _conversation.contact_id)
        .join(table(Identity), _identity.id == _conversation.identity_id)
        .where(_conversation.id == conversation_id, _within(scope))
    )
    if row is None or row.wrapped_key is None:
        raise NotFound
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    number, fields = await cases.fields_of(tx, key, row.case_id) if row.case_id else ("", {})
    learned = key.open_json("conversation.learned", row.learned_sealed, {})
    # A flow set aside is the bot's own affair, and may hold a 安全词 not yet chosen.
    learned.pop("set_aside", None)
    return TalkView(
        id=row.id,
        version=row.version,
        channel=row.channel,
        state=row.state,
        risk=row.risk,
        urgent=row.urgent,
        risk_kinds=tuple(row.risk_kinds.split()),
        category=row.category,
        waiting_reason=row.waiting_reason,
        waiting_since=row.waiting_since,
        opened_at=row.opened_at,
        last_inbound_at=row.last_inbound_at,
        closed_at=row.closed_at,
        outcome=row.outcome,
        outcome_note=key.open("conversation.outcome", row.outcome_sealed),
        holder_id=row.holder_id,
        danger_since=row.danger_since,
        locked=row.locked_at is not None,
        unfollowed=row.unfollowed_at is not None,
        learned=learned,
        wishes=key.open_json("contact.wishes", row.wishes_sealed, {}),
        case_number=number,
        case_fields=fields,
        lines=tuple(await _lines(tx, key, conversation_id)),
    )


async def window_of(tx: Transaction, conversation_id: str) -> AnyRow:
    """What the platform's reply window of her address looks like. Raises NotFound."""
    row = await tx.first(
        select(_identity.channel, _identity.window_trigger, _identity.window_opened_at, _identity.window_used)
        .join(table(Conversation), _conversation.identity_id == _identity.id)
        .where(_conversation.id == conversation_id)
    )
    if row is None:
        raise NotFound
    return row


async def claim(
    tx: Transaction, conversation_id: str, staff_id: str, now: datetime, scope: Collection[str] | None
) -> None:
    """Take a conversation: exactly one of many who try at once gets it.

    Raises StaleConversation when somebody else has it, NotFound outside `scope`, WrongState when it is closed.
    """
    taken = await tx.execute(
        update(table(Conversation))
        .where(
            _conversation.id == conversation_id,
            _within(scope),
            or_(
                _conversation.state.in_(("bot", "waiting")),
                (_conversation.state == "held") & (_conversation.holder_id == staff_id),
            ),
        )
        .values(
            state="held",
            holder_id=staff_id,
            held_at=now,
            flow="",
            step="",
            flow_sealed=None,
            version=_conversation.version + 1,
        )
    )
    if taken.rowcount:
        await see_alarms(tx, conversation_id, staff_id, now)
        return
    row = await tx.first(select(_conversation.state).where(_conversation.id == conversation_id, _within(scope)))
    if row is None:
        raise NotFound
    if row.state == "closed":
        raise WrongState("这个会话已经结束，不能再接")
    raise StaleConversation("已经有同事接了这个会话")


async def reply(
    tx: Transaction, conversation_id: str, staff_id: str, text: str, key: str, now: datetime
) -> tuple[str, bool]:
    """Queue a staff message; its id, and False when the same `key` was queued before.

    Raises StaleConversation unless she holds the conversation, WrongState while a 安全词 lock is on.
    """
    idempotency_key = f"staff:{conversation_id}:{key}"
    known = await tx.first(select(_outbox.id).where(_outbox.idempotency_key == idempotency_key))
    if known is not None:
        return known.id, False
    held = await tx.execute(
        update(table(Conversation))
        .where(
            _conversation.id == conversation_id, _conversation.state == "held", _conversation.holder_id == staff_id
        )
        .values(last_outbound_at=now, danger_since=None, version=_conversation.version + 1)
    )
    if not held.rowcount:
        raise StaleConversation("请先接下这个会话再回复")
    row = await tx.first(
        select(_conversation.contact_id, _conversation.identity_id, _contact.wrapped_key, _contact.locked_at)
        .join(table(Contact), _contact.id == _conversation.contact_id)
        .where(_conversation.id == conversation_id)
    )
    if row is None or row.wrapped_key is None:
        raise NotFound
    if row.locked_at is not None:
        raise WrongState("她发过安全词，现在不能发消息；等她发解锁词，或按预案用别的安全方式联系")
    contact_key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    outbox_id = new_id()
    inserted = await tx.insert_if_new(
        Outbox,
        {
            "id": outbox_id,
            "idempotency_key": idempotency_key,
            "outbound_class": OutboundClass.STAFF.value,
            "priority": PRIORITY[OutboundClass.STAFF],
            "contact_id": row.contact_id,
            "identity_id": row.identity_id,
            "conversation_id": conversation_id,
            "staff_id": staff_id,
            "text_sealed": contact_key.seal("outbox.text", text),
            "said_at": now,
            "created_at": now,
            "not_before": now,
        },
    )
    if not inserted:  # the same key a moment ago, from another window
        known = await tx.first(select(_outbox.id).where(_outbox.idempotency_key == idempotency_key))
        assert known is not None
        return known.id, False
    tx.wake("live")
    return outbox_id, True


async def hand_back(tx: Transaction, conversation_id: str, staff_id: str, now: datetime) -> None:
    """Give a conversation back into the queue. Raises StaleConversation unless she holds it."""
    await _release(
        tx,
        conversation_id,
        staff_id,
        state="waiting",
        waiting_since=func.coalesce(_conversation.waiting_since, now),
        waiting_reason="handed_back",
    )


async def close(tx: Transaction, conversation_id: str, staff_id: str, outcome: str, note: str, now: datetime) -> None:
    """Close a conversation and its case with an outcome. Raises StaleConversation unless she holds it."""
    row = await tx.first(
        select(_conversation.contact_id, _conversation.case_id, _contact.wrapped_key)
        .join(table(Contact), _contact.id == _conversation.contact_id)
        .where(_conversation.id == conversation_id)
    )
    if row is None or row.wrapped_key is None:
        raise NotFound
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    await _release(
        tx,
        conversation_id,
        staff_id,
        state="closed",
        closed_at=now,
        outcome=outcome,
        outcome_sealed=key.seal("conversation.outcome", note) if note else None,
        danger_since=None,
        waiting_since=None,
        waiting_reason="",
    )
    await tx.execute(
        update(table(Identity)).where(_identity.conversation_id == conversation_id).values(conversation_id=None)
    )
    if row.case_id:
        await cases.add_event(tx, key, row.case_id, "closed", now=now, staff_id=staff_id, body=note)
        await cases.close_of_conversation(tx, conversation_id, outcome, now)


async def save_form(
    tx: Transaction, conversation_id: str, staff_id: str, fields: dict[str, Any], now: datetime, zone: str
) -> str:
    """Keep the form of a conversation in its case, opening one if there is none; its number.

    Raises StaleConversation unless she holds it.
    """
    row = await tx.first(
        select(table(Conversation), _contact.wrapped_key)
        .join(table(Contact), _contact.id == _conversation.contact_id)
        .where(_conversation.id == conversation_id)
    )
    if row is None or row.wrapped_key is None:
        raise NotFound
    if row.state != "held" or row.holder_id != staff_id:
        raise StaleConversation("请先接下这个会话再填写")
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    opened = await cases.open_case(
        tx,
        key,
        contact_id=row.contact_id,
        conversation_id=conversation_id,
        category=str(fields.get("category") or row.category),
        risk=row.risk,
        now=now,
        zone=zone,
        fields=fields,
    )
    await tx.execute(
        update(table(Conversation))
        .where(_conversation.id == conversation_id)
        .values(
            case_id=opened.id,
            category=fields.get("category") or row.category,
            version=_conversation.version + 1,
        )
    )
    return opened.number


async def alarms(tx: Transaction, limit: int = 50) -> list[AnyRow]:
    """Alarms nobody has seen yet, the newest first: reason, conversation, time."""
    return list(
        await tx.rows(
            select(_alarm.id, _alarm.reason, _alarm.conversation_id, _alarm.raised_at, _alarm.silent)
            .where(_alarm.seen_at.is_(None))
            .order_by(_alarm.id.desc())
            .limit(limit)
        )
    )


async def alarms_of(tx: Transaction, conversation_id: str) -> list[AnyRow]:
    """All alarms of one conversation, the newest first."""
    return list(
        await tx.rows(
            select(table(Alarm)).where(_alarm.conversation_id == conversation_id).order_by(_alarm.id.desc()).limit(20)
        )
    )


async def see_alarms(tx: Transaction, conversation_id: str, staff_id: str, now: datetime) -> None:
    """Somebody looked at the alarms of a conversation."""
    await tx.execute(
        update(table(Alarm))
        .where(_alarm.conversation_id == conversation_id, _alarm.seen_at.is_(None))
        .values(seen_at=now, seen_by=staff_id)
    )


async def see_alarm(tx: Transaction, alarm_id: str, staff_id: str, now: datetime) -> None:
    """Somebody looked at one alarm."""
    await tx.execute(
        update(table(Alarm))
        .where(_alarm.id == alarm_id, _alarm.seen_at.is_(None))
        .values(seen_at=now, seen_by=staff_id)
    )


async def attachment(tx: Transaction, attachment_id: str, scope: Collection[str] | None) -> tuple[str, str, bytes]:
    """A file she sent: conversation id, content type, content. Raises NotFound."""
    row = await tx.first(
        select(
            _attachment.contact_id,
            _attachment.content_type,
            _attachment.content_sealed,
            _contact.wrapped_key,
            _inbound.conversation_id,
        )
        .join(table(Contact), _contact.id == _attachment.contact_id)
        .join(table(InboundMessage), _inbound.id == _attachment.inbound_id)
        .join(table(Conversation), _conversation.id == _inbound.conversation_id)
        .where(_attachment.id == attachment_id, _attachment.state == "kept", _within(scope))
    )
    if row is None or row.wrapped_key is None:
        raise NotFound
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    return row.conversation_id, row.content_type, key.open_bytes("attachment.content", row.content_sealed)


async def areas_under(tx: Transaction, area_id: str | None) -> frozenset[str] | None:
    """The area and everything below it; None (no limit) for staff of the whole county."""
    if area_id is None:
        return None
    rows = await tx.rows(select(_area.id, _area.parent_id))
    children: dict[str | None, list[str]] = {}
    for row in rows:
        children.setdefault(row.parent_id, []).append(row.id)
    found, todo = set(), [area_id]
    while todo:
        current = todo.pop()
        found.add(current)
        todo += children.get(current, [])
    return frozenset(found)


async def _release(tx: Transaction, conversation_id: str, staff_id: str, **values: Any) -> None:
    changed = await tx.execute(
        update(table(Conversation))
        .where(
            _conversation.id == conversation_id, _conversation.state == "held", _conversation.holder_id == staff_id
        )
        .values(holder_id=None, held_at=None, version=_conversation.version + 1, **values)
    )
    if not changed.rowcount:
        raise StaleConversation("这个会话不在你手里，请刷新页面")


async def _lines(tx: Transaction, key: DataKey, conversation_id: str) -> list[Line]:
    """Both sides in one order: hers by the platform's time and number, answers right after what they answer."""
    files: dict[str, list[AnyRow]] = {}
    for row in await tx.rows(
        select(_attachment.id, _attachment.inbound_id, _attachment.kind, _attachment.state, _attachment.content_type)
        .join(table(InboundMessage), _inbound.id == _attachment.inbound_id)
        .where(_inbound.conversation_id == conversation_id)
    ):
        files.setdefault(row.inbound_id, []).append(row)
    placed: list[tuple[tuple[datetime, int, int, str], Line]] = []
    for row in await tx.rows(select(table(InboundMessage)).where(_inbound.conversation_id == conversation_id)):
        content = json.loads(key.open("inbound.content", row.content_sealed) or "{}")
        line = Line(
            id=row.id,
            who="her",
            kind=row.kind,
            at=row.said_at,
            text=content.get("text", ""),
            key=content.get("key", ""),
            place=content.get("location") or {},
            attachments=tuple(files.get(row.id, ())),
        )
        placed.append(((row.said_at, row.said_order, 0, row.id), line))
    for row in await tx.rows(select(table(Outbox)).where(_outbox.conversation_id == conversation_id)):
        line = Line(
            id=row.id,
            who="staff" if row.outbound_class == OutboundClass.STAFF else "bot",
            kind="text",
            at=row.said_at,
            text=key.open("outbox.text", row.text_sealed),
            staff_id=row.staff_id,
            state=row.state,
            error=row.error_sentence,
        )
        placed.append(((row.said_at, row.said_order, row.said_rank, row.id), line))
    return [line for _, line in sorted(placed, key=lambda one: one[0])]


def _within(scope: Collection[str] | None) -> ColumnElement[bool]:
    """Conversations of these areas, and those whose area nobody knows yet."""
    if scope is None:
        return _conversation.id.is_not(None)
    return or_(_conversation.area_id.is_(None), _conversation.area_id.in_(scope))
