"""The WeChat official account (公众号 / 服务号): plain, compatible and safe mode.

`mode` decides, not the request: compat and safe read only `<Encrypt>` and refuse a body without it, because the
plain signature does not cover the body; plain ignores the key. Source: protocols §1 (Receiving_standard_messages,
Passive_user_reply_message, Customer_Service_Messages on the platform's documentation site).
"""

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, Self

from aiohttp import ClientSession
from pydantic import Field, SecretStr, field_validator

from bot import clock
from bot.channels.base import Received, WebhookRequest, WebhookResponse
from bot.channels.splitting import split_texts
from bot.channels.tokens import Tokens
from bot.channels.wechat_api import WeChatAPI
from bot.channels.wechat_crypto import WeChatCrypto, is_signed
from bot.channels.wechat_xml import Node, flatten, parse, text_of
from bot.config import Section, validate_section
from bot.errors import ConfigError, UnreadablePayload, UnverifiedRequest
from bot.messages import (
    DeliveryReceipt,
    InboundMessage,
    Kind,
    Location,
    Media,
    OutboundMessage,
    PassiveReply,
    Trigger,
    Window,
)

#: What a text message may hold, in UTF-8 bytes.
MAX_TEXT_BYTES = 2048
_MAX_BODY = 64 * 1024
_LAST_SECOND = 4_102_444_800  # 2100: later times are garbage
_UNSUPPORTED = "【收到不支持的消息类型"
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SUCCESS = WebhookResponse(b"success")

_EVENT_KINDS = {
    "subscribe": Kind.FOLLOW,
    "unsubscribe": Kind.UNFOLLOW,
    "scan": Kind.SCAN,
    "click": Kind.MENU,
    "view": Kind.NOTICE,
    "location": Kind.NOTICE,
    "templatesendjobfinish": Kind.RECEIPT,
    "masssendjobfinish": Kind.RECEIPT,
    "publishjobfinish": Kind.RECEIPT,
    "subscribe_msg_popup_event": Kind.RECEIPT,
    "subscribe_msg_change_event": Kind.RECEIPT,
    "subscribe_msg_sent_event": Kind.RECEIPT,
}
_MEDIA_KINDS = {
    "image": Kind.IMAGE,
    "voice": Kind.VOICE,
    "video": Kind.VIDEO,
    "shortvideo": Kind.VIDEO,
}
_COMMON = frozenset({"ToUserName", "FromUserName", "CreateTime", "MsgType"})


