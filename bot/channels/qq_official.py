"""QQ's official bot: a webhook signed with Ed25519, answers in groups and in private, nothing we start ourselves.

Source: protocols §6. An answer names what it answers: five in five minutes in a group, five in an hour in private.
What we start ourselves was withdrawn by the platform on 2025-04-21; a bot that has the right says so in the settings.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from aiohttp import ClientSession
from pydantic import Field, SecretStr

from bot import clock
from bot.channels.base import Received, WebhookRequest, WebhookResponse
from bot.channels.qq_api import QQAPI
from bot.channels.qq_events import ANSWERABLE, NAME, read_event
from bot.channels.qq_files import fetch_file
from bot.channels.qq_signature import QQSignature
from bot.channels.splitting import split_texts
from bot.channels.tokens import Tokens
from bot.config import Section, validate_section
from bot.errors import UnreadablePayload, UnverifiedRequest, WindowClosed
from bot.messages import ALWAYS, DeliveryReceipt, Media, OutboundMessage, PassiveReply, Trigger, Window

#: The platform names no limit of a text; this much was always taken.
MAX_TEXT_BYTES = 2048
_MAX_BODY = 1024 * 1024
_GROUP_WINDOW = Window(5 * 60, 5)
_PRIVATE_WINDOW = Window(60 * 60, 5)
_EVENT, _HEARTBEAT, _HEARTBEAT_ACK, _ACK, _CHECK = 0, 1, 11, 12, 13
_ANSWER_KEY = re.compile(r"answer:[^:]+:([0-4])")


class QQOfficialSettings(Section):
    """One bot, as its page on the QQ open platform (q.qq.com) shows it."""

    app_id: str = Field(pattern=r"^[0-9A-Za-z_-]{4,32}$")
    secret: SecretStr = Field(min_length=8)
    #: Where calls go; a fake provider on loopback in tests, the simulator in development.
    api_base: str = "https://api.sgroup.qq.com"
    #: Where the token comes from.
    token_base: str = "https://bots.qq.com"  # noqa: S105  an address, no password
    #: Requests older or younger than this are stale.
    freshness_seconds: int = Field(default=300, ge=5)
    #: Whether this bot may write first; the platform withdrew that right from most.
    active_push: bool = False


class QQOfficial:
    """One bot: verifies, parses, answers.

    The account is the bot's app id. `send` numbers answers to one message 1 to 5, which with the message's id is
    the platform's idempotency key.
    """

    name: ClassVar[str] = NAME
    idempotent: ClassVar[bool] = True
    answers_in_response: ClassVar[bool] = False
    names_what_it_answers: ClassVar[bool] = True
    most_per_minute: ClassVar[int] = 0
    recall_seconds: ClassVar[int] = 0
    path = "/webhook/qq"
    max_body = _MAX_BODY

    def __init__(self, settings: QQOfficialSettings, tokens: Tokens, session: ClientSession) -> None:
        secret = settings.secret.get_secret_value()
        self.account = settings.app_id
        self._signature = QQSignature(secret)
        self._freshness = settings.freshness_seconds
        self._session = session
        self._base = settings.api_base.rstrip("/")
        self._api = QQAPI(
            base=settings.api_base,
            token_base=settings.token_base,
            app_id=settings.app_id,
            secret=secret,
            tokens=tokens,
        )

    @classmethod
    def is_on(cls, values: Mapping[str, Any]) -> bool:
        """Whether the section holds any secret."""
        return any(values.get(name) for name in ("app_id", "secret"))

    @classmethod
    def from_settings(cls, values: Mapping[str, Any], tokens: Tokens, session: ClientSession) -> "QQOfficial":
        """The bot of `channels.qq_official`. Raises ConfigError naming the bad setting."""
        settings: QQOfficialSettings = validate_section(QQOfficialSettings, "channels.qq_official", dict(values))
        kind = _PushingQQ if settings.active_push else QQOfficial
        return kind(settings, tokens, session)

    def receive(self, request: WebhookRequest) -> Received:
        """Verify, then parse. Raises UnverifiedRequest and UnreadablePayload, nothing else."""
        if request.method != "POST":
            raise UnverifiedRequest("nothing is signed")
        if len(request.body) > self.max_body:
            raise UnreadablePayload("the body is too large")
        headers = {name.lower(): value for name, value in request.headers.items()}
        given = headers.get("x-signature-ed25519", "")
        if not given:
            return self._answer_unsigned_check(request)
        timestamp = headers.get("x-signature-timestamp", "")
        self._check_time(timestamp, request.received_at)
        self._signature.check(given, timestamp, request.body)
        event = _object(request.body)
        operation = event.get("op")
        if operation == _CHECK:
            return Received(response=self._proof(event, request.received_at, is_signed=True))
        if operation == _HEARTBEAT:
            return Received(response=_json({"op": _HEARTBEAT_ACK, "d": event.get("d")}))
        if operation != _EVENT:
            raise UnreadablePayload("the operation is unknown")
        message = read_event(event, self.account)
        # The acknowledgement says that it is kept: without a response of its own, `render` writes it afterwards.
        return Received(messages=(message,) if message else ())

    def render(self, received: Received, reply: PassiveReply) -> WebhookResponse:
        """The acknowledgement: answers go through the API."""
        return _json({"op": _ACK, "d": 0})

    def split(self, texts: Sequence[str]) -> list[str]:
        """Merge short texts and cut long ones on sentence ends, 2,048 UTF-8 bytes each."""
        return split_texts(texts, MAX_TEXT_BYTES)

    def window(self, trigger: Trigger) -> Window:
        """Five answers: within five minutes in a group, within an hour in private."""
        return _GROUP_WINDOW if trigger is Trigger.GROUP else _PRIVATE_WINDOW

    async def send(self, message: OutboundMessage) -> DeliveryReceipt:
        """Answer one message in text. Raises SendError kinds; WindowClosed when it is too late to answer it."""
        named = self._named(message)
        if not named:
            raise WindowClosed("超过了 QQ 允许回复的时间，等她再来消息才能发", code="too_late")
        return await self._post(message, named | {"msg_seq": sequence(message)})

    async def fetch_media(self, media: Media) -> tuple[bytes, str]:
        """A file she sent, from the platform's own hosts only. Raises SendError kinds."""
        return await fetch_file(self._session, media.url, self._base)

    async def close(self) -> None:
        """Nothing is held: the session belongs to the application."""

    async def _post(self, message: OutboundMessage, more: dict[str, Any]) -> DeliveryReceipt:
        place = f"groups/{message.group}" if message.group else f"users/{message.recipient}"
        body = {"msg_type": 0, "content": message.text, **more}
        return DeliveryReceipt(await self._api.send(self._session, f"/v2/{place}/messages", body))

    def _named(self, message: OutboundMessage) -> dict[str, str]:
        """The field naming what is answered; empty when there is nothing that can still be answered."""
        answered = message.reply_to
        if answered is None or not answered.platform_id:
            return {}
        window = self.window_of(message)
        if clock.now() - answered.received_at >= timedelta(seconds=window.seconds):
            return {}
        return {"event_id" if answered.kind in ANSWERABLE else "msg_id": answered.platform_id}

    @staticmethod
    def window_of(message: OutboundMessage) -> Window:
        """How long the message's own place allows an answer."""
        return _GROUP_WINDOW if message.group else _PRIVATE_WINDOW

    def _answer_unsigned_check(self, request: WebhookRequest) -> Received:
        """The platform's check of our address may come unsigned; nothing else may. Raises UnverifiedRequest."""
        try:
            event = _object(request.body)
        except UnreadablePayload:
            raise UnverifiedRequest("nothing is signed") from None
        if event.get("op") != _CHECK:
            raise UnverifiedRequest("nothing is signed")
        return Received(response=self._proof(event, request.received_at, is_signed=False))

    def _proof(self, event: dict[str, Any], received_at: datetime, *, is_signed: bool) -> WebhookResponse:
        body = event.get("d")
        token, event_ts = (body.get("plain_token"), body.get("event_ts")) if isinstance(body, dict) else (None, None)
        if not isinstance(token, str) or not isinstance(event_ts, str):
            raise UnverifiedRequest("what is to be signed is malformed")
        signature = self._signature.answer_check(event_ts, token, now=received_at.timestamp(), is_signed=is_signed)
        return _json({"plain_token": token, "signature": signature})

    def _check_time(self, timestamp: str, received_at: datetime) -> None:
        if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 10:
            raise UnverifiedRequest("the timestamp is not a number")
        if abs(received_at.timestamp() - int(timestamp)) > self._freshness:
            raise UnverifiedRequest("the request is stale")


