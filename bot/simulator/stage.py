"""The addresses of WeCom's scenes: their page, what is said in them, and WeCom's API under /simulator/wecom."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web

from bot.simulator.phones import UnknownAction
from bot.simulator.scenes import Scenes, make_platform

_STATIC = Path(__file__).parent / "static"
_SCENES: web.AppKey[Scenes] = web.AppKey("simulator_scenes", Scenes)
_STOPPING: web.AppKey[asyncio.Event] = web.AppKey("simulator_scenes_stopping", asyncio.Event)

_Guard = Callable[[Callable[[web.Request], Awaitable[web.Response]]], Any]


def add_scenes(
    app: web.Application, channels: Mapping[str, Mapping[str, Any]], base: str, guarded: _Guard, headers: Any
) -> None:
    """Mount /simulator/scenes; `guarded` refuses other sites' pages, `headers` go with the page."""
    platform = make_platform(channels)
    platform.add_routes(app, "/simulator/wecom")

    async def run(app: web.Application) -> Any:
        async with ClientSession() as session:
            app[_SCENES] = Scenes(channels, base, session)
            app[_SCENES].attach(platform)
            yield

    app.cleanup_ctx.append(run)
    stopping = app[_STOPPING] = asyncio.Event()

    async def stop(_: web.Application) -> None:
        stopping.set()

    async def page(_: web.Request) -> web.Response:
        text = (_STATIC / "scenes.html").read_text(encoding="utf-8")
        return web.Response(text=text, content_type="text/html", headers=headers)

    app.on_shutdown.append(stop)
    add = app.router.add_route
    add("GET", "/simulator/wecom", page)
    add("GET", "/simulator/scenes", guarded(_list))
    add("GET", "/simulator/scenes/events", _watch)
    add("GET", "/simulator/scenes/{name}/messages", guarded(_show))
    add("POST", "/simulator/scenes/{name}/messages", guarded(_write))


async def _list(request: web.Request) -> web.Response:
    scenes = request.app[_SCENES].scenes.values()
    return _json([{"name": one.name, "title": one.title, "people": dict(one.people)} for one in scenes])


async def _show(request: web.Request) -> web.Response:
    scene = request.app[_SCENES].show(request.match_info["name"])
    return _json(
        [
            {"id": one.number, "from": one.side, "text": one.text, "at": one.at, "via": one.via}
            for one in scene.bubbles
        ]
    )


async def _write(request: web.Request) -> web.Response:
    try:
        asked = await request.json()
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise UnknownAction("需要一个 JSON 对象")
    return _json(await request.app[_SCENES].write(request.match_info["name"], asked))


async def _watch(request: web.Request) -> web.StreamResponse:
    """Server-sent events: the version whenever anything new is said."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    scenes, stopping, version = request.app[_SCENES], request.app[_STOPPING], -1
    try:
        while not stopping.is_set():
            current = await scenes.changed(version, 1.0)
            if current != version:
                await response.write(f"data: {current}\n\n".encode())
                version = current
    except ConnectionError:
        pass
    return response


def _json(value: Any) -> web.Response:
    return web.json_response(value, dumps=lambda one: json.dumps(one, ensure_ascii=False))
