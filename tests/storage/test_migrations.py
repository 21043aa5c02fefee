"""Migrations: from nothing to the newest schema, which is what the models say, on both databases."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, column, inspect, select, text
from sqlalchemy import insert as insert_into
from sqlalchemy import table as lightweight

from storage.database import Database, Transaction
from storage.migrations import alembic_config, is_current, upgrade
from storage.models import Case, CaseEvent, metadata, table
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


async def test_old_cases_keep_what_they_hold_and_learn_what_their_conversation_knows(blank: Database) -> None:
    await upgrade(blank, "0010")
    moment = datetime(2026, 3, 3, 2, tzinfo=UTC)
    hers = {"contact_id": "0c", "channel": "sms"}
    rows: list[tuple[str, dict[str, Any]]] = [
        ("area", {"id": "0a", "code": "01", "name": "清河县", "level": "county"}),
        ("contact", {"id": "0c", "wrapped_key": b"sealed", "own_word_failures": 0, "created_at": moment}),
        ("identity", {"id": "0i", "account": "x", "address_digest": b"x", "address_sealed": b"x"} | hers),
        ("conversation", {"id": "0t", "identity_id": "0i", "area_id": "0a", "category": "dv"} | hers),
        ("case", {"id": "0d", "number": "20260303-0001", "contact_id": "0c", "conversation_id": "0t"}),
        ("case_event", {"id": "0e", "case_id": "0d", "kind": "opened"}),
    ]
    more: dict[str, dict[str, Any]] = {
        "identity": {"held_elsewhere": "", "window_trigger": "", "window_used": 0, "created_at": moment},
        "conversation": dict.fromkeys(("waiting_reason", "risk_kinds", "flow", "step", "outcome"), "")
        | {"state": "bot", "risk": 2, "urgent": False, "misunderstood": 0, "opened_at": moment, "version": 1},
        "case": {"category": "dv", "risk": 2, "status": "open", "fields_sealed": b"sealed", "outcome": ""}
        | {"consent_version": "2026-11", "consented_at": moment, "opened_at": moment},
        "case_event": {"at": moment, "body_sealed": b"sealed"},
    }
    async with blank.transaction() as tx:
        for name, given in rows:
            values = given | more.get(name, {})
            # Only these columns: the defaults of columns that come later must not go along.
            of = lightweight(name, *(column(one, metadata.tables[name].c[one].type) for one in values))
            await tx.execute(of.insert().values(values))
    await upgrade(blank)
    async with blank.reading() as tx:
        case = await tx.first(select(table(Case)))
        event = await tx.first(select(table(CaseEvent)))
    assert case is not None
    assert event is not None
    assert (case.status, case.origin, case.area_id, case.rights_group) == ("open", "sms", "0a", "family")
    assert (case.consent_way, case.violence_at == case.opened_at) == ("chat", True)
    assert bytes(case.fields_sealed) == bytes(event.body_sealed) == b"sealed"
    assert (event.subject, event.code) == ("", "")


async def insert(tx: Transaction, name: str, **values: Any) -> None:
    """A row of a schema the models no longer know."""
    await tx.execute(insert_into(lightweight(name, *(column(one) for one in values))).values(**values))


async def test_recipients_of_old_notices_leave_the_outbox(blank: Database) -> None:
    await upgrade(blank, "0016")
    now: Any = datetime(2026, 3, 3, 2, tzinfo=UTC)
    if blank.dialect == "sqlite":
        now = "2026-03-03 02:00:00.000000+00:00"
    waiting = {"sent": "0a", "queued": "0b", "sending": "0c"}
    blanks = dict.fromkeys(("claimed_by", "platform_id", "error_code", "error_sentence"), "")
    async with blank.transaction() as tx:
        await insert(tx, "staff", id="0s", login="w", role="cadre", password_hash="x", active=True, created_at=now)
        texts = {"title": "通知", "text": "活动", "planned_to": "", "result": ""}
        await insert(tx, "campaign", id="0n", status="sending", created_by="0s", created_at=now, **texts)
        for state, one in waiting.items():
            await insert(tx, "contact", id=one, own_word_failures=0, created_at=now)
            places = {"channel": "wechat_oa", "account": "wx", "window_trigger": "", "held_elsewhere": ""}
            digests = {"address_digest": one.encode(), "address_sealed": one.encode()}
            await insert(tx, "identity", id=one, contact_id=one, window_used=0, created_at=now, **places, **digests)
            times = dict.fromkeys(("said_at", "created_at", "not_before"), now)
            numbers = {"priority": 3, "said_order": 0, "said_rank": 1, "attempts": 0, "crisis": False}
            whose = {"contact_id": one, "identity_id": one, "campaign_id": "0n", "outbound_class": "campaign"}
            row = {"id": one, "idempotency_key": one, "state": state} | times | numbers | whose | blanks
            await insert(tx, "outbox", **row)
    await upgrade(blank)
    async with blank.reading() as tx:
        assert await tx.rows(text("SELECT id FROM outbox")) == []
        found = await tx.rows(text("SELECT recipient, state FROM delivery ORDER BY recipient"))
        assert [tuple(row) for row in found] == [("0a", "sent"), ("0b", "queued"), ("0c", "unknown")]
        (batch,) = await tx.rows(text("SELECT state, size, way FROM delivery_batch"))
        assert tuple(batch) == ("waiting", 3, "custom")


def test_migrations_stand_in_one_line() -> None:
    script = ScriptDirectory.from_config(alembic_config())
    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1
