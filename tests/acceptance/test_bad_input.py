"""What nobody should send, at the real door: refused with 4xx, one line in the log, and nothing of what was said."""

import base64
import json
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from sqlalchemy import select

from bot.simulator.wechat_push import Message, Push, build, sign
from storage.models import InboundMessage, table
from tests.support.pushing import push
from tests.support.service import Service
from tests.support.wechat import SECRETS, account
from workers.embedded_redis import EmbeddedRedis

pytestmark = [pytest.mark.acceptance, pytest.mark.xdist_group("services")]

CANARY = "金丝雀在唱歌"
LINA = "oLina-0000000000000000000001"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, embedded_redis: EmbeddedRedis) -> Iterator[Service]:
    """One service for all bad input: whatever comes, it goes on."""
    folder = tmp_path_factory.mktemp("bad-input")
    with Service(folder / "data", "http://127.0.0.1:9", redis_url=embedded_redis.url) as started:
        started.start("web")
        yield started


@dataclass(frozen=True)
class Answer:
    """Status, body, and the log lines this request caused."""

    status: int
    body: str
    lines: list[dict[str, object]]


async def post(service: Service, request: Push, *, chunked: bool = False) -> Answer:
    """Post as given and read what the log says about it."""
    before = service.log_path.stat().st_size
    body: object = _pieces(request.body) if chunked else request.body
    async with (
        ClientSession() as session,
        session.post(f"{service.url}/webhook/wechat?{request.query_string}", data=body) as got,
    ):
        text = await got.text()
    with service.log_path.open("rb") as log:
        log.seek(before)
        written = log.read().decode()
    assert "Traceback" not in written
    assert CANARY not in written
    return Answer(got.status, text, [json.loads(line) for line in written.splitlines()])


async def _pieces(body: bytes):  # type: ignore[no-untyped-def]
    for start in range(0, len(body), 8192):
        yield body[start : start + 8192]


