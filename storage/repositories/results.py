"""What a campaign did: where it arrived, by which channel and area, and what women did in the days after."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select

from storage.database import Transaction
from storage.models import (
    Area,
    Contact,
    Conversation,
    Delivery,
    Identity,
    Outbox,
    SignUp,
    table,
)
from storage.repositories.audiences import REACHED

_delivery = table(Delivery).c
_contact = table(Contact).c
_identity = table(Identity).c
_conversation = table(Conversation).c
_sign_up = table(SignUp).c
_outbox = table(Outbox).c
_area = table(Area).c

#: What happens so long after a notice reached her counts as brought about by it.
AFTER = timedelta(days=7)
#: A failure older than this says nothing of the channel any more.
_LATELY = timedelta(hours=24)
#: So many failures without anything sent in between are the channel's, not a woman's.
_ENOUGH = 3


@dataclass(frozen=True, slots=True)
class AreaCount:
    """Recipients of one township (empty: none known): how many it reached, how many it did not."""

    area_id: str
    reached: int
    missed: int


@dataclass(frozen=True, slots=True)
class Effects:
    """How many women did what after the notice: wanted no more of them, signed up, wrote."""

    opted_out: int
    signed_up: int
    wrote: int


async def by_channel(tx: Transaction, campaign_id: str) -> dict[tuple[str, str], Counter[str]]:
    """Deliveries by channel and way, and by state in each."""
    rows = await tx.rows(
        select(_delivery.channel, _delivery.way, _delivery.state, func.count().label("number"))
        .where(_delivery.campaign_id == campaign_id)
        .group_by(_delivery.channel, _delivery.way, _delivery.state)
        .order_by(_delivery.channel, _delivery.way)
    )
    found: dict[tuple[str, str], Counter[str]] = {}
    for row in rows:
        found.setdefault((row.channel, row.way), Counter())[row.state] += row.number
    return found


async def by_area(tx: Transaction, campaign_id: str) -> list[AreaCount]:
    """Women the campaign was planned for, by township; a village counts with its own."""
    town = case((_area.level == "village", _area.parent_id), (_area.level == "township", _area.id))
    reached = case((_delivery.state.in_(REACHED), 1), else_=0)
    rows = await tx.rows(
        select(town.label("town"), func.sum(reached).label("reached"), func.count().label("number"))
        .select_from(table(Delivery))
        .join(table(Contact), _contact.id == _delivery.contact_id)
        .outerjoin(table(Area), _area.id == _contact.area_id)
        .where(_delivery.campaign_id == campaign_id)
        .group_by(town)
    )
    return [AreaCount(row.town or "", int(row.reached), row.number - int(row.reached)) for row in rows]


async def effects(tx: Transaction, campaign_id: str, ended: datetime) -> Effects:
    """What women did after they got it, until a week after sending ended; each woman counts once."""
    until = ended + AFTER
    return Effects(
        opted_out=await _women(tx, campaign_id, _contact.id, _contact.opted_out_at, until),
        signed_up=await _women(tx, campaign_id, _sign_up.contact_id, _sign_up.created_at, until),
        wrote=await _women(tx, campaign_id, _conversation.contact_id, _conversation.last_inbound_at, until),
    )


async def waiting(tx: Transaction, now: datetime) -> int:
    """Texts to single women that are due and have not gone out: what a campaign would come on top of."""
    row = await tx.first(
        select(func.count()).select_from(table(Outbox)).where(_outbox.state == "queued", _outbox.not_before <= now)
    )
    return int(row[0]) if row else 0


async def failing(tx: Transaction, now: datetime) -> dict[str, str]:
    """Channels whose latest send of the last day failed for everybody alike, and what staff read of it.

    A refusal that concerns one woman (blocked, gone) stands among sends that went out; this one has none after it.
    """
    rows = await tx.rows(
        select(_identity.channel, _outbox.state, _outbox.error_sentence)
        .join(table(Identity), _identity.id == _outbox.identity_id)
        .where(_outbox.finished_at > now - _LATELY, _outbox.state.in_(("sent", "delivered", "failed")))
        .order_by(_outbox.finished_at.desc())
        .limit(500)
    )
    latest: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        latest.setdefault(row.channel, []).append((row.state, row.error_sentence))
    return {
        channel: sends[0][1]
        for channel, sends in latest.items()
        if len(sends) >= _ENOUGH and all(state == "failed" for state, _ in sends[:_ENOUGH])
    }


async def _women(
    tx: Transaction, campaign_id: str, who: ColumnElement[str], when: ColumnElement[datetime | None], until: datetime
) -> int:
    """Women who got it and are found in another table after that; `when` is the moment there."""
    row = await tx.first(
        select(func.count(_delivery.contact_id.distinct())).where(
            _delivery.campaign_id == campaign_id,
            _delivery.state.in_(REACHED),
            who == _delivery.contact_id,
            when >= _delivery.claimed_at,
            when <= until,
        )
    )
    return int(row[0]) if row else 0
