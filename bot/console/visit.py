"""One request of a member of staff: who she is, what she may do, and how she is answered (page or JSON).

Rights are denied by default: a page is reachable only by the roles its line in PAGES names. Every request that
changes something must come from our own page: its CSRF token is compared, and what a browser says of its origin.
"""

import hmac
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web
from yarl import URL

from bot import clock
from bot.config import Settings
from bot.console import access, words
from bot.console.uploads import TooLarge, Upload, read_parts
from bot.errors import NotFound, StaleConversation, StorageUnavailable, WrongState
from bot.gate import REASONS
from bot.learning import Trainer
from bot.plan import Channels
from nlp.retrieval import Library
from storage.database import Database
from storage.models import new_id
from storage.repositories import audit, inbox, staff
from storage.repositories.inbox import Sight
from storage.repositories.staff import SessionView, StaffView

log = logging.getLogger(__name__)

COOKIE = "niangjia_staff"
#: Seeing somebody at work is written down this often, not for every request.
_TOUCH = timedelta(minutes=1)
MAX_FORM = 256 * 1024
_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; object-src 'none';"
        " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class ConsoleHouse:
    """What console pages work with."""

    database: Database
    settings: Settings
    redis_is_up: Callable[[], bool]
    channels: Channels
    library: Library
    trainer: Trainer


class BadForm(Exception):
    """What was typed cannot be used: sentences by field, in Chinese."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = dict(problems)


class Forbidden(Exception):
    """Signed in, but not allowed."""


@dataclass(slots=True)
class Visit:
    """One request and everything a page needs to answer it."""

    request: web.Request
    house: ConsoleHouse
    session: SessionView | None = None
    form: dict[str, str] = field(default_factory=dict)
    sight: Sight | None = None
    uploads: dict[str, Upload] = field(default_factory=dict)

    @property
    def me(self) -> StaffView:
        """Who is signed in. Raises Forbidden when nobody is."""
        if self.session is None:
            raise Forbidden
        return self.session.staff

    @property
    def wants_json(self) -> bool:
        """Whether a program asks."""
        return "application/json" in self.request.headers.get("Accept", "")

    @property
    def address(self) -> str:
        """Where the request comes from; X-Forwarded-For counts only from trusted proxies."""
        remote = self.request.remote or ""
        if remote in self.house.settings.security.trusted_proxies:
            forwarded = self.request.headers.get("X-Forwarded-For", "").split(",")[-1].strip()
            return forwarded or remote
        return remote

    @property
    def zone(self) -> str:
        """The county's time zone."""
        return self.house.settings.service.timezone

    def part(self, name: str) -> str:
        """A part of the address, such as a conversation's id."""
        return self.request.match_info[name]

    async def scope(self, tx: Any, *, fresh: bool = False) -> Sight:
        """What she may see, read once a request; `fresh`: once more, for what stays open longer."""
        if self.sight is None or fresh:
            me = self.me
            self.sight = await inbox.look(tx, me.id, me.role, me.area_id, clock.now())
        return self.sight

    async def record(self, tx: Any, action: str, subject: str, reason: str = "") -> None:
        """An entry in the audit log, in the same transaction as what it records."""
        await audit.append(
            tx,
            staff_id=self.me.id,
            action=action,
            subject=subject,
            reason=reason,
            address=self.address,
            now=clock.now(),
        )

    def page(self, template: str, *, status: int = 200, **values: Any) -> web.Response:
        """A rendered template."""
        values |= {
            "me": self.session.staff if self.session else None,
            "may": partial(access.may, self.session.staff.role if self.session else ""),
            "csrf": self.session.csrf if self.session else "",
            "lock_seconds": self.house.settings.security.lock_minutes * 60,
            "words": words,
            "gate_reasons": REASONS,
            "zone": self.zone,
            "now": clock.now(),
            "redis_is_up": self.house.redis_is_up(),
            "development": self.house.settings.development,
            "house_name": self.house.settings.service.name,
            "path": self.request.path,
        }
        body = render(template, **values)
        return web.Response(text=body, status=status, content_type="text/html")

    def json(self, value: Any, status: int = 200) -> web.Response:
        """A JSON answer."""
        return web.json_response(value, status=status, dumps=lambda one: json.dumps(one, ensure_ascii=False))

    def go(self, path: str) -> web.Response:
        """To another page after something was done."""
        return web.Response(status=303, headers={"Location": str(URL(path))})

    def done(self, value: Any, path: str) -> web.Response:
        """After something was done: a program gets `value`, a browser goes to `path`."""
        return self.json(value) if self.wants_json else self.go(path)


Handler = Callable[[Visit], Awaitable[web.StreamResponse]]
#: Raises NotFound when the address names something she may not see.
Check = Callable[[Visit], Awaitable[None]]


