"""Activities, their sessions and sign-ups: never oversold, the rest wait in order."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from bot.errors import NotFound
from storage.database import AnyRow, Transaction
from storage.encryption import DataKey
from storage.models import Activity, ActivitySession, Contact, SignUp, new_id, table
from storage.repositories import outbox

_activity = table(Activity).c
_session = table(ActivitySession).c
_sign_up = table(SignUp).c
_contact = table(Contact).c


@dataclass(frozen=True, slots=True)
class SessionView:
    """One date of an activity, as people are told about it. Times are aware UTC."""

    id: str
    activity_id: str
    title: str
    description: str
    audience: str
    fee: str
    phone: str
    place: str
    starts_at: datetime
    ends_at: datetime
    signup_closes_at: datetime
    capacity: int
    taken: int
    most_per_person: int

    @property
    def left(self) -> int:
        """Seats nobody has taken yet."""
        return self.capacity - self.taken


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


_SESSIONS = (
    select(
        _session.id,
        _session.activity_id,
        _activity.title,
        _activity.description,
        _activity.audience,
        _activity.fee,
        _activity.contact_phone.label("phone"),
        _session.place,
        _session.starts_at,
        _session.ends_at,
        _session.signup_closes_at,
        _session.capacity,
        _session.taken,
        _session.most_per_person,
    )
    .join(table(Activity), _activity.id == _session.activity_id)
    .where(_activity.status == "open")
)


async def open_sessions(tx: Transaction, now: datetime, limit: int = 9) -> list[SessionView]:
    """Sessions one can still sign up for, the next first."""
    rows = await tx.rows(
        _SESSIONS.where(_session.signup_closes_at > now).order_by(_session.starts_at, _session.id).limit(limit)
    )
    return [_view(row) for row in rows]


async def find_session(tx: Transaction, session_id: str) -> SessionView | None:
    """One session of an activity that was not cancelled."""
    row = await tx.first(_SESSIONS.where(_session.id == session_id))
    return _view(row) if row else None


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
    return await _sign_up_view(tx, stored, await _need_session(tx, session_id))


async def sign_ups_of(tx: Transaction, contact_id: str, now: datetime) -> list[SignUpView]:
    """What one woman has signed up for and is still to come, the next first."""
    rows = await tx.rows(
        select(table(SignUp))
        .join(table(ActivitySession), _session.id == _sign_up.session_id)
        .where(_sign_up.contact_id == contact_id, _sign_up.active_key.is_not(None), _session.ends_at > now)
        .order_by(_session.starts_at)
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
    session = await _need_session(tx, row.session_id)
    view = SignUpView(row.id, session, row.seats, "cancelled")
    return view, await _promote(tx, row.session_id, now)


async def create_activity(
    tx: Transaction,
    *,
    title: str,
    description: str,
    place: str,
    starts_at: datetime,
    ends_at: datetime,
    signup_closes_at: datetime,
    capacity: int,
    now: datetime,
    audience: str = "",
    fee: str = "免费",
    phone: str = "",
    most_per_person: int = 5,
    created_by: str | None = None,
) -> str:
    """A new activity with its first session; the activity's id."""
    activity_id = new_id()
    await tx.insert(
        Activity,
        {
            "id": activity_id,
            "title": title,
            "description": description,
            "audience": audience,
            "fee": fee,
            "contact_phone": phone,
            "created_by": created_by,
            "created_at": now,
        },
    )
    await tx.insert(
        ActivitySession,
        {
            "id": new_id(),
            "activity_id": activity_id,
            "place": place,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "signup_closes_at": signup_closes_at,
            "capacity": capacity,
            "most_per_person": most_per_person,
        },
    )
    return activity_id


@dataclass(frozen=True, slots=True)
class ActivityLine:
    """An activity's session in the console's list."""

    activity_id: str
    session_id: str
    title: str
    status: str
    place: str
    starts_at: datetime
    capacity: int
    taken: int
    waiting: int


_WAITING = (
    select(func.count())
    .where(_sign_up.session_id == _session.id, _sign_up.state == "waiting")
    .correlate(table(ActivitySession))
    .scalar_subquery()
)
_LINES = select(
    _activity.id.label("activity_id"),
    _session.id.label("session_id"),
    _activity.title,
    _activity.status,
    _session.place,
    _session.starts_at,
    _session.capacity,
    _session.taken,
    _WAITING.label("waiting"),
).join(table(ActivitySession), _session.activity_id == _activity.id)


async def list_activities(tx: Transaction, limit: int = 100) -> list[ActivityLine]:
    """All activities with their sessions, the latest first."""
    rows = await tx.rows(_LINES.order_by(_session.starts_at.desc()).limit(limit))
    return [ActivityLine(**row._mapping) for row in rows]


@dataclass(frozen=True, slots=True)
class SignUpLine:
    """One row of the list a cadre prints."""

    position: int
    state: str
    seats: int
    name: str
    created_at: datetime


async def list_sign_ups(tx: Transaction, session_id: str) -> list[SignUpLine]:
    """Who signed up, confirmed first, then the waiting list, in order; names opened."""
    rows = await tx.rows(
        select(table(SignUp), _contact.wrapped_key)
        .join(table(Contact), _contact.id == _sign_up.contact_id)
        .where(_sign_up.session_id == session_id, _sign_up.active_key.is_not(None))
        .order_by(_sign_up.state, _sign_up.position)
    )
    lines = []
    for row in rows:
        name = ""
        if row.name_sealed is not None and row.wrapped_key is not None:
            key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
            name = key.open("sign_up.name", row.name_sealed)
        lines.append(SignUpLine(row.position, row.state, row.seats, name, row.created_at))
    return lines


async def cancel_activity(tx: Transaction, activity_id: str, say: Callable[[datetime], str], now: datetime) -> int:
    """Cancel an activity and tell everybody who signed up (`say` words it for a start); how many. Raises NotFound."""
    changed = await tx.execute(
        update(table(Activity))
        .where(_activity.id == activity_id, _activity.status == "open")
        .values(status="cancelled")
    )
    if not changed.rowcount:
        raise NotFound
    rows = await tx.rows(
        select(_sign_up.id, _sign_up.contact_id, _sign_up.identity_id, _session.starts_at, _contact.wrapped_key)
        .join(table(ActivitySession), _session.id == _sign_up.session_id)
        .join(table(Contact), _contact.id == _sign_up.contact_id)
        .where(
            _session.activity_id == activity_id,
            _sign_up.active_key.is_not(None),
            _session.starts_at > now,
            _contact.wrapped_key.is_not(None),
        )
    )
    for row in rows:
        await outbox.queue_reminder(
            tx,
            tx.keys.contact_key(row.contact_id, row.wrapped_key),
            contact_id=row.contact_id,
            identity_id=row.identity_id,
            idempotency_key=f"activity-cancelled:{row.id}",
            text=say(row.starts_at),
            now=now,
        )
    return len(rows)


async def find_line(tx: Transaction, session_id: str) -> ActivityLine:
    """One session as the console shows it, cancelled or not. Raises NotFound."""
    row = await tx.first(_LINES.where(_session.id == session_id))
    if row is None:
        raise NotFound
    return ActivityLine(**row._mapping)


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
        session = await _need_session(tx, session_id)
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


async def _need_session(tx: Transaction, session_id: str) -> SessionView:
    session = await find_session(tx, session_id)
    if session is None:
        raise NotFound
    return session


def _view(row: AnyRow) -> SessionView:
    values: dict[str, Any] = dict(row._mapping)
    return SessionView(**values)
