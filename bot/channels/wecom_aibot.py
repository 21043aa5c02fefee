"""智能机器人: hears what is said to it in WeCom's internal groups and alone, and answers in the response.

Encrypted JSON with an empty receive-id; the answer is a finished stream whose id is made from the message's, so that
a retry gets the same one. An answer that is late goes once to the message's `response_url`, which is a secret.
Source: protocols §5 (developer.work.weixin.qq.com/document/path/101033, 101031, 101138).
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from aiohttp import ClientSession
from yarl import URL

from bot.channels.base import Received, WebhookRequest, WebhookResponse
from bot.channels.http import get_bytes, post_json
from bot.channels.splitting import split_texts
from bot.channels.tokens import Tokens
from bot.channels.wechat_crypto import WeChatCrypto
from bot.channels.wechat_messages import legal
from bot.channels.wecom_api import code_of, error_of
from bot.channels.wecom_callback import API_BASE, Callback, CallbackSettings, digest_of, nonce_of
from bot.config import validate_section
from bot.errors import Rejected, UnreadablePayload, UnverifiedRequest, WindowClosed
from bot.messages import (
    DeliveryReceipt,
    InboundMessage,
    Kind,
    Media,
    OutboundMessage,
    PassiveReply,
    Trigger,
    Window,
)

#: What one stream may hold, in UTF-8 bytes.
MAX_STREAM_BYTES = 20480
#: What a later answer may hold: markdown, in UTF-8 bytes.
MAX_TEXT_BYTES = 4096
_MAX_BODY = 1024 * 1024
_ADDRESSED = re.compile(r"^\s*@\S+\s*")
_MEDIA = {"image": Kind.IMAGE, "video": Kind.VIDEO, "file": Kind.UNKNOWN}
#: Where the platform keeps files it sends addresses of.
_FILE_HOSTS = re.compile(
    r"(^|\.)(weixin\.qq\.com|work\.weixin\.qq\.com|qpic\.cn|ww-aibot-img-\d+\.cos\.[\w-]+\.myqcloud\.com)$"
)


class WeComAIBotSettings(CallbackSettings):
    """One 智能机器人 of our own enterprise, as the page of its callback shows it."""


@dataclass(frozen=True, slots=True)
class _ReplyContext:
    """What the answer in the response needs of its request."""

    message_id: str
    is_greeting: bool


class WeComAIBot:
    """One 智能机器人: verifies, parses, answers in the response or once later."""

    name: ClassVar[str] = "wecom_aibot"
    idempotent: ClassVar[bool] = False
    answers_in_response: ClassVar[bool] = True
    names_what_it_answers: ClassVar[bool] = True
    most_per_minute: ClassVar[int] = 0
    recall_seconds: ClassVar[int] = 0
    account = "aibot"
    path = "/webhook/wecom-aibot"
    max_body = _MAX_BODY

    def __init__(self, settings: WeComAIBotSettings, session: ClientSession) -> None:
        self._callback = Callback(settings, "")
        self._files = WeChatCrypto(
            settings.token.get_secret_value(), settings.encoding_aes_key.get_secret_value(), ""
        )
        self._base = URL(settings.api_base)
        self._session = session

    @classmethod
    def is_on(cls, values: Mapping[str, Any]) -> bool:
        """Whether the section holds any secret."""
        return any(values.get(name) for name in ("token", "encoding_aes_key"))

    @classmethod
    def from_settings(cls, values: Mapping[str, Any], tokens: Tokens, session: ClientSession) -> Self:
        """The bot of `channels.wecom_aibot`. Raises ConfigError naming the bad setting."""
        return cls(validate_section(WeComAIBotSettings, "channels.wecom_aibot", dict(values)), session)

    def receive(self, request: WebhookRequest) -> Received:
        """Verify, decrypt, parse. Raises UnverifiedRequest and UnreadablePayload, nothing else."""
        if request.method == "GET":
            return Received(response=self._callback.echo(request))
        payload = self._callback.open_json(request, self.max_body)
        number, kind = payload.get("msgid"), payload.get("msgtype")
        if kind == "stream":
            # All our streams are finished at once: who asks for more of one has it all.
            return Received(response=self._seal(_stream(str(_part(payload, "stream").get("id", ""))[:64], "")))
        if not isinstance(number, str) or not 1 <= len(number) <= 128 or not isinstance(kind, str):
            raise UnreadablePayload("the message has no id or no type")
        message = self._message(payload, number, kind, request)
        return Received(
            messages=(message,),
            nonce=nonce_of(request),
            body_digest=digest_of(request),
            context=_ReplyContext(number, message.kind is Kind.FOLLOW),
        )

    def render(self, received: Received, reply: PassiveReply) -> WebhookResponse:
        """A finished stream, sealed, as text/plain; a greeting is a plain text; an empty body acknowledges."""
        if not reply.text:
            return WebhookResponse(b"")
        context: _ReplyContext = received.context
        if context.is_greeting:
            return self._seal({"msgtype": "text", "text": {"content": _harmless(reply.text)}})
        return self._seal(_stream(stream_id(context.message_id), _harmless(reply.text)))

    def split(self, texts: Sequence[str]) -> list[str]:
        """Merge short texts and cut long ones on sentence ends, so that each fits one later answer too."""
        return split_texts(texts, MAX_TEXT_BYTES)

    def window(self, trigger: Trigger) -> Window:
        """One answer within an hour after a message, beside the one in the response."""
        return Window(3600, 1)

    async def send(self, message: OutboundMessage) -> DeliveryReceipt:
        """Send the one later answer to the message's own address. Raises SendError kinds."""
        address = message.reply_to.extra.get("response_url", "") if message.reply_to else ""
        if not address or not self._is_platform(address):
            raise WindowClosed("智能机器人只能回复一小时内的消息，请用别的渠道联系", code="no_address")
        body = {"msgtype": "markdown", "markdown": {"content": _harmless(message.text)}}
        answer = await post_json(self._session, address, body, params={})
        if code_of(answer):
            raise error_of(code_of(answer))
        return DeliveryReceipt()

    async def fetch_media(self, media: Media) -> tuple[bytes, str]:
        """A file from the platform's hosts, decrypted with the callback's key. Raises SendError kinds."""
        host = URL(media.url).host or ""
        if not (self._is_platform(media.url) or (media.url.startswith("https://") and _FILE_HOSTS.search(host))):
            raise Rejected("文件地址不是企业微信的，没有取", code="foreign_host")
        content, content_type = await get_bytes(self._session, media.url, params={})
        try:
            return self._files.open_file(content), content_type
        except UnverifiedRequest:
            raise Rejected("文件解不开，没有保存", code="unreadable") from None

    async def close(self) -> None:
        """Nothing is held: the session belongs to the application."""

    def _is_platform(self, address: str) -> bool:
        try:
            url = URL(address)
        except ValueError:
            return False
        return url.origin() in (self._base.origin(), URL(API_BASE)) if url.is_absolute() else False

    def _seal(self, answer: dict[str, Any]) -> WebhookResponse:
        sealed = self._callback.seal(json.dumps(answer, ensure_ascii=False).encode())
        return WebhookResponse(sealed.to_json(), "text/plain")

    def _message(self, payload: dict[str, Any], number: str, kind: str, request: WebhookRequest) -> InboundMessage:
        sender = _part(payload, "from").get("userid")
        if not isinstance(sender, str) or not 1 <= len(sender) <= 128:
            raise UnreadablePayload("the message names no sender")
        group = payload.get("chatid") if payload.get("chattype") == "group" else ""
        address = payload.get("response_url")
        found: dict[str, Any] = {
            "channel": self.name,
            "account": self.account,
            "sender": sender,
            "dedupe_key": f"m:{number}",
            # The platform names no time of its own.
            "sent_at": request.received_at.replace(microsecond=0),
            "platform_id": number,
            "group": str(group or "")[:128],
            # In a group the platform passes on only what is addressed to the bot.
            "mentioned": bool(group),
            "extra": {"response_url": address} if isinstance(address, str) and self._is_platform(address) else {},
        }
        if kind == "event":
            name = str(_part(payload, "event").get("eventtype", ""))[:64]
            return InboundMessage(kind=Kind.FOLLOW if name == "enter_chat" else Kind.NOTICE, key=name, **found)
        return _said(payload, kind, found)


