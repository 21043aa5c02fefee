"""Deliveries of campaigns: filled into batches, a batch claimed by one worker, each outcome recorded.

A worker marks rows `sending` and commits before it talks to the platform. Every step of its proves that the batch is
still its own, so that a worker taken for dead cannot go on beside the one that took over.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, or_, select, tuple_, update

from bot.messages import DeliveryState
from storage.bulk import Bulk
from storage.database import AnyRow, Transaction
from storage.models import Campaign, Contact, Delivery, DeliveryBatch, Identity, NoticeGrant, table

_batch = table(DeliveryBatch).c
_delivery = table(Delivery).c
_campaign = table(Campaign).c
_contact = table(Contact).c
_identity = table(Identity).c
_grant = table(NoticeGrant).c

_OUTCOME_FIELDS = ("state", "not_before", "finished_at", "platform_id", "error_code", "error_sentence")
_SETTLE = Bulk(
    update(table(Delivery))
    .where(_delivery.id == bindparam("row"))
    .values({name: bindparam(name, type_=_delivery[name].type) for name in _OUTCOME_FIELDS}),
    ("row", *_OUTCOME_FIELDS),
)


@dataclass(frozen=True, slots=True)
class Batch:
    """A claimed batch."""

    id: str
    campaign_id: str
    channel: str
    way: str
    attempt: int
    worker: str


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """One delivery of a claimed batch with all that gate, lane and channel need of it; `row` holds the facts."""

    row: AnyRow
    address: str
    wishes: dict[str, Any]

    @property
    def id(self) -> str:
        """The row's id."""
        return str(self.row.delivery_id)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a delivery; QUEUED waits until `not_before`."""

    id: str
    state: DeliveryState
    not_before: datetime
    platform_id: str = ""
    code: str = ""
    sentence: str = ""


async def claim_batch(
    tx: Transaction, worker: str, blocked: Collection[tuple[str, str]], now: datetime
) -> Batch | None:
    """The oldest batch that is due, of a campaign being sent; `blocked` are channels and ways to leave alone."""
    query = (
        select(_batch.id, _batch.campaign_id, _batch.channel, _batch.way, _batch.attempt)
        .join(table(Campaign), _campaign.id == _batch.campaign_id)
        .where(_batch.state == "waiting", _batch.not_before <= now, _campaign.status == "sending")
        .order_by(_campaign.started_at, _batch.id)
        .limit(1)
        .with_for_update(of=table(DeliveryBatch), skip_locked=True)
    )
    if blocked:
        query = query.where(tuple_(_batch.channel, _batch.way).not_in(list(blocked)))
    row = await tx.first(query)
    if row is None:
        return None
    await tx.execute(
        update(table(DeliveryBatch))
        .where(_batch.id == row.id)
        .values(state="working", claimed_by=worker, claimed_at=now)
    )
    return Batch(row.id, row.campaign_id, row.channel, row.way, row.attempt, worker)


async def renew(tx: Transaction, batch: Batch, now: datetime) -> bool:
    """Prove that the batch is still this worker's, and that the campaign is being sent; False to let go of it."""
    mine = await tx.execute(
        update(table(DeliveryBatch))
        .where(_batch.id == batch.id, _batch.state == "working", _batch.claimed_by == batch.worker)
        .values(claimed_at=now)
    )
    row = await tx.first(select(_campaign.status, _campaign.expires_at).where(_campaign.id == batch.campaign_id))
    is_on = row is not None and row.status == "sending" and (row.expires_at is None or row.expires_at > now)
    return bool(mine.rowcount) and is_on


async def due(tx: Transaction, batch: Batch, limit: int, now: datetime) -> list[DueDelivery]:
    """The batch's next deliveries with facts as they are now; whoever is locked elsewhere is left for later.

    Rows and contacts are locked, so that two campaigns cannot both believe to be the one her cap still lets through.
    """
    query = _DUE.where(_delivery.batch_id == batch.id, _delivery.state == "queued", _delivery.not_before <= now)
    return [_open(tx, row) for row in await tx.rows(query.limit(limit))]


