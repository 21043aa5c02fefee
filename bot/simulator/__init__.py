"""A WeChat-like phone in the browser that speaks the real, signed protocol to our own webhook. Development only."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web

from bot.config import Settings
from bot.simulator.phones import Phone, Phones, UnknownAction
from bot.simulator.stage import add_scenes
from bot.simulator.wechat_api import FakePlatform, Mood
from bot.simulator.wechat_push import Account, Pusher

__all__ = ["add_simulator"]

_STATIC = Path(__file__).parent / "static"
_PHONES: web.AppKey[Phones] = web.AppKey("simulator_phones", Phones)
_STOPPING: web.AppKey[asyncio.Event] = web.AppKey("simulator_stopping", asyncio.Event)
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104
_MODES = ("", "plain", "compat", "safe")


def add_simulator(app: web.Application, *, settings: Settings) -> None:
    """Mount /simulator with its phones and, under /simulator/api, WeChat's API; nothing without an account."""
    values = settings.channels.get("wechat_oa", {})
    if not values.get("token"):
        return
    account = Account(
        app_id=values["app_id"],
        app_secret=values["app_secret"],
        token=values["token"],
        encoding_aes_key=values.get("encoding_aes_key", ""),
        mode=values.get("mode", "safe"),
    )
    platform = FakePlatform(account.app_id, account.app_secret)
    platform.add_routes(app, "/simulator/api")
    host = _ANYWHERE.get(settings.web.host, settings.web.host)
    base = f"http://{host}:{settings.web.port}"
    url = f"{base}/webhook/wechat"
    wecom = {name: values for name, values in settings.channels.items() if name.startswith("wecom")}
    if any(values.get("token") for values in wecom.values()):
        add_scenes(app, wecom, base, _guarded, _HEADERS)

    async def run(app: web.Application) -> Any:
        async with ClientSession() as session:
            app[_PHONES] = Phones(platform, Pusher(account, url, session))
            yield

    app.cleanup_ctx.append(run)
    stopping = app[_STOPPING] = asyncio.Event()

    async def stop(_: web.Application) -> None:
        stopping.set()

    app.on_shutdown.append(stop)
    add = app.router.add_route
    add("GET", "/simulator", _page)
    add("GET", "/simulator/phones", _guarded(_list))
    add("GET", "/simulator/phones/{name}/messages", _guarded(_show))
    add("POST", "/simulator/phones/{name}/messages", _guarded(_write))
    add("POST", "/simulator/phones/{name}/events", _guarded(_act))
    add("GET", "/simulator/events", _watch)
    add("GET", "/simulator/switches", _guarded(_show_switches))
    add("POST", "/simulator/switches", _guarded(_switch))
    app.router.add_static("/simulator/static", _STATIC)


_Handler = Callable[[web.Request], Awaitable[web.Response]]


def _guarded(handler: _Handler) -> _Handler:
    """What was asked and makes no sense is a 400 with a sentence; other sites' pages are refused."""

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return web.json_response({"error": "别的网站不能用模拟手机"}, status=403)
        try:
            response = await handler(request)
        except UnknownAction as error:
            response = _json({"error": str(error)}, 400)
        response.headers.update(_HEADERS)
        return response

    return answer


async def _page(_: web.Request) -> web.Response:
    text = (_STATIC / "simulator.html").read_text(encoding="utf-8")
    return web.Response(text=text, content_type="text/html", headers=_HEADERS)


async def _list(request: web.Request) -> web.Response:
    phones = request.app[_PHONES].phones.values()
    return _json(
        [{"name": one.name, "title": one.title, "openid": one.openid, "follows": one.follows} for one in phones]
    )


async def _show(request: web.Request) -> web.Response:
    phone = request.app[_PHONES].show(request.match_info["name"])
    after = request.query.get("after", "0")
    return _json(_bubbles(phone, int(after) if after.isdigit() else 0))


async def _write(request: web.Request) -> web.Response:
    return _json(await request.app[_PHONES].write(request.match_info["name"], await _asked(request)))


async def _act(request: web.Request) -> web.Response:
    return _json(await request.app[_PHONES].act(request.match_info["name"], await _asked(request)))


async def _show_switches(request: web.Request) -> web.Response:
    phones = request.app[_PHONES]
    mood = phones.platform.mood
    return _json(
        {
            "errcode": mood.errcode,
            "times": mood.times,
            "delay_seconds": mood.delay_seconds,
            "cut": mood.cut,
            "mode": phones.mode,
        }
    )


async def _switch(request: web.Request) -> web.Response:
    """Let WeChat's API misbehave: {errcode, times, delay_seconds, cut, mode, spoil_tokens}."""
    phones, asked = request.app[_PHONES], await _asked(request)
    try:
        mood = Mood(
            errcode=int(asked.get("errcode") or 0),
            times=int(asked.get("times") or 0),
            delay_seconds=min(float(asked.get("delay_seconds") or 0), 30.0),
            cut=bool(asked.get("cut")),
        )
    except (TypeError, ValueError):
        raise UnknownAction("errcode、times、delay_seconds 要填数字") from None
    mode = str(asked.get("mode") or "")
    if mode not in _MODES:
        raise UnknownAction("mode 可以是 plain、compat、safe，或空着按设置")
    phones.platform.mood, phones.mode = mood, mode
    if asked.get("spoil_tokens"):
        phones.platform.spoil_tokens()
    return await _show_switches(request)


async def _watch(request: web.Request) -> web.StreamResponse:
    """Server-sent events: the version whenever any phone shows something new."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    phones, stopping, version = request.app[_PHONES], request.app[_STOPPING], -1
    try:
        while not stopping.is_set():
            current = await phones.changed(version, 1.0)
            if current != version:
                await response.write(f"data: {current}\n\n".encode())
                version = current
    except ConnectionError:
        pass
    return response


def _bubbles(phone: Phone, after: int) -> list[dict[str, Any]]:
    return [
        {
            "id": one.number,
            "from": one.side,
            "kind": one.kind,
            "text": one.text,
            "at": one.at,
            "via": one.via,
        }
        for one in phone.bubbles
        if one.number > after
    ]


async def _asked(request: web.Request) -> dict[str, Any]:
    try:
        value = await request.json()
    except ValueError:
        raise UnknownAction("需要 JSON") from None
    if not isinstance(value, dict):
        raise UnknownAction("需要一个 JSON 对象")
    return value


def _json(value: Any, status: int = 200) -> web.Response:
    return web.json_response(value, status=status, dumps=lambda one: json.dumps(one, ensure_ascii=False))