def stream_id(message_id: str) -> str:
    """The id of the stream that answers a message: the same at every retry."""
    return hashlib.sha256(message_id.encode()).hexdigest()[:32]


def _said(payload: dict[str, Any], kind: str, found: dict[str, Any]) -> InboundMessage:
    items = [payload]
    if kind == "mixed":
        listed = _part(payload, "mixed").get("msg_item")
        items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    texts, media, media_kind = [], None, Kind.UNKNOWN
    for item in items:
        name = item.get("msgtype")
        part = _part(item, str(name))
        if name in ("text", "voice") and isinstance(part.get("content"), str):
            texts.append(part["content"])
        elif name in _MEDIA and isinstance(part.get("url"), str) and media is None:
            url = part["url"]
            media, media_kind = Media(hashlib.sha256(url.encode()).hexdigest()[:32], url), _MEDIA[str(name)]
    text = "\n".join(texts)
    if found["group"]:
        text = _ADDRESSED.sub("", text)
    if kind == "voice":
        return InboundMessage(kind=Kind.VOICE, text=text, **found)
    if text or kind == "text":
        # Words count for more than the picture beside them, which is kept all the same.
        return InboundMessage(kind=Kind.TEXT, text=text, media=media, **found)
    extra = found.pop("extra") | ({"MsgType": kind[:32]} if media_kind is Kind.UNKNOWN else {})
    return InboundMessage(kind=media_kind, media=media, extra=extra, **found)


def _stream(number: str, content: str) -> dict[str, Any]:
    return {"msgtype": "stream", "stream": {"id": number, "finish": True, "content": content}}


def _part(payload: dict[str, Any], name: str) -> dict[str, Any]:
    value = payload.get(name)
    return value if isinstance(value, dict) else {}


def _harmless(text: str) -> str:
    """Text that calls nobody: `<@userid>` in markdown would."""
    return legal(text).replace("<@", "< @")
