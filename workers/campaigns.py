"""Plan the recipients of campaigns being sent, a few hundred at a time, and close those that are done."""

from bot import clock, plan
from storage.repositories import campaigns
from workers.house import WorkerHouse

#: Contacts looked at in one transaction: small enough that nobody waits for it.
_AT_ONCE = 200


async def plan_all(house: WorkerHouse) -> None:
    """Go on with planning where it stands; a kill in between loses and repeats nothing."""
    while await _plan_some(house):
        pass
    async with house.database.transaction() as tx:
        await campaigns.finish_sent(tx, clock.now())


async def _plan_some(house: WorkerHouse) -> bool:
    """One stretch of one campaign; False when there is nothing left to plan."""
    now = clock.now()
    async with house.database.transaction() as tx:
        waiting = await campaigns.unplanned(tx)
        if not waiting:
            return False
        campaign_id, after = waiting[0]
        rows = await campaigns.candidates(tx, after, _AT_ONCE)
        service = house.settings.service
        rules = plan.House(service.timezone, service.quiet_from, service.quiet_to)
        against = plan.reasons(rules, tx.keys, now)
        await campaigns.plan_rows(tx, campaign_id, [row for row in rows if not against(row)], now)
        done = len(rows) < _AT_ONCE
        await campaigns.mark_planned(tx, campaign_id, rows[-1].id if rows else after, done_at=now if done else None)
    return True
