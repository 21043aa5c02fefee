"""Reports of platforms on their way into the database: gathered, and kept many at a time.

After a send platforms report thousands a second. They ask for no answer and are about nobody who is waiting, so they
do not go through the pipeline, whose batches belong to women who write: a report is acknowledged once its row is
kept, and a worker does the rest.
"""

import asyncio
import logging
from collections.abc import Sequence

from bot import clock
from bot.errors import StorageUnavailable
from bot.messages import InboundMessage
from storage.database import Database
from storage.repositories import reports

log = logging.getLogger(__name__)

#: So long reports gather, and so many are kept at once.
_GATHER_SECONDS = 0.05
_AT_ONCE = 500


class ReportBook:
    """Keeps reports. One task writes; whoever brings a report waits for its row."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[InboundMessage, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def keep(self, messages: Sequence[InboundMessage]) -> None:
        """Return once they are kept. Raises StorageUnavailable."""
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in messages]
        self._waiting += zip(messages, futures, strict=True)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write(), name="reports")
        await asyncio.gather(*futures)

    async def close(self) -> None:
        """Finish what is waiting."""
        if self._writer is not None:
            await self._writer

    async def _write(self) -> None:
        while self._waiting:
            if len(self._waiting) < _AT_ONCE:
                await asyncio.sleep(_GATHER_SECONDS)
            batch, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            error: BaseException | None = None
            try:
                await self._keep([message for message, _ in batch])
            except StorageUnavailable as problem:
                error = problem
            except Exception as problem:  # nobody may be left hanging
                log.error("reports.failed", extra={"error": type(problem).__name__, "size": len(batch)})
                error = StorageUnavailable()
            for _, future in batch:
                if future.done():
                    continue
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)

    async def _keep(self, messages: Sequence[InboundMessage]) -> None:
        now = clock.now()
        async with self._database.transaction() as tx:
            rows = [
                reports.row_of(tx, (one.channel, one.account, one.sender), one.dedupe_key, one.receipt, now)
                for one in messages
                if one.receipt is not None
            ]
            await reports.keep(tx, rows)
            tx.wake("reports")
