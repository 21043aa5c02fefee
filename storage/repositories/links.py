"""One woman on several channels: a code of hers joins two files into one, and a channel can leave it again.

The file whose code it is goes on; the other's rows become hers, still sealed as they were: her key becomes a bundle
that opens both. Whatever either file says to her protection holds afterwards for both.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, delete, func, select, update

from bot.messages import OutboundClass
from storage.database import AnyRow, Transaction
from storage.models import (
    ArticleFeedback,
    Contact,
    Conversation,
    Delivery,
    ErasureRequest,
    Identity,
    IdentityLink,
    InboundMessage,
    Outbox,
    SafetyPlan,
    SignUp,
    TopicSubscription,
    metadata,
    new_id,
    table,
)
from storage.repositories import access
from storage.repositories.hers import LARGE, said_with, talks_of

#: So long a code can be said on the other channel.
GOOD_FOR = timedelta(minutes=15)
DIGITS = 10

_link = table(IdentityLink).c
_contact = table(Contact).c
_conversation = table(Conversation).c
_identity = table(Identity).c
_inbound = table(InboundMessage).c
_outbox = table(Outbox).c
_request = table(ErasureRequest).c
_sign_up = table(SignUp).c
_feedback = table(ArticleFeedback).c
_plan = table(SafetyPlan).c
_delivery = table(Delivery).c
_topic = table(TopicSubscription).c


async def make_code(tx: Transaction, contact_id: str, now: datetime) -> str:
    """A code of ten digits for her, good for a quarter of an hour; an older one counts no more."""
    await tx.execute(
        update(table(IdentityLink))
        .where(_link.contact_id == contact_id, _link.used_at.is_(None))
        .values(code_digest=None)
    )
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    row = {"id": new_id(), "contact_id": contact_id, "code_digest": _digest(tx, code)}
    await tx.insert(IdentityLink, row | {"made_at": now, "expires_at": now + GOOD_FOR})
    return code


async def say_code(tx: Transaction, contact_id: str, identity_id: str, code: str, now: datetime) -> str:
    """What a code said on another channel comes to: joined (soon), unknown, same, other_way, busy.

    other_way: only this side has a 安全词, which cannot be carried over. busy: one of both is locked, or about to be
    erased.
    """
    row = await tx.first(
        select(table(IdentityLink)).where(
            _link.code_digest == _digest(tx, code), _link.used_at.is_(None), _link.expires_at > now
        )
    )
    if row is None:
        return "unknown"
    if row.contact_id == contact_id:
        return "same"
    theirs, mine = await _file(tx, row.contact_id), await _file(tx, contact_id)
    if theirs is None or mine is None or theirs.locked_at or mine.locked_at:
        return "busy"
    standing = select(_request.id).where(
        _request.contact_id.in_((row.contact_id, contact_id)),
        _request.revoked_at.is_(None),
        _request.done_at.is_(None),
    )
    if await tx.first(standing.limit(1)) is not None:
        return "busy"
    if mine.safeword_digest is not None and theirs.safeword_digest is None:
        return "other_way"
    used = {"identity_id": identity_id, "used_at": now, "code_digest": None, "was_contact_id": contact_id}
    await tx.execute(update(table(IdentityLink)).where(_link.id == row.id).values(**used))
    tx.wake("links")
    return "joined"


async def ask_part(tx: Transaction, identity_id: str, now: datetime) -> bool:
    """She wants this channel out of her file, once this turn is over; False when it is her only one."""
    row = await tx.first(select(_identity.contact_id).where(_identity.id == identity_id))
    if row is None or not await _has_others(tx, row.contact_id, identity_id):
        return False
    wish = {"id": new_id(), "contact_id": row.contact_id, "identity_id": identity_id, "parts": True}
    await tx.insert(IdentityLink, wish | {"made_at": now, "expires_at": now, "used_at": now})
    tx.wake("links")
    return True


async def waiting(tx: Transaction) -> list[str]:
    """Ids of wishes, to join or to part, that nobody has fulfilled yet, in their order."""
    rows = await tx.rows(
        select(_link.id).where(_link.used_at.is_not(None), _link.done_at.is_(None)).order_by(_link.used_at, _link.id)
    )
    return [row.id for row in rows]


async def fulfil(tx: Transaction, link_id: str, now: datetime) -> bool:
    """Join or part, as the wish says; False while it has to wait. Done twice it changes nothing more.

    Waits for what she writes at the moment.
    """
    link = await tx.first(
        select(table(IdentityLink)).where(_link.id == link_id, _link.done_at.is_(None)).with_for_update()
    )
    if link is None:
        return True
    if link.parts:
        if await _is_talking(tx, link.identity_id):
            return False
        await part(tx, link.identity_id, now)
    elif not await _join(tx, link.contact_id, link.was_contact_id, now):
        return False
    await tx.execute(update(table(IdentityLink)).where(_link.id == link_id).values(done_at=now))
    return True


async def _join(tx: Transaction, into: str, gone: str, now: datetime) -> bool:
    """Make two files one; False while one of both is locked by a 安全词 said since: it waits until that is over."""
    await tx.rows(
        select(_identity.id)
        .where(_identity.contact_id.in_((into, gone)))
        .order_by(_identity.address_digest)
        .with_for_update()
    )
    hers, other = await _file(tx, into), await _file(tx, gone)
    if hers is None or other is None:
        return True  # one of both was forgotten meanwhile
    if hers.locked_at is not None or other.locked_at is not None:
        return False
    await _clear_the_way(tx, into, gone)
    talks = await talks_of(tx, gone)
    for one in metadata.sorted_tables:
        for column in _references(one):
            condition = said_with(one, gone, talks) if one.name in LARGE else column == gone
            await tx.execute(update(one).where(condition).values({column.name: into}))
    await tx.execute(update(table(Contact)).where(_contact.id == into).values(**_both(tx, hers, other)))
    await tx.execute(delete(table(Contact)).where(_contact.id == gone))
    tx.keys.forget(gone)
    joined = await _file(tx, into)
    assert joined is not None
    await access.let_go_of_recused(tx, into, tx.keys.contact_key(into, joined.wrapped_key), now)
    await _touch(tx, into)
    return True


async def _is_talking(tx: Transaction, identity_id: str) -> bool:
    """Whether something she said on a channel is still unanswered, or its answer on the way: sealed by her key."""
    unheard = select(_inbound.id).where(_inbound.identity_id == identity_id, _inbound.handled_at.is_(None))
    unsaid = select(_outbox.id).where(
        _outbox.identity_id == identity_id,
        _outbox.outbound_class == OutboundClass.ANSWER.value,
        _outbox.state.in_(("queued", "sending")),
    )
    return await tx.first(unheard.limit(1)) is not None or await tx.first(unsaid.limit(1)) is not None


async def part(tx: Transaction, identity_id: str, now: datetime) -> bool:
    """Take one channel out of her file: whoever writes there begins a new one. False when it is her only one.

    What was said there stays with her; nothing of it can be read from that channel any more.
    """
    row = await tx.first(
        select(table(Identity), _contact.wrapped_key)
        .join(table(Contact), _contact.id == _identity.contact_id)
        .where(_identity.id == identity_id, _contact.wrapped_key.is_not(None))
        .with_for_update(of=table(Identity))
    )
    if row is None:
        return False
    if not await _has_others(tx, row.contact_id, identity_id):
        return False
    address = tx.keys.contact_key(row.contact_id, row.wrapped_key).open("identity.address", row.address_sealed)
    contact_id = new_id()
    key, wrapped = tx.keys.new_contact_key(contact_id)
    await tx.insert(Contact, {"id": contact_id, "wrapped_key": wrapped, "created_at": now})
    await tx.execute(
        update(table(Conversation))
        .where(_conversation.identity_id == identity_id, _conversation.state != "closed")
        .values(state="closed", holder_id=None, closed_at=now, outcome="silent", version=_conversation.version + 1)
    )
    await tx.execute(
        update(table(Identity))
        .where(_identity.id == identity_id)
        .values(
            contact_id=contact_id,
            address_sealed=key.seal("identity.address", address),
            conversation_id=None,
        )
    )
    await _touch(tx, row.contact_id)
    return True


async def identities_of(tx: Transaction, contact_id: str) -> list[AnyRow]:
    """The channels she is known on: id, channel, created_at, last_inbound_at, unfollowed_at, the oldest first."""
    return list(
        await tx.rows(
            select(
                _identity.id,
                _identity.channel,
                _identity.created_at,
                _identity.last_inbound_at,
                _identity.unfollowed_at,
            )
            .where(_identity.contact_id == contact_id, _identity.group_id.is_(None))
            .order_by(_identity.id)
        )
    )


async def joined_into(tx: Transaction, contact_id: str) -> list[str]:
    """Ids of files that went into hers: their keys, too, may still be in the memory of a process."""
    rows = await tx.rows(
        select(_link.was_contact_id).where(_link.contact_id == contact_id, _link.was_contact_id != "")
    )
    return [row.was_contact_id for row in rows]


async def _has_others(tx: Transaction, contact_id: str, identity_id: str) -> bool:
    others = select(_identity.id).where(_identity.contact_id == contact_id, _identity.id != identity_id)
    return await tx.first(others.limit(1)) is not None


async def _file(tx: Transaction, contact_id: str) -> AnyRow | None:
    return await tx.first(select(table(Contact)).where(_contact.id == contact_id, _contact.wrapped_key.is_not(None)))


def _references(one: Table) -> list[Any]:
    return [key.parent for key in one.foreign_keys if key.column is _contact.id]


async def _clear_the_way(tx: Transaction, into: str, gone: str) -> None:
    """Where the database lets one woman have only one: her last opinion of an article, the numbers of her plans.

    Two sign-ups for one session stay two, both seats were promised: the second keeps the key it has.
    """
    rated = select(_feedback.article_id).where(_feedback.contact_id == into)
    await tx.execute(
        delete(table(ArticleFeedback)).where(_feedback.contact_id == gone, _feedback.article_id.in_(rated))
    )
    wanted = select(_topic.topic).where(_topic.contact_id == into)
    await tx.execute(delete(table(TopicSubscription)).where(_topic.contact_id == gone, _topic.topic.in_(wanted)))
    signed = select(_sign_up.session_id).where(_sign_up.contact_id == into, _sign_up.active_key.is_not(None))
    await tx.execute(
        update(table(SignUp))
        .where(_sign_up.contact_id == gone, _sign_up.active_key.is_not(None), _sign_up.session_id.not_in(signed))
        .values(active_key=_sign_up.session_id + f":{into}")
    )
    await _one_copy(tx, into, gone)
    last = await tx.first(select(func.max(_plan.number)).where(_plan.contact_id.in_((into, gone))))
    if last is not None and last[0]:
        # Hers in her own file is the one in use, whatever was written on the other channel.
        await tx.execute(
            update(table(SafetyPlan)).where(_plan.contact_id == into).values(number=_plan.number + last[0])
        )


async def _one_copy(tx: Transaction, into: str, gone: str) -> None:
    """Of a notice that was on its way to both files she gets one copy: what waits is not sent again."""
    rows = await tx.rows(
        select(_delivery.id, _delivery.campaign_id, _delivery.recipient, _delivery.state).where(
            _delivery.recipient.in_((into, gone))
        )
    )
    theirs = {row.campaign_id: row for row in rows if row.recipient == gone}
    for row in rows:
        other = theirs.get(row.campaign_id)
        if row.recipient == gone or other is None:
            continue
        waits = other if other.state == "queued" else row
        if waits.state == "queued":
            await _skip(tx, waits.id)
    both = [row.campaign_id for row in rows if row.recipient == into and row.campaign_id in theirs]
    await tx.execute(
        update(table(Delivery))
        .where(_delivery.recipient == gone, _delivery.campaign_id.not_in(both))
        .values(recipient=into)
    )


async def _skip(tx: Transaction, delivery_id: str) -> None:
    await tx.execute(
        update(table(Delivery))
        .where(_delivery.id == delivery_id, _delivery.state == "queued")
        .values(state="skipped", error_code="linked", error_sentence="她在另一个渠道已经收到或会收到这一条")
    )


def _both(tx: Transaction, hers: AnyRow, other: AnyRow) -> dict[str, Any]:
    """The columns of the one file: whatever protects her in either holds."""
    key = tx.keys.contact_key(hers.id, hers.wrapped_key)
    other_key = tx.keys.contact_key(other.id, other.wrapped_key)
    wishes: dict[str, Any] = key.open_json("contact.wishes", hers.wishes_sealed, {})
    their_wishes: dict[str, Any] = other_key.open_json("contact.wishes", other.wishes_sealed, {})
    merged = _narrowest(their_wishes, wishes) if their_wishes or wishes else {}
    opted_out = hers.opted_out_at or other.opted_out_at
    values: dict[str, Any] = {
        "wrapped_key": tx.keys.join(hers.id, hers.wrapped_key, other.id, other.wrapped_key),
        "wishes_sealed": key.seal_json("contact.wishes", merged) if merged else None,
        "opted_out_at": opted_out,
        "stopped_all_at": hers.stopped_all_at or other.stopped_all_at,
        "consented_at": None if opted_out else hers.consented_at or other.consented_at,
        "violence_case_at": hers.violence_case_at or other.violence_case_at,
        "reminders": "none" if "none" in (hers.reminders, other.reminders) else hers.reminders or other.reminders,
        "area_id": hers.area_id or other.area_id,
        "created_at": min(hers.created_at, other.created_at),
    }
    for name in ("name", "phone"):
        if getattr(hers, f"{name}_sealed") is None and getattr(other, f"{name}_sealed") is not None:
            said = other_key.open(f"contact.{name}", getattr(other, f"{name}_sealed"))
            values[f"{name}_sealed"] = key.seal(f"contact.{name}", said)
    if hers.phone_digest is None:
        values["phone_digest"] = other.phone_digest
    return values


def _narrowest(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Two wishes of one woman as one, as kept: only what both allow is allowed; where nothing is, we never begin.

    What is no wish at all (an empty list, no hours) takes nothing from the other. The second one's story is told.
    """
    both = {**first, **second}
    never = bool(first.get("do_not_initiate") or second.get("do_not_initiate"))
    for name in ("channels", "days"):
        one, other = first.get(name) or (), second.get(name) or ()
        both[name] = [item for item in one if item in other] if one and other else list(one or other)
        never = never or (bool(one and other) and not both[name])
    spans = [(one["not_before"], one["not_after"]) for one in (first, second) if one.get("not_before")]
    if len(set(spans)) == 2:  # HH:MM sorts as the clock goes
        begin, end = max(span[0] for span in spans), min(span[1] for span in spans)
        never = never or begin >= end or any(span[0] > span[1] for span in spans)
        both["not_before"], both["not_after"] = spans[1] if never else (begin, end)
    elif spans:
        both["not_before"], both["not_after"] = spans[0]
    asked = [one["allow_broadcast"] for one in (first, second) if "allow_broadcast" in one]
    both["allow_broadcast"] = bool(asked) and all(asked)
    both["cover_story"] = second.get("cover_story") or first.get("cover_story") or ""
    both["source"] = [*first.get("source", ()), *second.get("source", ())][-20:]
    both["do_not_initiate"] = never
    return both


async def _touch(tx: Transaction, contact_id: str) -> None:
    """Pages of hers are out of date."""
    await tx.execute(
        update(table(Conversation))
        .where(_conversation.contact_id == contact_id)
        .values(version=_conversation.version + 1)
    )


def _digest(tx: Transaction, code: str) -> bytes:
    return tx.keys.digest("link", code)
