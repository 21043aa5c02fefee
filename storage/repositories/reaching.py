"""Whether and how she may be reached: what the gate asks about one conversation, her wishes, allowances, calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from bot.errors import NotFound
from storage.database import AnyRow, Transaction
from storage.encryption import DataKey
from storage.models import (
    Contact,
    ContactAllowance,
    ContactCall,
    Conversation,
    Identity,
    new_id,
    table,
)
from storage.repositories import talk
from storage.repositories.inbox.scope import Scope, within

_conversation = table(Conversation).c
_contact = table(Contact).c
_identity = table(Identity).c
_allowance = table(ContactAllowance).c
_call = table(ContactCall).c

#: How long an allowance waits to be used.
ALLOWANCE = timedelta(minutes=60)
#: A call whose result nobody wrote down is over by then.
_CALL = timedelta(minutes=60)


@dataclass(frozen=True, slots=True)
class Standing:
    """All that decides whether she may be reached now; `wishes` as kept, with `source` of each change."""

    contact_id: str
    identity_id: str
    channel: str
    state: str
    holder_id: str | None
    wishes: dict[str, Any]
    locked: bool
    unfollowed: bool
    held_elsewhere: str
    in_group: bool
    last_inbound_at: datetime | None
    has_safe_word: bool
    key: DataKey


async def standing(tx: Transaction, conversation_id: str, scope: Scope) -> Standing:
    """How she stands in one conversation. Raises NotFound, also outside `scope` and when she was erased."""
    row = await tx.first(
        select(
            _conversation.contact_id,
            _conversation.identity_id,
            _conversation.channel,
            _conversation.state,
            _conversation.holder_id,
            _contact.wrapped_key,
            _contact.wishes_sealed,
            _contact.locked_at,
            _contact.safeword_digest,
            _identity.unfollowed_at,
            _identity.held_elsewhere,
            _identity.group_id,
            _identity.last_inbound_at,
        )
        .join(table(Contact), _contact.id == _conversation.contact_id)
        .join(table(Identity), _identity.id == _conversation.identity_id)
        .where(_conversation.id == conversation_id, within(scope))
    )
    if row is None or row.wrapped_key is None:
        raise NotFound
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    return Standing(
        contact_id=row.contact_id,
        identity_id=row.identity_id,
        channel=row.channel,
        state=row.state,
        holder_id=row.holder_id,
        wishes=key.open_json("contact.wishes", row.wishes_sealed, {}),
        locked=row.locked_at is not None,
        unfollowed=row.unfollowed_at is not None,
        held_elsewhere=row.held_elsewhere,
        in_group=row.group_id is not None,
        last_inbound_at=row.last_inbound_at,
        has_safe_word=row.safeword_digest is not None,
        key=key,
    )


async def save_wishes(tx: Transaction, found: Standing, wishes: dict[str, Any]) -> None:
    """Keep her wishes; what is not among them stays. Every open page of hers is out of date."""
    sealed = found.key.seal_json("contact.wishes", found.wishes | wishes)
    await talk.update_contact(tx, found.contact_id, wishes_sealed=sealed)
    await tx.execute(
        update(table(Conversation))
        .where(_conversation.contact_id == found.contact_id, _conversation.state != "closed")
        .values(version=_conversation.version + 1)
    )


async def allow(
    tx: Transaction, conversation_id: str, found: Standing, *, kind: str, reason: str, staff_id: str, now: datetime
) -> str:
    """Let one message or call through; the allowance's id."""
    allowance_id = new_id()
    await tx.insert(
        ContactAllowance,
        {
            "id": allowance_id,
            "contact_id": found.contact_id,
            "conversation_id": conversation_id,
            "kind": kind,
            "reason_sealed": found.key.seal("contact_allowance.reason", reason),
            "given_by": staff_id,
            "given_at": now,
            "expires_at": now + ALLOWANCE,
        },
    )
    return allowance_id


async def allowances(tx: Transaction, conversation_id: str, now: datetime) -> Sequence[AnyRow]:
    """Allowances nobody has used and that still hold: id, kind, given_by, expires_at."""
    return await tx.rows(
        select(_allowance.id, _allowance.kind, _allowance.given_by, _allowance.expires_at)
        .where(
            _allowance.conversation_id == conversation_id, _allowance.used_at.is_(None), _allowance.expires_at > now
        )
        .order_by(_allowance.id)
    )


async def use_allowance(tx: Transaction, conversation_id: str, kind: str, staff_id: str, now: datetime) -> str | None:
    """Use up one allowance of this kind, once; its id, None where there is none."""
    for row in await allowances(tx, conversation_id, now):
        if row.kind != kind:
            continue
        used = await tx.execute(
            update(table(ContactAllowance))
            .where(_allowance.id == row.id, _allowance.used_at.is_(None))
            .values(used_at=now, used_by=staff_id)
        )
        if used.rowcount:
            return str(row.id)
    return None


async def begin_call(
    tx: Transaction, conversation_id: str, found: Standing, staff_id: str, now: datetime, allowance_id: str | None
) -> str:
    """Somebody takes up the telephone; the call's id."""
    call_id = new_id()
    await tx.insert(
        ContactCall,
        {
            "id": call_id,
            "contact_id": found.contact_id,
            "conversation_id": conversation_id,
            "staff_id": staff_id,
            "allowance_id": allowance_id,
            "begun_at": now,
        },
    )
    return call_id


async def open_call(tx: Transaction, conversation_id: str, staff_id: str, now: datetime) -> str:
    """The call she is making in this conversation, empty where there is none."""
    row = await tx.first(
        select(_call.id)
        .where(
            _call.conversation_id == conversation_id,
            _call.staff_id == staff_id,
            _call.ended_at.is_(None),
            _call.begun_at > now - _CALL,
        )
        .order_by(_call.id.desc())
        .limit(1)
    )
    return str(row.id) if row else ""


async def end_call(
    tx: Transaction, conversation_id: str, call_id: str, staff_id: str, result: str, now: datetime
) -> None:
    """Write down what became of a call, once. Raises NotFound for another's, or one that is over."""
    ended = await tx.execute(
        update(table(ContactCall))
        .where(
            _call.id == call_id,
            _call.conversation_id == conversation_id,
            _call.staff_id == staff_id,
            _call.ended_at.is_(None),
        )
        .values(ended_at=now, result=result)
    )
    if not ended.rowcount:
        raise NotFound