def door(
    house: ConsoleHouse,
    handler: Handler,
    roles: frozenset[str] | None,
    check: Check,
    *,
    while_locked: bool = False,
    most_bytes: int = MAX_FORM,
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The request handler behind a page: who is it, may she, was it her own page that asked, is it hers to see."""

    async def enter(request: web.Request) -> web.StreamResponse:
        visit = Visit(request, house)
        try:
            response = await _enter(visit, handler, roles, check, while_locked=while_locked, most_bytes=most_bytes)
        except StorageUnavailable:
            response = _refuse(visit, 503, "数据库暂时连不上，请稍后再试；刚才的操作没有保存。")
        except NotFound:
            response = _refuse(visit, 404, "没有找到，或者你没有权限看。")
        except (StaleConversation, WrongState) as error:
            response = _refuse(visit, 409, str(error))
        except Forbidden:
            response = _refuse(visit, 403, "你的岗位不能做这件事。需要的话请找管理员。")
        except BadForm as error:
            response = _refuse(visit, 400, "；".join(error.problems.values()), error.problems)
        except (web.HTTPException, ConnectionResetError):
            raise
        except Exception:
            number = new_id()
            log.exception("console.failed", extra={"request": number})
            response = _refuse(visit, 500, f"程序出了问题，没有保存。请把这个编号告诉管理员：{number}")
        if not response.prepared:
            response.headers.update(_SECURITY_HEADERS)
        return response

    return enter


async def _enter(
    visit: Visit,
    handler: Handler,
    roles: frozenset[str] | None,
    check: Check,
    *,
    while_locked: bool,
    most_bytes: int,
) -> web.StreamResponse:
    if visit.request.method == "POST":
        _check_origin(visit)
    visit.session = await find_session(visit)
    if visit.request.method == "POST":
        # Only who is signed in may make us read more than a form.
        await _read_post(visit, MAX_FORM if visit.session is None else most_bytes)
    if roles is not None:
        if visit.session is None:
            if visit.wants_json or visit.request.method != "GET":
                return _refuse(visit, 401, "请先登录。")
            return visit.go("/console/sign-in")
        if visit.session.staff.role not in roles:
            raise Forbidden
        if visit.request.method == "POST":
            given = visit.request.headers.get("X-CSRF-Token") or visit.form.get("csrf", "")
            if not hmac.compare_digest(given.encode(), visit.session.csrf.encode()):
                return _refuse(visit, 403, "页面太久没有刷新，请刷新后再试。")
        if not while_locked and is_locked(visit):
            return _locked(visit)
        await check(visit)
    return await handler(visit)


def is_locked(visit: Visit) -> bool:
    """Whether her screen is locked: she locked it, or nobody has done anything for too long."""
    if visit.session is None:
        return False
    idle = timedelta(minutes=visit.house.settings.security.lock_minutes)
    # Being seen at work is written down once a minute, and the page locks itself first.
    return visit.session.locked_at is not None or clock.now() - visit.session.used_at > idle + _TOUCH


def _locked(visit: Visit) -> web.Response:
    if visit.wants_json or "part" in visit.request.query:
        return visit.json({"error": "屏幕已锁，请先输入密码。"}, 423)
    back = visit.request.path_qs if visit.request.method == "GET" else "/console"
    return visit.page("lock.html", status=423, back=back, problem="")


def _check_origin(visit: Visit) -> None:
    """Browsers say where a form comes from; another site's is refused even before the token is looked at."""
    headers = visit.request.headers
    if headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden
    origin = headers.get("Origin")
    if origin and origin != "null" and URL(origin).authority != visit.request.host:
        raise Forbidden


async def _read_post(visit: Visit, most_bytes: int) -> None:
    if most_bytes == MAX_FORM or not visit.request.content_type.startswith("multipart/"):
        visit.form = await _read_form(visit.request)
        return
    try:
        visit.form, visit.uploads = await read_parts(visit.request, most_bytes)
    except TooLarge:
        raise BadForm({"": f"文件太大，最多 {most_bytes // 2**20} MB"}) from None
    except ValueError:
        raise BadForm({"": "没有收完整，请再传一次"}) from None


async def _read_form(request: web.Request) -> dict[str, str]:
    """What was posted, as texts, whether as a form or as JSON. Raises BadForm."""
    if (request.content_length or 0) > MAX_FORM:
        raise BadForm({"": "内容太长"})
    if request.content_type == "application/json":
        try:
            given = await request.json()
        except (ValueError, UnicodeDecodeError):
            raise BadForm({"": "不是有效的 JSON"}) from None
        if not isinstance(given, dict):
            raise BadForm({"": "需要一个 JSON 对象"})
        return {str(name): "" if value is None else str(value) for name, value in given.items()}
    posted = await request.post()
    return {name: value for name, value in posted.items() if isinstance(value, str)}


async def find_session(visit: Visit) -> SessionView | None:
    token = visit.request.cookies.get(COOKIE, "")
    if not token:
        return None
    now = clock.now()
    idle = timedelta(minutes=visit.house.settings.security.session_idle_minutes)
    async with visit.house.database.reading() as tx:
        session = await staff.find_session(tx, token, now, idle)
    if session is None:
        return None
    visit.session = session
    used = _is_done_by_somebody(visit.request) and not is_locked(visit)
    if now - session.seen_at > _TOUCH or (used and now - session.used_at > _TOUCH):
        async with visit.house.database.transaction() as tx:
            await staff.touch_session(tx, session.id, now, used=used)
    return session


def _is_done_by_somebody(request: web.Request) -> bool:
    """A page that renews itself, or waits for alarms, does not keep the screen open."""
    return not (request.path.endswith(("/events", "/alarms/state", "/lock", "/unlock")) or "part" in request.query)


def _refuse(visit: Visit, status: int, sentence: str, problems: Mapping[str, str] | None = None) -> web.Response:
    if visit.wants_json:
        value: dict[str, Any] = {"error": sentence}
        if problems:
            value["fields"] = dict(problems)
        return visit.json(value, status)
    return visit.page("refused.html", status=status, sentence=sentence, status_code=status)


def render(template: str, **values: Any) -> str:
    """A template as text."""
    return (
        _environment()
        .get_template(template)
        .render({name: _Blank(value) if type(value) is dict else value for name, value in values.items()})
    )


class _Blank(dict[str, Any]):
    """A form or a count in a template: what is not there is empty."""

    def __missing__(self, key: str) -> str:
        return ""


_cached: list[jinja2.Environment] = []


def _environment() -> jinja2.Environment:
    if not _cached:
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(words.FILTERS)
        _cached.append(environment)
    return _cached[0]
