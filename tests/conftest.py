"""Fixtures every test may ask for: databases of both kinds, a pretended WeChat, the whole house, Redis, the clock."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from redis import Redis

from bot.app import prepare_understanding
from bot.clock import Frozen
from nlp.retrieval import Library, load_library
from storage.database import Database
from tests.support import services
from tests.support.databases import PostgresShelf, Shelf, SQLiteShelf, keyring
from tests.support.house import House, open_house
from tests.support.wechat import FakeWeChat, start_wechat
from workers.embedded_redis import EmbeddedRedis

# A crowded machine is slow now and then: how long an example takes is for the benchmark, not for these tests.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")

#: 10:00 on a Tuesday in Shanghai: staff are at their desks.
MORNING = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)

MakeDatabase = Callable[[], Awaitable[Database]]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer has set for her own service stays out of the tests."""
    for name in list(os.environ):
        if name.startswith("NIANGJIA__"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[services.PostgresDatabases]:
    """Databases on the PostgreSQL of the tests; all of them are dropped at the end."""
    if not services.postgres_is_there():
        services.absent("PostgreSQL", "NIANGJIA_TEST_POSTGRES")
    server = services.PostgresDatabases()
    server.drop_leftovers()
    yield server
    server.drop_all()


@pytest.fixture(scope="session")
def shelves() -> dict[str, Shelf]:
    """The migrated databases of this test process, by kind, made when first asked for."""
    return {}


@pytest.fixture(params=["sqlite", "postgresql"])
def shelf(
    request: pytest.FixtureRequest, shelves: dict[str, Shelf], tmp_path_factory: pytest.TempPathFactory
) -> Shelf:
    """Databases of one kind: every test that asks for it runs on both."""
    kind: str = request.param
    if kind not in shelves:
        shelves[kind] = (
            SQLiteShelf(tmp_path_factory.mktemp("sqlite"))
            if kind == "sqlite"
            else PostgresShelf(request.getfixturevalue("postgres_server"))
        )
    return shelves[kind]


@pytest.fixture
def database_url(shelf: Shelf, tmp_path: Path) -> str:
    """The address of an empty, migrated database."""
    return shelf.fresh(tmp_path)


@pytest.fixture
def blank_url(shelf: Shelf, tmp_path: Path) -> str:
    """The address of a database without tables."""
    return shelf.blank(tmp_path)


@pytest.fixture
def fresh_postgres_url(postgres_server: services.PostgresDatabases) -> Iterator[str]:
    """A PostgreSQL database of this test alone, without tables (for tests that start real processes)."""
    url = postgres_server.create("alone")
    yield url
    postgres_server.drop(url)


@pytest.fixture
async def make_database(database_url: str) -> AsyncIterator[MakeDatabase]:
    """Opens the same database again, with connections and keys of its own, as another process would."""
    opened: list[Database] = []

    async def make() -> Database:
        database = Database(database_url, keyring())
        opened.append(database)
        await database.open()
        return database

    yield make
    for database in opened:
        await database.close()


@pytest.fixture
async def database(make_database: MakeDatabase) -> Database:
    """An empty, opened database; on SQLite and on PostgreSQL."""
    return await make_database()


@pytest.fixture
def frozen() -> Iterator[Frozen]:
    """A clock that stands at ten in the morning of a working day until told otherwise."""
    with Frozen(MORNING) as clock:
        yield clock


@pytest.fixture
async def wechat() -> AsyncIterator[FakeWeChat]:
    """A pretended WeChat on a local port."""
    fake = await start_wechat()
    yield fake
    await fake.server.close()


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The reviewed articles, with dictionary and index loaded."""
    prepare_understanding(tmp_path_factory.mktemp("cache"))
    return load_library()


@pytest.fixture
async def house(database: Database, wechat: FakeWeChat, library: Library, frozen: Frozen) -> AsyncIterator[House]:
    """The whole service on a frozen clock."""
    async with open_house(database, wechat, library) as opened:
        yield opened


@pytest.fixture(scope="session")
def embedded_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """The embedded server, one a test process."""
    with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["embedded", "server"])
def redis_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty Redis: the embedded one, and the server of the tests."""
    if request.param == "embedded":
        url: str = request.getfixturevalue("embedded_redis").url
    else:
        url = services.redis_url(os.environ.get("PYTEST_XDIST_WORKER", ""))
        if not url:
            services.absent("Redis", "NIANGJIA_TEST_REDIS")
    client = Redis.from_url(url)
    client.flushdb()
    client.close()
    return url
