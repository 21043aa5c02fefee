"""Forgetting one woman: her key destroyed, everything sealed emptied, every look-up hash replaced.

What is emptied follows the schema: every table that belongs to her by `contact_id`, and every table that refers to
one of those, loses its `…_sealed` and `…_digest` columns. A table added later is forgotten with the rest without
anybody thinking of it. Rows stay as statistics: kind, intent, category, risk, dates, case numbers.
"""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Table, cast, delete, func, or_, select, text, update
from sqlalchemy.types import LargeBinary

from storage.database import Transaction
from storage.encryption import Keyring
from storage.models import (
    ActivitySession,
    ArticleFeedback,
    Attachment,
    Case,
    ChatPass,
    ChatRoom,
    Contact,
    Conversation,
    DangerAssessment,
    Delivery,
    ErasureRequest,
    Identity,
    InboundMessage,
    NoticeGrant,
    Outbox,
    Referral,
    ReferralLink,
    SafetyPlan,
    SignUp,
    TopicSubscription,
    UnansweredQuestion,
    metadata,
    table,
)
from storage.repositories import links
from storage.repositories.activities import Promotion, cancel_sign_up
from storage.repositories.hers import LARGE, said_with, talks_of

_contact = table(Contact).c
_case = table(Case).c
_conversation = table(Conversation).c
_identity = table(Identity).c
_inbound = table(InboundMessage).c
_delivery = table(Delivery).c
_outbox = table(Outbox).c
_topic = table(TopicSubscription).c
_request = table(ErasureRequest).c
_session = table(ActivitySession).c
_sign_up = table(SignUp).c
_attachment = table(Attachment).c
_question = table(UnansweredQuestion).c
_feedback = table(ArticleFeedback).c

#: Refer to contacts or to what is theirs, and are nobody's: sealed by the house, or without anything of hers.
_NOBODYS = frozenset(
    {
        *("staff", "erasure_request", "channel_group", "house_key", "notice", "partner_unit", "staff_desk", "shift"),
        "plain_group",
        "canned_reply",
        "staff_feed",
    }
)
#: What is hers but neither sealed nor a hash, by table.
_PLAIN: dict[str, dict[str, Any]] = {
    "alarm": {"detail": ""},
    "delivery": {"platform_id": ""},
    "outbox": {"platform_id": ""},
    "sign_up": {"active_key": None},
    "contact": {
        "wrapped_key": None,
        "own_word_failures": 0,
        "locked_at": None,
        "consented_at": None,
        "violence_case_at": None,
    },
    "identity": {"window_trigger": "", "window_opened_at": None, "conversation_id": None},
}


async def erase(tx: Transaction, contact_id: str, now: datetime) -> list[Promotion]:
    """Forget her everywhere; who gets her seats, to be told. Done twice it changes nothing more."""
    promoted = await _give_up_seats(tx, contact_id, now)
    talks = await talks_of(tx, contact_id)
    await tx.execute(
        update(table(Outbox))
        .where(said_with(table(Outbox), contact_id, talks), _outbox.state == "queued")
        .values(state="skipped", error_code="erased", finished_at=now)
    )
    await tx.execute(
        update(table(InboundMessage))
        .where(said_with(table(InboundMessage), contact_id, talks), _inbound.handled_at.is_(None))
        .values(handled_at=now, handler="erased")
    )
    await _close(tx, _conversation.contact_id == contact_id, now)
    await tx.execute(
        update(table(Case))
        .where(_case.contact_id == contact_id, _case.status != "closed")
        .values(status="closed", closed_at=now, outcome="erased")
    )
    await _take_back_referrals(tx, contact_id, now)
    await tx.execute(
        update(table(Delivery))
        .where(_delivery.contact_id == contact_id, _delivery.state == "queued")
        .values(state="skipped", error_code="erased", finished_at=now)
    )
    for column in (_attachment.contact_id, _question.contact_id, _feedback.contact_id, _topic.contact_id):
        await tx.execute(delete(column.table).where(column == contact_id))
    await tx.execute(delete(table(NoticeGrant)).where(table(NoticeGrant).c.identity_id.in_(_addresses(contact_id))))
    await _close_rooms(tx, contact_id)
    for one, belongs in _hers():
        condition = said_with(one, contact_id, talks) if one.name in LARGE else belongs(contact_id)
        await _empty(tx, one, condition)
    await _empty(tx, table(Contact), _contact.id == contact_id, erased_at=now)
    await _finish(tx, contact_id, now)
    tx.keys.forget(contact_id)
    return promoted


