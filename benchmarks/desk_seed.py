"""A seeded PostgreSQL database for `make bench-desk`, made once and copied for every run.

The rows go in by COPY with indices taken away meanwhile. The seeded database stays on the server as a template; every
run takes a copy and migrates that, so that seeding is done once for a machine whatever the schema becomes.
"""

import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import Table

from benchmarks.desk_rows import TABLES, Plan, Rows
from bot import clock
from bot.console.passwords import hash_password
from storage.database import Database
from storage.encryption import Keyring, MasterKey, read_key_file, write_key_file
from storage.migrations import upgrade

PASSWORD = "desk-bench-2026"  # noqa: S105 (of made-up staff in a made-up database)
_TEMPLATE = "niangjia_desk_seed"
#: Counts up when the rows change: an older template is made anew.
_VERSION = "3"


@asynccontextmanager
async def seeded(server: str, folder: Path) -> AsyncIterator[str]:
    """A fresh copy of the seeded database on `server`, dropped afterwards; its key is `folder`/master.key."""
    base = server.rpartition("/")[0]
    await _make_template(server, f"{base}/{_TEMPLATE}", folder)
    copy = "niangjia_desk_run"
    await _execute(server, f"DROP DATABASE IF EXISTS {copy} WITH (FORCE)")
    await _execute(server, f"CREATE DATABASE {copy} TEMPLATE {_TEMPLATE} STRATEGY file_copy")
    try:
        yield f"{base}/{copy}"
    finally:
        await _execute(server, f"DROP DATABASE IF EXISTS {copy} WITH (FORCE)")


async def _make_template(server: str, url: str, folder: Path) -> None:
    """Seed the template unless it is there and fits its key."""
    keys = read_key_file(folder / "master.key")
    mark = await _execute(
        server,
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1",
        _TEMPLATE,
    )
    if keys and mark == f"{_VERSION}:{keys[0].name}":
        return
    keys = [MasterKey.generate()]
    await _execute(server, f"DROP DATABASE IF EXISTS {_TEMPLATE} WITH (FORCE)")
    await _execute(server, f"CREATE DATABASE {_TEMPLATE}")
    await _seed(url, keys, Plan())
    write_key_file(folder / "master.key", keys)
    await _execute(server, f"COMMENT ON DATABASE {_TEMPLATE} IS '{_VERSION}:{keys[0].name}'")


async def _seed(url: str, keys: list[MasterKey], plan: Plan) -> None:
    begun = time.perf_counter()
    keyring = Keyring(keys)
    database = Database(url, keyring)
    try:
        await upgrade(database)
        await database.open()
    finally:
        await database.close()
    rows = Rows(keyring, plan, hash_password(PASSWORD), clock.now())
    connection = await asyncpg.connect(url)
    try:
        # Rows refer to each other in circles, and two million look-ups say what we know already.
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("SET maintenance_work_mem = '256MB'")
        for table, make in TABLES:
            await _copy(connection, table, make(rows))
            print(f"  {table.name:<16} {time.perf_counter() - begun:6.1f} s", flush=True)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    print(f"seeded in {time.perf_counter() - begun:.0f} s", flush=True)


async def _copy(connection: asyncpg.Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    """Copy rows into a table, its indices made afterwards; what a row lacks is the column's default."""
    names = [column.name for column in table.columns]
    defaults = [getattr(column.default, "arg", None) for column in table.columns]

    def records() -> Iterator[tuple[Any, ...]]:
        for row in rows:
            yield tuple(row.get(name, default) for name, default in zip(names, defaults, strict=True))

    restore = await _take_away_indices(connection, table.name)
    await connection.copy_records_to_table(table.name, records=records(), columns=names)
    for statement in restore:
        await connection.execute(statement)


async def _take_away_indices(connection: asyncpg.Connection, name: str) -> list[str]:
    """Drop indices and unique keys of a table, but not its primary key; the statements that bring them back."""
    keys = await connection.fetch(
        "SELECT conname, pg_get_constraintdef(oid) AS body FROM pg_constraint"
        " WHERE conrelid = $1::text::regclass AND contype = 'u'",
        f'"{name}"',
    )
    for one in keys:
        await connection.execute(f'ALTER TABLE "{name}" DROP CONSTRAINT "{one["conname"]}"')
    indices = await connection.fetch(
        "SELECT c.relname, pg_get_indexdef(c.oid) AS body FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = $1::text::regclass AND NOT i.indisprimary",
        f'"{name}"',
    )
    for one in indices:
        await connection.execute(f'DROP INDEX "{one["relname"]}"')
    return [f'ALTER TABLE "{name}" ADD CONSTRAINT "{one["conname"]}" {one["body"]}' for one in keys] + [
        one["body"] for one in indices
    ]


async def _execute(url: str, statement: str, *values: Any) -> Any:
    """Run one statement outside any transaction; the first value it gives."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement, *values) if values else await connection.execute(statement)
    finally:
        await connection.close()
