"""悄悄话室, the web chat: a page of our own, without name or login, that comes and fetches what is said to her.

There is no platform behind it. Its page (bot/chat) proves which room it is in by a token; this channel reads what
it posts, and sending means no more than that the outbox row is there for the page to fetch. A row may therefore be
"sent" as often as one likes: the page shows each row once, by its id.
"""

import json
import re
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from aiohttp import ClientSession
from pydantic import Field, field_validator

from bot.channels.base import Received, WebhookRequest, WebhookResponse
from bot.channels.splitting import split_texts
from bot.channels.tokens import Tokens
from bot.config import Section, validate_section
from bot.errors import Unreachable, UnreadablePayload, UnverifiedRequest
from bot.filetypes import content_type
from bot.messages import (
    ALWAYS,
    DeliveryReceipt,
    InboundMessage,
    Kind,
    Media,
    OutboundMessage,
    PassiveReply,
    Trigger,
    Window,
)

#: What she may write at once, in characters; longer is refused with a word, never cut.
MAX_TEXT = 4000
#: What one bubble of ours holds, in UTF-8 bytes.
_MAX_REPLY_BYTES = 8000
_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
#: What a file may be: its first bytes decide, the page's own word for it counts for nothing.
_FILES = {"photo": ("image/",), "voice": ("audio/", "video/mp4")}


class WebChatSettings(Section):
    """The room's own rules; its words stand in the page."""

    #: Off unless a county wants it: whoever opens it must have people to answer.
    enabled: bool = False
    #: Where quick exit leads: a page anybody might have open.
    exit_url: str = "https://www.weather.com.cn/"
    #: An open page nobody used for so many minutes is asked for receipt and word again.
    token_minutes: int = Field(default=30, ge=1)
    #: Messages of one page in a minute before it is slowed down; danger always goes through.
    messages_per_minute: int = Field(default=20, ge=1)
    #: New rooms from one address in a minute before they are slowed down: a village may share an address.
    starts_per_minute: int = Field(default=20, ge=1)
    #: Megabytes of one photo, and of one voice.
    photo_megabytes: float = Field(default=8, gt=0, le=10)
    voice_megabytes: float = Field(default=3, gt=0, le=10)

    @field_validator("exit_url")
    @classmethod
    def _whole_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc or re.search(r"[\s\"'<>]", value):
            raise ValueError("must be a whole address such as https://www.weather.com.cn/")
        return value


class WebChat:
    """The whisper room's end of the straight line."""

    name: ClassVar[str] = "webchat"
    idempotent: ClassVar[bool] = True
    answers_in_response: ClassVar[bool] = True
    names_what_it_answers: ClassVar[bool] = False
    most_per_minute: ClassVar[int] = 0
    #: Our own page: what is called back goes from it, whenever she opens it.
    recall_seconds: ClassVar[int] = 24 * 3600
    account = "room"
    #: Nothing comes in by a webhook: the page's routes hand over what they verified.
    path = ""
    max_body = 64 * 1024

    def __init__(self, settings: WebChatSettings) -> None:
        self.settings = settings

    @classmethod
    def is_on(cls, values: Mapping[str, Any]) -> bool:
        """Whether `enabled` says so; it holds no secret that could."""
        return str(values.get("enabled", "")).lower() in ("true", "1", "yes", "on")

    @classmethod
    def from_settings(cls, values: Mapping[str, Any], tokens: Tokens, session: ClientSession) -> Self:
        """The room of `channels.webchat`. Raises ConfigError naming the bad setting."""
        return cls(validate_section(WebChatSettings, "channels.webchat", dict(values)))

    def receive(self, request: WebhookRequest) -> Received:
        """Parse what a page posted; `parts["room"]` is the room its token opened, without which nothing is read.

        A text is JSON {text, key}, where the same key again is the same message; a file has its `kind` (photo or
        voice) and its `key` among the parts.
        Raises UnverifiedRequest and UnreadablePayload.
        """
        room = request.parts.get("room", "")
        if not room:
            raise UnverifiedRequest("no token opens a room")
        if "kind" in request.parts:
            return Received(messages=(self._file(request, room),))
        if len(request.body) > self.max_body:
            raise UnreadablePayload("the body is too large")
        try:
            asked = json.loads(request.body)
        except (ValueError, RecursionError):
            raise UnreadablePayload("the body is not JSON") from None
        if not isinstance(asked, dict) or not isinstance(asked.get("text"), str):
            raise UnreadablePayload("there is no text")
        text = _UNWANTED.sub("", asked["text"]).strip()
        if not text or len(text) > MAX_TEXT:
            raise UnreadablePayload("the text is empty or too long")
        key = str(asked.get("key") or secrets.token_hex(12))
        return Received(messages=(self._message(request, room, key, Kind.TEXT, text=text),))

    def render(self, received: Received, reply: PassiveReply) -> WebhookResponse:
        """The page reads its talk instead, where the reply stands as a line."""
        return WebhookResponse(b"")

    def split(self, texts: Sequence[str]) -> list[str]:
        """All texts in one bubble, as long as it stays readable."""
        return split_texts(texts, _MAX_REPLY_BYTES)

    def window(self, trigger: Trigger) -> Window:
        """No platform counts: whatever she left the page for, it waits for her."""
        return ALWAYS

    async def send(self, message: OutboundMessage) -> DeliveryReceipt:
        """The row is where the page looks as soon as it is marked: there is nobody to hand it to."""
        return DeliveryReceipt()

    async def recall(self, recipient: str, platform_id: str) -> None:
        """The page shows no row that is called back: marking it is all there is to do."""

    async def fetch_media(self, media: Media) -> tuple[bytes, str]:
        """Files come with their request and are kept there. Raises Unreachable for one still on its way."""
        raise Unreachable("文件还没有传完，等她的页面再传", code="not_here_yet")

    async def close(self) -> None:
        """Nothing is held."""

    def _file(self, request: WebhookRequest, room: str) -> InboundMessage:
        kind = request.parts["kind"]
        if not content_type(request.body).startswith(_FILES.get(kind, ("nothing",))):
            raise UnreadablePayload("the file is not what it should be")
        key = request.parts.get("key", "")
        is_photo = kind == "photo"
        media = Media(media_id=f"{room}:{key}")
        return self._message(request, room, key, Kind.IMAGE if is_photo else Kind.VOICE, media=media)

    def _message(self, request: WebhookRequest, room: str, key: str, kind: Kind, **fields: Any) -> InboundMessage:
        if not _KEY.fullmatch(key):
            raise UnreadablePayload("the key is missing or not plain")
        return InboundMessage(
            channel=self.name,
            account=self.account,
            sender=room,
            dedupe_key=f"m:{room}:{key}",
            kind=kind,
            sent_at=request.received_at,
            platform_id=key,
            **fields,
        )


def plain_word(word: str) -> str:
    """The word that brings her back, as it is compared: width, case and spaces do not count."""
    return "".join(unicodedata.normalize("NFKC", word).casefold().split())