def _addresses(contact_id: str) -> Any:
    return select(_identity.id).where(_identity.contact_id == contact_id)


async def leave_platform(tx: Transaction, contact_id: str, now: datetime) -> list[Promotion]:
    """Forget what came from the platform she left; a case she asked for help with stays, with its conversation."""
    kept = {
        row[0]
        for row in await tx.rows(select(_case.conversation_id).where(_case.contact_id == contact_id))
        if row[0] is not None
    }
    followed = select(_identity.id).where(_identity.contact_id == contact_id, _identity.unfollowed_at.is_(None))
    stays = await tx.first(followed.limit(1)) is not None
    if not stays and await tx.first(select(_case.id).where(_case.contact_id == contact_id).limit(1)) is None:
        return await erase(tx, contact_id, now)
    rows = await tx.rows(
        select(_conversation.id, _conversation.case_id).where(_conversation.contact_id == contact_id, _left())
    )
    gone = [row.id for row in rows if row.case_id is None and row.id not in kept]
    await _empty_talks(tx, gone, now)
    if stays:
        await tx.execute(delete(table(UnansweredQuestion)).where(_question.conversation_id.in_(gone)))
    else:
        for column in (_question.contact_id, _feedback.contact_id):
            await tx.execute(delete(column.table).where(column == contact_id))
    await _empty(tx, table(Identity), (_identity.contact_id == contact_id) & _identity.unfollowed_at.is_not(None))
    await _finish(tx, contact_id, now)
    return []


def _left() -> ColumnElement[bool]:
    """Conversations on an address she left."""
    return _conversation.identity_id.in_(select(_identity.id).where(_identity.unfollowed_at.is_not(None)))


async def forget_erased(tx: Transaction, keys: Keyring, since: datetime) -> datetime:
    """Drop the keys of women erased from `since` on, in whatever process this is; the time of the last one."""
    rows = await tx.rows(
        select(_request.contact_id, _request.done_at).where(_request.done_at >= since).order_by(_request.done_at)
    )
    for row in rows:
        for contact_id in (row.contact_id, *await links.joined_into(tx, row.contact_id)):
            keys.forget(contact_id)
    return rows[-1].done_at if rows else since


@cache
def _hers() -> tuple[tuple[Table, Any], ...]:
    """Every table of hers besides `contact`, with the condition that finds her rows, in the order of reference."""
    found: dict[str, tuple[Table, Any]] = {}
    for one in metadata.sorted_tables:
        if one.name in _NOBODYS or one.name == "contact":
            continue
        if "contact_id" in one.c:
            column = one.c.contact_id
            found[one.name] = one, lambda contact_id, column=column: column == contact_id
            continue
        roads = [
            (key.parent, *found[key.column.table.name])
            for key in sorted(one.foreign_keys, key=lambda key: key.parent.name)
            if key.column.table.name in found
        ]
        if roads:
            found[one.name] = one, _through(roads)
    return tuple(found.values())


def _through(roads: list[tuple[Any, Table, Any]]) -> Any:
    return lambda contact_id: or_(
        *(column.in_(select(parent.c.id).where(belongs(contact_id))) for column, parent, belongs in roads)
    )


async def _empty(tx: Transaction, one: Table, condition: ColumnElement[bool], **more: Any) -> None:
    values = dict(_PLAIN.get(one.name, {})) | more
    for column in one.columns:
        if column.name.endswith("_sealed"):
            values[column.name] = None if column.nullable else b""
        elif column.name.endswith("_digest"):
            values[column.name] = None if column.nullable else _own_name(tx, one)
    if values:
        await tx.execute(update(one).where(condition).values(**values))


def _own_name(tx: Transaction, one: Table) -> ColumnElement[Any]:
    """The row's own id as bytes: unique, and longer than any hash, so that nothing is ever found by it."""
    return func.convert_to(one.c.id, "UTF8") if tx.dialect == "postgresql" else cast(one.c.id, LargeBinary)


