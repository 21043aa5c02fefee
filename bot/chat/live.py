"""The open line to a page: what is new is pushed within a second. Without it the page asks every few seconds.

One task looks at the database for all open pages of this process; a worker of any process may have written.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from bot import clock
from bot.chat.doors import ChatHouse, Refused, open_pass
from bot.chat.talk import lines_since, note_received
from bot.errors import StorageUnavailable
from storage.database import Database
from storage.repositories import chat

_LOOK_SECONDS = 1.0
_FIRST_WORD_SECONDS = 10.0
_SIGN_OF_LIFE_SECONDS = 25.0
_MAX_FRAME = 16 * 1024
#: Pages on the line of one process at once; further ones ask every few seconds instead.
_MOST_LINES = 2000
_NO_ROOM = 4401


class Watch:
    """Tells open pages of this process that something of theirs changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[bytes, set[asyncio.Event]] = {}
        self._known: dict[bytes, str] = {}
        self.lines: set[web.WebSocketResponse] = set()

    def add(self, digest: bytes) -> asyncio.Event:
        """An event that is set whenever the room of `digest` changed."""
        event = asyncio.Event()
        self._waiting.setdefault(digest, set()).add(event)
        return event

    def drop(self, digest: bytes, event: asyncio.Event) -> None:
        """Nobody waits for `event` any more."""
        events = self._waiting.get(digest, set())
        events.discard(event)
        if not events:
            self._waiting.pop(digest, None)
            self._known.pop(digest, None)

    async def run(self) -> None:
        """Look for ever; a database that is away is looked at again."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self._waiting:
                continue
            try:
                async with self._database.reading() as tx:
                    current = await chat.versions(tx, list(self._waiting), clock.now())
            except StorageUnavailable:
                continue
            for digest, version in current.items():
                if self._known.get(digest) != version:
                    self._known[digest] = version
                    for event in self._waiting.get(digest, ()):
                        event.set()

    async def hang_up(self, _: web.Application) -> None:
        """The process ends: pages go on with another one."""
        for line in list(self.lines):
            await line.close()


def open_line(house: ChatHouse, watch: Watch) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """GET /chat/live, upgraded: the page first says {token, after}, then {got: [ids]} for what it has and
    {typing: true} while she writes.

    Any frame, an empty one too, says that the page is still open and keeps its pass.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        origin = urlsplit(request.headers.get("Origin", "")).netloc
        if (origin and origin != request.host) or len(watch.lines) >= _MOST_LINES:
            return web.Response(status=403 if origin != request.host else 503)
        line = web.WebSocketResponse(heartbeat=_SIGN_OF_LIFE_SECONDS, max_msg_size=_MAX_FRAME)
        await line.prepare(request)
        watch.lines.add(line)
        try:
            await _talk(house, watch, line)
        finally:
            watch.lines.discard(line)
        return line

    return answer


async def _talk(house: ChatHouse, watch: Watch, line: web.WebSocketResponse) -> None:
    try:
        first = _frame(await line.receive(timeout=_FIRST_WORD_SECONDS))
        token = str(first.get("token", ""))
        room_id = str((await open_pass(house, token)).room_id)
    except (Refused, TimeoutError, StorageUnavailable):
        await line.close(code=_NO_ROOM)
        return
    async with house.database.reading() as tx:
        digest = house.digest_of(tx, room_id)
    event = watch.add(digest)
    pushing = asyncio.create_task(_push(house, line, room_id, event, str(first.get("after", ""))))
    try:
        async for message in line:
            frame = _frame(message)
            got = frame.get("got")
            if isinstance(got, list):
                with suppress(StorageUnavailable):
                    await note_received(house, room_id, [str(one) for one in got])
            if frame.get("typing") is True:
                with suppress(StorageUnavailable):
                    async with house.database.transaction() as tx:
                        await chat.note_typing(tx, digest, clock.now())
            with suppress(StorageUnavailable):
                await open_pass(house, token)
    except Refused:
        await line.close(code=_NO_ROOM)
    finally:
        watch.drop(digest, event)
        pushing.cancel()


async def _push(
    house: ChatHouse, line: web.WebSocketResponse, room_id: str, event: asyncio.Event, after: str
) -> None:
    """Send what is new, now and at every change. A lost connection ends it; the page asks by itself then."""
    with suppress(ConnectionError, RuntimeError):
        while not line.closed:
            event.clear()
            began = clock.now().isoformat()
            try:
                await line.send_json(await lines_since(house, room_id, after), dumps=_plain)
                after = began
            except StorageUnavailable:
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            await event.wait()


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _frame(message: Any) -> dict[str, Any]:
    """A frame as a JSON object; an empty one for anything else."""
    if message.type is not WSMsgType.TEXT:
        return {}
    try:
        value = json.loads(message.data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
