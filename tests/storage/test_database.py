"""Transactions: once or not at all, one writer after the other, and one honest error when the database is away."""

import asyncio
import sys
import textwrap
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from bot import clock
from bot.errors import ConfigError, StorageUnavailable
from storage.database import Database, normalise_url
from storage.encryption import Keyring, MasterKey
from storage.migrations import upgrade
from storage.models import Area, HouseKey, new_id, table
from storage.repositories.keys import rewrap_all
from tests.conftest import MakeDatabase
from tests.support.databases import MASTER, keyring
from tests.support.house import House
from tests.support.service import ROOT, free_port

_area = table(Area).c


def area(name: str = "柳林乡") -> dict[str, object]:
    number = new_id()
    return {"id": number, "code": number, "name": name, "level": "township"}


async def names(database: Database) -> list[str]:
    async with database.reading() as tx:
        return [row.name for row in await tx.rows(select(_area.name).order_by(_area.id))]


async def test_what_happens_in_a_transaction_is_kept_at_its_end(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.insert(Area, area())
    assert await names(database) == ["柳林乡"]


async def test_error_rolls_everything_back_and_wakes_nobody(database: Database) -> None:
    woken: list[str] = []
    database.on_commit = woken.extend

    async def fail() -> None:
        async with database.transaction() as tx:
            await tx.insert(Area, area())
            tx.wake("outbox")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await names(database) == []
    assert woken == []


async def test_jobs_are_woken_after_the_commit_never_before(database: Database, make_database: MakeDatabase) -> None:
    other = await make_database()
    seen: list[list[str]] = []

    async with database.transaction() as tx:
        await tx.insert(Area, area())
        tx.wake("outbox")
        tx.wake("outbox")
        database.on_commit = lambda wanted: seen.append(sorted(wanted))
        assert await names(other) == []
        assert seen == []
    assert seen == [["outbox"]]


async def test_insert_if_new_says_whether_it_was(database: Database) -> None:
    row = area()
    async with database.transaction() as tx:
        assert await tx.insert_if_new(Area, row)
        assert not await tx.insert_if_new(Area, row | {"id": new_id()})
        assert not await tx.insert_if_new(Area, row)
    assert len(await names(database)) == 1


async def test_reading_blocks_no_writer(database: Database, make_database: MakeDatabase) -> None:
    other = await make_database()
    async with database.reading() as tx:
        await tx.rows(select(_area.name))
        async with asyncio.timeout(3), other.transaction() as writing:
            await writing.insert(Area, area())
    assert len(await names(database)) == 1


async def test_cancelled_transaction_leaves_nothing_and_holds_no_lock(database: Database) -> None:
    async def hang() -> None:
        async with database.transaction() as tx:
            await tx.insert(Area, area())
            await asyncio.sleep(60)

    task = asyncio.create_task(hang())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5), database.transaction() as tx:
        await tx.insert(Area, area("后来的"))
    assert await names(database) == ["后来的"]


