"""A load generator with as little of its own as possible: prepared requests over kept connections.

Closed loop: every connection sends its next request when the last is answered. Open loop: requests start at
fixed times whatever happens, and latency counts from the time they should have started.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Result:
    """What a run measured: latencies in seconds, statuses, wall time in seconds."""

    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    empty_bodies: int = 0
    wall: float = 0.0

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.wall if self.wall else 0.0

    def percentile(self, share: float) -> float:
        """The latency in milliseconds that `share` (0–1) of the answers stayed under."""
        if not self.latencies:
            return float("nan")
        ordered = sorted(self.latencies)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] * 1000


def http_post(path: str, body: bytes, host: str = "127.0.0.1") -> bytes:
    """A ready HTTP/1.1 request."""
    lines = (
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        "Content-Type: text/xml",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join((*lines, "", "")).encode() + body


class _Connection:
    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def exchange(self, request: bytes) -> tuple[int, int]:
        """Send one request; its status and the length of its body."""
        if self._writer is None or self._reader is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        lower = head.lower()
        start = lower.find(b"content-length:") + 15
        length = int(lower[start : lower.find(b"\r\n", start)])
        if length:
            await self._reader.readexactly(length)
        return status, length

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


async def closed_loop(port: int, requests: Sequence[bytes], connections: int) -> Result:
    """Answer all `requests` over `connections`, each sending its next as soon as it can."""
    result, todo = Result(), iter(requests)

    async def work() -> None:
        connection = _Connection(port)
        try:
            for request in todo:
                started = time.perf_counter()
                status, length = await connection.exchange(request)
                _note(result, started, status, length)
        finally:
            connection.close()

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(work())
    result.wall = time.perf_counter() - begun
    return result


async def open_loop(port: int, requests: Sequence[bytes], rate: float, connections: int) -> Result:
    """Start `rate` requests a second; a request waits for a free connection, and the wait counts."""
    result = Result()
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(_Connection(port))

    async def one(request: bytes, due: float) -> None:
        connection = await free.get()
        status, length = await connection.exchange(request)
        _note(result, due, status, length)
        free.put_nowait(connection)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, request in enumerate(requests):
            due = begun + number / rate
            delay = due - time.perf_counter()
            if delay > 0:
                await asyncio.sleep(delay)
            group.create_task(one(request, due))
    result.wall = time.perf_counter() - begun
    while not free.empty():
        free.get_nowait().close()
    return result


def _note(result: Result, started: float, status: int, length: int) -> None:
    result.latencies.append(time.perf_counter() - started)
    result.statuses[status] = result.statuses.get(status, 0) + 1
    if not length:
        result.empty_bodies += 1
