"""Answer messages that were acknowledged but not handled: a crash or a slow moment came in between."""

import logging
from datetime import timedelta

from bot import clock
from storage.repositories import talk
from workers.house import WorkerHouse

log = logging.getLogger(__name__)

#: The process that acknowledged it may still be about to answer it itself.
_PATIENCE = timedelta(seconds=6)


async def handle_stored(house: WorkerHouse) -> None:
    """Hand every waiting message to the pipeline, oldest first."""
    async with house.database.reading() as tx:
        waiting = await talk.waiting_inbound(tx, clock.now() - _PATIENCE)
    for inbound_id in waiting:
        log.info("message.taken_up", extra={"inbound": inbound_id})
        await house.pipeline.handle_stored(inbound_id)
