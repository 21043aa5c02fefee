"""What every address of the web chat shares: headers, who holds a token, how much is read, what errors look like.

Errors are JSON {error, retry_after?} with a name; the page has the words. Nothing here logs more than a name.
"""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web

from bot import clock
from bot.channels.webchat import WebChat
from bot.config import Settings
from bot.errors import StorageUnavailable
from bot.pace import Pace
from bot.pipeline import Pipeline
from nlp.meaning import Risk
from storage.database import AnyRow, Database, Transaction
from storage.repositories import chat, talk

log = logging.getLogger(__name__)

_HEADERS = {
    "Cache-Control": "no-store",
    "Pragma": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), camera=(self), microphone=(self)",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'{line};"
    " form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_HOST_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-:[]")
_LONGEST_TOKEN = 64


@dataclass(frozen=True, slots=True)
class ChatHouse:
    """What the web chat works with."""

    settings: Settings
    database: Database
    pipeline: Pipeline
    channel: WebChat
    read_risk: Callable[[str], Risk]
    writing: Pace = field(init=False)
    starting: Pace = field(init=False)
    returning: Pace = field(init=False)

    def __post_init__(self) -> None:
        rules = self.channel.settings
        object.__setattr__(self, "writing", Pace(rules.messages_per_minute))
        object.__setattr__(self, "starting", Pace(rules.starts_per_minute))
        object.__setattr__(self, "returning", Pace(rules.starts_per_minute))

    def address_of(self, request: web.Request) -> str:
        """Where a request comes from; X-Forwarded-For counts only from trusted proxies."""
        remote = request.remote or ""
        if remote in self.settings.security.trusted_proxies:
            return request.headers.get("X-Forwarded-For", "").split(",")[-1].strip() or remote
        return remote

    def digest_of(self, tx: Transaction, room_id: str) -> bytes:
        """The look-up digest of a room's identity."""
        return talk.address(tx, self.channel.name, self.channel.account, room_id).digest


class Refused(Exception):
    """An answer other than 200: a name for the page, and when to come again."""

    def __init__(self, status: int, error: str, retry_after: int = 0) -> None:
        super().__init__(error)
        self.status, self.error, self.retry_after = status, error, retry_after


Handler = Callable[[ChatHouse, web.Request], Awaitable[web.Response]]


def door(house: ChatHouse, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    """`handler` behind the chat's headers, with errors turned into answers."""

    async def answer(request: web.Request) -> web.Response:
        try:
            response = await handler(house, request)
        except Refused as refused:
            value: dict[str, Any] = {"error": refused.error}
            if refused.retry_after:
                value["retry_after"] = refused.retry_after
            response = as_json(value, refused.status)
            if refused.retry_after:
                response.headers["Retry-After"] = str(refused.retry_after)
        except StorageUnavailable:
            response = as_json({"error": "not_stored", "retry_after": 3}, 503)
        except web.HTTPException:
            raise
        except Exception as error:
            # No traceback: it may quote what she wrote.
            log.error("chat.failed", extra={"error": type(error).__name__})
            response = as_json({"error": "failed", "retry_after": 3}, 500)
        response.headers.update(headers(request))
        return response

    return answer


def headers(request: web.Request) -> dict[str, str]:
    """The headers of every answer. Old browsers do not count their own socket as 'self': it is named."""
    host = request.host.lower()
    line = f" ws://{host} wss://{host}" if set(host) <= _HOST_CHARACTERS else ""
    return _HEADERS | {"Content-Security-Policy": _POLICY.format(line=line)}


def as_json(value: Any, status: int = 200) -> web.Response:
    """A JSON answer in plain UTF-8."""
    return web.json_response(value, status=status, dumps=lambda one: json.dumps(one, ensure_ascii=False))


async def read_body(request: web.Request, limit: int) -> bytes:
    """The body, at most `limit` bytes. Raises Refused 413."""
    if (request.content_length or 0) > limit:
        raise Refused(413, "too_large")
    body = bytearray()
    async for chunk in request.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > limit:
            raise Refused(413, "too_large")
    return bytes(body)


async def read_json(request: web.Request, limit: int = 4096) -> dict[str, Any]:
    """A small JSON object; an empty body is an empty one. Raises Refused."""
    return parse_json(await read_body(request, limit))


def parse_json(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises Refused 400."""
    try:
        value = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise Refused(400, "unreadable") from None
    if not isinstance(value, dict):
        raise Refused(400, "unreadable")
    return value


def token_of(request: web.Request, asked: dict[str, Any] | None = None) -> str:
    """The token a request carries: `Authorization: Bearer …`, or `token` in its JSON. Never in the address."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        token = str((asked or {}).get("token", ""))
    return token.strip()[: _LONGEST_TOKEN + 1]


async def open_pass(house: ChatHouse, token: str) -> AnyRow:
    """The pass of a token: `id`, `room_id`, `scene`. Raises Refused 401 for one nobody has or that was forgotten."""
    if not token or len(token) > _LONGEST_TOKEN:
        raise Refused(401, "no_room")
    now = clock.now()
    async with house.database.reading() as tx:
        found = await chat.find_pass(tx, token, oldest_use(house))
    if found is None:
        raise Refused(401, "no_room")
    if chat.is_worn(found.used_at, now):
        async with house.database.transaction() as tx:
            await chat.note_use(tx, found.id, now)
    return found


def oldest_use(house: ChatHouse) -> Any:
    """Passes not used since then open nothing any more."""
    return clock.now() - timedelta(minutes=house.channel.settings.token_minutes)
