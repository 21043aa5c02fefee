"""Who is writing right now: staff to her, and she to us where her page tells. A moment, not a record."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from storage.database import Transaction
from storage.models import Contact, Conversation, Identity, table

_conversation = table(Conversation).c
_contact = table(Contact).c
_identity = table(Identity).c

#: Whoever typed so lately is typing.
LATELY = timedelta(seconds=6)
_STEP = timedelta(seconds=3)
#: A platform shows it for about so long.
_SHOWN = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Writing:
    """Somebody of staff is writing to her: where, and what the gate asks."""

    conversation_id: str
    channel: str
    address: str
    last_inbound_at: datetime | None
    locked: bool
    unfollowed: bool
    held_elsewhere: str
    in_group: bool


async def note_staff(tx: Transaction, conversation_id: str, staff_id: str, now: datetime) -> bool:
    """Whoever holds the conversation is writing; False when it is held by somebody else, or was noted just now."""
    changed = await tx.execute(
        update(table(Conversation))
        .where(
            _conversation.id == conversation_id,
            _conversation.state == "held",
            _conversation.holder_id == staff_id,
            or_(_conversation.staff_typing_at.is_(None), _conversation.staff_typing_at < now - _STEP),
        )
        .values(staff_typing_at=now)
    )
    if changed.rowcount:
        tx.wake("typing")
    return bool(changed.rowcount)


async def take(tx: Transaction, channels: Collection[str], now: datetime) -> list[Writing]:
    """Who is being written to on these channels and has not been shown it for some seconds; they count as shown."""
    rows = await tx.rows(
        select(
            _conversation.id,
            _conversation.channel,
            _conversation.contact_id,
            _contact.wrapped_key,
            _contact.locked_at,
            _identity.address_sealed,
            _identity.last_inbound_at,
            _identity.unfollowed_at,
            _identity.held_elsewhere,
            _identity.group_id,
        )
        .join(table(Contact), _contact.id == _conversation.contact_id)
        .join(table(Identity), _identity.id == _conversation.identity_id)
        .where(
            _conversation.state == "held",
            _conversation.channel.in_(list(channels)),
            _conversation.staff_typing_at > now - LATELY,
            or_(_conversation.typing_shown_at.is_(None), _conversation.typing_shown_at < now - _SHOWN),
            _contact.wrapped_key.is_not(None),
        )
        .limit(50)
        .with_for_update(of=table(Conversation), key_share=True, skip_locked=True)
    )
    if rows:
        await tx.execute(
            update(table(Conversation))
            .where(_conversation.id.in_([row.id for row in rows]))
            .values(typing_shown_at=now)
        )
    return [
        Writing(
            row.id,
            row.channel,
            tx.keys.contact_key(row.contact_id, row.wrapped_key).open("identity.address", row.address_sealed),
            row.last_inbound_at,
            row.locked_at is not None,
            row.unfollowed_at is not None,
            row.held_elsewhere,
            row.group_id is not None,
        )
        for row in rows
    ]


async def she_types(tx: Transaction, ids: Collection[str], now: datetime) -> set[str]:
    """In which of these conversations she is writing right now."""
    if not ids:
        return set()
    rows = await tx.rows(
        select(_conversation.id)
        .join(table(Identity), _identity.id == _conversation.identity_id)
        .where(_conversation.id.in_(list(ids)), _identity.typing_at > now - LATELY)
    )
    return {row.id for row in rows}
