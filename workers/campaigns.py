"""Plan the recipients of campaigns being sent, a stretch at a time; begin those that are due, end what is over."""

from collections.abc import Sequence

from bot import clock, plan
from storage.database import Transaction
from storage.repositories import audiences, planning, recipients
from storage.repositories.campaigns import Variant
from storage.repositories.recipients import Recipient
from workers.house import WorkerHouse

#: Contacts looked at in one transaction: small enough that nobody waits for it.
_AT_ONCE = 2000
#: Deliveries of one batch, where the platform's own measure is not smaller or larger.
_BATCH = 1000


async def plan_all(house: WorkerHouse) -> None:
    """Begin what is due, go on with planning where it stands, end what is over; a kill loses and repeats nothing."""
    async with house.database.transaction() as tx:
        await planning.start_due(tx, clock.now())
    while await _plan_some(house):
        pass
    async with house.database.transaction() as tx:
        await planning.finish(tx, clock.now())


async def _plan_some(house: WorkerHouse) -> bool:
    """One stretch of one campaign; False when there is nothing left to plan here."""
    now = clock.now()
    async with house.database.transaction() as tx:
        waiting = await planning.unplanned(tx)
        if waiting is None:
            return False
        lanes, rules = plan.lanes(house.channels, waiting.variants), plan.House.of(house.settings)
        planner = plan.Planner(rules, tx.keys, lanes, house.channels, now)
        if not waiting.planned_to:
            await _plan_groups(tx, house, waiting.id, waiting.variants)
        stretch = await audiences.read_stretch(
            tx,
            waiting.audience,
            waiting.planned_to,
            limit=_AT_ONCE,
            now=now,
            caps=rules.caps(now),
        )
        choice = planner.choose(stretch)
        for lane, chosen in plan.by_lane(choice.chosen):
            await recipients.add(
                tx,
                waiting.id,
                (lane.channel, lane.way.name, _BATCH if lane.way.is_plain else lane.way.most_at_once),
                [Recipient(one.contact_id, one.contact_id, one.identity_id) for one in chosen],
                now,
            )
        await planning.mark_planned(
            tx,
            waiting.id,
            stretch.last or waiting.planned_to,
            fallen=choice.fallen,
            done_at=now if stretch.is_last else None,
        )
    house.wake("campaigns")
    return True


async def _plan_groups(tx: Transaction, house: WorkerHouse, campaign_id: str, variants: tuple[Variant, ...]) -> None:
    """Groups of the house a variant names: its own groups, all of them where it names none."""
    for lane in plan.lanes(house.channels, variants):
        if not lane.way.to_groups:
            continue
        variant = next(one for one in variants if one.channel == lane.channel and one.way == lane.way.name)
        own: Sequence[str] = getattr(house.channels[lane.channel], "robots", ())
        names: Sequence[str] = variant.extra.get("groups") or own
        place = (lane.channel, lane.way.name, _BATCH)
        await recipients.add(tx, campaign_id, place, [Recipient(f"robot:{name}") for name in names], clock.now())
