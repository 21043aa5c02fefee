"""智能机器人: the vector, every kind of message, the answer that stays the same, files opened, strangers refused."""

import base64
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bot import clock
from bot.channels.base import Received, WebhookRequest
from bot.channels.tokens import InMemoryTokens
from bot.channels.wechat_crypto import WeChatCrypto
from bot.channels.wecom_aibot import WeComAIBot, stream_id
from bot.clock import Frozen
from bot.errors import Rejected, UnreadablePayload, UnverifiedRequest, WindowClosed
from bot.messages import InboundMessage, Kind, Media, OutboundMessage, PassiveReply
from bot.simulator.wecom_push import bot_message, echo, read_bot_reply
from tests.conftest import MORNING
from tests.support.drills import wecom
from tests.support.drills.wecom_aibot import SEAL, payload, settings

#: protocols §9 V7: an empty receive-id.
V7_KEY, V7_TOKEN = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "QDG6eK"
V7_ENCRYPT = (
    "sKqRbbiSUnDhFHOvPjtUMevlVJi5gSks1smLwj58jImB2BNF0on6mvpE5XjYftWR+hKtqfw2+k/hItigkhHI2ITZ+4TZPkW1CRjdWTgPVbN"
    "+GsKbDXGJI9Sxfe05/dE5"
)
V7_SIGNATURE = "cb975dceeb74c97aade3ca6f09c63b9df82abb19"


@pytest.fixture(autouse=True)
def _standing_clock() -> Iterator[None]:
    with Frozen(MORNING):
        yield


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


@pytest.fixture
def bot(session: ClientSession) -> WeComAIBot:
    return WeComAIBot.from_settings(settings("http://127.0.0.1:9"), InMemoryTokens(), session)


def received(bot: WeComAIBot, message: dict[str, Any]) -> Received:
    return bot.receive(wecom.as_request(bot_message(SEAL, message, at=clock.timestamp())))


def heard(bot: WeComAIBot, message: dict[str, Any]) -> InboundMessage:
    (found,) = received(bot, message).messages
    return found


def test_vector_with_an_empty_receive_id() -> None:
    crypto = WeChatCrypto(V7_TOKEN, V7_KEY, "")
    message = '{"msgtype":"text","text":{"content":"你好"}}'.encode()
    sealed = crypto.seal(message, "1700000000", "nonce123", random=b"0123456789abcdef")
    assert (sealed.encrypt, sealed.msg_signature) == (V7_ENCRYPT, V7_SIGNATURE)
    assert crypto.open(V7_ENCRYPT, V7_SIGNATURE, "1700000000", "nonce123") == message
    with pytest.raises(UnverifiedRequest):
        WeChatCrypto(V7_TOKEN, V7_KEY, "ww0123456789abcdef").decrypt(V7_ENCRYPT)


def test_vector_through_the_channel_lacks_an_id_and_is_refused(session: ClientSession) -> None:
    values = settings("http://127.0.0.1:9") | {"token": V7_TOKEN, "encoding_aes_key": V7_KEY}
    bot = WeComAIBot.from_settings(values, InMemoryTokens(), session)
    query = {"msg_signature": V7_SIGNATURE, "timestamp": "1700000000", "nonce": "nonce123"}
    body = b'{"encrypt":"' + V7_ENCRYPT.encode() + b'"}'
    at = datetime.fromtimestamp(1700000000, UTC)
    with pytest.raises(UnreadablePayload):
        bot.receive(WebhookRequest("POST", query, {}, body, at))


def test_echo_check(bot: WeComAIBot) -> None:
    response = bot.receive(wecom.as_request(echo(SEAL, "1616140317555161061", at=clock.timestamp()), "GET")).response
    assert response is not None
    assert response.body == b"1616140317555161061"


