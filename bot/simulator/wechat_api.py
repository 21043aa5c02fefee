"""The side of WeChat that we call: token, customer-service messages, files — with its limits and its moods.

It keeps the platform's own budgets (five messages in 48 hours after she wrote, three in a minute after a tap, a
follow or a scan), and can be told to answer with any error, late, or not at all. Source: protocols §1.6–1.7.
"""

import asyncio
import itertools
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

_OK = {"errcode": 0, "errmsg": "ok"}
_WORDS = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40003: "invalid openid",
    40007: "invalid media_id",
    40013: "invalid appid",
    40014: "invalid access_token",
    40125: "invalid appsecret",
    42001: "access_token expired",
    43004: "require subscribe",
    45002: "content size out of limit",
    45009: "reach max api daily quota limit",
    45015: "response out of time limit or subscription is canceled",
    45047: "out of response count limit",
    47001: "data format error",
    48001: "api unauthorized",
}
#: What a window holds and how long, by what opened it.
_WINDOWS = {"message": (48 * 3600, 5), "event": (60, 3)}
_MAX_TEXT = 2048
_MOST_IN_A_MASS = 10_000

Heard = Callable[[str, str], Awaitable[None]]


@dataclass(slots=True)
class Follower:
    """What WeChat knows of one follower."""

    follows: bool = True
    window: str = ""
    opened_at: float = 0.0
    used: int = 0


@dataclass(slots=True)
class Mood:
    """What goes wrong on purpose: for how many of the next sends, with which code, how late."""

    errcode: int = 0
    times: int = 0
    delay_seconds: float = 0.0
    #: Take the message, but cut the line instead of answering.
    cut: bool = False


