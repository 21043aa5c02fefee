"""What the prepared statements write is what the same statement writes through SQLAlchemy."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiosqlite

from storage.bulk import Bulk
from storage.database import Database
from storage.encryption import Keyring, MasterKey
from storage.migrations import upgrade
from storage.models import Contact, new_id, table

WHOLE_SECOND = datetime(2026, 3, 3, 4, 0, 0, tzinfo=UTC)


async def test_a_moment_on_the_whole_second_is_written_as_sqlalchemy_writes_it(tmp_path: Path) -> None:
    """Otherwise moments of one column would not sort, and nothing would be due when it is."""
    database = Database(f"sqlite:///{tmp_path}/bulk.db", Keyring([MasterKey.generate()]))
    await upgrade(database)
    columns = ("id", "wrapped_key", "created_at")
    rows: list[dict[str, Any]] = [
        {"id": new_id(), "wrapped_key": b"key", "created_at": WHOLE_SECOND} for _ in range(2)
    ]
    async with database.transaction() as tx:
        await tx.insert(Contact, rows[0])
        await Bulk(table(Contact).insert(), columns).run(tx.connection, rows[1:])
    await database.close()
    async with aiosqlite.connect(tmp_path / "bulk.db") as plain:
        written = await (await plain.execute("SELECT DISTINCT created_at FROM contact")).fetchall()
    assert [row[0] for row in written] == ["2026-03-03 04:00:00.000000+00:00"]
