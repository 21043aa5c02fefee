"""A wire to a server that can be cut, silenced and mended: what an outage looks like from inside."""

import asyncio
import contextlib
import threading
from types import TracebackType

from tests.support.service import free_port


class Wire:
    """`with Wire("127.0.0.1", 5432) as wire:` forwards `wire.port`; `cut`, `silence` and `mend` may come any time."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._refusing = False
        self._silent = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Wire":
        self._thread.start()
        assert self._ready.wait(10), "the wire is not there"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=10)

    def cut(self) -> None:
        """End every connection and refuse new ones."""
        self._refusing, self._silent = True, False
        self._loop.call_soon_threadsafe(self._abort_all)

    def silence(self) -> None:
        """Connections stay and may be opened, but nothing goes through any more."""
        self._silent, self._refusing = True, False

    def mend(self) -> None:
        """All is well again; connections that were silenced are ended."""
        self._refusing = self._silent = False
        self._loop.call_soon_threadsafe(self._abort_all)

    def _abort_all(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self._ready.set()
        await self._stop.wait()
        server.close()
        self._abort_all()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        self._open.add(writer)
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection(*self._target)
            self._open.add(back)
            await asyncio.gather(self._carry(reader, back), self._carry(there, writer))
            self._open.discard(back)
        self._open.discard(writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if not self._silent:
                    writer.write(data)
                    await writer.drain()
        writer.transport.abort()
