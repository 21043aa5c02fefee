"""What all processes share: access tokens, fetched by one under a lock and found by the others, and letter boxes.

A letter box leads from a process that wants something done to the one that can do it: who holds a platform's
connection takes each letter once.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Protocol

from redis.asyncio import Redis
from redis.exceptions import LockError, RedisError

from bot import clock

log = logging.getLogger(__name__)

_PREFIX = "niangjia:token:"
_LOCK_SECONDS = 15
_BOX = "niangjia:box:"
_LETTER_SECONDS = 60


class Tokens(Protocol):
    """A store of access tokens and letter boxes by name."""

    async def get(self, name: str) -> str | None:
        """The token kept under `name`, if it still lives."""

    async def put(self, name: str, value: str, seconds: float) -> None:
        """Keep a token for `seconds`."""

    def lock(self, name: str) -> AbstractAsyncContextManager[None]:
        """Held while a new token is fetched, so that only one process does."""

    async def post(self, box: str, letter: str) -> None:
        """Put a letter into a box; one nobody takes is thrown away after a minute. Raises ConnectionError."""

    async def take(self, box: str, seconds: float) -> str | None:
        """The oldest letter in a box, waiting so long for one; None when none comes. Raises ConnectionError."""

    async def withdraw(self, box: str, letter: str) -> bool:
        """Take a letter back; False when somebody has taken it. Raises ConnectionError."""


class InMemoryTokens:
    """Tokens of one process."""

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[str, float]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._boxes: dict[str, list[str]] = {}
        self._posted = asyncio.Condition()

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

    async def post(self, box: str, letter: str) -> None:
        """Put a letter into a box."""
        async with self._posted:
            self._boxes.setdefault(box, []).append(letter)
            self._posted.notify_all()

    async def take(self, box: str, seconds: float) -> str | None:
        """The oldest letter in a box, waiting so long for one."""
        async with self._posted:
            try:
                async with asyncio.timeout(seconds):
                    await self._posted.wait_for(lambda: self._boxes.get(box))
            except TimeoutError:
                return None
            letters = self._boxes[box]
            letter = letters.pop(0)
            if not letters:
                del self._boxes[box]
            return letter

    async def withdraw(self, box: str, letter: str) -> bool:
        """Take a letter back; False when somebody has taken it."""
        letters = self._boxes.get(box, [])
        if letter not in letters:
            return False
        letters.remove(letter)
        return True


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

    async def post(self, box: str, letter: str) -> None:
        """Put a letter into a box; one nobody takes is thrown away after a minute. Raises ConnectionError."""
        with _connected():
            async with self._redis.pipeline(transaction=True) as both:
                both.rpush(_BOX + box, letter)
                both.expire(_BOX + box, _LETTER_SECONDS)
                await both.execute()

    async def take(self, box: str, seconds: float) -> str | None:
        """The oldest letter in a box, waiting so long for one. Raises ConnectionError."""
        until = clock.monotonic() + seconds
        while (left := until - clock.monotonic()) > 0:
            with _connected():
                # Shorter than the connection's own time limit.
                found = await self._redis.blpop([_BOX + box], timeout=min(left, 1.0))
            if found is not None:
                letter = found[1]
                return letter.decode() if isinstance(letter, bytes) else str(letter)
        return None

    async def withdraw(self, box: str, letter: str) -> bool:
        """Take a letter back; False when somebody has taken it. Raises ConnectionError."""
        with _connected():
            return bool(await self._redis.lrem(_BOX + box, 1, letter))

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()


@contextmanager
def _connected() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError):
        raise ConnectionError("Redis is away") from None