COUNTER = """
    import asyncio, sys
    from sqlalchemy import select, update
    from storage.database import Database
    from storage.models import Area, table
    from tests.support.databases import keyring

    async def main(url, times):
        database = Database(url, keyring())
        at = table(Area).c
        for _ in range(times):
            async with database.transaction() as tx:
                query = select(at.name).where(at.code == "counter").with_for_update()
                row = await tx.first(query)
                await tx.execute(update(table(Area)).where(at.code == "counter").values(name=str(int(row.name) + 1)))
        await database.close()

    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def test_read_modify_write_from_several_processes_loses_nothing(database: Database, database_url: str) -> None:
    async with database.transaction() as tx:
        await tx.insert(Area, area("0") | {"code": "counter"})
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", textwrap.dedent(COUNTER), database_url, "25", cwd=ROOT
        )
        for _ in range(3)
    ]
    assert [await process.wait() for process in processes] == [0, 0, 0]
    assert await names(database) == ["75"]


async def test_database_that_is_away_is_one_error() -> None:
    database = Database(f"postgresql://postgres@127.0.0.1:{free_port()}/nobody", keyring())
    assert not await database.is_reachable()
    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        async with database.transaction() as tx:
            await tx.execute(text("SELECT 1"))
    await database.close()


async def test_folder_that_cannot_hold_a_file_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    database = Database(f"sqlite:///{tmp_path}/folder.db", keyring())
    assert not await database.is_reachable()
    await database.close()
    # aiosqlite's thread says goodbye to this loop when connecting failed.
    await asyncio.sleep(0.2)


async def test_mistake_of_ours_is_no_outage(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.transaction() as tx:
            await tx.insert(Area, area() | {"code": None})


@pytest.mark.parametrize("url", ["mysql://h/n", "not an address", "", "oracle://x"])
def test_other_databases_are_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(ConfigError, match=r"database\.url"):
        normalise_url(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///var/niangjia.db", "sqlite+aiosqlite:///var/niangjia.db"),
        ("postgres://u:p@h/n", "postgresql+asyncpg://u:p@h/n"),
        ("postgresql://u:p@h:1/n", "postgresql+asyncpg://u:p@h:1/n"),
    ],
)
def test_addresses_get_the_driver_of_this_service(url: str, expected: str) -> None:
    assert normalise_url(url) == expected


async def test_house_keys_are_made_once_and_found_again(database: Database, make_database: MakeDatabase) -> None:
    sealed = database.keys.house.seal("staff.name", "王主任")
    other = await make_database()
    assert other.keys.house.open("staff.name", sealed) == "王主任"
    async with database.reading() as tx:
        assert {row.purpose for row in await tx.rows(select(table(HouseKey)))} == {"house", "lookup"}


async def test_two_processes_that_open_an_empty_database_agree(database_url: str) -> None:
    databases = [Database(database_url, keyring()) for _ in range(3)]
    await asyncio.gather(*(database.open() for database in databases))
    assert len({database.keys.digest("a", "b") for database in databases}) == 1
    for database in databases:
        await database.close()


async def test_another_master_key_is_refused_with_a_sentence(database: Database, database_url: str) -> None:
    other = Database(database_url, Keyring([MasterKey("test", bytes(32))]))
    with pytest.raises(ConfigError, match="does not open this database"):
        await other.open()
    await other.close()


async def test_sealed_data_without_house_keys_is_refused(house: House, database_url: str) -> None:
    await house.say("你好")
    async with house.database.transaction() as tx:
        await tx.execute(table(HouseKey).delete())
    other = Database(database_url, keyring())
    with pytest.raises(ConfigError, match="restore a backup"):
        await other.open()
    await other.close()


async def test_rotated_master_key_opens_everything_and_the_old_one_nothing(house: House, database_url: str) -> None:
    for number in range(3):
        await house.say("你好", f"o-{number}")
    new = MasterKey("second", bytes(range(100, 132)))
    both = Database(database_url, Keyring([new, MASTER]))
    await both.open()
    assert await rewrap_all(both) == 2 + 3
    await both.close()
    alone = Database(database_url, Keyring([new]))
    await alone.open()
    async with alone.reading() as tx:
        contacts = await tx.rows(text("SELECT id, wrapped_key FROM contact"))
    for row in contacts:
        alone.keys.contact_key(row.id, bytes(row.wrapped_key))
    await alone.close()
    old = Database(database_url, keyring())
    with pytest.raises(ConfigError):
        await old.open()
    await old.close()


async def test_sqlite_is_as_durable_as_promised(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/deep/down/a.db", keyring())
    await upgrade(database)
    async with database.reading() as tx:
        for pragma, expected in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
            row = await tx.first(text(f"PRAGMA {pragma}"))
            assert row is not None
            assert row[0] == expected
    await database.close()


async def test_writers_wait_for_each_other_inside_one_process(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.insert(Area, area("0") | {"code": "counter"})

    async def count() -> None:
        async with database.transaction() as tx:
            row = await tx.first(select(_area.name).where(_area.code == "counter").with_for_update())
            assert row is not None
            await asyncio.sleep(0)
            await tx.execute(update(table(Area)).where(_area.code == "counter").values(name=str(int(row.name) + 1)))

    await asyncio.gather(*(count() for _ in range(30)))
    assert await names(database) == ["30"]


async def test_moments_come_back_aware_and_exact(house: House) -> None:
    await house.say("你好")
    assert (await house.contact()).created_at == clock.now()
    assert (await house.contact()).created_at.utcoffset() is not None


async def test_moment_without_a_zone_never_reaches_the_database(house: House) -> None:
    await house.say("你好")
    contact = await house.contact()
    if house.database.dialect == "sqlite":
        with pytest.raises(Exception, match="without zone"):
            await house.change("contact", contact.id, locked_at=clock.now().replace(tzinfo=None))


async def test_no_free_connection_is_a_database_that_cannot_be_reached(database_url: str) -> None:
    busy = Database(database_url, keyring(), pool_size=1, wait_seconds=0.05)

    async def take(number: int) -> None:
        async with AsyncExitStack() as stack:
            for _ in range(number):
                await stack.enter_async_context(busy.reading())

    try:
        with pytest.raises(StorageUnavailable):
            await take(20)
        await take(1)
    finally:
        await busy.close()


async def test_whoever_gave_way_in_a_deadlock_may_try_again(make_database: MakeDatabase, database_url: str) -> None:
    if not database_url.startswith("postgresql"):
        pytest.skip("SQLite has one writer")
    database = await make_database()
    first, second = area("东河乡"), area("西山乡")
    async with database.transaction() as tx:
        await tx.insert(Area, [first, second])
    both_hold = asyncio.Barrier(2)

    async def rename(mine: object, other: object) -> None:
        async with database.transaction() as tx:
            await tx.execute(update(table(Area)).where(_area.id == mine).values(name="先"))
            await both_hold.wait()
            await tx.execute(update(table(Area)).where(_area.id == other).values(name="后"))

    outcomes = await asyncio.gather(
        rename(first["id"], second["id"]), rename(second["id"], first["id"]), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["NoneType", "StorageUnavailable"]
