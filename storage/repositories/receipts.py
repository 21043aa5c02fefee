"""What platforms report of our own messages, and what went out by another way than ours."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from bot.messages import DeliveryState, Receipt
from storage.database import Transaction
from storage.models import Identity, Outbox, new_id, table
from storage.repositories import outbox

_outbox = table(Outbox).c
_identity = table(Identity).c
#: How far the clocks of the platform and ours may differ about one submit.
_SAME_SUBMIT = timedelta(minutes=10)


async def note_receipt(tx: Transaction, channel: str, receipt: Receipt, now: datetime) -> bool:
    """Record what the platform reports of a row, by the row's id or by its own; False when no row fits.

    A row that failed is final; a crisis row that failed alarms staff.
    """
    same = _outbox.id == receipt.row_id if receipt.row_id else _outbox.platform_id == receipt.platform_id
    row = await tx.first(
        select(_outbox.id, _outbox.crisis, _outbox.conversation_id)
        .join(table(Identity), _identity.id == _outbox.identity_id)
        .where(same, _identity.channel == channel, _outbox.state.in_(("sending", "sent", "unknown", "delivered")))
        .with_for_update(of=table(Outbox))
    )
    if row is None:
        return False
    await tx.execute(
        update(table(Outbox))
        .where(_outbox.id == row.id)
        .values(
            state=receipt.state.value,
            finished_at=now,
            error_code=receipt.code[:32],
            error_sentence=receipt.sentence[:255],
        )
    )
    if row.conversation_id:
        await outbox.touch(tx, row.conversation_id)
    if row.crisis and receipt.state is DeliveryState.FAILED:
        await outbox.alarm(tx, row.conversation_id, "crisis_failed", now, outbox_id=row.id)
    return True


async def note_sent_elsewhere(tx: Transaction, row: dict[str, Any]) -> None:
    """Keep a text that went out by another way (a member's in the platform's client), once a key."""
    await tx.insert_if_new(Outbox, {"id": new_id(), **row})


async def settle_unknown(tx: Transaction, channel: str, identity_id: str, receipt: Receipt, now: datetime) -> bool:
    """A report of something nobody knows by its id: it is the one submit to this person that got no answer then.

    False when it could be another: more than one unknown row, or one that is still being sent.
    """
    assert receipt.submitted_at is not None
    rows = await tx.rows(
        select(_outbox.id, _outbox.state)
        .where(
            _outbox.identity_id == identity_id,
            _outbox.state.in_(("unknown", "sending")),
            _outbox.claimed_at > receipt.submitted_at - _SAME_SUBMIT,
            _outbox.claimed_at < receipt.submitted_at + _SAME_SUBMIT,
        )
        .with_for_update(of=table(Outbox))
    )
    if len(rows) != 1 or rows[0].state != "unknown":
        return False
    named = update(table(Outbox)).where(_outbox.id == rows[0].id).values(platform_id=receipt.platform_id)
    await tx.execute(named)
    return await note_receipt(tx, channel, receipt, now)
