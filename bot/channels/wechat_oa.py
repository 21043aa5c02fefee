"""The WeChat official account (公众号 / 服务号): plain, compatible and safe mode.

`mode` decides, not the request: compat and safe read only `<Encrypt>` and refuse a body without it, because the
plain signature does not cover the body; plain ignores the key. Source: protocols §1 (Receiving_standard_messages,
Passive_user_reply_message, Customer_Service_Messages on the platform's documentation site).
"""

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Literal, Self

from aiohttp import ClientSession
from pydantic import Field, SecretStr, field_validator

from bot import clock
from bot.channels.base import Notice, NoticeOutcome, Received, Way, WebhookRequest, WebhookResponse
from bot.channels.splitting import split_texts
from bot.channels.tokens import Tokens
from bot.channels.wechat_api import WeChatAPI
from bot.channels.wechat_crypto import WeChatCrypto, is_signed
from bot.channels.wechat_messages import Dialect, legal, read_message, text_reply
from bot.channels.wechat_reports import read_reports
from bot.channels.wechat_xml import parse, text_of
from bot.config import Section, validate_section
from bot.errors import ConfigError, UnreadablePayload, UnverifiedRequest
from bot.messages import (
    DeliveryReceipt,
    Kind,
    Media,
    OutboundMessage,
    PassiveReply,
    Trigger,
    Window,
)

#: What a text message may hold, in UTF-8 bytes.
MAX_TEXT_BYTES = 2048
_MAX_BODY = 64 * 1024
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
    most_per_minute: ClassVar[int] = 0
    #: Never by tag or to all: a tag would bring in women the gate keeps out.
    ways: ClassVar[Mapping[str, Way]] = {
        "custom": Way("custom", keeps_window=True),
        "mass": Way("mass", most_at_once=10_000, least_at_once=2, per_month=4, idempotent=True),
        "subscribe": Way("subscribe", needs_template=True),
    }
    recall_seconds: ClassVar[int] = 0
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
        self._dialect = Dialect(self.name, self.account, _EVENT_KINDS)
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
        message = read_message(node, self._dialect)
        found = read_reports(text_of(node, "Event").lower(), message.extra) if message.kind is Kind.RECEIPT else ()
        return Received(
            messages=tuple(
                replace(
                    message,
                    receipt=one,
                    dedupe_key=f"{message.dedupe_key}:{number}" if number else message.dedupe_key,
                )
                for number, one in enumerate(found)
            )
            or (message,),
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
        body = text_reply(context.sender, context.account, reply.text, now)
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
        await self._api.send_text(message.recipient, legal(message.text))
        return DeliveryReceipt()

    async def send_many(self, notice: Notice) -> NoticeOutcome:
        """Submit a mass message, or send one subscription notice. Raises SendError kinds."""
        if notice.way == "subscribe":
            return NoticeOutcome(await self._api.send_notice(notice.recipients[0], notice.extra))
        return NoticeOutcome(await self._api.send_mass(notice.recipients, legal(notice.text), notice.key))

    async def show_typing(self, recipient: str) -> None:
        """Show her that somebody is writing (客服输入状态). Raises SendError kinds."""
        await self._api.show_typing(recipient)

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
