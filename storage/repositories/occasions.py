"""The year's days and their campaigns: proposed or begun once, or not this year."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select, update

from bot.errors import WrongState
from bot.occasions import Date, mark_dates
from storage.database import Transaction
from storage.models import Campaign, CampaignVariant, OccasionPlan, table
from storage.repositories import campaigns

_plan = table(OccasionPlan).c
_campaign = table(Campaign).c
_variant = table(CampaignVariant).c


@dataclass(frozen=True, slots=True)
class Plan:
    """What became of one day of one year; `status` is its campaign's, empty without one."""

    campaign_id: str | None = None
    status: str = ""
    title: str = ""
    author: str | None = None
    declined: bool = False


async def plans(tx: Transaction, keys: Collection[str]) -> dict[str, Plan]:
    """What became of these days, by key; days nobody has planned are missing."""
    rows = await tx.rows(
        select(
            _plan.key,
            _plan.campaign_id,
            _plan.declined_at,
            _campaign.status,
            _campaign.title,
            _campaign.created_by,
        )
        .outerjoin(table(Campaign), _campaign.id == _plan.campaign_id)
        .where(_plan.key.in_(keys))
    )
    return {
        row.key: Plan(row.campaign_id, row.status or "", row.title or "", row.created_by, row.declined_at is not None)
        for row in rows
    }


async def propose(tx: Transaction, days: Sequence[Date], zone: str, now: datetime) -> list[str]:
    """A draft for every day that was never planned; the ids of the new drafts."""
    made = []
    for day in days:
        if await tx.insert_if_new(OccasionPlan, {"key": day.key, "planned_at": now}):
            campaign_id, is_new = await _campaign_of(tx, day, None, zone, now)
            if is_new:
                made.append(campaign_id)
    return made


async def begin(tx: Transaction, day: Date, staff_id: str, zone: str, now: datetime) -> str:
    """The campaign of a day, made for `staff_id` if there is none. Raises WrongState when it was declined."""
    if await tx.insert_if_new(OccasionPlan, {"key": day.key, "planned_at": now}):
        return (await _campaign_of(tx, day, staff_id, zone, now))[0]
    plan = (await plans(tx, [day.key]))[day.key]
    if plan.declined or plan.campaign_id is None:
        raise WrongState("这一天已经定了今年不发，要发请先「恢复」")
    return plan.campaign_id


async def decline(tx: Transaction, day: Date, staff_id: str, now: datetime) -> None:
    """Not this year: its draft is put away. Raises WrongState once the draft was handed in."""
    values = {"declined_at": now, "declined_by": staff_id}
    if await tx.insert_if_new(OccasionPlan, {"key": day.key, "planned_at": now} | values):
        return
    plan = (await plans(tx, [day.key]))[day.key]
    if plan.campaign_id is not None and plan.status != "declined":
        await campaigns.put_away(tx, plan.campaign_id)
    await tx.execute(
        update(table(OccasionPlan)).where(_plan.key == day.key, _plan.declined_at.is_(None)).values(values)
    )


async def restore(tx: Transaction, day: Date) -> None:
    """After all this year: its draft is there again; without one it is proposed when its time comes."""
    plan = (await plans(tx, [day.key])).get(day.key)
    if plan is None or not plan.declined:
        return
    if plan.campaign_id is None:
        await tx.execute(delete(table(OccasionPlan)).where(_plan.key == day.key))
        return
    await tx.execute(
        update(table(OccasionPlan)).where(_plan.key == day.key).values(declined_at=None, declined_by=None)
    )
    await campaigns.take_up(tx, plan.campaign_id)


@dataclass(frozen=True, slots=True)
class DatedCampaign:
    """A campaign on the day it goes or went out."""

    id: str
    title: str
    status: str
    at: datetime


async def dated(tx: Transaction, begin: datetime, end: datetime, areas: frozenset[str] | None) -> list[DatedCampaign]:
    """Campaigns scheduled or begun in [begin, end), of these areas (None: all)."""
    at = _campaign.started_at
    query = select(_campaign.id, _campaign.title, _campaign.status, at, _campaign.scheduled_at).where(
        (at.is_not(None) & (at >= begin) & (at < end))
        | (at.is_(None) & (_campaign.scheduled_at >= begin) & (_campaign.scheduled_at < end))
    )
    if areas is not None:
        query = query.where(_campaign.area_id.in_(areas))
    found = [DatedCampaign(row[0], row[1], row[2], row[3] or row[4]) for row in await tx.rows(query)]
    return sorted(found, key=lambda one: one.at)


async def _campaign_of(
    tx: Transaction, day: Date, staff_id: str | None, zone: str, now: datetime
) -> tuple[str, bool]:
    """The campaign of a day that was just taken: one made by hand, last year's cloned, or the template."""
    known = await tx.first(select(_campaign.id).where(_campaign.occasion == day.key).order_by(_campaign.id).limit(1))
    made = known.id if known else await _draft(tx, day, staff_id, now)
    if known is None:
        over = datetime.combine(day.ends + timedelta(days=1), time(), ZoneInfo(zone))
        await tx.execute(
            update(table(Campaign)).where(_campaign.id == made).values(occasion=day.key, expires_at=over)
        )
    await tx.execute(update(table(OccasionPlan)).where(_plan.key == day.key).values(campaign_id=made))
    return str(made), known is None


async def _draft(tx: Transaction, day: Date, staff_id: str | None, now: datetime) -> str:
    last = await tx.first(
        select(_campaign.id, _campaign.title)
        .where(_campaign.occasion == f"{day.year - 1}-{day.occasion.id}", _campaign.started_at.is_not(None))
        .order_by(_campaign.id.desc())
        .limit(1)
    )
    if last is None:
        title, text = f"{day.year}年{day.occasion.name}", day.occasion.text
        return await campaigns.create(tx, title=title, text=text, staff_id=staff_id, now=now)
    title = last.title.replace(str(day.year - 1), str(day.year))
    made = await campaigns.clone(tx, last.id, title=title, occasion=day.key, staff_id=staff_id, now=now)
    # Last year's dates would be false this year: they stand as gaps, and nothing with a gap can be handed in.
    for of in (table(Campaign), table(CampaignVariant)):
        column = of.c.id if of is table(Campaign) else _variant.campaign_id
        for row in await tx.rows(select(of.c.id, of.c.text).where(column == made)):
            await tx.execute(update(of).where(of.c.id == row.id).values(text=mark_dates(row.text)))
    return made
