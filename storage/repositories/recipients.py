"""Who gets a campaign: deliveries filled into batches, ended, taken up again, counted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, func, select, update

from storage.bulk import Bulk
from storage.database import Transaction
from storage.models import Campaign, CampaignVariant, Delivery, DeliveryBatch, new_id, table

_batch = table(DeliveryBatch).c
_delivery = table(Delivery).c
_campaign = table(Campaign).c
_variant = table(CampaignVariant).c

_NEW_FIELDS = (
    "id",
    "campaign_id",
    "batch_id",
    "recipient",
    "contact_id",
    "identity_id",
    "channel",
    "way",
    "not_before",
)
_ADD = Bulk(table(Delivery).insert(), _NEW_FIELDS)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody to get a campaign: a contact at an address, or a group of the house by name."""

    name: str
    contact_id: str | None = None
    identity_id: str | None = None


async def add(
    tx: Transaction, campaign_id: str, place: tuple[str, str, int], recipients: Sequence[Recipient], now: datetime
) -> int:
    """One delivery a recipient who has none yet; how many are new. `place` is channel, way, and a batch's size.

    Full batches may be worked on at once; one that is not stays open for the next stretch.
    """
    channel, way, size = place
    known = {
        row[0]
        for row in await tx.rows(
            select(_delivery.recipient).where(
                _delivery.campaign_id == campaign_id, _delivery.recipient.in_([one.name for one in recipients])
            )
        )
    }
    fresh = [one for one in recipients if one.name not in known]
    rest = fresh
    while rest:
        batch_id, room = await _open_batch(tx, campaign_id, place, now)
        part, rest = rest[:room], rest[room:]
        rows = [
            {
                "id": new_id(),
                "campaign_id": campaign_id,
                "batch_id": batch_id,
                "recipient": one.name,
                "contact_id": one.contact_id,
                "identity_id": one.identity_id,
                "channel": channel,
                "way": way,
                "not_before": now,
            }
            for one in part
        ]
        await _ADD.run(tx.connection, rows)
        full = len(part) == room
        await tx.execute(
            update(table(DeliveryBatch))
            .where(_batch.id == batch_id)
            .values(size=size - room + len(part), state="waiting" if full else "open")
        )
    return len(fresh)


async def _open_batch(
    tx: Transaction, campaign_id: str, place: tuple[str, str, int], now: datetime
) -> tuple[str, int]:
    channel, way, size = place
    row = await tx.first(
        select(_batch.id, _batch.size).where(
            _batch.campaign_id == campaign_id, _batch.state == "open", _batch.channel == channel, _batch.way == way
        )
    )
    if row is not None:
        return row.id, max(size - row.size, 1)
    batch_id = new_id()
    await tx.insert(
        DeliveryBatch,
        {"id": batch_id, "campaign_id": campaign_id, "channel": channel, "way": way, "not_before": now},
    )
    return batch_id, size


async def close_open(tx: Transaction, campaign_id: str) -> None:
    """Planning is done: batches that did not become full may be worked on too."""
    await tx.execute(
        update(table(DeliveryBatch))
        .where(_batch.campaign_id == campaign_id, _batch.state == "open")
        .values(state="waiting")
    )


async def skip_rest(tx: Transaction, campaign_id: str, code: str, sentence: str, now: datetime) -> None:
    """What has not gone out does not go out any more; batches in work are left to their worker."""
    await tx.execute(
        update(table(Delivery))
        .where(_delivery.campaign_id == campaign_id, _delivery.state == "queued")
        .values(state="skipped", finished_at=now, error_code=code, error_sentence=sentence)
    )
    on_its_way = exists().where(_delivery.batch_id == _batch.id, _delivery.state == "sending")
    await tx.execute(
        update(table(DeliveryBatch))
        .where(_batch.campaign_id == campaign_id, _batch.state.in_(("open", "waiting")), ~on_its_way)
        .values(state="done")
    )


async def requeue(tx: Transaction, campaign_id: str, states: Collection[str], now: datetime) -> int:
    """Deliveries that ended in these states are to be sent again; how many."""
    chosen = and_(_delivery.campaign_id == campaign_id, _delivery.state.in_(states))
    await tx.execute(
        update(table(DeliveryBatch))
        .where(
            _batch.campaign_id == campaign_id,
            _batch.state == "done",
            exists().where(_delivery.batch_id == _batch.id, _delivery.state.in_(states)),
        )
        .values(state="waiting", not_before=now)
    )
    result = await tx.execute(
        update(table(Delivery))
        .where(chosen)
        .values(
            state="queued",
            not_before=now,
            finished_at=None,
            attempts=0,
            platform_id="",
            error_code="",
            error_sentence="",
        )
    )
    return int(result.rowcount)


async def counts(tx: Transaction, campaign_id: str) -> dict[str, int]:
    """How many deliveries stand in which state."""
    rows = await tx.rows(
        select(_delivery.state, func.count()).where(_delivery.campaign_id == campaign_id).group_by(_delivery.state)
    )
    return {row[0]: row[1] for row in rows}


async def reasons(tx: Transaction, campaign_id: str) -> list[tuple[str, str, int]]:
    """Why deliveries failed, are unknown or were skipped: state, sentence for staff, how many; the most first."""
    number = func.count()
    rows = await tx.rows(
        select(_delivery.state, _delivery.error_sentence, number)
        .where(_delivery.campaign_id == campaign_id, _delivery.state.in_(("failed", "unknown", "skipped")))
        .group_by(_delivery.state, _delivery.error_sentence)
        .order_by(number.desc())
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def next_due(tx: Transaction, now: datetime) -> bool:
    """Whether a batch of a campaign being sent waits to be worked on."""
    row = await tx.first(
        select(_batch.id)
        .join(table(Campaign), _campaign.id == _batch.campaign_id)
        .where(_batch.state == "waiting", _batch.not_before <= now, _campaign.status == "sending")
        .limit(1)
    )
    return row is not None


@dataclass(frozen=True, slots=True)
class SentNotice:
    """One campaign as one recipient got it."""

    id: str
    at: datetime
    state: str
    text: str


async def notices_to(
    tx: Transaction,
    contact_id: str,
    *,
    identity_id: str = "",
    states: Collection[str] = (),
    since: datetime | None = None,
) -> list[SentNotice]:
    """What of campaigns was to go to one contact (at one address, in these states, ended after `since`)."""
    wanted = [_delivery.contact_id == contact_id]
    if identity_id:
        wanted.append(_delivery.identity_id == identity_id)
    if states:
        wanted.append(_delivery.state.in_(states))
    if since is not None:
        wanted.append(_delivery.finished_at > since)
    same = and_(
        _variant.campaign_id == _delivery.campaign_id,
        _variant.channel == _delivery.channel,
        _variant.way == _delivery.way,
    )
    at = func.coalesce(_delivery.claimed_at, _delivery.not_before)
    rows = await tx.rows(
        select(_delivery.id, at, _delivery.state, func.coalesce(_variant.text, _campaign.text))
        .join(table(Campaign), _campaign.id == _delivery.campaign_id)
        .outerjoin(table(CampaignVariant), same)
        .where(*wanted)
        .order_by(_delivery.id)
    )
    return [SentNotice(*row) for row in rows]
