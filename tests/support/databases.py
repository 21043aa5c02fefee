"""Databases of tests: migrated once a process, empty at the beginning of a test, on SQLite and PostgreSQL."""

import shutil
from pathlib import Path
from typing import Protocol

from sqlalchemy import text

from storage.database import Database, normalise_url
from storage.encryption import Keyring, MasterKey
from storage.migrations import upgrade
from storage.models import metadata
from tests.support.services import PostgresDatabases, run_apart

#: The master key of every database in tests.
MASTER = MasterKey("test", bytes(range(32)))


class Shelf(Protocol):
    """Where empty, migrated databases of one kind come from."""

    def fresh(self, folder: Path) -> str:
        """The address of an empty, migrated database; it is good until the next call."""

    def blank(self, folder: Path) -> str:
        """The address of a database without any table."""


class SQLiteShelf:
    """A migrated file, copied for every test."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"
        run_apart(_migrate(f"sqlite:///{self._template}"))

    def fresh(self, folder: Path) -> str:
        """A copy of the migrated file."""
        path = folder / "niangjia.db"
        shutil.copy(self._template, path)
        return f"sqlite:///{path}"

    def blank(self, folder: Path) -> str:
        """A file that does not exist yet."""
        return f"sqlite:///{folder / 'blank.db'}"


class PostgresShelf:
    """One database a test process, emptied for every test."""

    def __init__(self, server: PostgresDatabases) -> None:
        self._server = server
        self._url = server.create("main")
        self._blanks = 0
        run_apart(_migrate(self._url))

    def fresh(self, folder: Path) -> str:
        """The database, emptied."""
        run_apart(_empty(self._url))
        return self._url

    def blank(self, folder: Path) -> str:
        """A new database, dropped with the rest."""
        self._blanks += 1
        return self._server.create(f"blank{self._blanks}")


def keyring() -> Keyring:
    """A keyring with the master key of tests, as another process would have it."""
    return Keyring([MASTER])


async def _migrate(url: str) -> None:
    database = Database(url, keyring())
    try:
        await upgrade(database)
        if database.dialect == "sqlite":
            async with database.engine.connect() as connection:
                raw = await connection.get_raw_connection()
                await raw.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        await database.close()


async def _empty(url: str) -> None:
    """Delete all rows, ten times as fast as truncating; foreign keys are not looked at meanwhile."""
    database = Database(normalise_url(url), keyring())
    try:
        async with database.transaction() as tx:
            await tx.execute(text("SET LOCAL lock_timeout = '10s'"))
            await tx.execute(text("SET LOCAL session_replication_role = replica"))
            for table in metadata.tables.values():
                await tx.execute(table.delete())
    finally:
        await database.close()
