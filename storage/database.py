"""The database: one engine, one door to transactions, and the only commit.

SQLite (WAL, BEGIN IMMEDIATE: a deferred BEGIN loses updates between processes) by default, PostgreSQL by URL.
Whoever writes uses `transaction()`: what happens inside commits together, once, when the block ends; jobs to
wake (`tx.wake`) are named inside and woken after the commit, never before.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Row, event, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql import Executable
from sqlmodel import SQLModel

from bot import clock
from bot.errors import ConfigError, StorageUnavailable
from storage.encryption import CannotOpen, Keyring
from storage.models import Contact, HouseKey, table
from storage.sqlite import BEGIN_WRITING, connect

#: A row of any query: repositories turn it into something named before it leaves storage.
AnyRow = Row[*tuple[Any, ...]]

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}
#: SQLite waits this long for another writer before it gives up.
_BUSY_MILLISECONDS = 5_000
_CACHE_KIB = 32 * 1024
#: PostgreSQL's serialization_failure and deadlock_detected (its manual, appendix A).
_GAVE_WAY = frozenset({"40001", "40P01"})


@dataclass(slots=True)
class Transaction:
    """One open transaction: the connection, the keys, and what to wake after the commit."""

    connection: AsyncConnection
    keys: Keyring
    dialect: str
    wakes: set[str] = field(default_factory=set)

    async def execute(self, statement: Executable, rows: Sequence[dict[str, Any]] | None = None) -> Any:
        """Run one statement, or the same statement for many rows."""
        return await (
            self.connection.execute(statement) if rows is None else self.connection.execute(statement, rows)
        )

    async def rows(self, statement: Executable) -> Sequence[AnyRow]:
        """All rows of a query."""
        return (await self.connection.execute(statement)).all()

    async def first(self, statement: Executable) -> AnyRow | None:
        """The first row of a query, or None."""
        return (await self.connection.execute(statement)).first()

    async def insert(self, model: type[SQLModel], rows: dict[str, Any] | Sequence[dict[str, Any]]) -> None:
        """Insert one row or many into `model`'s table (every column needs a value or a database default)."""
        await self.connection.execute(table(model).insert(), rows)

    async def insert_if_new(self, model: type[SQLModel], row: dict[str, Any]) -> bool:
        """Insert `row` unless a unique key stands in the way; True when it was inserted."""
        maker: Any = postgresql.insert if self.dialect == "postgresql" else sqlite.insert
        result = await self.connection.execute(maker(table(model)).values(row).on_conflict_do_nothing())
        return bool(result.rowcount)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo what the block wrote, and only that, when it raises; the transaction goes on."""
        async with self.connection.begin_nested():
            yield

    def wake(self, name: str) -> None:
        """Ask for the job `name` (`outbox`, `media` …) to look, once this transaction has committed."""
        self.wakes.add(name)


class Database:
    """The way to the database. `keys` is unlocked by `open`; `on_commit` hears which jobs to wake.

    Whoever finds all connections taken waits `wait_seconds` for one.
    """

    def __init__(self, url: str, keys: Keyring, *, pool_size: int = 8, wait_seconds: float = 5) -> None:
        self.url = normalise_url(url)
        self.keys = keys
        self.on_commit: Callable[[Iterable[str]], None] = lambda names: None
        self.engine = _make_engine(self.url, pool_size, wait_seconds)
        self.dialect = self.engine.dialect.name

    async def open(self) -> None:
        """Connect and unlock the keys; make house and look-up key in an empty database.

        Raises StorageUnavailable, and ConfigError when the master key does not fit what is there.
        """
        async with self.transaction() as tx:
            stored = {row.purpose: row.wrapped for row in await tx.rows(select(table(HouseKey)))}
            if not stored:
                if await tx.first(select(table(Contact).c.id).limit(1)) is not None:
                    raise ConfigError("the database holds sealed data but its house keys are gone: restore a backup")
                for purpose in ("house", "lookup"):
                    stored[purpose] = self.keys.wrap(purpose, os.urandom(32))
                    await tx.insert_if_new(
                        HouseKey,
                        {"purpose": purpose, "wrapped": stored[purpose], "created_at": clock.now()},
                    )
                stored = {row.purpose: row.wrapped for row in await tx.rows(select(table(HouseKey)))}
        try:
            self.keys.unlock(house=stored["house"], lookup=stored["lookup"])
        except CannotOpen as error:
            raise ConfigError(
                f"security.key does not open this database ({error}); put back the key it was made with"
                " (a backup of the key file), a new key can never read it"
            ) from None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction that writes: commits once at the end of the block, rolls back on any error.

        Raises StorageUnavailable when the database cannot be reached.
        """
        async with self._begin(read_only=False) as tx:
            yield tx
        if tx.wakes:
            self.on_commit(tx.wakes)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """A transaction that only reads: blocks no writer."""
        async with self._begin(read_only=True) as tx:
            yield tx

    async def is_reachable(self) -> bool:
        """Whether a query gets through right now."""
        try:
            async with self.reading() as tx:
                await tx.first(select(1))
        except StorageUnavailable:
            return False
        return True

    async def scrub(self) -> None:
        """Take what was overwritten out of SQLite's journal too; PostgreSQL's vacuum does it in its own time."""
        if self.dialect != "sqlite":
            return
        async with self.engine.connect() as connection:
            await connection.execution_options(read_only=True)
            raw = await connection.get_raw_connection()
            assert raw.driver_connection is not None
            cursor = await raw.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            await cursor.close()

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    @asynccontextmanager
    async def _begin(self, *, read_only: bool) -> AsyncIterator[Transaction]:
        connected = False
        try:
            async with self.engine.connect() as connection:
                connected = True
                await connection.execution_options(read_only=read_only)
                async with connection.begin():
                    yield Transaction(connection, self.keys, self.dialect)
        except (OperationalError, InterfaceError, NoConnectionFree, ConnectionError, TimeoutError) as error:
            raise StorageUnavailable(_cause(error)) from error
        except DBAPIError as error:
            # A server that answers but has no such database, or lets nobody in, is away too.
            if error.connection_invalidated or not connected or _may_be_tried_again(error):
                raise StorageUnavailable(_cause(error)) from error
            raise


