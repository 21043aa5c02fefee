"""A pretended WeCom on a real local port, with 微信客服 taking part in the whole house."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from bot import clock
from bot.channels.base import Channel, Pull
from bot.channels.tokens import InMemoryTokens
from bot.channels.wecom import WeCom
from bot.channels.wecom_aibot import WeComAIBot
from bot.channels.wecom_kf import WeComKf
from bot.channels.wecom_robot import WeComRobot
from bot.pulling import pull
from bot.simulator.wecom_api import FakeWeCom
from storage.database import AnyRow
from tests.support.drills import wecom, wecom_aibot, wecom_kf, wecom_robot
from tests.support.house import House
from workers import outbox
from workers.house import WorkerHouse

KFID, USER = wecom_kf.KFID, wecom_kf.USER


@dataclass(slots=True)
class WeComHouse:
    """The house with WeCom's channels, and the short words tests speak with it."""

    house: House
    platform: FakeWeCom
    channels: dict[str, Channel]

    @property
    def kf(self) -> WeComKf:
        """The 客服 channel."""
        found = self.channels["wecom_kf"]
        assert isinstance(found, WeComKf)
        return found

    @property
    def worker(self) -> WorkerHouse:
        """What jobs work with: all channels."""
        return WorkerHouse(
            settings=self.house.settings,
            database=self.house.database,
            channels=self.channels,
            pipeline=self.house.pipeline,
            name="test-host:0:0",
        )

    async def pull(self, account: str = KFID) -> int:
        """Look at a 客服 account once."""
        return await pull(self.house.database, self.house.pipeline, self.kf, Pull(account))

    async def deliver(self) -> None:
        """Send what is due."""
        await outbox.deliver(self.worker)

    async def says(self, text: str, user: str = USER, **changes: Any) -> list[str]:
        """A customer writes, we look and answer: what she got for it."""
        before = len(self.platform.texts_to(user))
        self.platform.says(KFID, user, text, **changes)
        await self.pull()
        await self.deliver()
        return self.platform.texts_to(user)[before:]

    async def sent(self) -> list[AnyRow]:
        """All rows of the outbox."""
        return await self.house.rows("outbox")

    async def talk(self) -> AnyRow:
        """The only conversation there is."""
        (row,) = await self.house.rows("conversation")
        return row


@asynccontextmanager
async def open_wecom(house: House) -> AsyncIterator[WeComHouse]:
    """WeCom's channels in `house`, and the platform behind them."""
    platform = FakeWeCom(wecom.CORP_ID, frozenset({wecom.SECRET}), clock=clock.timestamp)
    app = web.Application()
    platform.add_routes(app)
    server = TestServer(app)
    await server.start_server()
    base = str(server.make_url("")).rstrip("/")
    tokens, session = InMemoryTokens(), house.session
    channels: dict[str, Channel] = {
        "wechat_oa": house.channel,
        "wecom": WeCom.from_settings(wecom.settings(base), tokens, session),
        "wecom_aibot": WeComAIBot.from_settings(wecom_aibot.settings(base), tokens, session),
        "wecom_kf": WeComKf.from_settings(wecom_kf.settings(base), tokens, session),
        "wecom_robot": WeComRobot.from_settings(wecom_robot.DRILL.settings(base), tokens, session),
    }
    await house.replace_line(speech=channels)
    try:
        yield WeComHouse(house, platform, channels)
    finally:
        await server.close()
