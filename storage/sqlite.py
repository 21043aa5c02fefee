"""SQLite connections that stay on the event loop's thread while a writing transaction is open.

aiosqlite carries every step of every statement to a thread and back: some forty trips a batch, five milliseconds
of CPU, more than the statements themselves. Once a connection holds the write lock (BEGIN IMMEDIATE, in its
thread, where waiting for another writer blocks nobody) its statements take microseconds and wait for nothing, so
they run where they are called; the commit, which waits for the disk, goes to the thread again.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiosqlite

BEGIN_WRITING = "BEGIN IMMEDIATE"
_PREFETCH_ROWS = 64


class WritingConnection(aiosqlite.Connection):
    """An aiosqlite connection that runs statements in place between BEGIN IMMEDIATE and its end."""

    holds_lock = False

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self.holds_lock:
            return fn(*args, **kwargs)
        result = await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
        if args and args[0] == BEGIN_WRITING:
            self.holds_lock = True
        return result

    async def commit(self) -> None:
        """Commit, waiting for the disk in the thread."""
        self.holds_lock = False
        await super().commit()

    async def rollback(self) -> None:
        """Roll back."""
        self.holds_lock = False
        await super().rollback()


async def connect(path: Path, busy_seconds: float) -> aiosqlite.Connection:
    """A connection to the file at `path` that waits up to `busy_seconds` for another writer."""

    def open_file() -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, timeout=busy_seconds, check_same_thread=False)

    connection = WritingConnection(open_file, _PREFETCH_ROWS)
    # A connection still open when the process ends must not keep it alive.
    connection._thread.daemon = True
    return await connection
