"""The hot path's SQL: find the people a batch of messages comes from, keep what was said.

Written for batches: a handful of statements serve all messages that came together. People are locked in the
order of their look-up digest, so that two processes never wait for each other in a circle.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, bindparam, literal_column, select, update
from sqlmodel import SQLModel

from storage.bulk import Bulk
from storage.database import AnyRow, Transaction
from storage.encryption import DataKey
from storage.models import (
    ChannelGroup,
    Contact,
    Conversation,
    Identity,
    InboundMessage,
    Outbox,
    new_id,
    table,
)
from storage.repositories import groups

_contact = table(Contact).c
_identity = table(Identity).c
_inbound = table(InboundMessage).c
_outbox = table(Outbox).c
_conversation = table(Conversation)


def _bound(model: type[SQLModel], names: Iterable[str]) -> dict[str, Any]:
    """Each column set to a parameter of its own name and type."""
    return {name: bindparam(name, type_=table(model).c[name].type) for name in names}


_PEOPLE = (
    select(
        _identity.id,
        _identity.contact_id,
        _identity.channel,
        _identity.address_digest,
        _identity.conversation_id,
        _identity.followed_at,
        _identity.unfollowed_at,
        _identity.last_inbound_at,
        _identity.window_trigger,
        _identity.window_opened_at,
        _identity.window_used,
        _identity.group_id,
        _identity.held_elsewhere,
        _contact.wrapped_key,
        _contact.area_id,
        _contact.safeword_digest,
        _contact.unlock_digest,
        _contact.locked_at,
        _contact.consented_at,
        _contact.opted_out_at,
        _contact.stopped_all_at,
        _contact.violence_case_at,
    )
    .join(table(Contact), _contact.id == _identity.contact_id)
    .where(_identity.address_digest.in_(bindparam("digests", expanding=True, type_=LargeBinary())))
    .order_by(_identity.address_digest)
    # Rows of other women refer to hers (a freed seat): a plain lock would make two such turns wait in a circle.
    .with_for_update(of=table(Identity), key_share=True)
)
_CONVERSATIONS = (
    select(_conversation)
    .where(_conversation.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_conversation.c.id)
    .with_for_update(key_share=True)
)
_KNOWN = select(
    _inbound.id, _inbound.dedupe_digest, _inbound.nonce_digest, _inbound.body_digest, _inbound.handled_at
).where(
    _inbound.dedupe_digest.in_(bindparam("dedupe", expanding=True, type_=LargeBinary()))
    | _inbound.nonce_digest.in_(bindparam("nonces", expanding=True, type_=LargeBinary()))
)
_HANDED = select(_outbox.text_sealed, _outbox.created_at).where(
    _outbox.idempotency_key == bindparam("key"), _outbox.state == "handed"
)
_IDENTITY_FIELDS = (
    "conversation_id",
    "followed_at",
    "unfollowed_at",
    "last_inbound_at",
    "window_trigger",
    "window_opened_at",
    "window_used",
    "held_elsewhere",
)
_UPDATE_IDENTITY = Bulk(
    update(table(Identity)).where(_identity.id == bindparam("row")).values(_bound(Identity, _IDENTITY_FIELDS)),
    ("row", *_IDENTITY_FIELDS),
)
#: What a turn may change in a conversation; the version counts up by itself.
CONVERSATION_FIELDS = (
    "state",
    "waiting_since",
    "waiting_reason",
    "due_at",
    "risk",
    "urgent",
    "risk_kinds",
    "crisis_at",
    "danger_since",
    "category",
    "language",
    "learned_sealed",
    "flow",
    "step",
    "flow_sealed",
    "flow_expires_at",
    "misunderstood",
    "last_inbound_at",
    "last_outbound_at",
    "case_id",
)
_UPDATE_CONVERSATION = Bulk(
    update(_conversation)
    .where(_conversation.c.id == bindparam("row"))
    .values(_bound(Conversation, CONVERSATION_FIELDS) | {"version": _conversation.c.version + literal_column("1")}),
    ("row", *CONVERSATION_FIELDS),
)
_HANDLED_FIELDS = ("conversation_id", "handled_at", "intent", "category", "risk", "handler", "failed")
_HANDLED = Bulk(
    update(table(InboundMessage))
    .where(_inbound.id == bindparam("row"))
    .values(_bound(InboundMessage, _HANDLED_FIELDS)),
    ("row", *_HANDLED_FIELDS),
)
_KEEP_INBOUND = Bulk(
    table(InboundMessage).insert(),
    (
        "id",
        "dedupe_digest",
        "nonce_digest",
        "body_digest",
        "contact_id",
        "identity_id",
        "kind",
        "content_sealed",
        "said_at",
        "said_order",
        "received_at",
        *_HANDLED_FIELDS,
    ),
)
_KEEP_ANSWERS = Bulk(
    table(Outbox).insert(),
    (
        "id",
        "idempotency_key",
        "outbound_class",
        "priority",
        "state",
        "contact_id",
        "identity_id",
        "conversation_id",
        "in_reply_to",
        "crisis",
        "text_sealed",
        "said_at",
        "said_order",
        "said_rank",
        "created_at",
        "not_before",
        "finished_at",
    ),
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message came from: enough to find the person, or to begin a file for her."""

    channel: str
    account: str
    sender: str
    digest: bytes
    group: str = ""


