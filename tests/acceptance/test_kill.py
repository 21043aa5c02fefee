"""kill -9, again and again, while women write and staff answer: nothing is lost and nothing is said twice."""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout
from sqlalchemy import func, select

from bot.simulator.wechat_push import Account, Message, build, read_reply
from storage.models import Contact, InboundMessage, Outbox, table
from tests.support.console import StaffClient
from tests.support.service import Service, eventually
from tests.support.wechat import account
from tests.support.wechat_server import WeChatServer
from workers.embedded_redis import EmbeddedRedis

pytestmark = [pytest.mark.acceptance, pytest.mark.xdist_group("kill"), pytest.mark.timeout(280)]

WOMEN, MESSAGES_EACH = 200, 10
WAITING_WOMEN, ANSWERS_EACH = 125, 4
CLIENTS = 16
#: What one live worker has on its way at most.
SENDS_AT_ONCE = 8
#: A pause between two messages of a client, so that the kills fall into the middle of the work.
PAUSE_SECONDS = 0.1
TEXTS = (
    "你好",
    "两癌筛查怎么申请",
    "老公不给生活费怎么办",
    "我想离婚，孩子能判给我吗",
    "有什么活动可以报名",
    "谢谢你",
    "老公昨晚又打我",
    "彩礼钱要不要退给男方",
    "菜单",
    "明天天气怎么样",
)
_outbox, _inbound, _contact = table(Outbox).c, table(InboundMessage).c, table(Contact).c


@dataclass
class Sender:
    """WeChat's servers, more stubborn than they are: a push is repeated until it is accepted."""

    account: Account
    url: str
    session: ClientSession
    repeats: int = 0
    replies: dict[int, str | None] = field(default_factory=dict)

    async def push(self, message: Message) -> None:
        """Deliver one message; its answer is noted under its MsgId."""
        for attempt in itertools.count():
            push = build(self.account, message)
            try:
                async with self.session.post(f"{self.url}/webhook/wechat?{push.query_string}", data=push.body) as got:
                    body = await got.read()
                    if got.status == 200:
                        assert message.msg_id is not None
                        self.replies[message.msg_id] = read_reply(self.account, body)
                        return
                    assert got.status == 503, f"a genuine message was refused with {got.status}"
            except (ClientError, TimeoutError, ConnectionError):
                pass
            self.repeats += 1
            assert attempt < 400, "the service never came back"
            await asyncio.sleep(0.2)

    async def converse(self, women: Iterable[str], numbers: "itertools.count[int]") -> None:
        """Every woman of `women` writes her messages, one after the other."""
        for openid in women:
            for place in range(MESSAGES_EACH):
                await self.push(Message.text(openid, TEXTS[place % len(TEXTS)], msg_id=next(numbers)))
                await asyncio.sleep(PAUSE_SECONDS)


@dataclass
class Killer:
    """Kills web and live worker in turn and starts them again; counts what was on its way at each kill."""

    service: Service
    kills: Counter[str] = field(default_factory=Counter)
    #: Rows that were claimed and not settled when their worker was killed.
    in_flight: set[str] = field(default_factory=set)

    async def hunt(self, name: str, least: float, most: float, stop: asyncio.Event) -> None:
        """Kill `name` every `least` to `most` seconds until told to stop."""
        while not stop.is_set():
            await asyncio.sleep(random.uniform(least, most))
            if stop.is_set():
                return
            await asyncio.to_thread(self.service.kill, name)
            self.kills[name] += 1
            if name == "live":
                self.in_flight |= await sending(self.service)
            await asyncio.to_thread(self.service.start, name)


async def sending(service: Service) -> set[str]:
    """The rows a worker has claimed and not settled."""
    async with service.database() as database, database.reading() as tx:
        return {row.id for row in await tx.rows(select(_outbox.id).where(_outbox.state == "sending"))}


async def answer_by_staff(li: StaffClient, talks: list[str], until_accepted: list[str]) -> None:
    """Four answers in each conversation, each posted with its key until the service says 200."""
    for number, talk in itertools.product(range(ANSWERS_EACH), talks):
        text = f"第{number}封回信，给{talk}"
        for attempt in itertools.count():
            try:
                status, _ = await li.post(
                    f"/console/conversations/{talk}/messages", {"text": text, "key": f"k{number}"}
                )
                if status == 200:
                    break
                assert status == 503, f"a staff answer was refused with {status}"
            except (ClientError, TimeoutError, ConnectionError):
                pass
            assert attempt < 400, "the service never came back"
            await asyncio.sleep(0.2)
        until_accepted.append(text)
        await asyncio.sleep(0.02)