class _PushingQQ(QQOfficial):
    """A bot that may write first.

    What answers nothing has no idempotency key, so an interrupted send is unknown here instead of repeated.
    """

    idempotent: ClassVar[bool] = False

    def window(self, trigger: Trigger) -> Window:
        """No limit in time: what comes too late for an answer is written as our own."""
        return ALWAYS

    async def send(self, message: OutboundMessage) -> DeliveryReceipt:
        """Answer while the platform allows it, else write first. Raises SendError kinds."""
        named = self._named(message)
        return await self._post(message, named | {"msg_seq": sequence(message)} if named else {})


def sequence(message: OutboundMessage) -> int:
    """The number of an answer, the same at every attempt: 1 to 5 for the bot's own answers to one message.

    What staff write has no place in that count: its number is made from its row's id and is never below 6.
    """
    match = _ANSWER_KEY.fullmatch(message.idempotency_key)
    if match:
        return int(match[1]) + 1
    return 6 + int.from_bytes(hashlib.sha256(message.row_id.encode()).digest()[:4]) % 2**30


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise UnreadablePayload("the JSON cannot be read") from None
    if not isinstance(value, dict):
        raise UnreadablePayload("the JSON is not an object")
    return value


def _json(value: dict[str, Any]) -> WebhookResponse:
    return WebhookResponse(json.dumps(value, separators=(",", ":")).encode(), "application/json")
