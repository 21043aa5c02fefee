"""A pretended WeChat on a real local port: counts what is sent and can be told to misbehave."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from bot import clock
from bot.channels.tokens import InMemoryTokens, Tokens
from bot.channels.wechat_oa import WeChatOA
from bot.simulator.wechat_api import FakePlatform
from bot.simulator.wechat_push import Account
from tests.support.service import WeChatSecrets

SECRETS = WeChatSecrets()


@dataclass(slots=True)
class FakeWeChat:
    """The platform's API side. `platform` keeps tokens, followers, budgets; `script` overrules it per path.

    `script["/cgi-bin/stable_token"] = [answer, …]` gives these answers first: a dictionary is sent as JSON, bytes
    as they are, an exception name `cut` closes the line, `hang` never answers.
    """

    platform: FakePlatform
    server: TestServer
    script: dict[str, list[Any]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def base(self) -> str:
        """What `api_base` has to be."""
        return str(self.server.make_url("")).rstrip("/")

    @property
    def accepted(self) -> list[tuple[str, str]]:
        """Openid and text of every message the platform took."""
        return self.platform.accepted

    def texts_to(self, openid: str) -> list[str]:
        """What one follower received."""
        return [text for receiver, text in self.platform.accepted if receiver == openid]

    def refuse(self, code: int, times: int = 1) -> None:
        """Answer the next sends with an errcode."""
        self.platform.mood.errcode, self.platform.mood.times = code, times

    def count(self, path: str) -> int:
        """How often a path was called."""
        return sum(called == path for called, _, _ in self.requests)

    def settings(self, mode: str = "safe") -> dict[str, Any]:
        """The section `channels.wechat_oa` for this platform."""
        return {
            "token": SECRETS.token,
            "encoding_aes_key": SECRETS.encoding_aes_key,
            "app_id": SECRETS.app_id,
            "app_secret": SECRETS.app_secret,
            "mode": mode,
            "api_base": self.base,
        }

    def channel(self, session: ClientSession, *, tokens: Tokens | None = None, mode: str = "safe") -> WeChatOA:
        """A real channel that talks to this platform."""
        return WeChatOA.from_settings(self.settings(mode), tokens or InMemoryTokens(), session)


def account(mode: str = "safe") -> Account:
    """The account as WeChat's side knows it."""
    return Account(
        SECRETS.app_id, SECRETS.app_secret, SECRETS.token, SECRETS.encoding_aes_key, mode, SECRETS.original_id
    )


async def start_wechat() -> FakeWeChat:
    """Start one; whoever started it closes `server`."""
    app = web.Application(middlewares=[_overruled])
    platform = FakePlatform(SECRETS.app_id, SECRETS.app_secret, open_house=True, clock=clock.timestamp)
    platform.add_routes(app)
    fake = FakeWeChat(platform, TestServer(app))
    app[_FAKE] = fake
    await fake.server.start_server()
    return fake


_FAKE = web.AppKey("fake", FakeWeChat)


@web.middleware
async def _overruled(request: web.Request, handler: Any) -> web.StreamResponse:
    fake = request.app[_FAKE]
    fake.requests.append((request.path, dict(request.query), await request.read()))
    waiting = fake.script.get(request.path)
    if not waiting:
        answer: web.StreamResponse = await handler(request)
        return answer
    scripted = waiting.pop(0)
    if scripted == "cut":
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
    if scripted == "hang":
        await asyncio.sleep(60)
    if isinstance(scripted, bytes):
        return web.Response(body=scripted)
    if isinstance(scripted, int):
        return web.Response(status=scripted, body=b"<html>")
    return web.Response(body=json.dumps(scripted).encode(), content_type="application/json")