class WeChatOASettings(Section):
    """One official account, as its page 「基本配置」 shows it."""

    token: SecretStr
    app_id: str = Field(pattern=r"^[A-Za-z0-9_]{6,64}$")
    app_secret: SecretStr
    encoding_aes_key: SecretStr = SecretStr("")
    mode: Literal["plain", "compat", "safe"] = "safe"
    #: Where calls go; a fake provider on loopback in tests, the simulator in development.
    api_base: str = "https://api.weixin.qq.com"
    #: Requests older or younger than this are stale.
    freshness_seconds: int = Field(default=300, ge=5)

    @field_validator("token")
    @classmethod
    def _readable_token(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[A-Za-z0-9]{3,32}", value.get_secret_value()):
            raise ValueError("must be 3 to 32 letters and digits, as entered on the platform's page")
        return value

    @field_validator("encoding_aes_key")
    @classmethod
    def _whole_key(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and len(value.get_secret_value()) != 43:
            raise ValueError("must be exactly 43 characters, as the platform's page shows it")
        return value


@dataclass(frozen=True, slots=True)
class _ReplyContext:
    """What a passive reply needs of its request."""

    sender: str
    account: str
    sent_at: datetime


class WeChatOA:
    """One official account: verifies, parses, answers, sends."""

    name: ClassVar[str] = "wechat_oa"
    idempotent: ClassVar[bool] = False
    answers_in_response: ClassVar[bool] = True
    names_what_it_answers: ClassVar[bool] = False
    path = "/webhook/wechat"
    max_body = _MAX_BODY

    def __init__(self, settings: WeChatOASettings, tokens: Tokens, session: ClientSession) -> None:
        self._token = settings.token.get_secret_value()
        self._freshness = settings.freshness_seconds
        self._crypto: WeChatCrypto | None = None
        if settings.mode != "plain":
            key = settings.encoding_aes_key.get_secret_value()
            if not key:
                raise ConfigError("channels.wechat_oa.encoding_aes_key is missing; modes compat and safe need it")
            self._crypto = WeChatCrypto(self._token, key, settings.app_id)
        self.account = settings.app_id
        self._api = WeChatAPI(
            base=settings.api_base,
            app_id=settings.app_id,
            app_secret=settings.app_secret.get_secret_value(),
            tokens=tokens,
            session=session,
        )

    @classmethod
    def is_on(cls, values: Mapping[str, Any]) -> bool:
        """Whether the section holds any secret."""
        return any(values.get(name) for name in ("token", "app_id", "app_secret", "encoding_aes_key"))

    @classmethod
    def from_settings(cls, values: Mapping[str, Any], tokens: Tokens, session: ClientSession) -> Self:
        """The account of `channels.wechat_oa`. Raises ConfigError naming the bad setting."""
        return cls(validate_section(WeChatOASettings, "channels.wechat_oa", dict(values)), tokens, session)

    def receive(self, request: WebhookRequest) -> Received:
        """Verify, then parse. Raises UnverifiedRequest and UnreadablePayload, nothing else."""
        query = request.query
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        if request.method == "GET":
            self._check_signature(query.get("signature", ""), timestamp, nonce)
            return Received(response=WebhookResponse(query.get("echostr", "").encode()))
        if len(request.body) > self.max_body:
            raise UnreadablePayload("the body is too large")
        self._check_time(timestamp, request.received_at)
        if self._crypto is None:
            self._check_signature(query.get("signature", ""), timestamp, nonce)
            node = parse(request.body)
        else:
            encrypt = text_of(parse(request.body), "Encrypt")
            if not encrypt:
                raise UnverifiedRequest("the body is not encrypted")
            node = parse(self._crypto.open(encrypt, query.get("msg_signature", ""), timestamp, nonce))
        message = _message(node, self.account)
        return Received(
            messages=(message,),
            nonce=f"{timestamp}:{nonce}",
            body_digest=hashlib.sha256(request.body).digest()[:16],
            context=_ReplyContext(message.sender, text_of(node, "ToUserName"), message.sent_at),
        )

    def render(self, received: Received, reply: PassiveReply) -> WebhookResponse:
        """The passive text reply, encrypted where the mode asks for it; `success` when there is no text."""
        if not reply.text:
            return _SUCCESS
        context: _ReplyContext = received.context
        now = str(int(clock.timestamp()))
        body = (
            f"<xml><ToUserName><![CDATA[{_cdata(context.sender)}]]></ToUserName>"
            f"<FromUserName><![CDATA[{_cdata(context.account)}]]></FromUserName>"
            f"<CreateTime>{now}</CreateTime><MsgType><![CDATA[text]]></MsgType>"
            f"<Content><![CDATA[{_cdata(reply.text)}]]></Content></xml>"
        ).encode()
        if self._crypto is not None:
            body = self._crypto.seal(body, now, secrets.token_hex(8)).to_xml()
        return WebhookResponse(body, "application/xml")

    def split(self, texts: Sequence[str]) -> list[str]:
        """Merge short texts and cut long ones on sentence ends, 2,048 UTF-8 bytes each."""
        return split_texts(texts, MAX_TEXT_BYTES)

    def window(self, trigger: Trigger) -> Window:
        """Five messages in 48 hours after she wrote; three in a minute after a tap, a follow or a scan."""
        return Window(48 * 3600, 5) if trigger is Trigger.MESSAGE else Window(60, 3)

    async def send(self, message: OutboundMessage) -> DeliveryReceipt:
        """Send one customer-service text. Raises SendError kinds."""
        await self._api.send_text(message.recipient, _ILLEGAL.sub("", message.text))
        return DeliveryReceipt()

    async def fetch_media(self, media: Media) -> tuple[bytes, str]:
        """A file she sent, by its media id (kept by the platform for three days). Raises SendError kinds."""
        return await self._api.fetch_media(media.media_id)

    async def close(self) -> None:
        """Nothing is held: the session belongs to the application."""

    def _check_signature(self, given: str, timestamp: str, nonce: str) -> None:
        if not is_signed(given, self._token, timestamp, nonce):
            raise UnverifiedRequest("the signature is wrong")

    def _check_time(self, timestamp: str, received_at: datetime) -> None:
        """Refuse a request signed too long ago: no SDK does, and a signed address could be used for ever."""
        if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 10:
            raise UnverifiedRequest("the timestamp is not a number")
        if abs(received_at.timestamp() - int(timestamp)) > self._freshness:
            raise UnverifiedRequest("the request is stale")


def _message(node: Node, account: str) -> InboundMessage:
    """The message in a verified body. Raises UnreadablePayload when a required field is missing or garbage."""
    sender, kind = text_of(node, "FromUserName"), text_of(node, "MsgType").lower()
    if not sender or not kind or len(sender) > 128:
        raise UnreadablePayload("sender or type is missing")
    seconds = _number(node, "CreateTime", _LAST_SECOND)
    if kind == "event":
        return _event(node, account, sender, seconds)
    number = _number(node, "MsgId", 2**64)
    found: dict[str, Any] = {
        "channel": WeChatOA.name,
        "account": account,
        "sender": sender,
        "dedupe_key": f"m:{number}",
        "sent_at": clock.from_timestamp(seconds),
        "order": number & (2**63 - 1),
    }
    if kind == "text":
        content = text_of(node, "Content")
        if content.startswith(_UNSUPPORTED):
            return InboundMessage(kind=Kind.UNKNOWN, extra={"MsgType": "unsupported"}, **found)
        return InboundMessage(kind=Kind.TEXT, text=content, **found)
    if kind in _MEDIA_KINDS:
        media = Media(text_of(node, "MediaId"), text_of(node, "PicUrl"), text_of(node, "Format"))
        return InboundMessage(
            kind=_MEDIA_KINDS[kind], media=media, text=text_of(node, "Recognition").strip(), **found
        )
    if kind == "location":
        # X is the latitude, Y the longitude, whatever the names suggest.
        place = _place(node, "Location_X", "Location_Y", text_of(node, "Label"))
        return InboundMessage(kind=Kind.LOCATION, location=place, **found)
    extra = {name: value for name, value in flatten(node).items() if name not in _COMMON}
    if kind == "link":
        return InboundMessage(kind=Kind.LINK, text=text_of(node, "Title"), extra=extra, **found)
    return InboundMessage(kind=Kind.UNKNOWN, extra={"MsgType": kind[:32], **extra}, **found)


def _event(node: Node, account: str, sender: str, seconds: int) -> InboundMessage:
    name, key = text_of(node, "Event"), text_of(node, "EventKey")
    kind = _EVENT_KINDS.get(name.lower(), Kind.UNKNOWN)
    # Two different events of one person in one second are two events.
    number = text_of(node, "MsgID")
    dedupe_key = "e:" + ":".join(filter(None, (sender, str(seconds), name, key, number)))
    extra: dict[str, str] = {}
    if kind in (Kind.RECEIPT, Kind.UNKNOWN):
        extra = {field: value for field, value in flatten(node).items() if field not in _COMMON}
        if name.startswith("subscribe_msg_"):
            dedupe_key += ":" + hashlib.sha256(repr(sorted(extra.items())).encode()).hexdigest()[:16]
    place = None
    if name.upper() == "LOCATION":
        place = _place(node, "Latitude", "Longitude", "")
    return InboundMessage(
        channel=WeChatOA.name,
        account=account,
        sender=sender,
        dedupe_key=dedupe_key,
        kind=kind,
        sent_at=clock.from_timestamp(seconds),
        key=key.removeprefix("qrscene_") if kind is Kind.FOLLOW else key,
        location=place,
        extra=extra,
    )


def _place(node: Node, latitude: str, longitude: str, label: str) -> Location:
    try:
        place = Location(float(text_of(node, latitude)), float(text_of(node, longitude)), label)
    except ValueError:
        raise UnreadablePayload("the place is not two numbers") from None
    if not (-90 <= place.latitude <= 90 and -180 <= place.longitude <= 180):
        raise UnreadablePayload("the place is not on this earth")
    return place


def _number(node: Node, name: str, limit: int) -> int:
    text = text_of(node, name).strip()
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) >= limit:
        raise UnreadablePayload(f"{name} is not a sensible number")
    return int(text)


def _cdata(text: str) -> str:
    """`text` for a CDATA section: the end mark is split over two, characters XML forbids are dropped."""
    return _ILLEGAL.sub("", text).replace("]]>", "]]]]><![CDATA[>")
