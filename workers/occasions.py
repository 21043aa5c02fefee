"""Propose the notices of the year six weeks before their day, and tell cadres once that they are there."""

import logging

from bot import clock, gate
from bot.occasions import due
from handlers.wording import texts
from storage.database import Transaction
from storage.repositories import notices, occasions
from workers.house import WorkerHouse

log = logging.getLogger(__name__)

_MEMBERS = "wecom"
#: Who may approve notices; in the townships nobody is asked to write for the county.
_ROLES = ("cadre", "supervisor")


async def propose(house: WorkerHouse) -> None:
    """A draft without an author for every day that is due and was never planned; nothing at night."""
    now, service = clock.now(), house.settings.service
    if gate.is_quiet(now, service.timezone, service.quiet_from, service.quiet_to):
        return
    days = due(clock.local(now, service.timezone).date())
    async with house.database.transaction() as tx:
        made = await occasions.propose(tx, days, service.timezone, now)
        if made:
            await _tell(house, tx, made)
            log.info("occasions.proposed", extra={"number": len(made)})


async def _tell(house: WorkerHouse, tx: Transaction, made: list[str]) -> None:
    if _MEMBERS not in house.channels:
        return
    link = house.settings.public_url + "/console/calendar"
    for staff_id, userid in await notices.userids(tx, _ROLES):
        await notices.queue(
            tx,
            key=f"proposed:{made[0]}:{staff_id}",
            channel=_MEMBERS,
            recipient=userid,
            text=texts("staff.proposed", count=len(made), link=link),
            now=clock.now(),
            staff_id=staff_id,
        )
