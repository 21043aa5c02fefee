"""/n/{code}: a short address of our own that leads to the one address stored for it, and counts.

It counts and keeps nothing else: no cookie, no address, no time, so that nobody can tell who opened it. The answer is
never stored, and the page it leads to does not learn where she came from.
"""

import logging
import re

from aiohttp import web

from bot.errors import NotFound, StorageUnavailable
from storage.database import Database
from storage.repositories import spreading

log = logging.getLogger(__name__)

_CODE = re.compile(r"[A-Za-z0-9_-]{8}")
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


def add_short_links(app: web.Application, database: Database) -> None:
    """Mount the address."""

    async def follow(request: web.Request) -> web.Response:
        code = request.match_info["code"]
        # Whoever only looks ahead (HEAD, a browser that loads before she taps) has not opened it.
        ahead = "prefetch" in request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
        try:
            if not _CODE.fullmatch(code):
                raise NotFound
            async with database.transaction() as tx:
                target = await spreading.follow_link(tx, code, count=request.method == "GET" and not ahead)
        except NotFound:
            return web.Response(status=404, headers=_HEADERS, text="404\n")
        except StorageUnavailable:
            return web.Response(status=503, headers=_HEADERS | {"Retry-After": "5"}, text="503\n")
        return web.Response(status=302, headers=_HEADERS | {"Location": target})

    app.router.add_get("/n/{code}", follow)
