"""What the house does to conversations by itself: hand danger back, close the silent ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from bot.messages import PRIORITY, OutboundClass
from storage.database import Transaction
from storage.models import Contact, Conversation, Identity, Outbox, new_id, table
from storage.repositories import cases, outbox

_conversation = table(Conversation).c
_contact = table(Contact).c
_identity = table(Identity).c


async def danger_unanswered(tx: Transaction, since: datetime) -> list[str]:
    """Conversations a person holds in which danger was written before `since` and nobody has answered."""
    rows = await tx.rows(
        select(_conversation.id)
        .where(_conversation.state == "held", _conversation.danger_since <= since)
        .order_by(_conversation.id)
        .with_for_update()
    )
    return [row.id for row in rows]


@dataclass(frozen=True, slots=True)
class HandBack:
    """What the bot says when it takes over again, and the flow that hears her answer until `expires_at`."""

    texts: Sequence[str]
    flow: str
    step: str
    data: dict[str, Any]
    expires_at: datetime


async def dangers_while_held(tx: Transaction, conversation_id: str) -> list[str]:
    """The kinds of danger she wrote of while a person held the conversation."""
    row = await tx.first(
        select(_conversation.contact_id, _conversation.learned_sealed, _contact.wrapped_key)
        .join(table(Contact), _contact.id == _conversation.contact_id)
        .where(_conversation.id == conversation_id)
    )
    if row is None or row.wrapped_key is None:
        return []
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    kinds: list[str] = key.open_json("conversation.learned", row.learned_sealed, {}).get("held_dangers", [])
    return kinds


async def hand_back_danger(tx: Transaction, conversation_id: str, back: HandBack, now: datetime) -> None:
    """Put it back into the queue, say the words to her (not while she is locked), alarm, record it.

    What she wrote of meanwhile counts as answered in the episode that begins now.
    """
    row = await tx.first(
        select(
            _conversation.contact_id,
            _conversation.identity_id,
            _conversation.case_id,
            _conversation.danger_since,
            _conversation.holder_id,
            _conversation.learned_sealed,
            _contact.wrapped_key,
            _contact.locked_at,
        )
        .join(table(Contact), _contact.id == _conversation.contact_id)
        .where(_conversation.id == conversation_id)
    )
    if row is None or row.wrapped_key is None:
        return
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    learned = key.open_json("conversation.learned", row.learned_sealed, {})
    learned["answered_dangers"] = learned.pop("held_dangers", [])
    speaks = row.locked_at is None
    await tx.execute(
        update(table(Conversation))
        .where(_conversation.id == conversation_id)
        .values(
            learned_sealed=key.seal_json("conversation.learned", learned),
            flow=back.flow if speaks else "",
            step=back.step if speaks else "",
            flow_sealed=key.seal_json("conversation.flow", back.data) if speaks else None,
            flow_expires_at=back.expires_at if speaks else None,
            state="waiting",
            holder_id=None,
            held_at=None,
            waiting_since=row.danger_since,
            waiting_reason="danger",
            danger_since=None,
            crisis_at=now,
            version=_conversation.version + 1,
        )
    )
    await outbox.alarm(tx, conversation_id, "handed_back", now)
    if row.case_id:
        await cases.add_event(tx, key, row.case_id, "handed_back", now=now, staff_id=row.holder_id)
    if not speaks:
        return
    for number, text in enumerate(back.texts):
        await tx.insert_if_new(
            Outbox,
            {
                "id": new_id(),
                "idempotency_key": f"hand_back:{conversation_id}:{int(row.danger_since.timestamp())}:{number}",
                "outbound_class": OutboundClass.ANSWER.value,
                "priority": PRIORITY[OutboundClass.ANSWER],
                "contact_id": row.contact_id,
                "identity_id": row.identity_id,
                "conversation_id": conversation_id,
                "crisis": True,
                "text_sealed": key.seal("outbox.text", text),
                "said_at": now,
                "created_at": now,
                "not_before": now,
            },
        )
    tx.wake("outbox")


async def close_silent(tx: Transaction, before: datetime, now: datetime) -> int:
    """Close conversations the bot holds without a word since `before`; how many."""
    rows = await tx.rows(
        select(_conversation.id)
        .where(_conversation.state == "bot", _conversation.last_inbound_at < before)
        .limit(500)
        .with_for_update()
    )
    ids = [row.id for row in rows]
    if ids:
        await tx.execute(
            update(table(Conversation))
            .where(_conversation.id.in_(ids))
            .values(state="closed", closed_at=now, outcome="silent", version=_conversation.version + 1)
        )
        await tx.execute(
            update(table(Identity)).where(_identity.conversation_id.in_(ids)).values(conversation_id=None)
        )
    return len(ids)
