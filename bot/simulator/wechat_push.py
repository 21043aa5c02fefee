"""What WeChat's servers send to an official account, and how they behave: signed, encrypted, three attempts.

Written from the platform's description alone and on wechatpy's cryptography; it shares no line with bot.channels,
so that a mistake there cannot hide here. Source: protocols §1.1–1.5.
"""

import asyncio
import hashlib
import random
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import urlencode
from xml.etree import ElementTree as ET  # only for what our own service answers

from aiohttp import ClientError, ClientSession, ClientTimeout
from wechatpy.crypto import WeChatCrypto

#: WeChat cuts the line after five seconds and sends the same push again, three times in all.
TIMEOUT_SECONDS = 5.0
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Account:
    """An official account as WeChat knows it. `mode`: plain, compat or safe."""

    app_id: str
    app_secret: str
    token: str
    encoding_aes_key: str = ""
    mode: str = "safe"
    original_id: str = "gh_0123456789ab"


@dataclass(frozen=True, slots=True)
class Message:
    """A message or event of one person: the XML fields, in order, common ones included."""

    openid: str
    kind: str
    fields: dict[str, str | int] = field(default_factory=dict)
    msg_id: int | None = None
    at: int = 0

    @classmethod
    def text(cls, openid: str, text: str, *, msg_id: int | None = None, at: float | None = None) -> Self:
        """Words."""
        return cls._new(openid, "text", {"Content": text}, msg_id=msg_id, at=at)

    @classmethod
    def image(cls, openid: str, media_id: str, url: str = "", **when: Any) -> Self:
        """A picture."""
        return cls._new(openid, "image", {"PicUrl": url, "MediaId": media_id}, **when)

    @classmethod
    def voice(cls, openid: str, media_id: str, recognition: str | None = None, **when: Any) -> Self:
        """A voice message; `recognition` is WeChat's transcript, None when the switch is off."""
        fields: dict[str, str | int] = {"MediaId": media_id, "Format": "amr"}
        if recognition is not None:
            fields["Recognition"] = recognition
        return cls._new(openid, "voice", fields, **when)

    @classmethod
    def video(cls, openid: str, media_id: str, *, short: bool = False, **when: Any) -> Self:
        """A video."""
        fields: dict[str, str | int] = {"MediaId": media_id, "ThumbMediaId": media_id + "-thumb"}
        return cls._new(openid, "shortvideo" if short else "video", fields, **when)

    @classmethod
    def location(cls, openid: str, latitude: float, longitude: float, label: str = "", **when: Any) -> Self:
        """A place: X is the latitude."""
        fields: dict[str, str | int] = {
            "Location_X": str(latitude),
            "Location_Y": str(longitude),
            "Scale": "16",
            "Label": label,
        }
        return cls._new(openid, "location", fields, **when)

    @classmethod
    def link(cls, openid: str, title: str, url: str, **when: Any) -> Self:
        """A link to a page."""
        return cls._new(openid, "link", {"Title": title, "Description": "", "Url": url}, **when)

    @classmethod
    def subscribe(cls, openid: str, scene: str = "", **when: Any) -> Self:
        """She follows, perhaps through a QR code."""
        fields: dict[str, str | int] = {"EventKey": f"qrscene_{scene}" if scene else ""}
        if scene:
            fields["Ticket"] = "gQ" + scene
        return cls.event(openid, "subscribe", fields, **when)

    @classmethod
    def unsubscribe(cls, openid: str, **when: Any) -> Self:
        """She no longer follows."""
        return cls.event(openid, "unsubscribe", {"EventKey": ""}, **when)

    @classmethod
    def scan(cls, openid: str, scene: str, **when: Any) -> Self:
        """She scanned a QR code while following."""
        return cls.event(openid, "SCAN", {"EventKey": scene, "Ticket": "gQ" + scene}, **when)

    @classmethod
    def click(cls, openid: str, key: str, **when: Any) -> Self:
        """She tapped a menu entry."""
        return cls.event(openid, "CLICK", {"EventKey": key}, **when)

    @classmethod
    def view(cls, openid: str, url: str, **when: Any) -> Self:
        """She tapped a menu entry that opens a page."""
        return cls.event(openid, "VIEW", {"EventKey": url}, **when)

    @classmethod
    def event(cls, openid: str, name: str, fields: dict[str, str | int] | None = None, **when: Any) -> Self:
        """Any event by its name on the wire."""
        return cls._new(openid, "event", {"Event": name, **(fields or {})}, **when)

    @classmethod
    def _new(
        cls,
        openid: str,
        kind: str,
        fields: dict[str, str | int],
        *,
        msg_id: int | None = None,
        at: float | None = None,
    ) -> Self:
        moment = time.time() if at is None else at
        if kind != "event" and msg_id is None:
            msg_id = int(moment * 1000) << 16 | random.getrandbits(16)
        return cls(openid, kind, fields, msg_id, int(moment))

    def to_xml(self, original_id: str) -> str:
        """As WeChat writes it: numbers bare, texts in CDATA."""
        parts = [
            f"<ToUserName>{_cdata(original_id)}</ToUserName>",
            f"<FromUserName>{_cdata(self.openid)}</FromUserName>",
            f"<CreateTime>{self.at}</CreateTime>",
            f"<MsgType>{_cdata(self.kind)}</MsgType>",
        ]
        for name, value in self.fields.items():
            parts.append(f"<{name}>{value if isinstance(value, int) else _cdata(value)}</{name}>")
        if self.msg_id is not None:
            parts.append(f"<MsgId>{self.msg_id}</MsgId>")
        return f"<xml>{''.join(parts)}</xml>"


