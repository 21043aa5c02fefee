"""What staff do to a conversation they hold: answer, fill in the form, close."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, literal, select, update

from bot.errors import NotFound, StaleConversation, WrongState
from bot.messages import PRIORITY, HeldElsewhere, OutboundClass
from storage.database import Transaction
from storage.models import Contact, Conversation, Identity, Outbox, new_id, table
from storage.repositories import cases
from storage.repositories.inbox.holding import release

_conversation = table(Conversation).c
_contact = table(Contact).c
_identity = table(Identity).c
_outbox = table(Outbox).c


def _key(conversation_id: str, key: str) -> str:
    return f"staff:{conversation_id}:{key}"


async def find_reply(tx: Transaction, conversation_id: str, key: str) -> str:
    """The outbox row queued under this key; empty where there is none."""
    row = await tx.first(select(_outbox.id).where(_outbox.idempotency_key == _key(conversation_id, key)))
    return str(row.id) if row else ""


async def reply(
    tx: Transaction,
    conversation_id: str,
    staff_id: str,
    text: str,
    key: str,
    now: datetime,
    *,
    not_before: datetime | None = None,
    allowance_id: str | None = None,
) -> tuple[str, bool]:
    """Queue a staff message, due at `not_before` or at once; its id, and False when `key` was queued before.

    Raises StaleConversation unless she holds the conversation, WrongState while a 安全词 lock is on.
    """
    idempotency_key = _key(conversation_id, key)
    known = await tx.first(select(_outbox.id).where(_outbox.idempotency_key == idempotency_key))
    if known is not None:
        return known.id, False
    held = await tx.execute(
        update(table(Conversation))
        .where(
            _conversation.id == conversation_id, _conversation.state == "held", _conversation.holder_id == staff_id
        )
        .values(
            last_outbound_at=now,
            danger_since=None,
            answered_at=func.coalesce(_conversation.answered_at, literal(now, _conversation.answered_at.type)),
            version=_conversation.version + 1,
        )
    )
    if not held.rowcount:
        raise StaleConversation("请先接下这个会话再回复")
    row = await tx.first(
        select(
            _conversation.contact_id,
            _conversation.identity_id,
            _contact.wrapped_key,
            _contact.locked_at,
            _identity.held_elsewhere,
            _identity.group_id,
        )
        .join(table(Contact), _contact.id == _conversation.contact_id)
        .join(table(Identity), _identity.id == _conversation.identity_id)
        .where(_conversation.id == conversation_id)
    )
    if row is None or row.wrapped_key is None:
        raise NotFound
    if row.group_id is not None:
        raise WrongState("她是在群里说的，在这里回会让全群看到，所以不能回；请私下联系她")
    if row.held_elsewhere == HeldElsewhere.PERSON:
        raise WrongState("同事正在企业微信里接待她，这里只能看不能回")
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
            "not_before": not_before or now,
            "allowance_id": allowance_id,
        },
    )
    if not inserted:  # the same key a moment ago, from another window
        known = await tx.first(select(_outbox.id).where(_outbox.idempotency_key == idempotency_key))
        assert known is not None
        return known.id, False
    tx.wake("live")
    return outbox_id, True


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
    await release(
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
        closed = await cases.close_of_conversation(tx, conversation_id, outcome, now)
        kind = "closed" if closed else "talk_closed"
        await cases.add_event(tx, key, row.case_id, kind, now=now, staff_id=staff_id, code=outcome, body=note)


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
        origin=row.channel,
        staff_id=staff_id,
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