def address(tx: Transaction, channel: str, account: str, sender: str, group: str = "") -> Address:
    """The look-up address of one sender on one account of a channel; in a group she is somebody else than alone."""
    place = f"{channel}\0{account}\0{sender}\0{group}" if group else f"{channel}\0{account}\0{sender}"
    return Address(channel, account, sender, tx.keys.digest("address", place), group)


async def find_people(tx: Transaction, addresses: Iterable[Address], now: datetime) -> dict[bytes, AnyRow]:
    """The person behind each address, by digest, locked until the commit; new ones get a file."""
    wanted = {item.digest: item for item in addresses}
    found = await _people(tx, list(wanted))
    missing = sorted(digest for digest in wanted if digest not in found)
    if not missing:
        return found
    places = await groups.find_or_add(
        tx, {(wanted[one].channel, wanted[one].account, wanted[one].group) for one in missing}, now
    )
    contacts: list[dict[str, Any]] = []
    identities: list[dict[str, Any]] = []
    for digest in missing:
        item, contact_id = wanted[digest], new_id()
        key, wrapped = tx.keys.new_contact_key(contact_id)
        contacts.append(_blank_contact(contact_id, wrapped, now))
        identities.append(
            {
                "id": new_id(),
                "contact_id": contact_id,
                "channel": item.channel,
                "account": item.account,
                "address_digest": digest,
                "address_sealed": key.seal("identity.address", item.sender),
                "group_id": places.get((item.channel, item.account, item.group)),
                "created_at": now,
            }
        )
    await tx.insert(Contact, contacts)
    for identity in identities:
        if not await tx.insert_if_new(Identity, identity):
            # Another process met her first: ours is an empty file nobody refers to.
            tx.keys.forget(identity["contact_id"])
            await tx.execute(table(Contact).delete().where(_contact.id == identity["contact_id"]))
    return found | await _people(tx, missing)


async def find_conversations(tx: Transaction, ids: Iterable[str]) -> dict[str, AnyRow]:
    """The conversations with these ids that are still open, locked until the commit."""
    wanted = list(ids)
    if not wanted:
        return {}
    result = await tx.connection.execute(_CONVERSATIONS, {"ids": wanted})
    return {row.id: row for row in result if row.state != "closed"}


def blank_conversation(person: AnyRow, now: datetime) -> dict[str, Any]:
    """A new conversation with `person`, as a row to insert."""
    row: dict[str, Any] = dict.fromkeys(CONVERSATION_FIELDS)
    row.update(
        id=new_id(),
        contact_id=person.contact_id,
        identity_id=person.id,
        channel=person.channel,
        area_id=person.area_id,
        state="bot",
        holder_id=None,
        held_at=None,
        waiting_reason="",
        risk=0,
        urgent=False,
        risk_kinds="",
        category="",
        language="",
        flow="",
        step="",
        misunderstood=0,
        opened_at=now,
        closed_at=None,
        outcome="",
        outcome_sealed=None,
        version=0,
    )
    return row


