"""The servers tests may use when they are there: where they are, and what their absence means.

On a developer's machine a test that needs an absent server is skipped with the reason; where `CI` is set it fails,
because there the servers are promised.
"""

import asyncio
import os
import socket
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from redis import Redis
from redis.exceptions import RedisError

POSTGRES = os.environ.get("NIANGJIA_TEST_POSTGRES") or "postgresql://postgres@127.0.0.1:5432/test"
REDIS = os.environ.get("NIANGJIA_TEST_REDIS") or "redis://127.0.0.1:6379/15"
#: Databases of tests carry this machine and the process that made them, so that leftovers are told from others.
_PREFIX = "niangjia_test"

_T = TypeVar("_T")


def run_apart(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end on a loop and a thread of its own (for fixtures that outlive a test's loop)."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def absent(what: str, setting: str) -> NoReturn:
    """Skip the test because a server is absent; fail it where servers are promised."""
    reason = f"{what} is not reachable; start one or set {setting}"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


class PostgresDatabases:
    """Makes and drops databases on the server of the tests, under names nobody else uses."""

    def __init__(self) -> None:
        self._made: list[str] = []
        self._base = f"{_PREFIX}_{_host()}_{os.getpid()}"

    def create(self, name: str, template: str = "") -> str:
        """A new database (a copy of `template`, if given); its address."""
        full = f"{self._base}_{name}"
        run_apart(_execute(f'DROP DATABASE IF EXISTS "{full}" WITH (FORCE)'))
        run_apart(_execute(f'CREATE DATABASE "{full}"' + (f' TEMPLATE "{template}"' if template else "")))
        self._made.append(full)
        return address_of(full)

    def drop(self, url: str) -> None:
        """Drop a database made here."""
        name = urlsplit(url).path.lstrip("/")
        run_apart(_execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        self._made.remove(name)

    def drop_all(self) -> None:
        """Drop everything made here."""
        for name in list(self._made):
            self.drop(address_of(name))

    def drop_leftovers(self) -> None:
        """Drop what crashed runs on this machine left behind."""
        for name in run_apart(_names()):
            owner = name.removeprefix(f"{_PREFIX}_{_host()}_").partition("_")[0]
            if owner.isdigit() and not _lives(int(owner)):
                run_apart(_execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def address_of(database: str) -> str:
    """The address of a database on the server of the tests."""
    return urlunsplit(urlsplit(POSTGRES)._replace(path=f"/{database}"))


@cache
def postgres_is_there() -> bool:
    """Whether the server answers."""
    try:
        run_apart(_execute("SELECT 1"))
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return False
    return True


@cache
def redis_url(worker: str) -> str:
    """The address of this test process's own Redis database; empty when there is no server."""
    parts = urlsplit(REDIS)
    number = int(parts.path.strip("/") or 0) - (int(worker.removeprefix("gw")) if worker.startswith("gw") else 0)
    url = urlunsplit(parts._replace(path=f"/{number}"))
    client = Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    try:
        client.ping()
    except (RedisError, OSError):
        return ""
    finally:
        client.close()
    return url


def _host() -> str:
    return "".join(character for character in socket.gethostname().lower() if character.isalnum())[:16]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


async def _execute(statement: str) -> None:
    connection = await asyncpg.connect(POSTGRES, timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _names() -> list[str]:
    connection = await asyncpg.connect(POSTGRES, timeout=5)
    try:
        rows = await connection.fetch("SELECT datname FROM pg_database WHERE datname LIKE $1", f"{_PREFIX}_%")
        return [str(row[0]) for row in rows]
    finally:
        await connection.close()