def normalise_url(url: str) -> str:
    """`url` with the asynchronous driver this service uses. Raises ConfigError for other databases."""
    try:
        parsed = make_url(url)
    except Exception:
        raise ConfigError("database.url is not a database address; try sqlite:///var/niangjia.db") from None
    backend = parsed.get_backend_name()
    if backend not in _DRIVERS:
        raise ConfigError(f"database.url: {backend} is not supported; use sqlite:// or postgresql://")
    return parsed.set(drivername=_DRIVERS[backend]).render_as_string(hide_password=False)


def sqlite_path(url: str) -> Path | None:
    """The file behind an SQLite address; None for other databases."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database)


def _make_engine(url: str, pool_size: int, wait_seconds: float) -> AsyncEngine:
    path = sqlite_path(url)
    if path is None:
        return create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            connect_args={"timeout": 5},
            pool_timeout=wait_seconds,
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        pool_timeout=wait_seconds,
        async_creator=lambda: connect(path, _BUSY_MILLISECONDS / 1000),
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL, because a message is acknowledged after the commit and must survive a power cut.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        # The default of 2 MB reads the same index pages again for every batch.
        cursor.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.execute("PRAGMA wal_autocheckpoint=4000")
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else BEGIN_WRITING)

    return engine


def _may_be_tried_again(error: DBAPIError) -> bool:
    """PostgreSQL gave way for somebody else: nothing is kept, and the same once more will succeed."""
    return getattr(error.orig, "sqlstate", None) in _GAVE_WAY


def _cause(error: BaseException) -> str:
    # The driver's own words may quote statement parameters; the class name is enough for a log.
    original = getattr(error, "orig", None) or error
    return f"the database cannot be reached ({type(original).__name__})"
