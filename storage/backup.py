"""Backup and restore: every table as JSON lines in one compressed file, the same for both databases.

What was sealed stays sealed: without the master key a backup tells nothing. The file is written beside its final
name and renamed when it is whole; a restore checks the whole file before it writes the first row.
"""

import base64
import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Table, func, inspect, select, text

from bot.errors import BotError
from storage.database import Database, Transaction
from storage.migrations import upgrade
from storage.models import metadata

_FORMAT = 1
_AT_ONCE = 500
#: Left out: who is signed in right now.
_SKIPPED = frozenset({"staff_session", "sign_in_failure"})


async def write(database: Database, path: Path) -> int:
    """Write a backup to `path` (0600), all of one moment; how many rows. Raises BotError when the disk refuses."""
    draft = path.with_name(path.name + ".partial")
    number, digest = 0, hashlib.sha256()
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:

            def put(value: dict[str, Any]) -> None:
                line = (json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
                digest.update(line)
                packed.write(line)

            async with database.reading() as tx:
                if tx.dialect == "postgresql":
                    await tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
                put({"format": _FORMAT, "revision": await tx.connection.run_sync(_revision)})
                for one in _tables():
                    put({"table": one.name})
                    async for row in await tx.connection.stream(select(one)):
                        put({name: _pack(value) for name, value in row._mapping.items()})
                        number += 1
            packed.write((json.dumps({"rows": number, "sha256": digest.hexdigest()}) + "\n").encode())
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise BotError(f"{path} could not be written ({error.strerror}); nothing was kept") from None
    return number


async def read(database: Database, path: Path) -> int:
    """Restore `path` into an empty database; how many rows. Raises BotError, changing nothing, when it is not fit."""
    head = _check(path)
    async with database.reading() as tx:
        filled = await tx.connection.run_sync(_holds_rows)
    if filled:
        raise BotError("the database is not empty: restore into a new one, so that nothing is overwritten")
    await upgrade(database, head["revision"])
    number = 0
    async with database.transaction() as tx:
        current: Table | None = None
        rows: list[dict[str, Any]] = []
        for value in _lines(path):
            if "format" in value or "sha256" in value:
                continue
            if set(value) == {"table"}:
                number += await _flush(tx, current, rows)
                current, rows = metadata.tables[value["table"]], []
                continue
            assert current is not None
            rows.append(_unpack(current, value))
            if len(rows) >= _AT_ONCE:
                number += await _flush(tx, current, rows)
                rows = []
        number += await _flush(tx, current, rows)
    return number


def _tables() -> list[Table]:
    return [one for one in metadata.sorted_tables if one.name not in _SKIPPED]


async def _flush(tx: Transaction, one: Table | None, rows: list[dict[str, Any]]) -> int:
    if one is not None and rows:
        await tx.execute(one.insert(), rows)
    return len(rows)


def _check(path: Path) -> dict[str, Any]:
    """The first line of a whole backup. Raises BotError."""
    digest, head, last = hashlib.sha256(), None, b""
    try:
        with gzip.open(path, "rb") as packed:
            for line in packed:
                if last:
                    digest.update(last)
                head = head or json.loads(line)
                last = line
        end = json.loads(last)
    except (OSError, EOFError, ValueError):
        raise BotError(f"{path} is not a whole backup: it cannot be read to its end") from None
    if head is None or head.get("format") != _FORMAT:
        raise BotError(f"{path} is not a backup of this service")
    if end.get("sha256") != digest.hexdigest():
        raise BotError(f"{path} is damaged: its checksum does not fit")
    found: dict[str, Any] = head
    return found


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as packed:
        for line in packed:
            yield json.loads(line)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _holds_rows(connection: Connection) -> bool:
    """Whether any table of ours has a row; tables that do not exist yet have none."""
    known = set(inspect(connection).get_table_names())
    return any(
        connection.execute(select(func.count()).select_from(one)).scalar_one()
        for one in metadata.sorted_tables
        if one.name in known
    )


def _pack(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return {"b": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, date):
        return {"d": value.isoformat()}
    return value


def _unpack(one: Table, row: dict[str, Any]) -> dict[str, Any]:
    values = {}
    for name, value in row.items():
        if name not in one.c:
            continue
        values[name] = _unpack_value(value) if isinstance(value, dict) else value
    return values


def _unpack_value(packed: dict[str, str]) -> Any:
    ((kind, text_value),) = packed.items()
    if kind == "b":
        return base64.b64decode(text_value)
    return datetime.fromisoformat(text_value) if kind == "t" else date.fromisoformat(text_value)
