"""Two files become one woman's, or a channel leaves hers, after the turn in which she said so has ended."""

import logging

from bot import clock
from storage.repositories import links
from workers.house import WorkerHouse

log = logging.getLogger(__name__)


async def fulfil(house: WorkerHouse) -> None:
    """Do what waits, each in a transaction of its own."""
    async with house.database.reading() as tx:
        waiting = await links.waiting(tx)
    for link_id in waiting:
        async with house.database.transaction() as tx:
            done = await links.fulfil(tx, link_id, clock.now())
        if done:
            log.info("link.fulfilled", extra={"link": link_id})
