"""What open pages wait for: one look at the database a second for all of a process's streams together.

Fifty pages that each ask every second whether they are out of date cost more than everything staff do. Here whoever
asks first after a second asks for all keys somebody watches, in one transaction; the others get what was found.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, TypeVar

from bot import clock

#: A page in view learns of changes this often.
LOOK_SECONDS = 1.0

K = TypeVar("K")


class Looks(Generic[K]):
    """The newest version of each watched key; `read` gets the versions of many keys, what is missing is gone."""

    def __init__(self, read: Callable[[Collection[K]], Awaitable[Mapping[K, str]]]) -> None:
        self._read = read
        self._watched: Counter[K] = Counter()
        self._asked: frozenset[K] = frozenset()
        self._found: Mapping[K, str] = {}
        self._looked_at = float("-inf")
        self._looking = asyncio.Lock()

    @contextmanager
    def watching(self, key: K) -> Iterator[None]:
        """Keep `key` among those that are looked at."""
        self._watched[key] += 1
        try:
            yield
        finally:
            self._watched[key] -= 1
            if not self._watched[key]:
                del self._watched[key]

    async def version(self, key: K) -> str | None:
        """The version of a watched `key`, at most a second old; None when it is gone. Raises StorageUnavailable."""
        if not self._is_known(key):
            async with self._looking:
                if not self._is_known(key):
                    asked = frozenset(self._watched)
                    self._found = await self._read(asked)
                    self._asked, self._looked_at = asked, clock.monotonic()
        return self._found.get(key)

    def _is_known(self, key: K) -> bool:
        # A little less than the second the streams sleep, so that nobody sees the same look twice.
        return key in self._asked and clock.monotonic() - self._looked_at < LOOK_SECONDS * 0.9
