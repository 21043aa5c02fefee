"""The doors: what is refused and how, what is acknowledged in time, and nothing of it in the log."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot import clock
from bot import web as doors
from bot.errors import StorageUnavailable
from bot.metrics import Metrics
from bot.simulator.wechat_push import Message, Push, build, echo_query, read_reply
from bot.web import Doors, add_webhooks
from storage.database import Database
from tests.support.house import House
from tests.support.service import eventually
from tests.support.wechat import account

ADDRESS = "/webhook/wechat"
Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client(house: House) -> AsyncIterator[Client]:
    app = web.Application(client_max_size=1024 * 1024)
    add_webhooks(app, Doors((house.channel,), house.pipeline, house.database, Metrics(), lambda: False))
    async with TestClient(TestServer(app)) as opened:
        yield opened


def pushed(text: str = "菜单", *, openid: str = "oLina", msg_id: int | None = None, mode: str = "safe") -> Push:
    message = Message.text(openid, text, msg_id=msg_id, at=clock.timestamp())
    return build(account(mode), message, signed_at=clock.timestamp())


async def post(client: Client, push: Push) -> tuple[int, bytes]:
    answer = await client.post(f"{ADDRESS}?{push.query_string}", data=push.body)
    return answer.status, await answer.read()


async def test_message_is_answered_in_the_response(client: Client, house: House) -> None:
    status, body = await post(client, pushed())
    assert status == 200
    assert "我要咨询" in (read_reply(account(), body) or "")
    assert len(await house.rows("inbound_message")) == 1


async def test_retry_signed_anew_gets_the_same_answer(client: Client, house: House) -> None:
    answers = [read_reply(account(), (await post(client, pushed(msg_id=7)))[1]) for _ in range(3)]
    assert answers[0]
    assert len(set(answers)) == 1
    assert len(await house.rows("inbound_message")) == 1


async def test_silent_event_is_acknowledged_with_success(client: Client) -> None:
    push = build(account(), Message.view("oLina", "https://example.com"), signed_at=clock.timestamp())
    assert await post(client, push) == (200, b"success")


async def test_echo_check(client: Client) -> None:
    query = echo_query(account(), "echo123")
    answer = await client.get(f"{ADDRESS}?{query}")
    assert (answer.status, await answer.text()) == (200, "echo123")
    assert (await client.get(ADDRESS)).status == 403


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        ("", b"<xml/>", 403),
        ("?signature=x&timestamp=1&nonce=n", b"<xml/>", 403),
        (None, b"not xml at all", 400),
        (None, b"", 400),
        (None, b"<xml><Content>" + b"a" * 70_000 + b"</Content></xml>", 413),
    ],
)
async def test_what_is_refused(
    client: Client, house: House, caplog: pytest.LogCaptureFixture, query: str | None, body: bytes, status: int
) -> None:
    address = f"?{pushed().query_string}" if query is None else query
    answer = await client.post(f"{ADDRESS}{address}", data=body)
    assert answer.status == status
    text = await answer.text()
    (record,) = [record for record in caplog.records if record.name == "bot.web"]
    assert record.__dict__["request"] in text, "the refusal can be found in the log by its id"
    assert record.exc_info is None
    assert await house.rows("inbound_message") == []


async def test_endless_body_is_cut_off_at_the_limit(client: Client) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"a" * 4096

    answer = await client.post(f"{ADDRESS}?{pushed().query_string}", data=chunks())
    assert answer.status == 413


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused(client: Client, method: str) -> None:
    assert (await client.request(method, ADDRESS)).status == 405


async def test_replayed_nonce_with_another_body_is_refused(client: Client) -> None:
    other = build(
        account(), Message.text("oLina", "别的", at=clock.timestamp()), signed_at=clock.timestamp(), nonce="same"
    )
    first = build(
        account(), Message.text("oLina", "你好", at=clock.timestamp()), signed_at=clock.timestamp(), nonce="same"
    )
    assert (await post(client, first))[0] == 200
    assert (await post(client, other))[0] == 403
    assert (await post(client, first))[0] == 200


async def test_slow_answer_is_acknowledged_in_time_and_follows_later(
    client: Client, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "HAND_SECONDS", 0.2)
    busy = asyncio.Event()
    gather = house.pipeline._gather

    async def slowly() -> None:
        await busy.wait()
        await gather()

    monkeypatch.setattr(house.pipeline, "_gather", slowly)
    async with asyncio.timeout(3):
        assert await post(client, pushed()) == (200, b"success")
    (row,) = await house.rows("inbound_message")
    assert row.handled_at is None
    busy.set()
    await eventually(lambda: house.rows("outbox"), 5, 0.02)
    assert [row.state for row in await house.rows("outbox")] == ["queued"]


async def test_what_cannot_be_stored_is_not_acknowledged(
    client: Client, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: Database) -> Any:
        raise StorageUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(Database, "transaction", away)
        patched.setattr(Database, "reading", away)
        assert (await post(client, pushed(msg_id=7)))[0] == 503
        assert (await client.get("/readyz")).status == 503
        assert (await client.get("/healthz")).status == 200
    assert read_reply(account(), (await post(client, pushed(msg_id=7)))[1])


async def test_health_says_what_is_up(client: Client) -> None:
    answer = await client.get("/readyz")
    assert (answer.status, await answer.json()) == (200, {"database": True, "redis": False})


async def test_counters_are_numbers_without_people(client: Client) -> None:
    await post(client, pushed(openid="oSecretOpenid"))
    await client.post(ADDRESS, data=b"x")
    text = await (await client.get("/metrics")).text()
    assert 'outcome="accepted"' in text
    assert 'outcome="request.unverified"' in text
    assert "oSecretOpenid" not in text


async def test_nothing_of_what_was_said_is_logged(
    client: Client, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await post(client, pushed("他打我的事谁也别说", openid="oSecretOpenid"))
    # The test server's own access log is none of ours: the service runs without one.
    ours = [record for record in caplog.records if record.name != "aiohttp.access"]
    logged = str([(record.getMessage(), record.__dict__) for record in ours])
    assert "他打我" not in logged
    assert "oSecretOpenid" not in logged
