"""The names of the areas, kept in step with the database, so that her township is known when she says it."""

import asyncio
import logging

from bot.errors import StorageUnavailable
from nlp.entities import Place, Places
from storage.database import Database
from storage.repositories import areas

log = logging.getLogger(__name__)

#: Areas change a few times a year; a new one may be asked for so long.
LOOK_SECONDS = 300.0


class LiveAreas:
    """Keeps one `Places` in step with the database. `places` stays the same object; what it knows changes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.places = Places()

    async def refresh(self) -> None:
        """Read the tree anew. Raises StorageUnavailable."""
        async with self._database.reading() as tx:
            found = await areas.all_areas(tx)
        self.places.replace(Place(area.id, area.name, area.parent_id) for area in found)

    async def follow(self) -> None:
        """Refresh for ever, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.refresh()
            except StorageUnavailable:
                log.warning("areas.not_refreshed")
