"""The page itself: one template, one style sheet, one script, all our own."""

import re
from functools import cache
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, Template

from bot import duty
from bot.chat.doors import ChatHouse

_HERE = Path(__file__).parent
_TYPES = {"room.css": "text/css", "room.js": "text/javascript", "icon.svg": "image/svg+xml"}
_SCENE = re.compile(r"[A-Za-z0-9_-]{1,32}")


async def show(house: ChatHouse, request: web.Request) -> web.Response:
    """The page; `s` is the scene of the link or QR code she came by."""
    scene = request.query.get("s", "")
    rules, service = house.channel.settings, house.settings.service
    text = _template().render(
        service=service,
        duty_hours=duty.hours_in_words(service),
        exit_url=rules.exit_url,
        scene=scene if _SCENE.fullmatch(scene) else "",
        photo_bytes=int(rules.photo_megabytes * 1024 * 1024),
        voice_bytes=int(rules.voice_megabytes * 1024 * 1024),
    )
    return web.Response(text=text, content_type="text/html")


async def show_file(house: ChatHouse, request: web.Request) -> web.Response:
    """The style sheet, the script or the icon."""
    name = request.match_info["name"]
    if name not in _TYPES:
        raise web.HTTPNotFound
    text = (_HERE / "static" / name).read_text(encoding="utf-8")
    return web.Response(text=text, content_type=_TYPES[name], charset="utf-8")


@cache
def _template() -> Template:
    place = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True, trim_blocks=True)
    return place.get_template("room.html")
