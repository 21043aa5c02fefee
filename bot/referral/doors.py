"""What every address of the room shares: headers, where a form comes from, cookies, what errors look like."""

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web
from yarl import URL

from bot import clock
from bot.config import Settings
from bot.errors import NotFound, StaleConversation, StorageUnavailable, WrongState
from bot.pace import Pace
from storage.database import Database

log = logging.getLogger(__name__)

#: Kept by the browser that opened the link, and kept by it until it is closed.
BROWSER, VISIT = "niangjia_unit", "niangjia_unit_visit"
_HERE = Path(__file__).parent
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,64}")
_MOST_BYTES = 16 * 1024
_HEADERS = {
    "Cache-Control": "no-store",
    "Pragma": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
}


@dataclass(frozen=True, slots=True)
class ReferralHouse:
    """What the room works with."""

    settings: Settings
    database: Database
    trying: Pace = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trying", Pace(self.settings.referral.tries_per_minute))

    def address_of(self, request: web.Request) -> str:
        """Where a request comes from; X-Forwarded-For counts only from trusted proxies."""
        remote = request.remote or ""
        if remote in self.settings.security.trusted_proxies:
            return request.headers.get("X-Forwarded-For", "").split(",")[-1].strip() or remote
        return remote


Handler = Callable[[ReferralHouse, web.Request], Awaitable[web.Response]]


def door(house: ReferralHouse, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    """`handler` behind the room's headers; what a link that shows nothing looks like is always the same."""

    async def enter(request: web.Request) -> web.Response:
        try:
            if request.method == "POST":
                _check_origin(request)
            response = await handler(house, request)
        except NotFound:
            response = page(house, "gone.html", status=404)
        except (WrongState, StaleConversation):
            response = page(house, "said.html", status=409, said="again")
        except StorageUnavailable:
            response = page(house, "said.html", status=503, said="later")
        except web.HTTPRequestEntityTooLarge:
            response = page(house, "said.html", status=413, said="too_long")
        except web.HTTPException:
            raise
        except Exception as error:
            # No traceback: it may quote what is shared.
            log.error("referral.failed", extra={"error": type(error).__name__})
            response = page(house, "said.html", status=500, said="later")
        response.headers.update(_HEADERS)
        return response

    return enter


def token_of(request: web.Request) -> str:
    """The token in the address. Raises NotFound for what cannot be one."""
    token = request.match_info["token"]
    if not _TOKEN.fullmatch(token):
        raise NotFound
    return token


async def read_form(request: web.Request) -> dict[str, str]:
    """What was posted. Raises HTTPRequestEntityTooLarge."""
    if (request.content_length or 0) > _MOST_BYTES:
        raise web.HTTPRequestEntityTooLarge(_MOST_BYTES, request.content_length or 0)
    posted = await request.post()
    return {name: value for name, value in posted.items() if isinstance(value, str)}


def keep(house: ReferralHouse, response: web.Response, token: str, browser: str, visit: str, until: datetime) -> None:
    """Let the browser remember that it has opened this link: for its lifetime, and for this visit."""
    secure = house.settings.security.secure_cookies
    seconds = max(0, int((until - clock.now()).total_seconds()))
    place = f"/referral/{token}"
    response.set_cookie(BROWSER, browser, path=place, max_age=seconds, httponly=True, secure=secure, samesite="Lax")
    response.set_cookie(VISIT, visit, path=place, httponly=True, secure=secure, samesite="Lax")


def page(house: ReferralHouse, template: str, *, status: int = 200, **values: Any) -> web.Response:
    """A rendered page."""
    service = house.settings.service
    values |= {"house_name": service.name, "hotline": service.hotline, "zone": service.timezone, "local": clock.local}
    return web.Response(
        text=_environment().get_template(template).render(values), status=status, content_type="text/html"
    )


def _check_origin(request: web.Request) -> None:
    """A form of another site is refused; the cookies would not come along with it anyway (SameSite)."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise NotFound
    origin = request.headers.get("Origin")
    if origin and origin != "null" and URL(origin).authority != request.host:
        raise NotFound


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
