"""The console in this process: its real web application over a real database, and staff who sign in."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot import app as wiring
from bot import clock
from bot.console.passwords import hash_password
from bot.metrics import Metrics
from nlp.retrieval import Library
from storage.database import Database
from storage.repositories import staff
from tests.support.console import StaffClient
from tests.support.house import LINA, House, open_house
from tests.support.wechat import FakeWeChat


@dataclass
class Desk:
    """The console's address, the house behind it, and whoever works there."""

    house: House
    url: str
    stack: AsyncExitStack
    ids: dict[str, str] = field(default_factory=dict)

    async def hire(self, login: str, role: str, **values: Any) -> str:
        """A member of staff; her password."""
        password = secrets.token_urlsafe(9)
        async with self.house.database.transaction() as tx:
            self.ids[login] = await staff.add(
                tx,
                login=login,
                name=f"{login}的名字",
                role=role,
                password_hash=hash_password(password),
                now=clock.now(),
                **values,
            )
        return password

    async def client(self) -> StaffClient:
        """A browser nobody has signed in with."""
        return await self.stack.enter_async_context(StaffClient(self.url))

    async def signed_in(self, login: str, role: str, **values: Any) -> StaffClient:
        """Somebody new, at work."""
        password = await self.hire(login, role, **values)
        client = await self.client()
        assert await client.sign_in(login, password) == 200
        return client

    async def waiting(self, text: str = "转人工", sender: str = LINA) -> str:
        """A woman who asks for a person; her conversation's id."""
        await self.house.say(text, sender)
        return str((await self.house.conversation(sender)).id)


@pytest.fixture
async def desk(database: Database, wechat: FakeWeChat, library: Library) -> AsyncIterator[Desk]:
    """The console, on SQLite and on PostgreSQL."""
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(open_house(database, wechat, library))
        server = TestServer(make_app(house, library))
        await server.start_server()
        stack.push_async_callback(server.close)
        yield Desk(house, str(server.make_url("")).rstrip("/"), stack)


def make_app(house: House, library: Library) -> web.Application:
    """The web application of `house`, as app.py wires it."""
    return wiring.make_web_app(
        wiring.House(
            settings=house.settings,
            database=house.database,
            channels={"wechat_oa": house.channel},
            pipeline=house.pipeline,
            library=library,
            line=house.line,
            metrics=Metrics(),
        )
    )