async def interrupted(tx: Transaction, batch: Batch) -> list[DueDelivery]:
    """What the batch's last request held, when nobody knows whether it arrived."""
    query = _DUE.where(_delivery.batch_id == batch.id, _delivery.state == "sending")
    return [_open(tx, row) for row in await tx.rows(query)]


async def due_groups(tx: Transaction, batch: Batch, limit: int, now: datetime) -> list[AnyRow]:
    """The batch's next deliveries to groups of the house."""
    return list(
        await tx.rows(
            select(
                _delivery.id.label("delivery_id"),
                _delivery.contact_id.label("id"),
                _delivery.identity_id,
                _delivery.recipient,
                _delivery.attempts,
            )
            .where(_delivery.batch_id == batch.id, _delivery.state == "queued", _delivery.not_before <= now)
            .order_by(_delivery.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )


_DUE = (
    select(
        _contact.id,
        _delivery.id.label("delivery_id"),
        _delivery.attempts,
        _delivery.claimed_at,
        _identity.id.label("identity_id"),
        _identity.channel,
        _identity.address_sealed,
        _identity.unfollowed_at.is_not(None).label("unfollowed"),
        _identity.group_id.is_not(None).label("in_group"),
        _identity.held_elsewhere,
        _identity.window_trigger,
        _identity.window_opened_at,
        _identity.window_used,
        _contact.wrapped_key,
        _contact.wishes_sealed,
        _contact.consented_at.is_not(None).label("consented"),
        _contact.opted_out_at.is_not(None).label("opted_out"),
        _contact.stopped_all_at.is_not(None).label("stopped_all"),
        _contact.locked_at.is_not(None).label("locked"),
        _contact.violence_case_at.is_not(None).label("violence_case"),
        # A channel that left her file is somebody else's by now: for her it is gone.
        or_(
            _contact.erased_at.is_not(None), _contact.wrapped_key.is_(None), _identity.contact_id != _contact.id
        ).label("erased"),
    )
    .select_from(table(Delivery))
    .join(table(Contact), _contact.id == _delivery.contact_id)
    .join(table(Identity), _identity.id == _delivery.identity_id)
    .order_by(_delivery.id)
    .with_for_update(of=(table(Delivery), table(Contact)), key_share=True, skip_locked=True)
)


def _open(tx: Transaction, row: AnyRow) -> DueDelivery:
    if row.erased or not row.address_sealed:
        return DueDelivery(row, "", {})
    key = tx.keys.contact_key(row.id, row.wrapped_key)
    wishes = key.open_json("contact.wishes", row.wishes_sealed, {}) if row.wishes_sealed is not None else {}
    return DueDelivery(row, key.open("identity.address", row.address_sealed), wishes)


async def mark_sending(tx: Transaction, ids: Sequence[str], now: datetime) -> None:
    """These are on their way from the commit on."""
    await tx.execute(
        update(table(Delivery))
        .where(_delivery.id.in_(ids))
        .values(state="sending", claimed_at=now, attempts=_delivery.attempts + 1)
    )


async def count_attempt(tx: Transaction, batch: Batch, attempt: int) -> None:
    """The batch begins a new request, with a key of its own."""
    await tx.execute(update(table(DeliveryBatch)).where(_batch.id == batch.id).values(attempt=attempt))


async def fail_batch(tx: Transaction, batch: Batch, code: str, sentence: str, now: datetime) -> None:
    """Nothing of what is left in a batch can be sent."""
    await tx.execute(
        update(table(Delivery))
        .where(_delivery.batch_id == batch.id, _delivery.state.in_(("queued",)))
        .values(state="failed", finished_at=now, error_code=code, error_sentence=sentence)
    )


async def use_window(tx: Transaction, identities: Sequence[str], by: int) -> None:
    """Count sends against what the platform's window lets through, or give them back (-1)."""
    if identities:
        await tx.execute(
            update(table(Identity))
            .where(_identity.id.in_(identities), _identity.window_used + by >= 0)
            .values(window_used=_identity.window_used + by)
        )


async def use_grant(tx: Transaction, identities: Sequence[str], template_id: str, by: int) -> None:
    """Use one of the sends she allowed by a template (-1), or give it back (1); those without end stay so."""
    if identities:
        await tx.execute(
            update(table(NoticeGrant))
            .where(_grant.identity_id.in_(identities), _grant.template_id == template_id, _grant.left >= 0)
            .values(left=_grant.left + by)
        )


async def allowing(tx: Transaction, identities: Sequence[str], template_id: str) -> set[str]:
    """Who of these still allows a send by the template; the rows are locked."""
    rows = await tx.rows(
        select(_grant.identity_id)
        .where(_grant.identity_id.in_(identities), _grant.template_id == template_id, _grant.left != 0)
        .with_for_update()
    )
    return {row[0] for row in rows}


async def settle(tx: Transaction, outcomes: Iterable[Outcome], now: datetime) -> None:
    """Record outcomes; what went out without anything to remark takes one statement for all."""
    plain: list[str] = []
    rest: list[dict[str, Any]] = []
    for one in outcomes:
        if one.state is DeliveryState.SENT and not one.platform_id:
            plain.append(one.id)
            continue
        rest.append(
            {
                "row": one.id,
                "state": one.state.value,
                "not_before": one.not_before,
                "finished_at": None if one.state is DeliveryState.QUEUED else now,
                "platform_id": one.platform_id[:64],
                "error_code": one.code[:32],
                "error_sentence": one.sentence[:255],
            }
        )
    if plain:
        await tx.execute(
            update(table(Delivery))
            .where(_delivery.id.in_(plain))
            .values(state="sent", finished_at=now, error_code="", error_sentence="")
        )
    await _SETTLE.run(tx.connection, rest)


async def release(tx: Transaction, batch: Batch, not_before: datetime) -> bool:
    """Let go of a batch: done when nothing of it is left, else due when its first row is, not before `not_before`.

    True when it is done.
    """
    row = await tx.first(
        select(func.min(_delivery.not_before)).where(
            _delivery.batch_id == batch.id, _delivery.state.in_(("queued", "sending"))
        )
    )
    first = row[0] if row else None
    values: dict[str, Any] = {"state": "done", "claimed_by": ""}
    if first is not None:
        values = {"state": "waiting", "claimed_by": "", "not_before": max(first, not_before)}
    await tx.execute(
        update(table(DeliveryBatch)).where(_batch.id == batch.id, _batch.claimed_by == batch.worker).values(**values)
    )
    return first is None


async def working(tx: Transaction) -> list[AnyRow]:
    """Batches some worker holds: id, campaign_id, channel, way, attempt, claimed_by, claimed_at; locked."""
    return list(
        await tx.rows(
            select(
                _batch.id,
                _batch.campaign_id,
                _batch.channel,
                _batch.way,
                _batch.attempt,
                _batch.claimed_by,
                _batch.claimed_at,
            )
            .where(_batch.state == "working")
            .order_by(_batch.id)
            .with_for_update(skip_locked=True)
        )
    )


async def take_back(
    tx: Transaction, batch: Batch, now: datetime, *, then: DeliveryState | None, sentence: str
) -> int:
    """A batch whose worker is gone may be claimed again; what was on its way becomes `then` (None: stays as it is).

    How many rows were on their way.
    """
    values: dict[str, Any] = {}
    if then is DeliveryState.UNKNOWN:
        values = {"state": "unknown", "finished_at": now, "error_code": "interrupted", "error_sentence": sentence}
    elif then is DeliveryState.QUEUED:
        values = {"state": "queued", "not_before": now}
    changed = 0
    if values:
        result = await tx.execute(
            update(table(Delivery))
            .where(_delivery.batch_id == batch.id, _delivery.state == "sending")
            .values(**values)
        )
        changed = result.rowcount
    await release(tx, batch, now)
    return changed
