"""悄悄话室: the page at /chat, for whoever cannot or will not write under a name.

The page holds its token in a variable and nothing anywhere else; every answer says `no-store`. What it posts goes
down the same straight line as a message from any platform, and what is said to it is read from the outbox.
"""

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.chat import live, page, talk
from bot.chat.doors import ChatHouse, door
from bot.chat.start import choose_word, leave, start

__all__ = ["ChatHouse", "add_chat"]

_STATIC = Path(__file__).parent / "static"


def add_chat(app: web.Application, house: ChatHouse) -> None:
    """Mount the page and what it asks for."""
    add = app.router.add_route
    add("GET", "/chat", door(house, page.show))
    add("GET", "/chat/static/{name}", door(house, page.show_file))
    add("POST", "/chat/start", door(house, start))
    add("POST", "/chat/word", door(house, choose_word))
    add("POST", "/chat/leave", door(house, leave))
    add("GET", "/chat/messages", door(house, talk.read))
    add("POST", "/chat/messages", door(house, talk.write))
    add("POST", "/chat/files", door(house, talk.send_file))
    watch = live.Watch(house.database)
    add("GET", "/chat/live", live.open_line(house, watch))

    async def run(_: web.Application) -> Any:
        runner = asyncio.create_task(watch.run(), name="chat.watch")
        yield
        runner.cancel()

    app.cleanup_ctx.append(run)
    app.on_shutdown.append(watch.hang_up)
