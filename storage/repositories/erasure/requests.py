"""Wishes to be forgotten: asked, made sure of, taken back, put off while a duty stands in the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select, update

from storage.database import AnyRow, Transaction
from storage.models import (
    ActivitySession,
    Case,
    Conversation,
    ErasureRequest,
    Identity,
    SignUp,
    new_id,
    table,
)

#: So long it can be taken back, by her and by staff (safety.md).
GRACE = timedelta(days=7)
#: Who wrote so lately is still talking with us, or a process is about to answer her.
_SETTLED = timedelta(hours=1)
#: What is promised within 24 hours begins at the latest so long after the days of grace.
_LATEST = timedelta(hours=22)

_request = table(ErasureRequest).c
_case = table(Case).c
_conversation = table(Conversation).c
_identity = table(Identity).c
_session = table(ActivitySession).c
_sign_up = table(SignUp).c


@dataclass(frozen=True, slots=True)
class ErasureView:
    """A wish to be forgotten that still stands."""

    id: str
    source: str
    asked_at: datetime
    due_at: datetime | None
    postponed: str


async def find_open(tx: Transaction, contact_id: str) -> ErasureView | None:
    """Her wish to be forgotten, if one stands."""
    row = await tx.first(
        select(_request.id, _request.source, _request.asked_at, _request.due_at, _request.postponed)
        .where(_request.contact_id == contact_id, _request.revoked_at.is_(None), _request.done_at.is_(None))
        .order_by(_request.source, _request.id)
    )
    return ErasureView(*row) if row else None


async def ask(
    tx: Transaction, contact_id: str, now: datetime, *, sure: bool, source: str = "asked", staff_id: str | None = None
) -> ErasureView:
    """Note her wish, or go on with the one that stands; `sure` (her word, a check by staff) starts the grace."""
    existing = await find_open(tx, contact_id)
    if existing is not None and existing.source == "unfollowed" and source == "asked":
        # What she asks for herself goes further than what leaving the platform started.
        await revoke(tx, contact_id, now)
        existing = None
    if existing is None:
        row = {
            "id": new_id(),
            "contact_id": contact_id,
            "source": source,
            "asked_at": now,
            "checked_by": staff_id,
            "due_at": now + GRACE if sure else None,
            "postponed": await duty(tx, contact_id, source, now) if sure else "",
        }
        await tx.insert(ErasureRequest, row)
    elif sure and existing.due_at is None:
        await tx.execute(
            update(table(ErasureRequest))
            .where(_request.id == existing.id)
            .values(
                due_at=now + GRACE,
                checked_by=staff_id,
                postponed=await duty(tx, contact_id, existing.source, now),
            )
        )
    await _touch(tx, contact_id)
    found = await find_open(tx, contact_id)
    assert found is not None
    return found


async def confirm(tx: Transaction, contact_id: str, staff_id: str, now: datetime) -> ErasureView:
    """Staff made sure that it is she who asks, also when she asked by telephone or at the desk."""
    return await ask(tx, contact_id, now, sure=True, staff_id=staff_id)


async def revoke(tx: Transaction, contact_id: str, now: datetime, staff_id: str | None = None) -> bool:
    """Take back what stands; False when nothing did."""
    changed = await tx.execute(
        update(table(ErasureRequest))
        .where(_request.contact_id == contact_id, _request.revoked_at.is_(None), _request.done_at.is_(None))
        .values(revoked_at=now, revoked_by=staff_id)
    )
    await _touch(tx, contact_id)
    return bool(changed.rowcount)


async def duty(tx: Transaction, contact_id: str, source: str, now: datetime) -> str:
    """The duty that stands in the way: minor, danger; for what leaving the platform started also case, sign_up.

    Empty when nothing does. An open case about harm to a minor or of the highest risk must be kept while it is open
    (mandatory reporting; safety.md, "The data").
    """
    open_cases = await tx.rows(
        select(_case.category, _case.risk, _conversation.risk_kinds)
        .outerjoin(table(Conversation), _conversation.case_id == _case.id)
        .where(_case.contact_id == contact_id, _case.status != "closed")
    )
    if any(row.category == "minors" or "child" in (row.risk_kinds or "").split() for row in open_cases):
        return "minor"
    talks = await tx.rows(
        select(_conversation.state, _conversation.risk).where(
            _conversation.contact_id == contact_id, _conversation.state != "closed"
        )
    )
    if any(row.risk >= 2 for row in (*open_cases, *talks)):
        return "danger"
    if source != "unfollowed":
        return ""
    if open_cases or any(row.state in ("waiting", "held") for row in talks):
        return "case"
    coming = await tx.first(
        select(_sign_up.id)
        .join(table(ActivitySession), _session.id == _sign_up.session_id)
        .where(_sign_up.contact_id == contact_id, _sign_up.active_key.is_not(None), _session.ends_at > now)
        .limit(1)
    )
    return "sign_up" if coming is not None else ""


async def due(tx: Transaction, now: datetime, after: str, limit: int = 50) -> Sequence[AnyRow]:
    """Wishes whose grace is over, after the id `after`: id and contact_id."""
    return await tx.rows(
        select(_request.id, _request.contact_id)
        .where(_request.id > after, *_is_due(now))
        .order_by(_request.id)
        .limit(limit)
    )


async def still_due(tx: Transaction, request_id: str, now: datetime) -> AnyRow | None:
    """The same wish, locked: its source and whether she follows us again (`is_back`); None: due no more."""
    row = await tx.first(
        select(_request.id, _request.contact_id, _request.source)
        .where(_request.id == request_id, *_is_due(now))
        .with_for_update()
    )
    if row is None:
        return None
    back = _identity.contact_id == row.contact_id, _identity.unfollowed_at.is_(None)
    return await tx.first(
        select(_request.source, select(_identity.id).where(*back).exists().label("is_back")).where(
            _request.id == request_id
        )
    )


def _is_due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    talking = (
        select(_identity.id)
        .where(_identity.contact_id == _request.contact_id, _identity.last_inbound_at > now - _SETTLED)
        .exists()
    )
    return (
        _request.due_at <= now,
        _request.revoked_at.is_(None),
        _request.done_at.is_(None),
        # Not in the middle of a talk, but within the day that was promised.
        or_(~talking, _request.due_at <= now - _LATEST),
    )


async def postpone(tx: Transaction, request_id: str, why: str) -> None:
    """A duty stands in the way: it is looked at again with the next run."""
    await tx.execute(update(table(ErasureRequest)).where(_request.id == request_id).values(postponed=why))


async def _touch(tx: Transaction, contact_id: str) -> None:
    """Open pages of her conversations show the banner at once."""
    await tx.execute(
        update(table(Conversation))
        .where(_conversation.contact_id == contact_id, _conversation.state != "closed")
        .values(version=_conversation.version + 1)
    )
