"""Dates of activities, as people are told about them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from bot.errors import NotFound
from storage.database import AnyRow, Transaction
from storage.models import Activity, ActivitySession, table

_activity = table(Activity).c
_session = table(ActivitySession).c


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


async def need_session(tx: Transaction, session_id: str) -> SessionView:
    """One session. Raises NotFound."""
    session = await find_session(tx, session_id)
    if session is None:
        raise NotFound
    return session


def _view(row: AnyRow) -> SessionView:
    values: dict[str, Any] = dict(row._mapping)
    return SessionView(**values)
