"""Sign-ups that are due a reminder."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update

from storage.database import AnyRow, Transaction
from storage.models import Activity, ActivitySession, Contact, SignUp, table
from storage.repositories import outbox

_activity = table(Activity).c
_session = table(ActivitySession).c
_sign_up = table(SignUp).c
_contact = table(Contact).c


async def coming(
    tx: Transaction, begin: datetime, end: datetime, *, signed_before: datetime, limit: int = 500
) -> Sequence[AnyRow]:
    """Confirmed sign-ups of sessions that start in [begin, end) and were not reminded yet."""
    return await tx.rows(
        select(
            _sign_up.id,
            _sign_up.contact_id,
            _sign_up.identity_id,
            _activity.title,
            _session.place,
            _session.starts_at,
            _contact.wrapped_key,
        )
        .join(table(ActivitySession), _session.id == _sign_up.session_id)
        .join(table(Activity), _activity.id == _session.activity_id)
        .join(table(Contact), _contact.id == _sign_up.contact_id)
        .where(
            _sign_up.state == "confirmed",
            _sign_up.reminded_at.is_(None),
            _sign_up.created_at < signed_before,
            _activity.status == "open",
            _session.starts_at >= begin,
            _session.starts_at < end,
            _contact.wrapped_key.is_not(None),
        )
        .order_by(_sign_up.id)
        .limit(limit)
        .with_for_update(of=table(SignUp), skip_locked=True)
    )


async def tell(tx: Transaction, sign_up: AnyRow, text: str, now: datetime) -> None:
    """Note the reminder as an outbox row and the sign-up as reminded."""
    await tx.execute(update(table(SignUp)).where(_sign_up.id == sign_up.id).values(reminded_at=now))
    key = tx.keys.contact_key(sign_up.contact_id, sign_up.wrapped_key)
    await outbox.queue_reminder(
        tx,
        key,
        contact_id=sign_up.contact_id,
        identity_id=sign_up.identity_id,
        idempotency_key=f"reminder:{sign_up.id}",
        text=text,
        now=now,
    )