@pytest.mark.parametrize(
    ("message", "kind", "text"),
    [
        (payload(1, text={"content": "@小娘家 在家也@人"}), Kind.TEXT, "@小娘家 在家也@人"),
        (payload(2, "voice", voice={"content": "怎么报名"}), Kind.VOICE, "怎么报名"),
        (payload(3, "image", image={"url": "https://x.qpic.cn/1"}), Kind.IMAGE, ""),
        (payload(4, "video", video={"url": "https://x.qpic.cn/2"}), Kind.VIDEO, ""),
        (payload(5, "file", file={"url": "https://x.qpic.cn/3"}), Kind.UNKNOWN, ""),
        (
            payload(
                6,
                "mixed",
                mixed={
                    "msg_item": [
                        {"msgtype": "text", "text": {"content": "看这个"}},
                        {"msgtype": "image", "image": {"url": "https://x.qpic.cn/4"}},
                    ]
                },
            ),
            Kind.TEXT,
            "看这个",
        ),
        (payload(7, "event", event={"eventtype": "enter_chat"}), Kind.FOLLOW, ""),
        (payload(8, "event", event={"eventtype": "template_card_event"}), Kind.NOTICE, ""),
        (payload(9, "event", event={"eventtype": "feedback_event"}), Kind.NOTICE, ""),
        (payload(10, "brand_new"), Kind.UNKNOWN, ""),
        (payload(11, "text", text="broken"), Kind.TEXT, ""),
    ],
)
def test_messages(bot: WeComAIBot, message: dict[str, Any], kind: Kind, text: str) -> None:
    found = heard(bot, message)
    assert (found.kind, found.text, found.sender) == (kind, text, wecom.MEMBER)


def test_group_message_is_addressed_to_us_without_our_name(bot: WeComAIBot) -> None:
    message = payload(1, chattype="group", chatid="wrGROUP", text={"content": "@小娘家 最近有什么活动"})
    message["quote"] = {"msgtype": "text", "text": {"content": "别人说的话"}}
    found = heard(bot, message)
    assert (found.group, found.mentioned, found.text) == ("wrGROUP", True, "最近有什么活动")
    assert "别人说的话" not in repr(found)


def test_answer_is_a_finished_stream_with_the_same_id_at_every_retry(bot: WeComAIBot) -> None:
    answers = []
    for _ in range(2):
        response = bot.render(received(bot, payload(1, text={"content": "你好"})), PassiveReply("你好，<@all>"))
        assert response.content_type == "text/plain"
        answers.append(read_bot_reply(SEAL, response.body))
    assert answers[0] == answers[1]
    assert answers[0] == {
        "msgtype": "stream",
        "stream": {"id": stream_id("msg-1"), "finish": True, "content": "你好，< @all>"},
    }
    assert stream_id("msg-1") != stream_id("msg-2")


def test_greeting_is_a_plain_text_and_a_question_about_a_stream_ends_it(bot: WeComAIBot) -> None:
    entered = received(bot, payload(1, "event", event={"eventtype": "enter_chat"}))
    assert read_bot_reply(SEAL, bot.render(entered, PassiveReply("你好")).body) == {
        "msgtype": "text",
        "text": {"content": "你好"},
    }
    poll = received(bot, payload(2, "stream", stream={"id": "abc"})).response
    assert poll is not None
    answer = read_bot_reply(SEAL, poll.body)
    assert answer is not None
    assert answer["stream"] == {"id": "abc", "finish": True, "content": ""}


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/x", "http://169.254.169.254/", "file:///etc/passwd", "x", "", 5, "http://[", None],
)
async def test_late_answer_goes_to_no_stranger(bot: WeComAIBot, address: Any) -> None:
    found = heard(bot, payload(1, text={"content": "你好"}) | {"response_url": address})
    assert found.extra == {}
    with pytest.raises(WindowClosed):
        await bot.send(OutboundMessage(wecom.MEMBER, "你好", "k", row_id="0" * 26))


@pytest.mark.parametrize("size", [1, 31, 32, 33, 4096])
async def test_file_is_fetched_and_opened(session: ClientSession, size: int) -> None:
    content = os.urandom(size)
    key = base64.b64decode(wecom.KEY + "=")
    pad = 32 - len(content) % 32
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    sealed = encryptor.update(content + bytes([pad]) * pad) + encryptor.finalize()

    async def give(request: web.Request) -> web.Response:
        return web.Response(body=sealed if request.path == "/file" else sealed[:-1], content_type="image/png")

    app = web.Application()
    app.router.add_get("/{tail:.*}", give)
    server = TestServer(app)
    await server.start_server()
    base = str(server.make_url("")).rstrip("/")
    bot = WeComAIBot.from_settings(settings(base), InMemoryTokens(), session)
    assert (await bot.fetch_media(Media("x", f"{base}/file")))[0] == content
    with pytest.raises(Rejected):
        await bot.fetch_media(Media("x", f"{base}/cut"))
    await server.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:8/x", "https://evil.example/x", "https://qpic.cn.evil.example/x"])
async def test_file_of_a_stranger_is_not_fetched(bot: WeComAIBot, url: str) -> None:
    with pytest.raises(Rejected):
        await bot.fetch_media(Media("x", url))
