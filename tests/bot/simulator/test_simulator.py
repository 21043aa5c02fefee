"""The simulator's engine against the real webhook: both modes, WeChat's own retries, its moods, its JSON."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from bot import app as wiring
from bot import clock
from bot.channels.tokens import InMemoryTokens
from bot.messages import OutboundClass
from bot.metrics import Metrics
from bot.simulator import wechat_push
from bot.simulator.wechat_push import Message, Pusher
from nlp.retrieval import Library
from storage.database import Database
from storage.repositories import inbox
from tests.support.house import House, open_house
from tests.support.service import free_port
from tests.support.wechat import FakeWeChat, account
from workers import outbox

pytestmark = pytest.mark.timeout(60)

LINA = "oLina-0000000000000000000001"
Serve = Callable[..., Any]


@pytest.fixture
def serve(database: Database, wechat: FakeWeChat, library: Library) -> Serve:
    """Opens the whole web application on a port: `async with serve(mode="plain") as (house, url)`."""

    @asynccontextmanager
    async def opened(mode: str = "safe", **settings: Any) -> AsyncIterator[tuple[House, str]]:
        port = free_port()
        values = wechat.settings(mode) | ({"api_base": f"http://127.0.0.1:{port}/simulator/api"} if settings else {})
        more = {"channels": {"wechat_oa": values}, "web": {"port": port}} | settings
        async with open_house(database, wechat, library, **more) as house:
            channels = await wiring.open_channels(house.settings, InMemoryTokens(), house.session)
            house.channel = channels["wechat_oa"]
            server = TestServer(application(house, library), port=port)
            await server.start_server()
            try:
                yield house, f"http://127.0.0.1:{port}"
            finally:
                await server.close()

    return opened


def application(house: House, library: Library) -> web.Application:
    """The web application as app.py wires it."""
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


KINDS = {
    "text": Message.text(LINA, "你好"),
    "voice with words": Message.voice(LINA, "m1", "有什么活动"),
    "voice": Message.voice(LINA, "m2"),
    "image": Message.image(LINA, "m3"),
    "video": Message.video(LINA, "m4"),
    "short video": Message.video(LINA, "m5", short=True),
    "location": Message.location(LINA, 36.65, 115.67, "文化路"),
    "link": Message.link(LINA, "一篇文章", "http://example.invalid/"),
    "follow": Message.subscribe(LINA),
    "follow by code": Message.subscribe(LINA, "poster"),
    "scan": Message.scan(LINA, "poster"),
    "menu": Message.click(LINA, "menu"),
}


@pytest.mark.parametrize("mode", ["plain", "compat", "safe"])
async def test_every_kind_is_answered_in_every_mode(serve: Serve, mode: str) -> None:
    async with serve(mode) as (house, url), ClientSession() as session:
        pusher = Pusher(account(mode), f"{url}/webhook/wechat", session)
        for name, message in KINDS.items():
            outcome = await pusher.push(message)
            assert (outcome.statuses, outcome.failed) == ((200,), False), name
            assert outcome.text, f"{name} got no answer"
        for message in (Message.view(LINA, "http://example.invalid/"), Message.unsubscribe(LINA)):
            outcome = await pusher.push(message)
            assert (outcome.statuses, outcome.text) == ((200,), None)
        assert len(await house.rows("inbound_message")) == len(KINDS) + 2


async def test_account_set_to_safe_refuses_what_is_not_encrypted(serve: Serve) -> None:
    async with serve("safe") as (house, url), ClientSession() as session:
        outcome = await Pusher(account("plain"), f"{url}/webhook/wechat", session).push(Message.text(LINA, "你好"))
        assert outcome.failed
        assert set(outcome.statuses) == {403}
        assert await house.rows("inbound_message") == []


async def test_slow_answer_is_acknowledged_in_time_and_follows_once(serve: Serve, monkeypatch: Any) -> None:
    monkeypatch.setattr("bot.web.HAND_SECONDS", 0.3)
    async with serve("safe") as (house, url), ClientSession() as session:
        real = house.line.handlers["greeting"]

        async def slow(turn: Any) -> Any:
            await asyncio.sleep(1)
            return await real.begin(turn)

        class Slow:
            def __getattr__(self, name: str) -> Any:
                return slow if name == "begin" else getattr(real, name)

        house.line.handlers["greeting"] = Slow()  # type: ignore[index]
        message = Message.text(LINA, "你好")
        pusher = Pusher(account("safe"), f"{url}/webhook/wechat", session)
        outcome = await pusher.push(message)
        assert (outcome.statuses, outcome.failed) == ((200,), False)
        await asyncio.sleep(1.2)
        again = await pusher.push(message)
        assert again.statuses == (200,)
        rows = await house.rows("outbox")
        told = [row.state for row in rows]
        assert len(await house.rows("inbound_message")) == 1
        assert told in (["queued"], ["handed"])


async def test_push_that_is_cut_off_is_repeated_and_answered_once(serve: Serve, monkeypatch: Any) -> None:
    monkeypatch.setattr(wechat_push, "TIMEOUT_SECONDS", 0.4)
    async with serve("safe") as (house, url), ClientSession() as session:
        real = house.line.handlers["greeting"]
        delays = [1.0]

        async def slow(turn: Any) -> Any:
            await asyncio.sleep(delays.pop() if delays else 0)
            return await real.begin(turn)

        class Slow:
            def __getattr__(self, name: str) -> Any:
                return slow if name == "begin" else getattr(real, name)

        house.line.handlers["greeting"] = Slow()  # type: ignore[index]
        outcome = await Pusher(account("safe"), f"{url}/webhook/wechat", session).push(Message.text(LINA, "你好"))
        assert outcome.statuses[0] == 0, "the first attempt must have been cut off"
        assert outcome.statuses[-1] == 200
        assert outcome.text
        assert len(await house.rows("inbound_message")) == 1
        assert len(await house.rows("outbox")) == 1


@asynccontextmanager
async def phones(serve: Serve) -> AsyncIterator[tuple[House, ClientSession, str]]:
    """The service in development, with the simulator on it."""
    async with serve("safe", development=True) as (house, url), ClientSession(url) as session:
        yield house, session, url


async def ask(session: ClientSession, path: str, body: dict[str, Any] | None = None) -> Any:
    """GET, or POST with a body; the JSON. Fails on anything but 200."""
    async with session.request("GET" if body is None else "POST", path, json=body) as got:
        assert got.status == 200, await got.text()
        return await got.json()


async def test_phone_shows_what_she_wrote_and_read_in_order(serve: Serve) -> None:
    async with phones(serve) as (_, session, _):
        wrote = await ask(session, "/simulator/phones/xiuying/messages", {"text": "老公昨晚又打我，我该怎么办"})
        assert "110" in wrote["reply"]
        assert wrote["attempts"] == [200]
        assert wrote["seconds"] < 1
        for event in ("follow", "scan", "menu", "view", "unfollow"):
            await ask(session, "/simulator/phones/guilan/events", {"event": event})
        for kind in ("image", "voice", "location", "video", "link"):
            told = await ask(session, "/simulator/phones/chunmei/messages", {"type": kind})
            assert told["reply"], kind
        spoken = {"type": "voice", "recognition": "有什么活动"}
        assert (await ask(session, "/simulator/phones/chunmei/messages", spoken))["reply"]
        shown = await ask(session, "/simulator/phones/xiuying/messages")
        assert [(one["from"], one["text"]) for one in shown] == [
            ("her", "老公昨晚又打我，我该怎么办"),
            ("us", wrote["reply"]),
        ]
        assert await ask(session, f"/simulator/phones/xiuying/messages?after={shown[0]['id']}") == shown[1:]
        assert len(await ask(session, "/simulator/phones")) == 4
        for path, body in (
            ("/simulator/phones/nobody/messages", {"text": "你好"}),
            ("/simulator/phones/xiuying/messages", {"type": "telegram"}),
            ("/simulator/phones/xiuying/messages", {"text": " "}),
            ("/simulator/phones/xiuying/events", {"event": "sneeze"}),
        ):
            async with session.post(path, json=body) as got:
                assert got.status == 400
                assert (await got.json())["error"]
        async with session.post(
            "/simulator/phones/xiuying/messages", json={"text": "你好"}, headers={"Sec-Fetch-Site": "cross-site"}
        ) as got:
            assert got.status == 403


async def queue_staff_answer(house: House, openid: str, text: str) -> str:
    """A row as the console writes it; its id."""
    conversation = await house.conversation(openid)
    staff_id = await house.add_staff("li")
    await house.change("conversation", conversation.id, state="held", holder_id=staff_id)
    async with house.database.transaction() as tx:
        row_id, _ = await inbox.reply(tx, conversation.id, staff_id, text, "k1", clock.now())
    return row_id


@pytest.mark.parametrize(
    ("code", "state"),
    [(45015, "failed"), (45047, "failed"), (48001, "failed"), (43004, "failed"), (45009, "queued"), (-1, "queued")],
)
async def test_quota_errors_switched_on_are_read_and_kept_in_words(serve: Serve, code: int, state: str) -> None:
    async with phones(serve) as (house, session, _):
        (openid,) = [one["openid"] for one in await ask(session, "/simulator/phones") if one["name"] == "xiuying"]
        await ask(session, "/simulator/phones/xiuying/messages", {"text": "你好"})
        await ask(session, "/simulator/switches", {"errcode": code, "times": 1})
        row_id = await queue_staff_answer(house, openid, "在吗")
        await outbox.deliver(house.worker, [OutboundClass.ANSWER, OutboundClass.STAFF])
        (row,) = await house.rows("outbox", id=row_id)
        assert (row.state, row.error_code) == (state, str(code))
        assert row.error_sentence
        shown = await ask(session, "/simulator/phones/xiuying/messages")
        assert all(one["text"] != "在吗" for one in shown)


async def test_spoiled_tokens_are_renewed_and_a_cut_line_is_never_said_twice(serve: Serve) -> None:
    async with phones(serve) as (house, session, _):
        (openid,) = [one["openid"] for one in await ask(session, "/simulator/phones") if one["name"] == "xiuying"]
        await ask(session, "/simulator/phones/xiuying/messages", {"text": "你好"})
        await ask(session, "/simulator/switches", {"cut": True, "times": 1, "spoil_tokens": True})
        row_id = await queue_staff_answer(house, openid, "在吗")
        for _ in range(2):
            await outbox.deliver(house.worker, [OutboundClass.ANSWER, OutboundClass.STAFF])
        (row,) = await house.rows("outbox", id=row_id)
        assert row.state == "unknown"
        shown = await ask(session, "/simulator/phones/xiuying/messages")
        assert [one["text"] for one in shown].count("在吗") == 1


async def test_simulator_is_absent_outside_development(serve: Serve) -> None:
    async with serve("safe") as (_, url), ClientSession() as session:
        for path in ("/simulator", "/simulator/phones", "/simulator/api/cgi-bin/token"):
            async with session.get(url + path) as got:
                assert got.status == 404
