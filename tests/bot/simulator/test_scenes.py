"""WeCom's scenes through the whole web application: a customer's talk, a group, a member, a robot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from bot import app as wiring
from bot.channels.tokens import InMemoryTokens
from bot.cli.development import read_or_make
from bot.metrics import Metrics
from bot.pulling import Puller
from nlp.retrieval import Library
from storage.database import Database
from storage.repositories import staff
from tests.support.house import House, open_house
from tests.support.service import eventually, free_port
from tests.support.wechat import FakeWeChat
from workers import members, outbox
from workers.house import WorkerHouse

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def stage(database: Database, wechat: FakeWeChat, library: Library, tmp_path: Any) -> AsyncIterator["Stage"]:
    async with set_up(database, wechat, library, tmp_path) as opened:
        yield opened


class Stage:
    """The service as development starts it, and the simulator's address."""

    def __init__(self, house: House, worker: WorkerHouse, session: ClientSession, url: str) -> None:
        self.house, self.worker, self.session, self.url = house, worker, session, url

    async def say(self, scene: str, who: str, text: str, *, at_bot: bool = True) -> int:
        """Somebody writes in a scene; the status."""
        body = {"who": who, "text": text, "at_bot": at_bot}
        async with self.session.post(f"{self.url}/simulator/scenes/{scene}/messages", json=body) as answer:
            return answer.status

    async def shown(self, scene: str) -> list[str]:
        """What our side said there."""
        async with self.session.get(f"{self.url}/simulator/scenes/{scene}/messages") as answer:
            return [one["text"] for one in await answer.json() if one["from"] == "us"]


@asynccontextmanager
async def set_up(database: Database, wechat: FakeWeChat, library: Library, folder: Any) -> AsyncIterator[Stage]:
    port = free_port()
    made = read_or_make(folder, port)
    assert read_or_make(folder, port) == made, "what was made once is used again"
    settings = {"channels": made["channels"], "web": {"port": port}, "development": True}
    async with open_house(database, wechat, library, **settings) as house:
        channels = await wiring.open_channels(house.settings, InMemoryTokens(), house.session)
        await house.replace_line(speech=channels)
        puller = Puller(database, house.pipeline)
        app = wiring.make_web_app(
            wiring.House(
                settings=house.settings,
                database=database,
                channels=channels,
                pipeline=house.pipeline,
                library=library,
                line=house.line,
                metrics=Metrics(),
                puller=puller,
            )
        )
        server = TestServer(app, port=port)
        await server.start_server()
        worker = WorkerHouse(house.settings, database, channels, house.pipeline, "test-host:0:0")
        async with ClientSession() as session:
            yield Stage(house, worker, session, f"http://127.0.0.1:{port}")
        await puller.stop()
        await server.close()


async def test_group_hears_only_what_is_said_to_the_bot(stage: Stage) -> None:
    await stage.house.add_activity("剪纸课")
    assert await stage.say("group", "zhao", "今晚谁家包饺子", at_bot=False) == 200
    assert await stage.shown("group") == []
    await stage.say("group", "zhao", "最近有什么活动")
    await stage.say("group", "wang", "老公昨晚又打我怎么办")
    activity, private = await stage.shown("group")
    assert "剪纸课" in activity
    assert "打我" not in private
    assert activity.splitlines()[-1] == private.splitlines()[-1], "every answer ends alike"
    assert await stage.house.alarms() == ["danger"]


async def test_customer_is_fetched_and_answered(stage: Stage) -> None:
    await stage.say("kf", "xiuying", "两癌筛查怎么申请")

    async def answered() -> bool:
        await outbox.deliver(stage.worker)
        return bool(await stage.shown("kf"))

    await eventually(answered)
    assert "来源" in (await stage.shown("kf"))[0]


async def test_member_asks_and_is_alarmed(stage: Stage) -> None:
    await stage.say("app", "wang", "你好")
    assert len(await stage.shown("app")) == 1
    staff_id = await stage.house.add_staff()
    async with stage.house.database.transaction() as tx:
        await staff.set_wecom(tx, staff_id, "wang")
    await stage.say("group", "zhao", "他现在拿刀要杀我")
    await members.tell(stage.worker)
    assert "/console/conversations/" in (await stage.shown("app"))[-1]
    assert "/console/conversations/" in (await stage.shown("staff-group"))[-1]


async def test_what_makes_no_sense_is_refused(stage: Stage) -> None:
    assert await stage.say("group", "nobody", "在吗") == 400
    assert await stage.say("nowhere", "wang", "在吗") == 400
    assert await stage.say("staff-group", "wang", "在吗") == 400
    async with stage.session.get(f"{stage.url}/simulator/wecom") as page:
        assert page.status == 200
        assert "模拟企业微信" in await page.text()