async def _empty_talks(tx: Transaction, ids: Collection[str], now: datetime) -> None:
    """Empty whole conversations: what was said both ways, files, what the bot learned."""
    await _close(tx, _conversation.id.in_(ids), now)
    of_talks = select(_inbound.id).where(_inbound.conversation_id.in_(ids))
    await tx.execute(delete(table(Attachment)).where(_attachment.inbound_id.in_(of_talks)))
    for model in (InboundMessage, Outbox, DangerAssessment, SafetyPlan):
        one = table(model)
        await _empty(tx, one, one.c.conversation_id.in_(ids))
    await _empty(tx, table(Conversation), _conversation.id.in_(ids))


async def _close(tx: Transaction, condition: ColumnElement[bool], now: datetime) -> None:
    await tx.execute(
        update(table(Conversation))
        .where(condition, _conversation.state != "closed")
        .values(
            state="closed",
            holder_id=None,
            held_at=None,
            waiting_since=None,
            waiting_reason="",
            danger_since=None,
            flow="",
            step="",
            closed_at=now,
            outcome="erased",
            version=_conversation.version + 1,
        )
    )


async def _give_up_seats(tx: Transaction, contact_id: str, now: datetime) -> list[Promotion]:
    """Cancel what is still to come; who moves up."""
    promoted: list[Promotion] = []
    for row in await tx.rows(
        select(_sign_up.id)
        .join(table(ActivitySession), _session.id == _sign_up.session_id)
        .where(_sign_up.contact_id == contact_id, _sign_up.active_key.is_not(None), _session.ends_at > now)
        .order_by(_sign_up.session_id)
    ):
        promoted += (await cancel_sign_up(tx, row.id, contact_id, now))[1]
    return promoted


async def hold(tx: Transaction, contact_id: str) -> None:
    """Hold her addresses: a message of hers waits until she is forgotten, then begins a new file.

    To be called before anything is decided: what she is writing right now is waited for, and then counts.
    """
    if tx.dialect == "sqlite":
        # Zeros over what is taken out, so that the wrapped key is not left in the file.
        await tx.execute(text("PRAGMA secure_delete = ON"))
    await tx.rows(
        select(_identity.id)
        .where(_identity.contact_id == contact_id)
        .order_by(_identity.address_digest)
        .with_for_update()
    )


async def _take_back_referrals(tx: Transaction, contact_id: str, now: datetime) -> None:
    """No unit sees anything of hers any more; that something was passed on to whom stays, without what."""
    one = table(Referral).c
    running = ("draft", "submitted", "open", "accepted")
    await tx.execute(
        update(table(Referral))
        .where(one.contact_id == contact_id, one.state.in_(running))
        .values(state="revoked", closed_at=now, version=one.version + 1)
    )
    hers = select(one.id).where(one.contact_id == contact_id)
    await tx.execute(delete(table(ReferralLink)).where(table(ReferralLink).c.referral_id.in_(hers)))


async def _close_rooms(tx: Transaction, contact_id: str) -> None:
    """Rooms of the web chat are found by her address there, which only her key opens."""
    rows = await tx.rows(
        select(_identity.address_sealed, _contact.wrapped_key)
        .join(table(Contact), _contact.id == _identity.contact_id)
        .where(_identity.contact_id == contact_id, _contact.wrapped_key.is_not(None))
    )
    rooms = [
        tx.keys.contact_key(contact_id, row.wrapped_key).open("identity.address", row.address_sealed)
        for row in rows
        if row.address_sealed
    ]
    await tx.execute(delete(table(ChatPass)).where(table(ChatPass).c.room_id.in_(rooms)))
    await tx.execute(delete(table(ChatRoom)).where(table(ChatRoom).c.id.in_(rooms)))


async def _finish(tx: Transaction, contact_id: str, now: datetime) -> None:
    await tx.execute(
        update(table(ErasureRequest))
        .where(_request.contact_id == contact_id, _request.done_at.is_(None), _request.revoked_at.is_(None))
        .values(done_at=now, postponed="")
    )
