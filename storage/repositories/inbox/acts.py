"""What staff do to a conversation: take it, answer, give it back, fill in the form, close."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import func, literal, or_, select, update

from bot.errors import NotFound, StaleConversation, WrongState
from bot.messages import PRIORITY, HeldElsewhere, OutboundClass
from storage.database import AnyRow, Transaction
from storage.models import Contact, Conversation, Identity, Outbox, new_id, table
from storage.repositories import cases
from storage.repositories.inbox.alarms import see_alarms
from storage.repositories.inbox.scope import within

_conversation = table(Conversation).c
_contact = table(Contact).c
_identity = table(Identity).c
_outbox = table(Outbox).c


#: What the questions of an intake collect, as the form of a conversation names it.
_ANSWERS = ("category", "hurt", "contact", "phone", "hours", "area", "area_id", "summary", "done", "wish")
#: Flows whose answers a person who takes over must not lose, and 「继续」 brings back.
_COLLECTING = frozenset({"intake", "human", "activity"})


async def claim(
    tx: Transaction, conversation_id: str, staff_id: str, now: datetime, scope: Collection[str] | None
) -> None:
    """Take a conversation: exactly one of many who try at once gets it. What she has answered so far stays.

    Raises StaleConversation when somebody else has it, NotFound outside `scope`, WrongState when it is closed.
    """
    before = await tx.first(
        select(
            _conversation.contact_id,
            _conversation.flow,
            _conversation.step,
            _conversation.flow_sealed,
            _conversation.learned_sealed,
            _contact.wrapped_key,
        )
        .join(table(Contact), _contact.id == _conversation.contact_id)
        .where(_conversation.id == conversation_id, within(scope))
        .with_for_update(of=table(Conversation), key_share=True)
    )
    if before is None:
        raise NotFound
    taken = await tx.execute(
        update(table(Conversation))
        .where(
            _conversation.id == conversation_id,
            within(scope),
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
            **_answered(tx, before),
        )
    )
    if taken.rowcount:
        await see_alarms(tx, conversation_id, staff_id, now)
        return
    row = await tx.first(select(_conversation.state).where(_conversation.id == conversation_id, within(scope)))
    if row is not None and row.state == "closed":
        raise WrongState("这个会话已经结束，不能再接")
    raise StaleConversation("已经有同事接了这个会话")


def _answered(tx: Transaction, row: AnyRow) -> dict[str, Any]:
    """What the bot learned, with the flow that is broken off: nothing when there is none that collects."""
    if row.flow not in _COLLECTING or row.flow_sealed is None or row.wrapped_key is None:
        return {}
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    data = key.open_json("conversation.flow", row.flow_sealed, {})
    learned = key.open_json("conversation.learned", row.learned_sealed, {})
    if row.flow == "intake":
        learned |= {name: data[name] for name in _ANSWERS if data.get(name)}
    learned["set_aside"] = {"flow": row.flow, "step": row.step, "data": data}
    return {"learned_sealed": key.seal_json("conversation.learned", learned)}


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
        waiting_since=func.coalesce(_conversation.waiting_since, literal(now, _conversation.waiting_since.type)),
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
