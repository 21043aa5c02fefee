"""A session that is moved or called off: whoever signed up is told once, and nothing false goes out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from bot.errors import NotFound
from storage.database import Transaction
from storage.models import Activity, ActivitySession, Contact, SignUp, table
from storage.repositories import outbox, reminders

_activity = table(Activity).c
_session = table(ActivitySession).c
_sign_up = table(SignUp).c
_contact = table(Contact).c


@dataclass(frozen=True, slots=True)
class SessionChange:
    """When and where a session takes place from now on. Times are aware."""

    starts_at: datetime
    ends_at: datetime
    signup_closes_at: datetime
    place: str


async def change_session(
    tx: Transaction, session_id: str, change: SessionChange, say: Callable[[datetime], str], now: datetime
) -> int:
    """Move a session that is still to come and tell who signed up (`say` words it for the old start); how many.

    Nobody is told when neither its start nor its place changed. Raises NotFound.
    """
    # The row first: who reminds or signs up at this moment waits, or has finished.
    await tx.execute(
        update(table(ActivitySession)).where(_session.id == session_id).values(changes=_session.changes + 1)
    )
    old = await tx.first(
        select(_session.starts_at, _session.place, _session.changes)
        .join(table(Activity), _activity.id == _session.activity_id)
        .where(_session.id == session_id, _activity.status == "open", _session.starts_at > now)
    )
    if old is None:
        raise NotFound
    await tx.execute(
        update(table(ActivitySession))
        .where(_session.id == session_id)
        .values(
            starts_at=change.starts_at,
            ends_at=change.ends_at,
            signup_closes_at=change.signup_closes_at,
            place=change.place,
        )
    )
    if (old.starts_at, old.place) == (change.starts_at, change.place):
        return 0
    if old.starts_at != change.starts_at:
        await tx.execute(update(table(SignUp)).where(_sign_up.session_id == session_id).values(reminded_at=None))
    key = f"activity-changed:{{}}:{old.changes}"
    return await _tell(tx, [session_id], key, lambda _: say(old.starts_at), now)


async def cancel_activity(tx: Transaction, activity_id: str, say: Callable[[datetime], str], now: datetime) -> int:
    """Cancel an activity and tell everybody who signed up (`say` words it for a start); how many. Raises NotFound."""
    changed = await tx.execute(
        update(table(Activity))
        .where(_activity.id == activity_id, _activity.status == "open")
        .values(status="cancelled")
    )
    if not changed.rowcount:
        raise NotFound
    sessions = await tx.rows(select(_session.id).where(_session.activity_id == activity_id, _session.starts_at > now))
    return await _tell(tx, [row.id for row in sessions], "activity-cancelled:{}", say, now)


async def _tell(
    tx: Transaction, session_ids: list[str], key: str, say: Callable[[datetime], str], now: datetime
) -> int:
    rows = await tx.rows(
        select(_sign_up.id, _sign_up.contact_id, _sign_up.identity_id, _session.starts_at, _contact.wrapped_key)
        .join(table(ActivitySession), _session.id == _sign_up.session_id)
        .join(table(Contact), _contact.id == _sign_up.contact_id)
        .where(_session.id.in_(session_ids), _sign_up.active_key.is_not(None), _contact.wrapped_key.is_not(None))
    )
    await reminders.take_back(tx, [row.id for row in rows], now)
    for row in rows:
        await outbox.queue_reminder(
            tx,
            tx.keys.contact_key(row.contact_id, row.wrapped_key),
            contact_id=row.contact_id,
            identity_id=row.identity_id,
            idempotency_key=key.format(row.id),
            text=say(row.starts_at),
            now=now,
            expires_at=row.starts_at,
        )
    return len(rows)