@dataclass(frozen=True, slots=True)
class Push:
    """One HTTP request of WeChat's: what stands behind the `?`, and the body."""

    query_string: str
    body: bytes


def build(account: Account, message: Message, *, signed_at: float | None = None, nonce: str = "") -> Push:
    """The request that carries `message` in the account's mode, signed now (or at `signed_at`)."""
    timestamp = str(int(time.time() if signed_at is None else signed_at))
    nonce = nonce or str(random.getrandbits(31))
    query = {
        "signature": sign(account.token, timestamp, nonce),
        "timestamp": timestamp,
        "nonce": nonce,
        "openid": message.openid,
    }
    xml = message.to_xml(account.original_id)
    if account.mode == "plain":
        return Push(urlencode(query), xml.encode())
    envelope = ET.fromstring(_crypto(account).encrypt_message(xml, nonce, timestamp))  # noqa: S314
    encrypt = envelope.findtext("Encrypt") or ""
    query |= {"encrypt_type": "aes", "msg_signature": sign(account.token, timestamp, nonce, encrypt)}
    sealed = f"<ToUserName>{_cdata(account.original_id)}</ToUserName><Encrypt>{_cdata(encrypt)}</Encrypt>"
    if account.mode == "compat":
        return Push(urlencode(query), xml.replace("</xml>", f"<Encrypt>{_cdata(encrypt)}</Encrypt></xml>").encode())
    return Push(urlencode(query), f"<xml>{sealed}</xml>".encode())


def echo_query(account: Account, echostr: str) -> str:
    """The query of the address check."""
    timestamp, nonce = str(int(time.time())), str(random.getrandbits(31))
    query = {
        "signature": sign(account.token, timestamp, nonce),
        "timestamp": timestamp,
        "nonce": nonce,
        "echostr": echostr,
    }
    return urlencode(query)


class UnreadableReply(Exception):
    """The answer is nothing WeChat would show: she would read 该公众号暂时无法提供服务."""


def read_reply(account: Account, body: bytes) -> str | None:
    """The text of a passive reply; None for `success` or nothing. Raises UnreadableReply."""
    if body in (b"", b"success"):
        return None
    try:
        root = ET.fromstring(body)  # noqa: S314 (our own service's answer)
        if account.mode != "plain":
            plain = _crypto(account).decrypt_message(
                body,
                root.findtext("MsgSignature") or "",
                root.findtext("TimeStamp") or "",
                root.findtext("Nonce") or "",
            )
            root = ET.fromstring(plain)  # noqa: S314
        if root.findtext("MsgType") != "text" or not root.findtext("Content"):
            raise UnreadableReply
        content = root.findtext("Content") or ""
    except UnreadableReply:
        raise
    except Exception as error:
        raise UnreadableReply(type(error).__name__) from None
    if len(content.encode()) > 2048:
        raise UnreadableReply("longer than 2048 bytes")
    return content


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a push: the text she sees as the answer, and each attempt's status (0: no answer)."""

    text: str | None
    statuses: tuple[int, ...]
    seconds: float
    failed: bool = False


class Pusher:
    """Sends pushes as WeChat does: five seconds, three attempts, each signed anew with the same content."""

    def __init__(self, account: Account, url: str, session: ClientSession) -> None:
        self.account = account
        self._url = url
        self._session = session

    async def push(self, message: Message, *, mode: str = "") -> Outcome:
        """Deliver one message; `mode` other than the account's shows what the service refuses."""
        account = replace(self.account, mode=mode) if mode else self.account
        statuses: list[int] = []
        begun = time.monotonic()
        for _ in range(ATTEMPTS):
            push = build(account, message)
            attempt_begun = time.monotonic()
            try:
                async with self._session.post(
                    f"{self._url}?{push.query_string}",
                    data=push.body,
                    headers={"Content-Type": "text/xml"},
                    timeout=ClientTimeout(total=TIMEOUT_SECONDS),
                ) as response:
                    body = await response.read()
                    statuses.append(response.status)
            except (ClientError, TimeoutError, ConnectionError):
                statuses.append(0)
                # The next attempt comes five seconds after this one began.
                await asyncio.sleep(max(0.0, TIMEOUT_SECONDS - (time.monotonic() - attempt_begun)))
                continue
            if response.status != 200:
                await asyncio.sleep(0.2 if response.status < 500 else 1.0)
                continue
            try:
                text = read_reply(account, body)
            except UnreadableReply:
                break
            return Outcome(text, tuple(statuses), time.monotonic() - begun)
        return Outcome(None, tuple(statuses), time.monotonic() - begun, failed=True)


def sign(*parts: str) -> str:
    """WeChat's signature: SHA-1 over the sorted parts."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def new_openid() -> str:
    """An openid nobody has."""
    return "o" + secrets.token_urlsafe(21)[:27]


_ciphers: dict[Account, Any] = {}


def _crypto(account: Account) -> Any:
    if account not in _ciphers:
        _ciphers[account] = WeChatCrypto(account.token, account.encoding_aes_key, account.app_id)
    return _ciphers[account]


def _cdata(text: str) -> str:
    return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"
