"""Two thousand events a channel, some twice, some three times, out of order: none lost, none answered twice."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bot import clock
from bot.channels.base import WebhookRequest
from bot.messages import Kind
from bot.simulator.wecom_push import Sealed, app_message, bot_message
from tests.support.drills import wecom, wecom_aibot
from tests.support.house import House
from tests.support.wecom import KFID, WeComHouse, open_wecom

pytestmark = pytest.mark.timeout(240)

EVENTS = 2000
WOMEN = 200
_SAYINGS = ("你好", "最近有什么活动", "两癌筛查怎么申请", "转人工", "谢谢", "他又打我了", "1")


@pytest.fixture
async def stormy(house: House) -> AsyncIterator[WeComHouse]:
    async with open_wecom(house) as opened:
        yield opened


def app_event(number: int) -> Sealed:
    """A member's message, or now and then an event."""
    who, at = f"member-{number % WOMEN}", int(clock.timestamp()) + number // 40
    if number % 17 == 0:
        return app_message(wecom.SEAL, wecom.AGENT_ID, who, "event", at=at, Event="enter_agent", EventKey=str(number))
    return app_message(
        wecom.SEAL, wecom.AGENT_ID, who, "text", at=at, Content=_SAYINGS[number % len(_SAYINGS)], MsgId=number + 1
    )


def bot_event(number: int) -> Sealed:
    """A message to 智能机器人, every third in a group."""
    message = wecom_aibot.payload(number, text={"content": f"@娘家 {_SAYINGS[number % len(_SAYINGS)]}"})
    message["from"] = {"userid": f"member-{number % WOMEN}"}
    if number % 3 == 0:
        message |= {"chattype": "group", "chatid": f"wr-{number % 5}"}
    return bot_message(wecom_aibot.SEAL, message, at=int(clock.timestamp()) + number // 40)


@pytest.mark.parametrize(("name", "event"), [("wecom", app_event), ("wecom_aibot", bot_event)])
async def test_pushed_events(stormy: WeComHouse, name: str, event: Callable[[int], Sealed]) -> None:
    chance = random.Random(1208)
    channel = stormy.channels[name]
    wave: list[tuple[int, WebhookRequest]] = []
    for number in range(EVENTS):
        sealed = event(number)
        request = WebhookRequest("POST", sealed.query, {}, sealed.body, clock.now())
        wave += [(number, request)] * chance.choice((1, 1, 1, 2, 3))
    # Within reach of each other, events overtake one another.
    wave = [one for _, one in sorted((place + chance.uniform(0, 30), one) for place, one in enumerate(wave))]
    answers: dict[int, set[str]] = {}

    async def push(number: int, request: WebhookRequest) -> None:
        (message,) = channel.receive(request).messages
        answer = await asyncio.shield(stormy.house.pipeline.submit(message).future)
        answers.setdefault(number, set()).add(answer.text)

    for begin in range(0, len(wave), 64):
        await asyncio.gather(*(push(*one) for one in wave[begin : begin + 64]))
    assert len(await stormy.house.rows("inbound_message")) == EVENTS
    assert all(len(texts) == 1 for texts in answers.values()), "a repeat got another answer"
    handed = Counter(row.in_reply_to for row in await stormy.sent() if row.state == "handed")
    assert handed, "nobody was answered"
    assert max(handed.values()) == 1


async def test_listed_events(stormy: WeComHouse) -> None:
    chance = random.Random(1208)
    platform = stormy.platform
    for number in range(EVENTS):
        user = f"wm-{number % WOMEN}"
        if number % 17 == 0:
            platform.happens(KFID, user, "user_recall_msg", recall_msgid=str(number))
        else:
            platform.says(KFID, user, _SAYINGS[number % len(_SAYINGS)])
    items = platform.lists[KFID]
    # The platform repeats some, and lets some overtake others.
    repeated = [item for item in items for _ in range(chance.choice((1, 1, 1, 2, 3)))]
    platform.lists[KFID] = [
        one for _, _, one in sorted((place + chance.uniform(0, 30), place, one) for place, one in enumerate(repeated))
    ]
    await asyncio.gather(stormy.pull(), stormy.pull())
    rows = await stormy.house.rows("inbound_message")
    assert len(rows) == EVENTS
    said = {row.id for row in rows if row.kind == Kind.TEXT}
    answered = Counter(row.in_reply_to for row in await stormy.sent())
    assert set(answered) <= said
    keys = [row.idempotency_key for row in await stormy.sent()]
    assert len(set(keys)) == len(keys)


async def test_answers_of_the_storm_go_once_each(stormy: WeComHouse) -> None:
    for number in range(300):
        stormy.platform.says(KFID, f"wm-{number}", "两癌筛查怎么申请")
    await stormy.pull()
    await asyncio.gather(*(stormy.deliver() for _ in range(4)))
    sent: Any = Counter(who for _, who, _, _ in stormy.platform.accepted)
    assert len(sent) == 300
    assert max(sent.values()) == 1
