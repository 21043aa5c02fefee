"""Sign-ups that are due a reminder, and what is waiting to be said and is true no more."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from bot.messages import PRIORITY, OutboundClass
from storage.database import AnyRow, Transaction
from storage.models import Activity, ActivitySession, Contact, Identity, Outbox, SignUp, table
from storage.repositories import outbox

_activity = table(Activity).c
_session = table(ActivitySession).c
_sign_up = table(SignUp).c
_contact = table(Contact).c
_identity = table(Identity).c
_outbox = table(Outbox).c


async def coming(
    tx: Transaction, begin: datetime, end: datetime, *, signed_before: datetime, after: str = "", limit: int = 500
) -> Sequence[AnyRow]:
    """Confirmed sign-ups of sessions that start in (begin, end), not reminded yet, of women who want reminders.

    Activity and session stay locked until the end of the transaction: who changes or cancels them waits, and then
    sees what was queued here.
    """
    return await tx.rows(
        select(
            _sign_up.id,
            _sign_up.contact_id,
            _sign_up.identity_id,
            _session.place,
            _session.starts_at,
            _identity.channel,
            _contact.reminders,
            _contact.wishes_sealed,
            _contact.wrapped_key,
        )
        .join(table(ActivitySession), _session.id == _sign_up.session_id)
        .join(table(Activity), _activity.id == _session.activity_id)
        .join(table(Contact), _contact.id == _sign_up.contact_id)
        .join(table(Identity), _identity.id == _sign_up.identity_id)
        .where(
            _sign_up.id > after,
            _sign_up.state == "confirmed",
            _sign_up.reminded_at.is_(None),
            _sign_up.created_at < signed_before,
            _activity.status == "open",
            _session.starts_at > begin,
            _session.starts_at < end,
            _contact.wrapped_key.is_not(None),
            _contact.reminders != "none",
        )
        .order_by(_sign_up.id)
        .limit(limit)
        .with_for_update(of=(table(SignUp), table(ActivitySession), table(Activity)), skip_locked=True)
    )


def wishes_of(tx: Transaction, row: AnyRow) -> dict[str, Any]:
    """How she wants to be contacted."""
    if row.wishes_sealed is None:
        return {}
    wishes: dict[str, Any] = tx.keys.contact_key(row.contact_id, row.wrapped_key).open_json(
        "contact.wishes", row.wishes_sealed
    )
    return wishes


async def tell(tx: Transaction, sign_up: AnyRow, text: str, now: datetime) -> None:
    """Note the reminder as an outbox row, good until it begins, and the sign-up as reminded."""
    await tx.execute(update(table(SignUp)).where(_sign_up.id == sign_up.id).values(reminded_at=now))
    key = tx.keys.contact_key(sign_up.contact_id, sign_up.wrapped_key)
    await outbox.queue_reminder(
        tx,
        key,
        contact_id=sign_up.contact_id,
        identity_id=sign_up.identity_id,
        # A session that is moved is another one to be reminded of; one moved back is not.
        idempotency_key=f"reminder:{sign_up.id}:{int(sign_up.starts_at.timestamp())}",
        text=text,
        now=now,
        expires_at=sign_up.starts_at,
    )


async def take_back(tx: Transaction, sign_up_ids: Collection[str], now: datetime) -> None:
    """Skip what waits to be said about these sign-ups: it would be false by now."""
    wanted = set(sign_up_ids)
    if not wanted:
        return
    contacts = select(_sign_up.contact_id).where(_sign_up.id.in_(wanted))
    rows = await tx.rows(
        select(_outbox.id, _outbox.idempotency_key).where(
            _outbox.state == "queued",
            _outbox.priority == PRIORITY[OutboundClass.REMINDER],
            _outbox.contact_id.in_(contacts),
        )
    )
    stale = [row.id for row in rows if ":" in row.idempotency_key and row.idempotency_key.split(":")[1] in wanted]
    await tx.execute(
        update(table(Outbox))
        .where(_outbox.id.in_(stale), _outbox.state == "queued")
        .values(state="skipped", error_code="outdated", finished_at=now)
    )
