"""Migrations: from nothing to the newest schema, which is what the models say, on both databases."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from storage.database import Database
from storage.migrations import alembic_config, is_current, upgrade
from storage.models import metadata
from tests.support.databases import keyring


@pytest.fixture
async def blank(blank_url: str) -> AsyncIterator[Database]:
    database = Database(blank_url, keyring())
    yield database
    await database.close()


def revisions() -> list[str]:
    return [script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()][::-1]


async def test_upgrade_from_nothing_and_again(blank: Database) -> None:
    assert not await is_current(blank)
    await upgrade(blank)
    assert await is_current(blank)
    await upgrade(blank)
    await blank.open()


async def test_every_migration_can_be_the_last_one_done(blank: Database) -> None:
    for revision in revisions():
        await upgrade(blank, revision)
    assert await is_current(blank)


async def test_migrations_make_what_the_models_say(blank: Database) -> None:
    await upgrade(blank)

    def compare(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with blank.reading() as tx:
        assert await tx.connection.run_sync(compare) == []


async def test_columns_are_those_of_the_models(blank: Database) -> None:
    await upgrade(blank)

    def read(connection: Connection) -> dict[str, dict[str, bool]]:
        found = inspect(connection)
        return {
            name: {column["name"]: column["nullable"] for column in found.get_columns(name)}
            for name in found.get_table_names()
            if name != "alembic_version"
        }

    async with blank.reading() as tx:
        tables = await tx.connection.run_sync(read)
    assert tables == {
        table.name: {column.name: bool(column.nullable) for column in table.columns}
        for table in metadata.tables.values()
    }


async def test_database_forbids_overselling(blank: Database) -> None:
    await upgrade(blank)

    def checks(connection: Connection) -> set[str]:
        return {str(check["name"]) for check in inspect(connection).get_check_constraints("activity_session")}

    async with blank.reading() as tx:
        found = await tx.connection.run_sync(checks)
    assert any("never_oversold" in name for name in found)


async def test_data_survives_the_way_from_the_first_schema(blank: Database) -> None:
    first, *later = revisions()
    await upgrade(blank, first)
    async with blank.transaction() as tx:
        await tx.execute(text("INSERT INTO area (id, code, name, level) VALUES ('0a', '01', '清河县', 'county')"))
        await tx.execute(
            text(
                "INSERT INTO contact (id, wrapped_key, created_at)"
                " VALUES ('0c', :key, '2026-03-03 02:00:00.000000+00:00')"
            ).bindparams(key=b"wrapped")
        )
    for revision in later:
        await upgrade(blank, revision)
    async with blank.reading() as tx:
        assert (await tx.rows(text("SELECT name FROM area")))[0].name == "清河县"
        assert bytes((await tx.rows(text("SELECT wrapped_key FROM contact")))[0].wrapped_key) == b"wrapped"


def test_migrations_stand_in_one_line() -> None:
    script = ScriptDirectory.from_config(alembic_config())
    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1
