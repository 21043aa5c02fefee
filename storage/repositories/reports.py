"""What platforms report of our messages: kept as it comes, many in one statement, and worked off in batches.

A storm of reports after a send costs one narrow row each; whatever it changes is changed by a worker later.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.messages import DeliveryState, Receipt
from storage.database import AnyRow, Transaction
from storage.models import Delivery, Identity, NoticeGrant, PlatformReport, new_id, table
from storage.repositories import receipts

_report = table(PlatformReport).c
_delivery = table(Delivery).c
_identity = table(Identity).c
#: A report is known again for so long; platforms repeat within a minute.
_REMEMBERED = timedelta(days=1)


async def keep(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Keep reports; one that is known already changes nothing. Rows come from `row_of`."""
    maker: Any = postgresql.insert if tx.dialect == "postgresql" else sqlite.insert
    await tx.execute(maker(table(PlatformReport)).on_conflict_do_nothing(), list(rows))


def row_of(tx: Transaction, place: tuple[str, str, str], key: str, receipt: Receipt, now: datetime) -> dict[str, Any]:
    """The row of one report; `place` is channel, account and the platform's id of who it is about."""
    channel, account, sender = place
    return {
        "id": new_id(),
        "dedupe_digest": tx.keys.digest("report", f"{channel}\0{account}\0{key}"),
        "channel": channel,
        "kind": receipt.kind,
        "row_id": receipt.row_id,
        "platform_id": receipt.platform_id[:64],
        "address_digest": tx.keys.digest("address", f"{channel}\0{account}\0{sender}"),
        "state": receipt.state.value,
        "code": receipt.code[:64],
        "sentence": receipt.sentence[:255],
        "sent_count": receipt.sent_count,
        "submitted_at": receipt.submitted_at,
        "received_at": now,
    }


async def apply(tx: Transaction, limit: int, now: datetime) -> int:
    """Work off the oldest reports; how many there were."""
    rows = await tx.rows(
        select(table(PlatformReport))
        .where(_report.applied_at.is_(None))
        .order_by(_report.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if not rows:
        await tx.execute(delete(table(PlatformReport)).where(_report.applied_at < now - _REMEMBERED))
        return 0
    known = await _deliveries(tx, [row for row in rows if row.kind == "message"])
    for row in rows:
        if row.kind == "grant":
            await _note_grant(tx, row, now)
        elif row.kind == "mass":
            await _note_mass(tx, row, now)
        elif row.id in known:
            await _note(tx, row, _delivery.id == known[row.id], now)
        else:
            await _note_other(tx, row, now)
    await tx.execute(
        update(table(PlatformReport)).where(_report.id.in_([row.id for row in rows])).values(applied_at=now)
    )
    return len(rows)


async def _deliveries(tx: Transaction, rows: Sequence[AnyRow]) -> dict[str, str]:
    """Which delivery each report is about: by our own id, or by the platform's and the address."""
    if not rows:
        return {}
    found = await tx.rows(
        select(_delivery.id, _delivery.platform_id, _identity.address_digest)
        .join(table(Identity), _identity.id == _delivery.identity_id)
        .where(
            _delivery.id.in_([row.row_id for row in rows if row.row_id])
            | _delivery.platform_id.in_([row.platform_id for row in rows if row.platform_id])
        )
    )
    ids = {row.id for row in found}
    named = {(row.platform_id, bytes(row.address_digest)): row.id for row in found}
    result = {}
    for row in rows:
        delivery_id = row.row_id if row.row_id in ids else named.get((row.platform_id, bytes(row.address_digest)))
        if delivery_id:
            result[row.id] = delivery_id
    return result


async def _note(tx: Transaction, row: AnyRow, which: Any, now: datetime) -> None:
    """What a platform says later is truer than what we believed; a failure is final."""
    await tx.execute(
        update(table(Delivery))
        .where(which, _delivery.state.in_(("sending", "sent", "unknown", "delivered")))
        .values(state=row.state, finished_at=now, error_code=row.code[:32], error_sentence=row.sentence)
    )


async def _note_mass(tx: Transaction, row: AnyRow, now: datetime) -> None:
    """A mass message is known to have arrived only where it went to as many as it was meant for."""
    same = (_delivery.platform_id == row.platform_id) & (_delivery.channel == row.channel)
    if row.state == DeliveryState.DELIVERED:
        meant = len(await tx.rows(select(_delivery.id).where(same)))
        if row.sent_count < meant:
            return
    await _note(tx, row, same, now)


async def _note_grant(tx: Transaction, row: AnyRow, now: datetime) -> None:
    who = await tx.first(select(_identity.id).where(_identity.address_digest == row.address_digest))
    if who is None:
        return
    grant = table(NoticeGrant).c
    accepts = row.state == DeliveryState.DELIVERED
    values = {"left": grant.left + 1 if accepts else 0, "changed_at": now}
    changed = await tx.execute(
        update(table(NoticeGrant))
        .where(grant.identity_id == who.id, grant.template_id == row.platform_id)
        .values(**values)
    )
    if not changed.rowcount and accepts:
        await tx.insert_if_new(
            NoticeGrant,
            {"identity_id": who.id, "template_id": row.platform_id, "left": 1, "changed_at": now},
        )


async def _note_other(tx: Transaction, row: AnyRow, now: datetime) -> None:
    """A report of a row of the outbox."""
    receipt = Receipt(
        DeliveryState(row.state),
        row_id=row.row_id,
        platform_id=row.platform_id,
        code=row.code,
        sentence=row.sentence,
        submitted_at=row.submitted_at,
    )
    if await receipts.note_receipt(tx, row.channel, receipt, now) or receipt.submitted_at is None:
        return
    who = await tx.first(select(_identity.id).where(_identity.address_digest == row.address_digest))
    if who is not None:
        await receipts.settle_unknown(tx, row.channel, who.id, receipt, now)
