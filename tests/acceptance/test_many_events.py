"""Two thousand events a channel, told twice, late and out of order: each is answered once, none is lost."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientSession

from bot import clock
from bot.channels.base import Channel, WebhookRequest
from bot.channels.onebot import OneBot
from bot.channels.qq_official import QQOfficial
from bot.channels.sms import SMS
from bot.channels.tokens import InMemoryTokens
from bot.simulator.qq_push import private_message, push
from tests.support.drills import Drill, Provider, onebot, provider, qq_official, sms
from tests.support.house import House
from workers.house import WorkerHouse
from workers.outbox import deliver

_WOMEN = 250
_EACH = 4


@dataclass(frozen=True, slots=True)
class Crowd:
    """How one channel's women write, and how what they got is read."""

    drill: Drill
    channel: type[Channel]
    #: The request of woman number `who` with her message number `what`.
    request: Callable[[int, int], WebhookRequest]
    #: Whom a call to the platform reached, and under which key.
    reached: Callable[[str, Any], tuple[str, str]]


def _qq(who: int, what: int) -> WebhookRequest:
    event = private_message(f"U{who:04}", "你好", f"ROBOT1.0_{who}_{what}", at=clock.timestamp())
    return qq_official.as_request(push(qq_official.SECRET, qq_official.APP_ID, event, at=clock.timestamp()))


def _onebot(who: int, what: int) -> WebhookRequest:
    event = onebot.private_message("你好", clock.timestamp(), who * 100 + what)
    return onebot.signed(event | {"user_id": 20000 + who})


def _sms(who: int, what: int) -> WebhookRequest:
    when = sms.local(clock.timestamp() + what)
    uplink = {"mobile": f"1380000{who:04}", "smsContent": "你好", "sendTime": when, "addSerial": "0001"}
    return sms.pushed("uplink", uplink)


CROWDS = [
    Crowd(
        qq_official.DRILL,
        QQOfficial,
        _qq,
        lambda path, body: (path.split("/")[3], f"{body['msg_id']}:{body['msg_seq']}"),
    ),
    Crowd(onebot.DRILL, OneBot, _onebot, lambda path, body: (str(body["user_id"]), json.dumps(body))),
    Crowd(sms.DRILL, SMS, _sms, lambda path, body: (sms.opened(body)["mobiles"], "")),
]


@asynccontextmanager
async def open_crowd(house: House, crowd: Crowd) -> AsyncIterator[tuple[Channel, Provider, WorkerHouse]]:
    async with provider(crowd.drill) as playing, ClientSession() as session:
        channel = crowd.channel.from_settings(crowd.drill.settings(playing.base), InMemoryTokens(), session)
        await house.replace_line(speech={"wechat_oa": house.channel, channel.name: channel})
        worker = WorkerHouse(
            settings=house.settings,
            database=house.database,
            channels={channel.name: channel},
            pipeline=house.pipeline,
            name="test-host:0:0",
        )
        yield channel, playing, worker


@pytest.mark.parametrize("crowd", CROWDS, ids=lambda crowd: str(crowd.drill.name))
async def test_each_of_two_thousand_events_is_answered_once(house: House, crowd: Crowd) -> None:
    async with open_crowd(house, crowd) as (channel, playing, worker):
        requests = [crowd.request(who, what) for who in range(_WOMEN) for what in range(_EACH)]
        told = requests * 2
        random.Random(20261124).shuffle(told)
        for start in range(0, len(told), 100):
            heard = [channel.receive(request).messages[0] for request in told[start : start + 100]]
            await asyncio.gather(*(house.pipeline.handle(one, may_hand=False) for one in heard))
        assert len(await house.rows("inbound_message")) == len(requests)
        while await deliver(worker):
            pass
        rows = await house.rows("outbox")
    calls = [(path, body) for path, _, body in playing.asked if "AccessToken" not in path]
    reached = [crowd.reached(path, body) for path, body in calls]
    sent = [row for row in rows if row.state == "sent"]
    assert len(calls) == len(sent) == len(rows)
    assert Counter(row.in_reply_to for row in sent).most_common(1)[0][1] == 1
    assert set(Counter(who for who, _ in reached).values()) == {_EACH}
    if channel.idempotent:
        assert len(set(reached)) == len(reached)
