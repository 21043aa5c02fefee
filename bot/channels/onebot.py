"""OneBot v11: QQ through a client program of somebody else's (NapCat, Lagrange, LLOneBot), off unless set up.

Source: protocols §7. Events come by HTTP POST, signed, or over a WebSocket the client opens to the same address;
calls go to the client's own HTTP address or, where none is set, over that WebSocket. The process that sends need not
hold the connection: its call travels as a letter to the one that does, which takes it once. A call nobody took in
time is withdrawn and known to be unsent; one that was taken and not answered is unknown.

Texts go out as segments only: in a CQ string a woman's `[CQ:at,qq=all]`, quoted, would call a whole group.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Self

from aiohttp import ClientSession, WSMsgType, web
from pydantic import Field, SecretStr

from bot import clock
from bot.channels.base import Received, WebhookRequest, WebhookResponse
from bot.channels.http import JSON_HEADERS, as_json, post_raw
from bot.channels.onebot_events import NAME, read_event
from bot.channels.qq_files import fetch_file
from bot.channels.splitting import split_texts
from bot.channels.tokens import Tokens
from bot.config import Section, validate_section
from bot.errors import (
    Rejected,
    SendError,
    Throttled,
    Unreachable,
    UnreadablePayload,
    Unsigned,
    UnverifiedRequest,
)
from bot.messages import (
    ALWAYS,
    DeliveryReceipt,
    InboundMessage,
    Media,
    OutboundMessage,
    PassiveReply,
    Trigger,
    Window,
)

log = logging.getLogger(__name__)

#: QQ shows this much in one message without folding it.
MAX_TEXT_BYTES = 2048
_MAX_BODY = 1024 * 1024
_TAKE_SECONDS = 5.0
_ANSWER_SECONDS = 10.0


class OneBotSettings(Section):
    """One client program and the QQ number it runs."""

    #: Signs what comes by HTTP POST.
    secret: SecretStr = Field(min_length=8)
    #: Proves the client that connects, and us where we call it.
    access_token: SecretStr = Field(min_length=8)
    #: The client's own HTTP address; empty: calls go over the WebSocket it opened.
    api_base: str = Field(default="", pattern=r"^(https?://.*)?$")
    #: The QQ number the client runs; where set, events of another are refused.
    self_id: str = Field(default="", pattern=r"^[0-9]{0,20}$")


class OneBot:
    """One client: verifies, parses, sends. `OutboundMessage.recipient` is a QQ number, digits."""

    name: ClassVar[str] = NAME
    idempotent: ClassVar[bool] = False
    answers_in_response: ClassVar[bool] = False
    names_what_it_answers: ClassVar[bool] = False
    #: The platform names no limit but locks accounts that write like a machine.
    most_per_minute: ClassVar[int] = 20
    #: QQ's own rule for private messages: two minutes.
    recall_seconds: ClassVar[int] = 120
    path = "/webhook/onebot"
    max_body = _MAX_BODY

    def __init__(self, settings: OneBotSettings, tokens: Tokens, session: ClientSession) -> None:
        self.account = settings.self_id or NAME
        self._self_id = settings.self_id
        self._secret = settings.secret.get_secret_value().encode()
        self._access_token = settings.access_token.get_secret_value()
        self._base = settings.api_base.rstrip("/")
        self._boxes = tokens
        self._session = session

    @classmethod
    def is_on(cls, values: Mapping[str, Any]) -> bool:
        """Whether the section holds any secret."""
        return any(values.get(name) for name in ("secret", "access_token"))

    @classmethod
    def from_settings(cls, values: Mapping[str, Any], tokens: Tokens, session: ClientSession) -> Self:
        """The client of `channels.onebot`. Raises ConfigError naming the bad setting."""
        return cls(validate_section(OneBotSettings, "channels.onebot", dict(values)), tokens, session)

    def receive(self, request: WebhookRequest) -> Received:
        """Verify, then parse. Raises UnverifiedRequest (Unsigned without a signature) and UnreadablePayload."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        given = headers.get("x-signature", "")
        if request.method != "POST" or not given:
            raise Unsigned
        if len(request.body) > self.max_body:
            raise UnreadablePayload("the body is too large")
        # SHA-1 is OneBot's choice; forging an HMAC needs more than collisions.
        wanted = "sha1=" + hmac.new(self._secret, request.body, hashlib.sha1).hexdigest()
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            raise UnverifiedRequest("the signature is wrong")
        message = self._read(_object(request.body))
        return Received(messages=(message,) if message else ())

    def render(self, received: Received, reply: PassiveReply) -> WebhookResponse:
        """204: answers go through calls, because a quick reply would @ her in the group."""
        return WebhookResponse(b"", status=204)

    def split(self, texts: Sequence[str]) -> list[str]:
        """Merge short texts and cut long ones on sentence ends, 2,048 UTF-8 bytes each."""
        return split_texts(texts, MAX_TEXT_BYTES)

    def window(self, trigger: Trigger) -> Window:
        """No limit the platform names."""
        return ALWAYS

    async def send(self, message: OutboundMessage) -> DeliveryReceipt:
        """Send one text to one person or into a group. Raises SendError kinds."""
        to = {"group_id": int(message.group)} if message.group else {"user_id": int(message.recipient)}
        action = "send_group_msg" if message.group else "send_private_msg"
        params = {**to, "message": [{"type": "text", "data": {"text": message.text}}]}
        answer = await (self._post(action, params) if self._base else self._ask(action, params))
        code = answer.get("retcode")
        if answer.get("status") not in ("ok", "async") or code not in (0, 1):
            log.warning("onebot.refused", extra={"retcode": code if isinstance(code, int) else -1})
            raise Rejected(f"QQ 客户端没有发出这条消息（错误码 {code}），请管理员查看客户端", code=str(code)[:32])
        found = answer.get("data")
        return DeliveryReceipt(str(found.get("message_id", "")) if isinstance(found, dict) else "")

    async def recall(self, recipient: str, platform_id: str) -> None:
        """Take back a message by its message_id (delete_msg). Raises SendError kinds."""
        if not platform_id.lstrip("-").isdigit():
            raise Rejected("客户端没有给这条消息的编号，撤不回", code="no_id")
        params = {"message_id": int(platform_id)}
        answer = await (self._post("delete_msg", params) if self._base else self._ask("delete_msg", params))
        code = answer.get("retcode")
        if answer.get("status") not in ("ok", "async") or code not in (0, 1):
            raise Rejected(f"QQ 客户端没有撤回（错误码 {code}）", code=str(code)[:32])

    async def fetch_media(self, media: Media) -> tuple[bytes, str]:
        """A file she sent, from QQ's own hosts or the client only. Raises SendError kinds."""
        return await fetch_file(self._session, media.url, self._base)

    async def close(self) -> None:
        """Nothing is held: connections belong to the web server."""

    def admit(self, request: WebhookRequest) -> None:
        """Verify the client that wants to connect. Raises UnverifiedRequest (Unsigned without a token)."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        given = headers.get("authorization", "")
        if not given:
            raise Unsigned
        if not hmac.compare_digest(given.encode(), f"Bearer {self._access_token}".encode()):
            raise UnverifiedRequest("the token is wrong")
        if self._self_id and headers.get("x-self-id", self._self_id) != self._self_id:
            raise UnverifiedRequest("this is another number")

    async def converse(
        self,
        request: WebhookRequest,
        socket: web.WebSocketResponse,
        take: Callable[[InboundMessage], Awaitable[None]],
    ) -> None:
        """Hear events, speak the calls other processes leave for us, until the client is gone."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        speaks = headers.get("x-client-role", "Universal").lower() != "event"
        speaker = asyncio.create_task(self._speak(socket)) if speaks else None
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    await self._hear(frame.data, take)
        finally:
            if speaker is not None:
                speaker.cancel()
                with suppress(asyncio.CancelledError):
                    await speaker

    async def _hear(self, text: str, take: Callable[[InboundMessage], Awaitable[None]]) -> None:
        try:
            frame = _object(text.encode())
            if "post_type" not in frame:
                if isinstance(frame.get("echo"), str):
                    await self._boxes.post(_answers(frame["echo"]), text)
                return
            message = self._read(frame)
        except (UnreadablePayload, UnverifiedRequest, ConnectionError) as error:
            log.warning("frame.refused", extra={"error": type(error).__name__})
            return
        if message is not None:
            await take(message)

    async def _speak(self, socket: web.WebSocketResponse) -> None:
        while not socket.closed:
            try:
                letter = await self._boxes.take(self._calls, _TAKE_SECONDS)
            except ConnectionError:
                await asyncio.sleep(1)
                continue
            if letter is None:
                continue
            call = json.loads(letter)
            # A letter whose writer has given up must not go out hours later.
            if call["until"] > clock.timestamp():
                with suppress(ConnectionError):
                    await socket.send_json(call["frame"])

    async def _ask(self, action: str, params: dict[str, Any]) -> dict[str, Any]:
        """A call over the client's WebSocket, whoever holds it. Raises Unreachable."""
        echo = secrets.token_hex(12)
        frame = {"action": action, "params": params, "echo": echo}
        letter = json.dumps({"until": clock.timestamp() + _ANSWER_SECONDS, "frame": frame}, ensure_ascii=False)
        try:
            await self._boxes.post(self._calls, letter)
        except ConnectionError:
            raise Unreachable("服务内部暂时连不上 Redis，稍后自动重试", code="redis", known_unsent=True) from None
        answer, unsent = None, False
        with suppress(ConnectionError):
            answer = await self._boxes.take(_answers(echo), _ANSWER_SECONDS)
            unsent = answer is None and await self._boxes.withdraw(self._calls, letter)
        if answer is not None:
            return _object(answer.encode())
        if unsent:
            raise Unreachable("QQ 客户端没有连上，稍后自动重试", code="not_connected", known_unsent=True)
        raise Unreachable(
            "QQ 客户端没有回应，不知道是否已送达，请先问她是否收到再决定是否重发",
            code="no_answer",
            retryable=False,
            known_unsent=False,
        )

    async def _post(self, action: str, params: dict[str, Any]) -> dict[str, Any]:
        """A call to the client's HTTP address. Raises SendError kinds."""
        headers = JSON_HEADERS | {"Authorization": f"Bearer {self._access_token}"}
        status, answer = await post_raw(self._session, f"{self._base}/{action}", as_json(params), headers=headers)
        if status == 200:
            return answer
        raise _refusal(status)

    def _read(self, event: dict[str, Any]) -> InboundMessage | None:
        if self._self_id and str(event.get("self_id")) != self._self_id:
            raise UnverifiedRequest("the event is of another number")
        return read_event(event, self.account)

    @property
    def _calls(self) -> str:
        return f"onebot:{self.account}"


def _answers(echo: str) -> str:
    return f"onebot:answer:{echo[:64]}"


def _refusal(status: int) -> SendError:
    if status == 429:
        return Throttled("QQ 客户端让等一等，稍后自动重试", code="http_429", retry_after=60)
    if status in (401, 403):
        return Rejected("QQ 客户端不认 access_token，请管理员检查设置", code=f"http_{status}")
    return Rejected(f"QQ 客户端不收这个请求（{status}），请管理员检查 api_base", code=f"http_{status}")


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise UnreadablePayload("the JSON cannot be read") from None
    if not isinstance(value, dict):
        raise UnreadablePayload("the JSON is not an object")
    return value
