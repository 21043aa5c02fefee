"""A house that also has the text message gateway, played on a local port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession

from bot.channels.base import WebhookRequest
from bot.channels.sms import SMS
from bot.channels.tokens import InMemoryTokens
from tests.support.drills import Provider, provider, sms
from tests.support.house import House
from workers.house import WorkerHouse


@dataclass(slots=True)
class Gateway:
    """The channel, its gateway, and what her phone shows."""

    house: House
    channel: SMS
    playing: Provider
    worker: WorkerHouse

    async def push(self, request: WebhookRequest) -> None:
        """The gateway pushes something and the service takes it."""
        for message in self.channel.receive(request).messages:
            await self.house.pipeline.handle(message, may_hand=False)

    @property
    def submitted(self) -> list[dict[str, Any]]:
        """Every submit, opened."""
        return [sms.opened(body) for path, _, body in self.playing.asked if path.startswith("/sms/")]


@asynccontextmanager
async def gateway(house: House) -> AsyncIterator[Gateway]:
    """The house with SMS as one more channel."""
    async with provider(sms.DRILL) as playing, ClientSession() as session:
        channel = SMS.from_settings(sms.settings(playing.base), InMemoryTokens(), session)
        await house.replace_line(speech={"wechat_oa": house.channel, "sms": channel})
        worker = WorkerHouse(
            settings=house.settings,
            database=house.database,
            channels={"wechat_oa": house.channel, "sms": channel},
            pipeline=house.pipeline,
            name="test-host:0:0",
        )
        yield Gateway(house, channel, playing, worker)
