"""WeCom's app: published vectors through the whole channel, every message and every event."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from aiohttp import ClientSession

from bot import clock
from bot.channels.base import Received, WebhookRequest
from bot.channels.tokens import InMemoryTokens
from bot.channels.wecom import WeCom
from bot.clock import Frozen
from bot.errors import UnreadablePayload, UnverifiedRequest
from bot.messages import InboundMessage, Kind, PassiveReply
from bot.simulator.wecom_push import app_message, echo, read_app_reply
from tests.conftest import MORNING
from tests.support.drills import wecom as drill

_NO_SESSION = cast(ClientSession, object())

#: Published vectors (protocols §9 V1, V5a, V6): token, key, corp id, timestamp, nonce, echostr, signature, plaintext.
ECHOES = {
    "V1": (
        "123456",
        "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR",
        "wx49f0ab532d5d035a",
        "1411443780",
        "437374425",
        "4ByGGj+sVCYcvGeQYhaKIk1o0pQRNbRjxybjTGblXrBaXlTXeOo1+bXFXDQQb1o6co6Yh9Bv41n7hOchLF6p+Q==",
        "dd6b9c95b495b3f7e2901bfbc76c664930ffdb96",
        b"5927782489442352469",
    ),
    "V5a": (
        "QDG6eK",
        "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
        "wx5823bf96d3bd56c7",
        "1409659589",
        "263014780",
        "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==",
        "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3",
        b"1616140317555161061",
    ),
    "V6": (
        "pcoLldqMu2WQQtYBeDX5HiXPsBFlTnDM",
        "CyjBvGm4tJNmcThkeL5Wajzom4jKlBygKtpTkYeqsnE",
        "wwedab3d5fc43636d8",
        "1623292419",
        "1623324060",
        "o1XtmVltGmUAqoWee54yd4Q5ZBgrw4/9lFo5qdZoVPd1DybzarjuYCfFlR2AFbAcWHwFgmbrVBD+f9910QIF6g==",
        "1495c4dfd4958d4e5faf618978ae66943a042f87",
        b"6058207018001857403",
    ),
}
V5B_ENCRYPT = (
    "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911"
    "L3vg3W/sYYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLx"
    "AUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9"
    "nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/u"
    "h9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q=="
)


def channel(**changes: Any) -> WeCom:
    values = drill.settings("http://127.0.0.1:9") | changes
    return WeCom.from_settings(values, InMemoryTokens(), _NO_SESSION)


def ask_echo(name: str, **changes: Any) -> Received:
    token, key, corp_id, timestamp, nonce, echostr, signature, _ = ECHOES[name]
    settings = {"token": token, "encoding_aes_key": key, "corp_id": corp_id} | changes
    query = {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce, "echostr": echostr}
    query |= {name: value for name, value in changes.items() if name in query}
    settings = {name: value for name, value in settings.items() if name not in query}
    at = datetime.fromtimestamp(int(timestamp), UTC)
    return channel(**settings).receive(WebhookRequest("GET", query, {}, b"", at))


def heard(kind: str, **fields: str | int) -> InboundMessage:
    fields = {"at": int(clock.timestamp()), **fields}
    push = app_message(drill.SEAL, drill.AGENT_ID, drill.MEMBER, kind, **fields)
    (message,) = channel().receive(drill.as_request(push)).messages
    return message


@pytest.fixture(autouse=True)
def _standing_clock() -> Iterator[None]:
    with Frozen(MORNING):
        yield


@pytest.mark.parametrize("name", ECHOES)
def test_echo_check_is_answered_with_the_plaintext(name: str) -> None:
    response = ask_echo(name).response
    assert response is not None
    assert response.body == ECHOES[name][-1]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("V1", {"nonce": "437374424"}),
        ("V6", {"corp_id": "1000005"}),
        ("V5a", {"token": "QDG6eL"}),
        ("V5a", {"echostr": ECHOES["V1"][5]}),
        ("V5a", {"msg_signature": ""}),
        ("V5a", {"timestamp": "1409659590"}),
    ],
)
def test_echo_check_with_anything_wrong_is_refused(name: str, changes: dict[str, str]) -> None:
    with pytest.raises(UnverifiedRequest):
        ask_echo(name, **changes)


def test_published_message_is_read() -> None:
    token, key, corp_id, *_ = ECHOES["V5a"]
    query = {
        "msg_signature": "477715d11cdb4164915debcba66cb864d751f3e6",
        "timestamp": "1409659813",
        "nonce": "1372623149",
    }
    body = f"<xml><Encrypt><![CDATA[{V5B_ENCRYPT}]]></Encrypt></xml>".encode()
    at = datetime.fromtimestamp(1409659813, UTC)
    app = channel(token=token, encoding_aes_key=key, corp_id=corp_id, agent_id=218)
    (message,) = app.receive(WebhookRequest("POST", query, {}, body, at)).messages
    assert (message.text, message.sender, message.platform_id) == ("hello", "mycreate", "4561255354251345929")
    other = channel(token=token, encoding_aes_key=key, corp_id=corp_id, agent_id=219)
    with pytest.raises(UnreadablePayload):
        other.receive(WebhookRequest("POST", query, {}, body, at))


def test_answer_in_the_response_is_sealed_as_the_member_s_client_reads_it() -> None:
    push = app_message(
        drill.SEAL, drill.AGENT_ID, drill.MEMBER, "text", at=int(clock.timestamp()), Content="在", MsgId=5
    )
    app = channel()
    received = app.receive(drill.as_request(push))
    assert app.render(received, PassiveReply("")).body == b""
    answer = app.render(received, PassiveReply("你好]]>，有事请说"))
    assert read_app_reply(drill.SEAL, answer.body) == "你好]]>，有事请说"


def test_echo_of_the_simulator_is_answered_too() -> None:
    check = echo(drill.SEAL, "一二三", at=clock.timestamp())
    response = channel().receive(drill.as_request(check, "GET")).response
    assert response is not None
    assert response.body.decode() == "一二三"


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("text", {"Content": "今天谁值班", "MsgId": 1}, (Kind.TEXT, "今天谁值班", "")),
        ("image", {"PicUrl": "http://p.example/1", "MediaId": "media-1", "MsgId": 2}, (Kind.IMAGE, "", "")),
        ("voice", {"MediaId": "media-2", "Format": "amr", "MsgId": 3}, (Kind.VOICE, "", "")),
        ("video", {"MediaId": "media-3", "ThumbMediaId": "t", "MsgId": 4}, (Kind.VIDEO, "", "")),
        (
            "location",
            {"Location_X": "36.65", "Location_Y": "115.67", "Scale": 15, "Label": "文化路", "MsgId": 5},
            (Kind.LOCATION, "", ""),
        ),
        (
            "link",
            {"Title": "一篇文章", "Description": "", "Url": "https://example.com", "MsgId": 6},
            (Kind.LINK, "一篇文章", ""),
        ),
        ("event", {"Event": "subscribe"}, (Kind.FOLLOW, "", "")),
        ("event", {"Event": "unsubscribe"}, (Kind.UNFOLLOW, "", "")),
        ("event", {"Event": "enter_agent", "EventKey": ""}, (Kind.NOTICE, "", "")),
        ("event", {"Event": "click", "EventKey": "menu"}, (Kind.MENU, "", "menu")),
        ("event", {"Event": "view", "EventKey": "https://example.com"}, (Kind.NOTICE, "", "https://example.com")),
        (
            "event",
            {"Event": "LOCATION", "Latitude": "36.6", "Longitude": "115.6", "Precision": "30"},
            (Kind.NOTICE, "", ""),
        ),
        ("event", {"Event": "template_card_event", "EventKey": "b1"}, (Kind.NOTICE, "", "b1")),
        ("event", {"Event": "brand_new_event"}, (Kind.UNKNOWN, "", "")),
        ("brand_new", {"MsgId": 7}, (Kind.UNKNOWN, "", "")),
    ],
)
def test_messages_and_events(kind: str, fields: dict[str, str | int], expected: tuple[Kind, str, str]) -> None:
    message = heard(kind, **fields)
    assert (message.kind, message.text, message.key) == expected
    assert message.sender == drill.MEMBER