@dataclass(slots=True)
class FakePlatform:
    """One official account on a pretended WeChat. `heard(openid, text)` is told of every accepted message."""

    app_id: str
    app_secret: str
    heard: Heard | None = None
    #: Unknown openids are followers too (load tests); otherwise 40003.
    open_house: bool = False
    token_seconds: int = 7200
    keeps_budget: bool = True
    followers: dict[str, Follower] = field(default_factory=dict)
    media: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    mood: Mood = field(default_factory=Mood)
    #: Every accepted message: openid and text, in order.
    accepted: list[tuple[str, str]] = field(default_factory=list)
    #: Who was shown that somebody is writing, in order.
    typed: list[str] = field(default_factory=list)
    #: Mass messages by clientmsgid: the platform's id of each. Notices sent by template: openid and template.
    masses: dict[str, str] = field(default_factory=dict)
    notices: list[tuple[str, str]] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    _tokens: dict[str, float] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def follow(self, openid: str) -> None:
        """She follows: three messages in a minute."""
        follower = self.followers.setdefault(openid, Follower())
        follower.follows = True
        self._open(follower, "event")

    def unfollow(self, openid: str) -> None:
        """She leaves."""
        self.followers.setdefault(openid, Follower()).follows = False

    def wrote(self, openid: str) -> None:
        """She wrote: five messages in 48 hours."""
        self._open(self.followers.setdefault(openid, Follower()), "message")

    def tapped(self, openid: str) -> None:
        """She tapped a menu or scanned: three messages in a minute."""
        self._open(self.followers.setdefault(openid, Follower()), "event")

    def spoil_tokens(self) -> None:
        """All tokens given out so far stop working."""
        self._tokens.clear()

    def add_media(self, content: bytes, content_type: str) -> str:
        """A file she sent; its media id."""
        media_id = secrets.token_urlsafe(32)
        self.media[media_id] = content, content_type
        return media_id

    def add_routes(self, app: web.Application, prefix: str = "") -> None:
        """Answer under `prefix`/cgi-bin/…"""
        add = app.router.add_route
        add("POST", f"{prefix}/cgi-bin/stable_token", self._stable_token)
        add("GET", f"{prefix}/cgi-bin/token", self._plain_token)
        add("POST", f"{prefix}/cgi-bin/message/custom/send", self._send)
        add("POST", f"{prefix}/cgi-bin/message/custom/typing", self._typing)
        add("POST", f"{prefix}/cgi-bin/message/mass/send", self._mass)
        add("POST", f"{prefix}/cgi-bin/message/subscribe/bizsend", self._notice)
        add("GET", f"{prefix}/cgi-bin/media/get", self._media)

    def _open(self, follower: Follower, window: str) -> None:
        now = self.clock()
        seconds, _ = _WINDOWS[follower.window] if follower.window else (0, 0)
        if window == "event" and follower.window == "message" and now - follower.opened_at < seconds:
            return
        follower.window, follower.opened_at, follower.used = window, now, 0

    async def _stable_token(self, request: web.Request) -> web.Response:
        self._count("stable_token")
        body = await _json(request)
        return self._give_token(body.get("appid"), body.get("secret"), bool(body.get("force_refresh")))

    async def _plain_token(self, request: web.Request) -> web.Response:
        self._count("token")
        return self._give_token(request.query.get("appid"), request.query.get("secret"), True)

    def _give_token(self, app_id: object, secret: object, fresh: bool) -> web.Response:
        if app_id != self.app_id:
            return _answer(40013)
        if secret != self.app_secret:
            return _answer(40125)
        now = self.clock()
        living = [(dies, token) for token, dies in self._tokens.items() if dies > now]
        if living and not fresh:
            dies, token = max(living)
        else:
            token, dies = f"{next(self._numbers)}_{secrets.token_urlsafe(40)}", now + self.token_seconds
            self._tokens[token] = dies
        return web.json_response({"access_token": token, "expires_in": int(dies - now)})

    def _token_problem(self, request: web.Request) -> int:
        token = request.query.get("access_token", "")
        if token not in self._tokens:
            return 40001
        return 42001 if self._tokens[token] <= self.clock() else 0

    async def _send(self, request: web.Request) -> web.StreamResponse:
        self._count("send")
        body = await _json(request)
        mood = self.mood
        if mood.delay_seconds:
            await asyncio.sleep(mood.delay_seconds)
        code = self._token_problem(request)
        if not code and mood.times > 0 and mood.errcode:
            mood.times -= 1
            code = mood.errcode
        code = code or self._refusal(body)
        if code:
            return _answer(code)
        openid, text = body["touser"], body["text"]["content"]
        self.followers.setdefault(openid, Follower(window="message", opened_at=self.clock())).used += 1
        self.accepted.append((openid, text))
        if self.heard is not None:
            await self.heard(openid, text)
        if mood.cut and mood.times > 0:
            mood.times -= 1
            if request.transport is not None:
                request.transport.abort()
        return web.json_response(_OK)

    def _refusal(self, body: dict[str, Any]) -> int:
        openid, text = body.get("touser"), body.get("text", {})
        if not isinstance(openid, str) or not isinstance(text, dict) or body.get("msgtype") != "text":
            return 47001
        content = text.get("content")
        if not isinstance(content, str) or not content:
            return 47001
        if len(content.encode()) > _MAX_TEXT:
            return 45002
        follower = self.followers.get(openid)
        if follower is None:
            return 0 if self.open_house else 40003
        if not follower.follows:
            return 43004
        if not self.keeps_budget:
            return 0
        seconds, count = _WINDOWS[follower.window or "event"]
        if not follower.window or self.clock() - follower.opened_at > seconds:
            return 45015
        return 45047 if follower.used >= count else 0

    async def _mass(self, request: web.Request) -> web.StreamResponse:
        """2–10,000 followers, a repeated clientmsgid known; errors and cuts as for single messages."""
        self._count("mass")
        body = await _json(request)
        mood, key, many = self.mood, str(body.get("clientmsgid", "")), body.get("touser")
        code = self._token_problem(request)
        if not code and mood.times > 0 and mood.errcode:
            mood.times -= 1
            code = mood.errcode
        if not code and not (isinstance(many, list) and 2 <= len(many) <= _MOST_IN_A_MASS):
            code = 40130
        if code or not isinstance(many, list):
            return _answer(code)
        if key in self.masses:
            return web.json_response({"errcode": 45065, "errmsg": "clientmsgid exist", "msg_id": self.masses[key]})
        number = str(next(self._numbers) + 1_000_000)
        self.masses[key] = number
        self.accepted += [(openid, body.get("text", {}).get("content", "")) for openid in many]
        if mood.cut and mood.times > 0:
            mood.times -= 1
            if request.transport is not None:
                request.transport.abort()
        return web.json_response({"errcode": 0, "errmsg": "send job submission success", "msg_id": number})

    async def _notice(self, request: web.Request) -> web.StreamResponse:
        self._count("notice")
        body = await _json(request)
        code = self._token_problem(request)
        if not code and not body.get("template_id"):
            code = 40037
        if code:
            return _answer(code)
        self.notices.append((body["touser"], body["template_id"]))
        return web.json_response({"errcode": 0, "errmsg": "ok", "msgid": str(next(self._numbers) + 1_000_000)})

    async def _typing(self, request: web.Request) -> web.Response:
        self._count("typing")
        body, code = await _json(request), self._token_problem(request)
        if not code and body.get("command") == "Typing":
            self.typed.append(str(body.get("touser", "")))
        return _answer(code)

    async def _media(self, request: web.Request) -> web.Response:
        self._count("media")
        code = self._token_problem(request)
        found = self.media.get(request.query.get("media_id", ""))
        if code or found is None:
            return _answer(code or 40007)
        return web.Response(body=found[0], content_type=found[1])

    def _count(self, name: str) -> None:
        self.calls[name] = self.calls.get(name, 0) + 1


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        value = json.loads(await request.read())
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _answer(code: int) -> web.Response:
    """WeChat answers errors with 200 and a code."""
    return web.json_response(_OK if not code else {"errcode": code, "errmsg": _WORDS.get(code, "error")})