def query(**changes: str) -> str:
    """A signed query with some parts changed."""
    timestamp, nonce = str(int(time.time())), "424242"
    values = {"signature": sign(SECRETS.token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
    return urlencode(values | changes)


def sealed(plain: bytes, *, pad: bytes | None = None, length: int | None = None, owner: str = "") -> Push:
    """A signed request around any ciphertext: the signature is right, what is inside need not be."""
    key = base64.b64decode(SECRETS.encoding_aes_key + "=")
    size = struct.pack(">I", len(plain) if length is None else length)
    content = b"0123456789abcdef" + size + plain + (owner or SECRETS.app_id).encode()
    missing = 32 - len(content) % 32
    content += bytes([missing]) * missing if pad is None else (pad * 32)[:missing]
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    encrypt = base64.b64encode(encryptor.update(content) + encryptor.finalize()).decode()
    return around(encrypt)


def around(encrypt: str) -> Push:
    """A correctly signed request that carries `encrypt`."""
    timestamp, nonce = str(int(time.time())), base64.b32encode(encrypt.encode()[-20:]).decode()[:20]
    values = {
        "timestamp": timestamp,
        "nonce": nonce,
        "encrypt_type": "aes",
        "signature": sign(SECRETS.token, timestamp, nonce),
        "msg_signature": sign(SECRETS.token, timestamp, nonce, encrypt),
    }
    return Push(urlencode(values), f"<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>".encode())


def genuine(text: str = CANARY) -> Push:
    """What WeChat would send."""
    return build(account("safe"), Message.text(LINA, text))


def forged() -> Push:
    """Signed with another token."""
    request = genuine()
    head, _, _ = request.query_string.partition("msg_signature=")
    return Push(head + "msg_signature=" + "0" * 40, request.body)


def stale() -> Push:
    """Genuine once, ten minutes ago."""
    encrypt = sealed(Message.text(LINA, CANARY).to_xml("gh_1").encode()).body.decode()
    encrypt = encrypt.partition("[CDATA[")[2].partition("]]")[0]
    timestamp, nonce = str(int(time.time()) - 600), "7777"
    values = {"timestamp": timestamp, "nonce": nonce, "msg_signature": sign(SECRETS.token, timestamp, nonce, encrypt)}
    return Push(urlencode(values), f"<xml><Encrypt>{encrypt}</Encrypt></xml>".encode())


def xml(inner: str) -> Push:
    """A genuine envelope around any document."""
    return sealed(inner.encode())


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "' + CANARY + '"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><xml><FromUserName>&c;</FromUserName></xml>'
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><xml><FromUserName>&f;</FromUserName></xml>'
BAD = {
    "forged": forged,
    "stale": stale,
    "unsigned": lambda: Push("", genuine().body),
    "signed with nothing inside": lambda: Push(query(), b""),
    "not a number for a time": lambda: Push(query(timestamp="yesterday"), genuine().body),
    "plain in safe mode": lambda: Push(query(), Message.text(LINA, CANARY).to_xml("gh_1").encode()),
    "no XML at all": lambda: Push(query(), CANARY.encode()),
    "cut XML": lambda: Push(query(), b"<xml><Encrypt><![CDATA[abc"),
    "bomb outside": lambda: Push(query(), BOMB.encode()),
    "bomb inside": lambda: xml(BOMB),
    "entity of a file": lambda: xml(OUTSIDE),
    "malformed inside": lambda: xml(f"<xml><Content>{CANARY}"),
    "nothing inside": lambda: xml(""),
    "other encoding": lambda: xml('<?xml version="1.0" encoding="utf-7"?><xml/>'),
    "no sender": lambda: xml("<xml><MsgType>text</MsgType><CreateTime>1</CreateTime></xml>"),
    "absurd time": lambda: xml(
        "<xml><FromUserName>a</FromUserName><MsgType>text</MsgType><CreateTime>99999999999999</CreateTime>"
        "<MsgId>1</MsgId></xml>"
    ),
    "text in a list": lambda: xml(
        f"<xml><FromUserName>a</FromUserName><MsgType>text</MsgType><CreateTime>{int(time.time())}</CreateTime>"
        "<MsgId>1</MsgId><Content><a>1</a></Content></xml>"
    ),
    "wrong appid": lambda: sealed(Message.text(LINA, CANARY).to_xml("gh_1").encode(), owner="wxsomebodyelse000"),
    "padding of zeros": lambda: sealed(b"<xml/>", pad=b"\0"),
    "padding too long": lambda: sealed(b"<xml/>", pad=b"\x40"),
    "padding not equal": lambda: sealed(b"<xml/>", pad=b"\x05\x06"),
    "length beyond the end": lambda: sealed(b"<xml/>", length=1 << 30),
    "not base64": lambda: around("!!!not base64!!!"),
    "half a block": lambda: around(base64.b64encode(b"x" * 17).decode()),
}


@pytest.mark.parametrize("name", list(BAD))
async def test_bad_request_is_refused_with_one_line_in_the_log(service: Service, name: str) -> None:
    answer = await post(service, BAD[name]())
    assert 400 <= answer.status < 500
    (line,) = answer.lines
    assert str(line["event"]).startswith("request.")
    assert line["request"]
    assert str(line["request"]) in answer.body, "the operator cannot find the line by the number in the answer"
    assert CANARY not in answer.body


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in pieces"])
async def test_more_than_64_kib_is_refused(service: Service, chunked: bool) -> None:
    large = Push(query(), b"<xml>" + b"a" * (64 * 1024) + b"</xml>")
    answer = await post(service, large, chunked=chunked)
    assert answer.status == 413
    (line,) = answer.lines
    assert line["event"] == "request.too_large"
    assert line["request"]


async def test_64_kib_in_pieces_that_are_genuine_are_taken(service: Service) -> None:
    answer = await post(service, genuine("一" * 600), chunked=True)
    assert answer.status == 200


def test_a_length_that_is_promised_and_never_sent_keeps_nobody_else_waiting(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as line:
        line.sendall(
            f"POST /webhook/wechat?{query()} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n<xml>".encode()
        )
        assert service.answers("/readyz")
    assert service.answers("/readyz")


async def test_a_nonce_comes_back_with_another_body_and_is_refused(service: Service) -> None:
    first, second = Message.text(LINA, "你好"), Message.text(LINA, CANARY)
    of = account("plain")
    request = build(of, first)
    with_other_body = Push(request.query_string, build(of, second).body)
    one, two = (await post(service, with_other_body)), (await post(service, with_other_body))
    assert {one.status, two.status} == {403}  # plain bodies in safe mode are refused anyway
    sealed_request = build(account("safe"), first)
    assert (await post(service, sealed_request)).status == 200
    other = build(account("safe"), second)
    timestamp_and_nonce = dict(part.split("=") for part in sealed_request.query_string.split("&"))
    encrypt = other.body.decode().partition("<Encrypt><![CDATA[")[2].partition("]]")[0]
    timestamp, nonce = timestamp_and_nonce["timestamp"], timestamp_and_nonce["nonce"]
    values = {"timestamp": timestamp, "nonce": nonce, "msg_signature": sign(SECRETS.token, timestamp, nonce, encrypt)}
    assert (await post(service, Push(urlencode(values), other.body))).status == 403


async def test_unknown_types_are_acknowledged_and_kept_for_staff(service: Service) -> None:
    openid = "oStrange-00000000000000000001"
    async with ClientSession() as session:
        for message in (
            Message._new(openid, "hologram", {"Content": CANARY}),
            Message.event(openid, "brand_new_event", {"EventKey": "x"}),
            Message.text(openid, "【收到不支持的消息类型，暂无法显示】"),
        ):
            assert (await push(session, service.url, account("safe"), message)).status == 200
    async with service.database() as database, database.reading() as tx:
        inbound = table(InboundMessage).c
        rows = await tx.rows(select(inbound.kind, inbound.conversation_id).where(inbound.kind == "unknown"))
    assert len(rows) == 3
    assert all(row.conversation_id for row in rows)
    log = service.log_path.read_text()
    assert CANARY not in log
    assert "Traceback" not in log
