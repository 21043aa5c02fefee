"""What workers do to campaigns: begin those that are due, remember how far planning went, end what is over."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select, update

from storage.database import Transaction
from storage.models import Campaign, DeliveryBatch, table
from storage.repositories import recipients
from storage.repositories.audiences import Audience, read_audience
from storage.repositories.campaigns import Variant, variants_of

_campaign = table(Campaign).c
_batch = table(DeliveryBatch).c

_STOPPED = "群发已停止，这条没有发"
_EXPIRED = "过了这条通知的最后时间，没有再发"


@dataclass(frozen=True, slots=True)
class Unplanned:
    """A campaign whose recipients are not all planned yet, and the last contact planned."""

    id: str
    planned_to: str
    audience: Audience
    variants: tuple[Variant, ...]


async def start_due(tx: Transaction, now: datetime) -> None:
    """Begin those whose time has come."""
    await tx.execute(
        update(table(Campaign))
        .where(_campaign.status == "scheduled", _campaign.scheduled_at <= now)
        .values(status="sending", started_at=now)
    )


async def unplanned(tx: Transaction) -> Unplanned | None:
    """The oldest campaign being sent that is not planned to its end, locked; None when another worker plans it."""
    row = await tx.first(
        select(_campaign.id, _campaign.planned_to, _campaign.audience)
        .where(_campaign.status == "sending", _campaign.planned_at.is_(None))
        .order_by(_campaign.started_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if row is None:
        return None
    variants = await variants_of(tx, row.id)
    return Unplanned(row.id, row.planned_to, read_audience(row.audience), variants)


async def mark_planned(
    tx: Transaction, campaign_id: str, planned_to: str, *, fallen: Counter[str], done_at: datetime | None
) -> None:
    """Remember how far planning went, and why how many fell out; batches may all be worked on when it is done."""
    row = await tx.first(select(_campaign.fallen).where(_campaign.id == campaign_id))
    total = Counter(json.loads(row.fallen) if row and row.fallen else {}) + fallen
    values: dict[str, Any] = {"planned_to": planned_to, "fallen": json.dumps(total) if total else ""}
    if done_at is not None:
        values["planned_at"] = done_at
        await recipients.close_open(tx, campaign_id)
    await tx.execute(update(table(Campaign)).where(_campaign.id == campaign_id).values(**values))


async def finish(tx: Transaction, now: datetime) -> None:
    """Skip what is left of campaigns that were stopped or are too late, and close those all of whose rows ended."""
    left = exists().where(_batch.campaign_id == _campaign.id, _batch.state != "done")
    for row in await tx.rows(
        select(_campaign.id, _campaign.status).where(
            left,
            (_campaign.status == "stopped")
            | (_campaign.status.in_(("sending", "paused")) & (_campaign.expires_at <= now)),
        )
    ):
        code, sentence = ("stopped", _STOPPED) if row.status == "stopped" else ("expired", _EXPIRED)
        await recipients.skip_rest(tx, row.id, code, sentence, now)
    late = (_campaign.expires_at <= now) & _campaign.status.in_(("sending", "paused"))
    await tx.execute(
        update(table(Campaign))
        .where(late | ((_campaign.status == "sending") & _campaign.planned_at.is_not(None)), ~left)
        .values(status="done", finished_at=now)
    )