async def find_known(
    tx: Transaction, dedupe: Sequence[bytes], nonces: Sequence[bytes]
) -> tuple[dict[bytes, AnyRow], dict[bytes, AnyRow]]:
    """The inbound rows already kept, by dedupe digest and by nonce digest."""
    result = await tx.connection.execute(_KNOWN, {"dedupe": list(dedupe), "nonces": list(nonces)})
    by_dedupe: dict[bytes, AnyRow] = {}
    by_nonce: dict[bytes, AnyRow] = {}
    for row in result:
        by_dedupe[row.dedupe_digest] = row
        if row.nonce_digest is not None:
            by_nonce[row.nonce_digest] = row
    return by_dedupe, by_nonce


def answer_key(inbound_id: str, number: int) -> str:
    """The idempotency key of the bot's answer to a message; only number 0 can be handed over passively."""
    return f"answer:{inbound_id}:{number}"


async def stored_answer(tx: Transaction, inbound_id: str, key: DataKey, locked_at: datetime | None) -> str:
    """The passive reply this message got; empty when it got none, or when her 安全词 has locked since then."""
    row = (await tx.connection.execute(_HANDED, {"key": answer_key(inbound_id, 0)})).first()
    if row is None or (locked_at is not None and row.created_at < locked_at):
        return ""
    return key.open("outbox.text", row.text_sealed)


async def update_identities(tx: Transaction, rows: list[dict[str, Any]]) -> None:
    """Write what turns changed in identities; `row` is the id."""
    await _UPDATE_IDENTITY.run(tx.connection, rows)


async def update_conversations(tx: Transaction, rows: list[dict[str, Any]]) -> None:
    """Write what turns changed in conversations; `row` is the id, all CONVERSATION_FIELDS are given."""
    await _UPDATE_CONVERSATION.run(tx.connection, rows)


async def mark_handled(tx: Transaction, rows: list[dict[str, Any]]) -> None:
    """Record how messages stored earlier were handled; `row` is the id."""
    await _HANDLED.run(tx.connection, rows)


async def keep_inbound(tx: Transaction, rows: list[dict[str, Any]]) -> None:
    """Insert messages that came in."""
    await _KEEP_INBOUND.run(tx.connection, rows)


async def keep_answers(tx: Transaction, rows: list[dict[str, Any]]) -> None:
    """Insert the bot's answers to messages that came in, as outbox rows."""
    await _KEEP_ANSWERS.run(tx.connection, rows)


async def update_contact(tx: Transaction, contact_id: str, **values: Any) -> None:
    """Change columns of one contact."""
    await tx.execute(update(table(Contact)).where(_contact.id == contact_id).values(**values))


async def blank_inbound(tx: Transaction, inbound_id: str) -> None:
    """Take the words out of a message stored earlier."""
    await tx.execute(update(table(InboundMessage)).where(_inbound.id == inbound_id).values(content_sealed=None))


async def find_stored(tx: Transaction, inbound_id: str) -> AnyRow | None:
    """An inbound row that waits to be handled, with its identity's address; None when there is none."""
    return await tx.first(
        select(
            table(InboundMessage),
            _identity.channel,
            _identity.account,
            _identity.address_sealed,
            _contact.wrapped_key,
            table(ChannelGroup).c.address_sealed.label("group_sealed"),
        )
        .join(table(Identity), _identity.id == _inbound.identity_id)
        .join(table(Contact), _contact.id == _inbound.contact_id)
        .outerjoin(table(ChannelGroup), table(ChannelGroup).c.id == _identity.group_id)
        .where(_inbound.id == inbound_id, _inbound.handled_at.is_(None), _contact.wrapped_key.is_not(None))
    )


async def waiting_inbound(tx: Transaction, older_than: datetime, limit: int = 100) -> list[str]:
    """Ids of messages acknowledged before `older_than` that nobody has handled, oldest first."""
    rows = await tx.rows(
        select(_inbound.id)
        .where(_inbound.handled_at.is_(None), _inbound.received_at < older_than)
        .order_by(_inbound.id)
        .limit(limit)
    )
    return [row.id for row in rows]


async def _people(tx: Transaction, digests: list[bytes]) -> dict[bytes, AnyRow]:
    result = await tx.connection.execute(_PEOPLE, {"digests": digests})
    return {row.address_digest: row for row in result}


def _blank_contact(contact_id: str, wrapped: bytes, now: datetime) -> dict[str, Any]:
    return {"id": contact_id, "wrapped_key": wrapped, "created_at": now}
