"""Keys of erased women leave the memory of every process: each looks by itself, none is told."""

import asyncio
import logging
from datetime import timedelta

from bot import clock
from bot.errors import StorageUnavailable
from storage.database import Database
from storage.repositories import erasure

log = logging.getLogger(__name__)

#: How long a process may still hold a key that was destroyed; it opens nothing, all it sealed is gone.
LOOK_SECONDS = 5.0
#: Clocks of machines differ: what was done a little before the last look is looked at again.
_OVERLAP = timedelta(minutes=2)


async def follow(database: Database) -> None:
    """Forget for ever, until cancelled."""
    since = clock.now() - _OVERLAP
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            async with database.reading() as tx:
                last = await erasure.forget_erased(tx, database.keys, since)
        except StorageUnavailable:
            log.warning("keys.not_looked_at")
            continue
        since = max(since, last - _OVERLAP)
