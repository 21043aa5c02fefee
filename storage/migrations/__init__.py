"""Migrations: `upgrade` brings a database to the newest schema, keeping what is in it."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from storage.database import Database


def alembic_config() -> Config:
    """Alembic's settings, without a file of their own."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


async def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the schema of `database` to `revision`. Safe to call at every start."""

    def run(connection: Connection) -> None:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    async with database.transaction() as tx:
        if tx.dialect == "postgresql":
            # Two replicas that start together must not migrate together; SQLite's BEGIN IMMEDIATE sees to it.
            await tx.execute(text("SELECT pg_advisory_xact_lock(20160301)"))
        await tx.connection.run_sync(run)


async def is_current(database: Database) -> bool:
    """Whether the schema is the newest one."""

    def read(connection: Connection) -> bool:
        current = MigrationContext.configure(connection).get_current_revision()
        return current == ScriptDirectory.from_config(alembic_config()).get_current_head()

    async with database.reading() as tx:
        return await tx.connection.run_sync(read)