async def test_kills_lose_nothing_and_repeat_nothing(
    tmp_path: Path, service_url: str, redis: EmbeddedRedis, platform: WeChatServer
) -> None:
    platform.platform.mood.delay_seconds = 0.03
    with Service(tmp_path / "data", platform.url, database_url=service_url, redis_url=redis.url) as service:
        password = service.add_staff("li", "supervisor")
        for part in ("web", "live", "scheduler"):
            service.start(part)
        numbers = itertools.count(int(time.time()) << 24)
        async with (
            ClientSession(timeout=ClientTimeout(total=6)) as session,
            StaffClient(service.url) as li,
        ):
            assert await li.sign_in("li", password) == 200
            sender = Sender(account("safe"), service.url, session)
            talks = await _take_over(sender, li, numbers)
            killer, stop, posted = Killer(service), asyncio.Event(), []
            async with asyncio.TaskGroup() as hunt:
                hunt.create_task(killer.hunt("web", 1.5, 3.0, stop))
                hunt.create_task(killer.hunt("live", 2.0, 4.0, stop))
                async with asyncio.TaskGroup() as work:
                    for client in range(CLIENTS):
                        women = [f"oKilled{number:021d}" for number in range(client, WOMEN, CLIENTS)]
                        work.create_task(sender.converse(women, numbers))
                    work.create_task(answer_by_staff(li, talks, posted))
                stop.set()
            await eventually(lambda: _is_settled(service), seconds=60, every=1)
        await _judge(service, platform, sender, killer, posted)


async def _take_over(sender: Sender, li: StaffClient, numbers: "itertools.count[int]") -> list[str]:
    """Some women wrote before the trouble begins, and a person holds their conversations."""
    for number in range(WAITING_WOMEN):
        await sender.push(Message.text(f"oWaiting{number:020d}", "转人工", msg_id=next(numbers)))
    status, queue = await li.get("/console/queue")
    assert status == 200
    talks = [line["id"] for line in queue]
    assert len(talks) == WAITING_WOMEN
    for talk in talks:
        assert (await li.post(f"/console/conversations/{talk}/claim", {"over_limit": "1"}))[0] == 200
    return talks


async def _is_settled(service: Service) -> bool:
    async with service.database() as database, database.reading() as tx:
        waiting = await tx.first(select(func.count()).where(_outbox.state.in_(("queued", "sending"))))
        unhandled = await tx.first(select(func.count()).where(_inbound.handled_at.is_(None)))
    return waiting is not None and unhandled is not None and waiting[0] == 0 and unhandled[0] == 0


async def _judge(service: Service, platform: WeChatServer, sender: Sender, killer: Killer, posted: list[str]) -> None:
    async with service.database() as database, database.reading() as tx:
        inbound = await tx.rows(select(_inbound.id, _inbound.said_order, _inbound.contact_id))
        rows = await tx.rows(select(table(Outbox)))
        keys = {
            row.id: tx.keys.contact_key(row.id, row.wrapped_key)
            for row in await tx.rows(select(_contact.id, _contact.wrapped_key))
        }
    texts = {row.id: keys[row.contact_id].open("outbox.text", row.text_sealed) for row in rows}
    # Nothing is lost: each accepted message has one row, each row an answer that went out.
    assert Counter(row.said_order for row in inbound) == Counter(sender.replies.keys())
    assert len(sender.replies) == WOMEN * MESSAGES_EACH + WAITING_WOMEN
    answered: dict[str, list[str]] = {}
    for row in rows:
        if row.in_reply_to:
            answered.setdefault(row.in_reply_to, []).append(row.state)
    assert all(answered.get(row.id) for row in inbound), "a message was kept, but never answered"
    # What she read is what is written down, also when it was answered twice because the first answer got lost.
    handed = {row.in_reply_to: texts[row.id] for row in rows if row.state == "handed"}
    for row in inbound:
        assert sender.replies[row.said_order] == handed.get(row.id)
    # Every staff answer is there once, whatever was retried.
    staff = [row for row in rows if row.outbound_class == "staff"]
    assert Counter(texts[row.id] for row in staff) == Counter(posted)
    assert len(staff) == WAITING_WOMEN * ANSWERS_EACH
    # Nothing is sent twice: WeChat took each text as often as it stands in the outbox, or less where unknown.
    states = Counter(row.state for row in rows)
    assert set(states) <= {"handed", "sent", "unknown"}, states
    accepted = Counter(text for _, text in platform.platform.accepted)
    least = Counter(texts[row.id] for row in rows if row.state == "sent")
    most = Counter(texts[row.id] for row in rows if row.state in ("sent", "unknown"))
    for text in accepted | most:
        assert least[text] <= accepted[text] <= most[text], "WeChat was told something twice, or too little"
    assert killer.kills["web"] >= 3
    assert killer.kills["live"] >= 3
    assert {row.id for row in rows if row.state == "unknown"} <= killer.in_flight
    assert len(killer.in_flight) <= SENDS_AT_ONCE * killer.kills["live"]
    print(
        f"kills {dict(killer.kills)}, pushes repeated {sender.repeats}, in flight at kills {len(killer.in_flight)},"
        f" states {dict(states)}"
    )
