"""Signing up and leaving: seats while they last, the rest wait in order."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select, update

from bot.errors import NotFound
from storage.database import AnyRow, Transaction
from storage.encryption import DataKey
from storage.models import ActivitySession, Contact, SignUp, new_id, table
from storage.repositories import outbox, reminders
from storage.repositories.activities.sessions import SessionView, find_session, need_session

_session = table(ActivitySession).c
_sign_up = table(SignUp).c
_contact = table(Contact).c


@dataclass(frozen=True, slots=True)
class SignUpView:
    """One sign-up as its owner sees it; `place_in_line` counts from 1 while she waits."""

    id: str
    session: SessionView
    seats: int
    state: str
    place_in_line: int = 0
    #: False when she had signed up before and nothing changed.
    is_new: bool = True


@dataclass(frozen=True, slots=True)
class Promotion:
    """A woman on the waiting list who got seats because others left."""

    sign_up_id: str
    contact_id: str
    identity_id: str
    session: SessionView
    seats: int


async def sign_up(
    tx: Transaction,
    session_id: str,
    *,
    contact_id: str,
    identity_id: str,
    seats: int,
    now: datetime,
    key: DataKey,
    name: str = "",
) -> SignUpView:
    """Sign up for `seats`: confirmed while they last, else on the waiting list; twice is once.

    Raises NotFound when the session is gone or sign-up has closed.
    """
    # Counting up first locks the session's row, so that everybody else waits here and the order is fair.
    counted = await tx.execute(
        update(table(ActivitySession))
        .where(_session.id == session_id, _session.signup_closes_at > now)
        .values(last_position=_session.last_position + 1)
    )
    session = await find_session(tx, session_id)
    if not counted.rowcount or session is None:
        raise NotFound
    active_key = f"{session_id}:{contact_id}"
    existing = await tx.first(select(table(SignUp)).where(_sign_up.active_key == active_key))
    if existing is not None:
        return replace(await _sign_up_view(tx, existing, session), is_new=False)
    position = await tx.first(select(_session.last_position).where(_session.id == session_id))
    waiting = await tx.first(
        select(_sign_up.id).where(_sign_up.session_id == session_id, _sign_up.state == "waiting").limit(1)
    )
    confirmed = False
    if waiting is None:
        taken = await tx.execute(
            update(table(ActivitySession))
            .where(_session.id == session_id, _session.taken + seats <= _session.capacity)
            .values(taken=_session.taken + seats)
        )
        confirmed = bool(taken.rowcount)
    row = {
        "id": new_id(),
        "session_id": session_id,
        "contact_id": contact_id,
        "identity_id": identity_id,
        "active_key": active_key,
        "seats": seats,
        "state": "confirmed" if confirmed else "waiting",
        "position": position[0] if position else 0,
        "name_sealed": key.seal("sign_up.name", name) if name else None,
        "created_at": now,
    }
    await tx.insert(SignUp, row)
    stored = await tx.first(select(table(SignUp)).where(_sign_up.id == row["id"]))
    assert stored is not None
    return await _sign_up_view(tx, stored, await need_session(tx, session_id))


async def sign_ups_of(tx: Transaction, contact_id: str, now: datetime) -> list[SignUpView]:
    """What one woman has signed up for and is still to come, the next first."""
    rows = await tx.rows(
        select(table(SignUp))
        .join(table(ActivitySession), _session.id == _sign_up.session_id)
        .where(_sign_up.contact_id == contact_id, _sign_up.active_key.is_not(None), _session.ends_at > now)
        .order_by(_session.starts_at, _sign_up.id)
    )
    views = []
    for row in rows:
        session = await find_session(tx, row.session_id)
        if session is not None:
            views.append(await _sign_up_view(tx, row, session))
    return views


async def cancel_sign_up(
    tx: Transaction, sign_up_id: str, contact_id: str, now: datetime
) -> tuple[SignUpView, list[Promotion]]:
    """Cancel her own sign-up; who moves up because of it, to be told. Raises NotFound."""
    row = await tx.first(
        select(table(SignUp)).where(
            _sign_up.id == sign_up_id, _sign_up.contact_id == contact_id, _sign_up.active_key.is_not(None)
        )
    )
    if row is None:
        raise NotFound
    # The session's row first, always: two who cancel at once must not promote the same woman.
    await tx.execute(
        update(table(ActivitySession))
        .where(_session.id == row.session_id)
        .values(taken=_session.taken - (row.seats if row.state == "confirmed" else 0))
    )
    ended = await tx.execute(
        update(table(SignUp))
        .where(_sign_up.id == sign_up_id, _sign_up.active_key.is_not(None))
        .values(state="cancelled", active_key=None, cancelled_at=now)
    )
    if not ended.rowcount:
        raise NotFound
    await reminders.take_back(tx, [sign_up_id], now)
    session = await need_session(tx, row.session_id)
    view = SignUpView(row.id, session, row.seats, "cancelled")
    return view, await _promote(tx, row.session_id, now)


async def tell_promoted(tx: Transaction, promotion: Promotion, text: str, now: datetime) -> None:
    """Tell a woman of the waiting list that she has seats now: a reminder, through the gate like all others."""
    row = await tx.first(select(_contact.wrapped_key).where(_contact.id == promotion.contact_id))
    if row is None or row.wrapped_key is None:
        return
    await outbox.queue_reminder(
        tx,
        tx.keys.contact_key(promotion.contact_id, row.wrapped_key),
        contact_id=promotion.contact_id,
        identity_id=promotion.identity_id,
        idempotency_key=f"promoted:{promotion.sign_up_id}",
        text=text,
        now=now,
        expires_at=promotion.session.starts_at,
    )


async def _promote(tx: Transaction, session_id: str, now: datetime) -> list[Promotion]:
    """Confirm from the head of the waiting list while seats fit; nobody is overtaken by a later, smaller wish."""
    promoted = []
    waiting = await tx.rows(
        select(table(SignUp))
        .where(_sign_up.session_id == session_id, _sign_up.state == "waiting")
        .order_by(_sign_up.position)
    )
    for row in waiting:
        taken = await tx.execute(
            update(table(ActivitySession))
            .where(_session.id == session_id, _session.taken + row.seats <= _session.capacity)
            .values(taken=_session.taken + row.seats)
        )
        if not taken.rowcount:
            break
        await tx.execute(
            update(table(SignUp)).where(_sign_up.id == row.id).values(state="confirmed", promoted_at=now)
        )
        session = await need_session(tx, session_id)
        promoted.append(Promotion(row.id, row.contact_id, row.identity_id, session, row.seats))
    return promoted


async def _sign_up_view(tx: Transaction, row: AnyRow, session: SessionView) -> SignUpView:
    place = 0
    if row.state == "waiting":
        before = await tx.first(
            select(func.count()).where(
                _sign_up.session_id == row.session_id,
                _sign_up.state == "waiting",
                _sign_up.position <= row.position,
            )
        )
        place = before[0] if before else 0
    return SignUpView(row.id, session, row.seats, row.state, place)
