"""A drill: how to make a channel, sign its requests and play its platform, so that one suite tests them all."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.channels.base import Channel, WebhookRequest

#: Words no log may hold: the suite says them, sends them and looks for them.
SECRET_WORDS = "他昨晚拿凳子砸我"


@dataclass(slots=True)
class Provider:
    """A platform on a local port: answers what the drill says, keeps what was asked.

    `script` are answers that come first: JSON, a status, `cut` closes the line after the request was read.
    """

    answer: Callable[[str, Any], Any]
    server: TestServer
    script: list[Any] = field(default_factory=list)
    #: Path, query, and body as JSON (bytes where it is none) of each request, in order.
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    @property
    def base(self) -> str:
        """What `api_base` has to be."""
        return str(self.server.make_url("")).rstrip("/")


@dataclass(frozen=True, slots=True)
class Drill:
    """One channel under test.

    `settings(base)` is its section. `request(text, at, number)` is a signed request of one woman saying `text`
    (None: nothing comes in). `send_path` is where a text goes (empty: no platform is called); `throttled` and
    `expired` are the platform's own answers (None: it has none). `most_bytes` is what one text may hold, in the
    unit of `size`.
    """

    channel: type[Channel]
    settings: Callable[[str], dict[str, Any]]
    answer: Callable[[str, Any], Any]
    send_path: str
    secrets: tuple[str, ...]
    recipient: str
    most: int
    request: Callable[[str, float, int], WebhookRequest] | None = None
    #: The request with one thing changed that breaks its proof.
    forge: Callable[[WebhookRequest], WebhookRequest] | None = None
    throttled: Any = None
    expired: Any = None
    refused: Any = None
    #: The platform accepted the call, but nobody got the message.
    gone: Any = None
    size: Callable[[str], int] = lambda text: len(text.encode())
    #: Where the key stands in a request, for channels that are idempotent.
    key_of: Callable[[Any], str] = lambda body: ""
    #: Whether a request can be too old: platforms that sign a time.
    has_clock: bool = True
    #: Whether what comes in is fetched instead: the request carries no message.
    is_pulled: bool = False
    #: Further fields of the outbound message `send` needs, by the platform's address.
    outbound: Callable[[str], dict[str, Any]] = lambda base: {}

    @property
    def name(self) -> str:
        """The channel's name."""
        return self.channel.name


@asynccontextmanager
async def provider(drill: Drill) -> AsyncIterator[Provider]:
    """The drill's platform on a local port."""

    async def handle(request: web.Request) -> web.StreamResponse:
        content = await request.read()
        try:
            body = json.loads(content)
        except ValueError:
            body = content
        playing.asked.append((request.path, dict(request.query), body))
        is_send = request.path == drill.send_path
        answer = playing.script.pop(0) if is_send and playing.script else drill.answer(request.path, body)
        if answer == "cut":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(answer, web.Response):
            return answer
        return web.json_response(answer)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    playing = Provider(drill.answer, TestServer(app))
    await playing.server.start_server()
    try:
        yield playing
    finally:
        await playing.server.close()
