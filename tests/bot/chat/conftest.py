"""The web chat in this process: its real routes over a real database, and a page that speaks as the script does."""

import io
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from bot import app as wiring
from bot.channels.webchat import WebChat, WebChatSettings
from bot.messages import OutboundClass
from bot.metrics import Metrics
from nlp.retrieval import Library
from tests.support.house import House
from workers import outbox
from workers.house import WorkerHouse

_keys = itertools.count(1)


@dataclass
class Page:
    """One open page: what it was told, and the token in its variable."""

    url: str
    session: ClientSession
    token: str = ""
    receipt: str = ""

    async def ask(
        self, method: str, path: str, value: Any = None, *, data: bytes | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON of one request."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        kind = {"data": io.BytesIO(data)} if data is not None else {"json": value}
        async with self.session.request(method, self.url + path, headers=headers, **kind) as response:
            if response.status == 204:
                return 204, {}
            return response.status, await response.json()

    async def start(self, **asked: Any) -> tuple[int, dict[str, Any]]:
        """Come, or come back; on success the token is kept."""
        status, value = await self.ask("POST", "/chat/start", asked)
        self.token, self.receipt = value.get("token", ""), value.get("receipt", "")
        return status, value

    async def write(self, text: str, key: str = "") -> tuple[int, dict[str, Any]]:
        """She writes."""
        return await self.ask("POST", "/chat/messages", {"text": text, "key": key or f"k{next(_keys)}"})

    async def read(self, after: str = "", got: tuple[str, ...] = ()) -> dict[str, Any]:
        """What the page would show."""
        query = f"?after={after.replace('+', '%2B')}&got={','.join(got)}"
        status, value = await self.ask("GET", "/chat/messages" + query)
        assert status == 200, value
        return value


@dataclass
class Room:
    """The house with its web chat open."""

    house: House
    channel: WebChat
    url: str
    session: ClientSession
    pages: list[Page] = field(default_factory=list)

    def page(self) -> Page:
        """A page nobody has written in."""
        return Page(self.url, self.session)

    async def entered(self) -> Page:
        """A page in a new room."""
        page = self.page()
        assert (await page.start())[0] == 200
        return page

    async def deliver(self) -> int:
        """What the live worker does."""
        return await outbox.deliver(self.worker, (OutboundClass.ANSWER,))

    @property
    def worker(self) -> WorkerHouse:
        """A worker that knows the channel."""
        house = self.house
        return WorkerHouse(
            settings=house.settings,
            database=house.database,
            channels={"webchat": self.channel, "wechat_oa": house.channel},
            pipeline=house.pipeline,
            name="test-host:0:0",
        )


@pytest.fixture
async def room(house: House, library: Library) -> AsyncIterator[Room]:
    """The web chat, on SQLite and on PostgreSQL, on a frozen clock."""
    channel = WebChat(WebChatSettings(enabled=True))
    await house.replace_line(speech={"wechat_oa": house.channel, "webchat": channel})
    app = wiring.make_web_app(
        wiring.House(
            settings=house.settings,
            database=house.database,
            channels={"wechat_oa": house.channel, "webchat": channel},
            pipeline=house.pipeline,
            library=library,
            line=house.line,
            metrics=Metrics(),
        )
    )
    async with AsyncExitStack() as stack:
        server = TestServer(app)
        await server.start_server()
        stack.push_async_callback(server.close)
        session = await stack.enter_async_context(ClientSession())
        yield Room(house, channel, str(server.make_url("")).rstrip("/"), session)
