"""Fetching what platforms keep for us: from our place in their list on, page by page, each page kept with the place.

The platform is asked outside any transaction; a page and the new place are committed together, and only if the
place is still where it was: whoever is killed in between fetches the same page again, and of two processes that
fetch the same page one keeps it. A callback only says "look": what a lost one would have said is found when the
service starts and every minute.
"""

import asyncio
import logging
from collections.abc import Iterable

from bot import clock
from bot.channels.base import Channel, Pull, PullChannel
from bot.errors import SendError, StorageUnavailable
from bot.pipeline import Pipeline
from storage.database import Database, Transaction
from storage.repositories import cursors

log = logging.getLogger(__name__)

#: Pages fetched in one go; the rest is fetched by the next look.
_MOST_PAGES = 200


async def pull(database: Database, pipeline: Pipeline, channel: PullChannel, wanted: Pull) -> int:
    """Fetch and keep all there is for one account; how many pages. Raises SendError kinds, StorageUnavailable."""
    name, account = channel.name, wanted.account
    async with database.transaction() as tx:
        await cursors.remember(tx, name, account, clock.now())
    for number in range(_MOST_PAGES):
        async with database.reading() as tx:
            place = await cursors.read(tx, name, account)
        page = await channel.poll(account, place, wanted.token)
        if not page.messages and page.next_cursor == place:
            return number

        async def move(tx: Transaction, place: str = place, to: str = page.next_cursor) -> bool:
            return await cursors.move(tx, name, account, expected=place, to=to, now=clock.now())

        moved = await pipeline.keep_page(page.messages, move)
        if moved and not page.has_more:
            return number + 1
    return _MOST_PAGES


async def pull_all(database: Database, pipeline: Pipeline, channels: Iterable[Channel]) -> None:
    """Look at every account of every channel that has a list, known from the platform or from earlier."""
    for channel in channels:
        if not isinstance(channel, PullChannel):
            continue
        async with database.reading() as tx:
            accounts = set(await cursors.known(tx, channel.name))
        try:
            accounts |= set(await channel.accounts())
        except SendError as error:
            log.warning("accounts.not_listed", extra={"channel": channel.name, "code": error.code})
        for account in sorted(accounts):
            await _try_pull(database, pipeline, channel, Pull(account))


class Puller:
    """Looks when callbacks say so, one look an account at a time; a second wish meanwhile is one more look."""

    def __init__(self, database: Database, pipeline: Pipeline) -> None:
        self._database = database
        self._pipeline = pipeline
        self._wanted: dict[tuple[str, str], tuple[PullChannel, Pull]] = {}
        self._busy: dict[tuple[str, str], asyncio.Task[None]] = {}

    def ask(self, channel: Channel, wanted: Pull) -> None:
        """Look at an account soon; returns at once."""
        if isinstance(channel, PullChannel):
            self._wanted[channel.name, wanted.account] = channel, wanted
            self._begin((channel.name, wanted.account))

    async def settle(self) -> None:
        """Wait until nothing more is wanted."""
        while self._busy:
            await asyncio.gather(*self._busy.values())
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Finish the looks under way."""
        self._wanted.clear()
        await asyncio.gather(*self._busy.values(), return_exceptions=True)

    def _begin(self, key: tuple[str, str]) -> None:
        if key in self._busy or key not in self._wanted:
            return
        channel, wanted = self._wanted.pop(key)
        self._busy[key] = asyncio.create_task(
            _try_pull(self._database, self._pipeline, channel, wanted), name=f"pull-{channel.name}"
        )
        self._busy[key].add_done_callback(lambda _: self._ended(key))

    def _ended(self, key: tuple[str, str]) -> None:
        del self._busy[key]
        self._begin(key)


async def _try_pull(database: Database, pipeline: Pipeline, channel: PullChannel, wanted: Pull) -> None:
    """One look; what goes wrong is found again by the next."""
    try:
        await pull(database, pipeline, channel, wanted)
    except SendError as error:
        log.warning("pull.failed", extra={"channel": channel.name, "code": error.code})
    except StorageUnavailable:
        log.warning("pull.not_stored", extra={"channel": channel.name})
