"""OneBot: what is proved and how it is refused, segments and CQ strings, calls by HTTP and over its WebSocket."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSServerHandshakeError, web
from aiohttp.test_utils import TestClient, TestServer

from bot import clock
from bot.channels.base import WebhookRequest
from bot.channels.onebot import OneBot
from bot.channels.onebot_events import read_cq, unescape
from bot.channels.tokens import InMemoryTokens, RedisTokens, Tokens
from bot.errors import Rejected, Unreachable, UnreadablePayload, Unsigned, UnverifiedRequest
from bot.messages import GroupChange, InboundMessage, Kind, Location, Media, OutboundMessage
from bot.metrics import Metrics
from bot.web import Doors, add_webhooks
from tests.support.drills import onebot, provider
from tests.support.drills.onebot import SELF, TOKEN, WOMAN, settings, signed
from tests.support.house import House
from tests.support.service import eventually

PAYLOADS = Path(__file__).resolve().parents[2] / "payloads" / "onebot"
ADDRESS = "/webhook/onebot"
Client = TestClient[web.Request, web.Application]
V12_BODY = (
    '{"time":1515204254,"self_id":10001000,"post_type":"message","message_type":"private","sub_type":"friend",'
    '"message_id":12,"user_id":12345678,"message":"你好～","raw_message":"你好～","font":456}'
).encode()


def client_of(tokens: Tokens | None = None, **changes: Any) -> OneBot:
    section = settings("") | changes
    return OneBot.from_settings(section, tokens or InMemoryTokens(), cast(ClientSession, object()))


def payload(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))
    return value


def heard(name: str) -> InboundMessage:
    (message,) = client_of().receive(signed(payload(name))).messages
    return message


def test_published_signature_is_accepted_and_others_are_refused() -> None:
    good = "sha1=b4c528a02f716a7a4243641f0d4ec32b8b02b32d"

    def ask(signature: str, body: bytes = V12_BODY) -> tuple[InboundMessage, ...]:
        headers = {"X-Signature": signature} if signature else {}
        request = WebhookRequest("POST", {}, headers, body, clock.now())
        return client_of(secret="some-secret").receive(request).messages

    assert ask(good)[0].text == "你好～"
    with pytest.raises(Unsigned):
        ask("")
    for signature in (good[5:], good.replace("b4", "b5"), "sha1=", "密"):
        with pytest.raises(UnverifiedRequest) as problem:
            ask(signature)
        assert not isinstance(problem.value, Unsigned)
    with pytest.raises(UnverifiedRequest):
        ask(good, V12_BODY + b" ")


def test_cq_strings_are_unescaped_with_the_ampersand_last() -> None:
    assert unescape("- &#91;x&#93; 使用 &amp;data 获取地址") == "- [x] 使用 &data 获取地址"
    assert unescape("震惊&#44;小伙") == "震惊,小伙"
    assert unescape("&amp;#91;") == "&#91;"
    share = [("share", {"title": "标题中有=等号", "url": "http://baidu.com"})]
    assert read_cq("[CQ:share,title=标题中有=等号,url=http://baidu.com]") == share
    assert read_cq("a[CQ:at,qq=1]b&#91;CQ:at,qq=2&#93;") == [
        ("text", {"text": "a"}),
        ("at", {"qq": "1"}),
        ("text", {"text": "b[CQ:at,qq=2]"}),
    ]


def test_private_messages_are_heard_as_segments_and_as_cq() -> None:
    message = heard("private_segments")
    assert (message.kind, message.text, message.sender) == (Kind.TEXT, "离婚怎么办", WOMAN)
    assert (message.group, message.platform_id) == ("", "-2147483648")
    assert heard("private_cq").text == "- [x] 使用 &data 获取地址"


def test_pictures_places_and_links_are_heard() -> None:
    address = "https://multimedia.nt.qq.com.cn/a"
    picture = heard("private_image")
    assert (picture.kind, picture.text, picture.media) == (Kind.IMAGE, "这是伤", Media(address, address))
    assert heard("private_location").location == Location(38.49, 106.23, "镇政府")
    assert (heard("private_share").kind, heard("private_share").text) == (Kind.LINK, "标题中有=等号")
    assert heard("private_forward").kind is Kind.UNKNOWN


@pytest.mark.parametrize("name", ["group_at", "group_at_cq"])
def test_group_message_that_names_the_bot_is_said_to_it(name: str) -> None:
    message = heard(name)
    assert (message.text, message.group, message.mentioned) == ("最近有什么活动", "555666", True)


@pytest.mark.parametrize("name", ["group_chatter", "group_all", "group_other"])
def test_other_group_messages_are_not_said_to_the_bot(name: str) -> None:
    assert not heard(name).mentioned


@pytest.mark.parametrize("name", ["group_anonymous", "group_own", "other_joined", "recall", "request", "heartbeat"])
def test_what_is_none_of_our_business_is_acknowledged_and_not_kept(name: str) -> None:
    assert client_of().receive(signed(payload(name))).messages == ()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("joined", GroupChange.JOINED),
        ("kicked", GroupChange.LEFT),
        ("muted", GroupChange.MUTED),
        ("unmuted", GroupChange.UNMUTED),
    ],
)
def test_what_becomes_of_the_bot_in_a_group_is_noted(name: str, change: GroupChange) -> None:
    message = heard(name)
    assert (message.kind, message.key, message.group) == (Kind.GROUP, change.value, "555666")


def test_new_friend_is_a_follower() -> None:
    assert heard("friend_add").kind is Kind.FOLLOW


@pytest.mark.parametrize(
    "change",
    [
        {"message": None},
        {"message": [3]},
        {"message": [{"type": "text", "data": 3}]},
        {"user_id": None},
        {"user_id": True},
        {"message_id": "x"},
        {"time": -1},
        {"time": 10**12},
        {"post_type": None},
    ],
)
def test_signed_nonsense_is_unreadable(change: dict[str, Any]) -> None:
    with pytest.raises(UnreadablePayload):
        client_of().receive(signed(payload("private_segments") | change))


def test_events_of_another_number_are_refused() -> None:
    with pytest.raises(UnverifiedRequest):
        client_of(self_id="999").receive(signed(payload("private_segments")))
    assert client_of(self_id=str(SELF)).receive(signed(payload("private_segments"))).messages


async def test_text_goes_out_as_one_segment_whatever_it_says() -> None:
    async with provider(onebot.DRILL) as playing, ClientSession() as session:
        channel = OneBot.from_settings(settings(playing.base), InMemoryTokens(), session)
        text = "她写：[CQ:at,qq=all] & [x]"
        receipt = await channel.send(OutboundMessage(WOMAN, text, "answer:1:0"))
        await channel.send(OutboundMessage(WOMAN, text, "answer:1:0", group="555666"))
        playing.script = [{"status": "async", "retcode": 1, "data": None}]
        assert (await channel.send(OutboundMessage(WOMAN, text, "answer:1:0"))).platform_id == ""
    assert receipt.platform_id == "77"
    segments = [{"type": "text", "data": {"text": text}}]
    assert [(path, body) for path, _, body in playing.asked[:2]] == [
        ("/send_private_msg", {"user_id": 12345678, "message": segments}),
        ("/send_group_msg", {"group_id": 555666, "message": segments}),
    ]


# The door, and the WebSocket the client opens to it.


@pytest.fixture(params=["memory", "redis"])
async def tokens(request: pytest.FixtureRequest) -> AsyncIterator[Tokens]:
    if request.param == "memory":
        yield InMemoryTokens()
        return
    url: str = request.getfixturevalue("embedded_redis").url
    found = RedisTokens(url)
    yield found
    await found.close()


@pytest.fixture
async def opened(house: House, tokens: Tokens) -> AsyncIterator[tuple[Client, OneBot]]:
    channel = client_of(tokens)
    await house.replace_line(speech={"wechat_oa": house.channel, "onebot": channel})
    app = web.Application()
    add_webhooks(app, Doors((channel,), house.pipeline, house.database, Metrics(), lambda: False))
    async with TestClient(TestServer(app)) as client:
        yield client, channel


async def connect(client: Client, role: str = "Universal") -> ClientWebSocketResponse:
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Self-ID": str(SELF), "X-Client-Role": role}
    return await client.ws_connect(ADDRESS, headers=headers)


async def test_post_is_answered_with_204_or_refused_with_401_and_403(
    opened: tuple[Client, OneBot], house: House
) -> None:
    client, _ = opened
    request = signed(payload("private_segments"))
    answers = [
        await client.post(ADDRESS, data=request.body, headers=dict(request.headers)),
        await client.post(ADDRESS, data=request.body, headers=dict(request.headers)),
        await client.post(ADDRESS, data=request.body),
        await client.post(ADDRESS, data=request.body, headers={"X-Signature": "sha1=00"}),
    ]
    assert [answer.status for answer in answers] == [204, 204, 401, 403]
    assert len(await house.rows("inbound_message")) == 1


async def test_connection_without_the_token_is_refused(opened: tuple[Client, OneBot]) -> None:
    client, _ = opened
    for headers, status in (({}, 401), ({"Authorization": "Bearer wrong"}, 403), ({"Authorization": TOKEN}, 403)):
        with pytest.raises(WSServerHandshakeError) as problem:
            await client.ws_connect(ADDRESS, headers=headers)
        assert problem.value.status == status


async def test_events_over_the_connection_are_kept_and_nonsense_does_not_cut_it(
    opened: tuple[Client, OneBot], house: House
) -> None:
    client, _ = opened
    socket = await connect(client)
    for text in ("{", "[]", '{"post_type":"message"}'):
        await socket.send_str(text)
    await socket.send_json(payload("heartbeat"))
    await socket.send_json(payload("group_chatter"))
    await socket.send_json(payload("private_segments"))
    await socket.send_json(payload("private_segments"))
    await eventually(lambda: _count(house, 1))
    await socket.close()
    assert [row.channel for row in await house.rows("identity")] == ["onebot"]


async def _count(house: House, number: int) -> bool:
    return len(await house.rows("inbound_message")) == number


async def test_call_goes_over_the_connection_and_its_echo_brings_the_answer(opened: tuple[Client, OneBot]) -> None:
    client, channel = opened
    events, socket = await connect(client, "Event"), await connect(client, "API")
    sending = asyncio.create_task(channel.send(OutboundMessage(WOMAN, "在的。", "answer:1:0")))
    frame = await asyncio.wait_for(socket.receive_json(), 10)
    assert frame["action"] == "send_private_msg"
    assert frame["params"] == {"user_id": 12345678, "message": [{"type": "text", "data": {"text": "在的。"}}]}
    await socket.send_json({"status": "ok", "retcode": 0, "data": {"message_id": 1}, "echo": "another"})
    await socket.send_json({"status": "ok", "retcode": 0, "data": {"message_id": 5}, "echo": frame["echo"]})
    assert (await sending).platform_id == "5"
    sending = asyncio.create_task(channel.send(OutboundMessage(WOMAN, "在的。", "answer:1:1", group="555666")))
    frame = await asyncio.wait_for(socket.receive_json(), 10)
    assert (frame["action"], frame["params"]["group_id"]) == ("send_group_msg", 555666)
    await socket.send_json({"status": "failed", "retcode": 1200, "data": None, "echo": frame["echo"]})
    with pytest.raises(Rejected):
        await sending
    await socket.close()
    await events.close()


async def test_call_nobody_takes_is_known_to_be_unsent_and_one_without_answer_is_unknown(
    opened: tuple[Client, OneBot], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.onebot._ANSWER_SECONDS", 1.0)
    client, channel = opened
    message = OutboundMessage(WOMAN, "在的。", "answer:1:0")
    with pytest.raises(Unreachable) as problem:
        await channel.send(message)
    assert problem.value.known_unsent
    assert problem.value.retryable
    socket = await connect(client)
    with pytest.raises(Unreachable) as problem:
        await channel.send(message)
    assert not problem.value.known_unsent
    frame = await asyncio.wait_for(socket.receive_json(), 10)
    assert frame["action"] == "send_private_msg"
    assert (await _next_frame(socket)) is None
    await socket.close()


async def _next_frame(socket: ClientWebSocketResponse) -> Any:
    try:
        return await asyncio.wait_for(socket.receive_json(), 0.5)
    except TimeoutError:
        return None
