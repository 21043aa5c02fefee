"""One conversation, opened for reading."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from bot.errors import NotFound
from storage.database import AnyRow, Transaction
from storage.models import (
    Alarm,
    Attachment,
    Case,
    ChannelGroup,
    Contact,
    Conversation,
    Identity,
    InboundMessage,
    Outbox,
    table,
)
from storage.repositories import cases
from storage.repositories.inbox.lines import Line, lines
from storage.repositories.inbox.scope import Scope, within

_conversation = table(Conversation).c
_contact = table(Contact).c
_identity = table(Identity).c
_group = table(ChannelGroup).c
_inbound = table(InboundMessage).c
_outbox = table(Outbox).c
_alarm = table(Alarm).c
_attachment = table(Attachment).c


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
    #: Who has the talk on the platform's own side: empty (we do), queue, person, ended.
    held_elsewhere: str
    #: She spoke in a group: nobody of staff can answer there.
    in_group: bool
    group_title: str
    group_keeper_id: str | None
    learned: dict[str, Any]
    wishes: dict[str, Any]
    case_number: str
    case_fields: dict[str, Any]
    lines: tuple[Line, ...]
    #: There are older lines than the first of these.
    has_older: bool
    contact_id: str


async def versions_of(tx: Transaction, ids: Collection[str]) -> dict[str, int]:
    """The counters of changes of these conversations, by id; those that are gone are missing."""
    if not ids:
        return {}
    rows = await tx.rows(select(_conversation.id, _conversation.version).where(_conversation.id.in_(ids)))
    return {row.id: row.version for row in rows}


async def case_number(tx: Transaction, conversation_id: str, scope: Scope) -> str:
    """The number of the case a conversation belongs to; empty without one. Raises NotFound, also outside `scope`."""
    row = await tx.first(
        select(table(Case).c.number)
        .select_from(table(Conversation).outerjoin(table(Case), table(Case).c.id == _conversation.case_id))
        .where(_conversation.id == conversation_id, within(scope))
    )
    if row is None:
        raise NotFound
    return row.number or ""


async def check_visible(tx: Transaction, conversation_id: str, scope: Scope) -> None:
    """Raises NotFound for a conversation that does not exist, whose woman is forgotten, or outside `scope`."""
    row = await tx.first(
        select(_contact.wrapped_key)
        .join(table(Conversation), _conversation.contact_id == _contact.id)
        .where(_conversation.id == conversation_id, within(scope))
    )
    if row is None or row.wrapped_key is None:
        raise NotFound


async def find(tx: Transaction, conversation_id: str, scope: Scope, before: str = "") -> TalkView:
    """One conversation, its last lines or those before the line `before`. Raises NotFound, also outside `scope`."""
    row = await tx.first(
        select(
            table(Conversation),
            _contact.wrapped_key,
            _contact.locked_at,
            _contact.wishes_sealed,
            _identity.unfollowed_at,
            _identity.held_elsewhere,
            _identity.group_id,
            _group.title_sealed,
            _group.keeper_id,
        )
        .join(table(Contact), _contact.id == _conversation.contact_id)
        .join(table(Identity), _identity.id == _conversation.identity_id)
        .outerjoin(table(ChannelGroup), _group.id == _identity.group_id)
        .where(_conversation.id == conversation_id, within(scope))
    )
    if row is None or row.wrapped_key is None:
        raise NotFound
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    number, fields = await cases.fields_of(tx, key, row.case_id) if row.case_id else ("", {})
    learned = key.open_json("conversation.learned", row.learned_sealed, {})
    # A flow set aside is the bot's own affair.
    learned.pop("set_aside", None)
    learned.pop("group_minute", None)
    said, has_older = await lines(tx, key, conversation_id, before)
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
        held_elsewhere=row.held_elsewhere,
        in_group=row.group_id is not None,
        group_title=tx.keys.house.open("channel_group.title", row.title_sealed),
        group_keeper_id=row.keeper_id,
        learned=learned,
        wishes=key.open_json("contact.wishes", row.wishes_sealed, {}),
        case_number=number,
        case_fields=fields,
        lines=tuple(said),
        has_older=has_older,
        contact_id=row.contact_id,
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


async def attachment(tx: Transaction, attachment_id: str, scope: Scope) -> tuple[str, str, bytes]:
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
        .where(_attachment.id == attachment_id, _attachment.state == "kept", within(scope))
    )
    if row is None or row.wrapped_key is None:
        raise NotFound
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    return row.conversation_id, row.content_type, key.open_bytes("attachment.content", row.content_sealed)


async def check_attachment(tx: Transaction, attachment_id: str, scope: Scope) -> None:
    """Raises NotFound for a file that is not kept or belongs to a conversation outside `scope`."""
    row = await tx.first(
        select(_attachment.id)
        .join(table(InboundMessage), _inbound.id == _attachment.inbound_id)
        .join(table(Conversation), _conversation.id == _inbound.conversation_id)
        .where(_attachment.id == attachment_id, _attachment.state == "kept", within(scope))
    )
    if row is None:
        raise NotFound
