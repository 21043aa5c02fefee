"""Access tokens shared by all processes: one fetches under a lock, the others find what it fetched."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from redis.asyncio import Redis
from redis.exceptions import LockError, RedisError

from bot import clock

log = logging.getLogger(__name__)

_PREFIX = "niangjia:token:"
_LOCK_SECONDS = 15


class Tokens(Protocol):
    """A store of access tokens by name."""

    async def get(self, name: str) -> str | None:
        """The token kept under `name`, if it still lives."""

    async def put(self, name: str, value: str, seconds: float) -> None:
        """Keep a token for `seconds`."""

    def lock(self, name: str) -> AbstractAsyncContextManager[None]:
        """Held while a new token is fetched, so that only one process does."""


class InMemoryTokens:
    """Tokens of one process."""

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[str, float]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, name: str) -> str | None:
        """The token kept under `name`, if it still lives."""
        value, dies_at = self._tokens.get(name, ("", 0.0))
        return value if value and clock.monotonic() < dies_at else None

    async def put(self, name: str, value: str, seconds: float) -> None:
        """Keep a token for `seconds`."""
        self._tokens[name] = value, clock.monotonic() + seconds

    @asynccontextmanager
    async def lock(self, name: str) -> AsyncIterator[None]:
        """Held while a new token is fetched."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            yield


class RedisTokens:
    """Tokens in Redis, for all processes.

    When Redis is away each process keeps its own for that time: stable_token gives everybody the same
    token, so nobody's is spoiled (protocols: MP-api/base/api_getstableaccesstoken).
    """

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
        self._own = InMemoryTokens()

    async def get(self, name: str) -> str | None:
        """The token kept under `name`, if it still lives."""
        try:
            value = await self._redis.get(_PREFIX + name)
        except (RedisError, OSError):
            return await self._own.get(name)
        return value.decode() if isinstance(value, bytes) else value

    async def put(self, name: str, value: str, seconds: float) -> None:
        """Keep a token for `seconds`."""
        await self._own.put(name, value, seconds)
        try:
            await self._redis.set(_PREFIX + name, value, ex=max(int(seconds), 1))
        except (RedisError, OSError):
            log.warning("token.kept_locally", extra={"token_name": name})

    @asynccontextmanager
    async def lock(self, name: str) -> AsyncIterator[None]:
        """Held by one process while it fetches; in this process alone when Redis is away."""
        async with self._own.lock(name):
            lock = self._redis.lock(f"{_PREFIX}{name}:lock", timeout=_LOCK_SECONDS, blocking_timeout=_LOCK_SECONDS)
            try:
                held = await lock.acquire()
            except (RedisError, OSError):
                held = False
            try:
                yield
            finally:
                if held:
                    try:
                        await lock.release()
                    except (LockError, RedisError, OSError):
                        log.info("token.lock_expired", extra={"token_name": name})

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()
