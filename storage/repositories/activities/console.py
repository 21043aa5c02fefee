"""Activities as cadres see them: written, listed with their sign-ups, cancelled."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from bot.errors import NotFound
from storage.database import Transaction
from storage.models import Activity, ActivitySession, Contact, SignUp, new_id, table

_activity = table(Activity).c
_session = table(ActivitySession).c
_sign_up = table(SignUp).c
_contact = table(Contact).c


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


async def find_line(tx: Transaction, session_id: str) -> ActivityLine:
    """One session as the console shows it, cancelled or not. Raises NotFound."""
    row = await tx.first(_LINES.where(_session.id == session_id))
    if row is None:
        raise NotFound
    return ActivityLine(**row._mapping)


async def sessions_between(tx: Transaction, begin: datetime, end: datetime) -> list[ActivityLine]:
    """Sessions that start in [begin, end), cancelled ones too, the first first."""
    rows = await tx.rows(
        _LINES.where(_session.starts_at >= begin, _session.starts_at < end).order_by(_session.starts_at)
    )
    return [ActivityLine(**row._mapping) for row in rows]
