"""The side of WeCom that we call: token, messages to members, 客服 with its list and its states, group robots.

It keeps what the platform keeps: a list per 客服 account that is read from a cursor on, a msgid that is taken once,
five messages for each of hers within 48 hours, states in which nothing may be sent. Source: protocols §2–§4.
"""

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.simulator.wecom_push import new_id

_WINDOW_SECONDS, _WINDOW_COUNT = 48 * 3600, 5
_WELCOME_SECONDS = 20
_MAX_TEXT = 2048
#: Who heard what: channel, user (or group robot's key), text.
Heard = Callable[[str, str, str], Awaitable[None]]


@dataclass(slots=True)
class Talk:
    """What WeCom knows of one customer's talk with one 客服 account."""

    state: int = 0
    opened_at: float = 0.0
    used: int = _WINDOW_COUNT
    welcome_code: str = ""
    welcomed_at: float = 0.0


@dataclass(slots=True)
class FakeWeCom:
    """One enterprise. `heard(channel, who, text)` is told of every accepted text."""

    corp_id: str
    secrets: frozenset[str]
    heard: Heard | None = None
    #: Items of each 客服 account's list, in order.
    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    talks: dict[tuple[str, str], Talk] = field(default_factory=dict)
    #: Every text that was taken: channel, who, text, msgid.
    accepted: list[tuple[str, str, str, str]] = field(default_factory=list)
    members: frozenset[str] | None = None
    page: int = 100
    #: Answers that come first, by path: a code.
    refusals: dict[str, list[int]] = field(default_factory=dict)
    #: Called with each path before it is answered, and again ("done") after: tests stop the world there.
    on_call: Callable[[str], None] = lambda path: None
    clock: Callable[[], float] = time.time
    media: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    _tokens: set[str] = field(default_factory=set)
    _taken: set[tuple[str, str]] = field(default_factory=set)

    def add_routes(self, app: web.Application, prefix: str = "") -> None:
        """Answer under `prefix`/cgi-bin/…"""
        for path, handler in (
            ("/cgi-bin/gettoken", self._token),
            ("/cgi-bin/message/send", self._send),
            ("/cgi-bin/kf/account/list", self._accounts),
            ("/cgi-bin/kf/sync_msg", self._sync),
            ("/cgi-bin/kf/send_msg", self._kf_send),
            ("/cgi-bin/kf/send_msg_on_event", self._kf_welcome),
            ("/cgi-bin/kf/service_state/get", self._state),
            ("/cgi-bin/kf/service_state/trans", self._trans),
            ("/cgi-bin/webhook/send", self._robot),
        ):
            app.router.add_route("*", prefix + path, self._door(path, handler))
        app.router.add_get(f"{prefix}/cgi-bin/media/get", self._media)

    def says(self, account: str, user: str, text: str, **changes: Any) -> dict[str, Any]:
        """A customer writes: an item more in the list; five messages may answer it."""
        return self.sends(account, user, "text", {"content": text}, **changes)

    def sends(self, account: str, user: str, kind: str, content: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """A customer sends something of any kind."""
        talk = self.talks.setdefault((account, user), Talk())
        talk.opened_at, talk.used = self.clock(), 0
        if talk.state == 4:
            talk.state = 0
        item = {
            "msgid": new_id(),
            "open_kfid": account,
            "external_userid": user,
            "send_time": int(self.clock()),
            "origin": 3,
            "msgtype": kind,
            kind: content,
        }
        return self._append(account, item | changes)

    def happens(self, account: str, user: str, event: str, **fields: Any) -> dict[str, Any]:
        """The platform reports an event; ids stand inside it."""
        inner = {"event_type": event, "open_kfid": account, "external_userid": user} | fields
        if event == "enter_session":
            talk = self.talks.setdefault((account, user), Talk())
            talk.welcome_code, talk.welcomed_at = secrets.token_hex(12), self.clock()
            inner["welcome_code"] = talk.welcome_code
        item = {"msgid": new_id(), "send_time": int(self.clock()), "origin": 4, "msgtype": "event", "event": inner}
        return self._append(account, item)

    def answers(self, account: str, user: str, member: str, text: str) -> dict[str, Any]:
        """A member answers in the WeCom client: the talk is hers."""
        self.talks.setdefault((account, user), Talk()).state = 3
        item = {
            "msgid": new_id(),
            "open_kfid": account,
            "external_userid": user,
            "send_time": int(self.clock()),
            "origin": 5,
            "servicer_userid": member,
            "msgtype": "text",
            "text": {"content": text},
        }
        return self._append(account, item)

    def spoil_tokens(self) -> None:
        """All tokens given out so far stop working."""
        self._tokens.clear()

    def texts_to(self, who: str) -> list[str]:
        """What one person got, in order."""
        return [text for _, one, text, _ in self.accepted if one == who]

    def _append(self, account: str, item: dict[str, Any]) -> dict[str, Any]:
        self.lists.setdefault(account, []).append(item)
        return item

    def _door(self, path: str, handler: Callable[[web.Request, dict[str, Any]], Awaitable[Any]]) -> Any:
        async def enter(request: web.Request) -> web.Response:
            self.on_call(path)
            body = await _json(request)
            waiting = self.refusals.get(path)
            needs_token = path not in ("/cgi-bin/gettoken", "/cgi-bin/webhook/send")
            if waiting:
                answer: Any = _error(waiting.pop(0))
            elif needs_token and request.query.get("access_token") not in self._tokens:
                answer = _error(40014)
            else:
                answer = await handler(request, body)
            self.on_call(f"{path} done")
            return web.json_response(answer)

        return enter

    async def _token(self, request: web.Request, _: dict[str, Any]) -> dict[str, Any]:
        if request.query.get("corpid") != self.corp_id:
            return _error(40013)
        if request.query.get("corpsecret") not in self.secrets:
            return _error(40001)
        token = next(iter(self._tokens), "") or secrets.token_urlsafe(40)
        self._tokens.add(token)
        return {"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": 7200}

    async def _send(self, _: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        text, user = body["text"]["content"], body["touser"]
        if self.members is not None and user not in self.members:
            return {"errcode": 0, "errmsg": "ok", "invaliduser": user}
        # The platform cuts without a word.
        cut = text.encode()[:_MAX_TEXT].decode(errors="ignore")
        await self._accept("wecom", user, cut, "")
        return {"errcode": 0, "errmsg": "ok", "invaliduser": "", "msgid": new_id()}

    async def _robot(self, request: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        await self._accept("wecom_robot", request.query.get("key", ""), body["text"]["content"], "")
        return {"errcode": 0, "errmsg": "ok"}

    async def _accounts(self, _: web.Request, __: dict[str, Any]) -> dict[str, Any]:
        found = [{"open_kfid": account, "name": "客服"} for account in self.lists]
        return {"errcode": 0, "errmsg": "ok", "account_list": found}

    async def _sync(self, _: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        items = self.lists.get(body.get("open_kfid", ""), [])
        begin = int(str(body.get("cursor") or "c0").removeprefix("c"))
        page = items[begin : begin + min(self.page, body.get("limit", 1000))]
        end = begin + len(page)
        answer = {"next_cursor": f"c{end}", "has_more": int(end < len(items)), "msg_list": page}
        return {"errcode": 0, "errmsg": "ok"} | answer

    async def _kf_send(self, _: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        account, user, number = body["open_kfid"], body["touser"], body.get("msgid") or new_id()
        if (account, number) in self._taken:
            return {"errcode": 95099, "errmsg": "msgid already exist"}
        talk = self.talks.get((account, user))
        if talk is None or talk.state not in (0, 1):
            return _error(95018)
        if self.clock() - talk.opened_at > _WINDOW_SECONDS or talk.used >= _WINDOW_COUNT:
            return _error(95001)
        if len(body["text"]["content"].encode()) > _MAX_TEXT:
            return _error(45002)
        talk.used += 1
        self._taken.add((account, number))
        await self._accept("wecom_kf", user, body["text"]["content"], number)
        return {"errcode": 0, "errmsg": "ok", "msgid": number}

    async def _kf_welcome(self, _: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        for (account, user), talk in self.talks.items():
            if talk.welcome_code and talk.welcome_code == body.get("code"):
                if self.clock() - talk.welcomed_at > _WELCOME_SECONDS:
                    return _error(95007)
                talk.welcome_code = ""
                self._taken.add((account, body["msgid"]))
                await self._accept("wecom_kf", user, body["text"]["content"], body["msgid"])
                return {"errcode": 0, "errmsg": "ok", "msgid": body["msgid"]}
        return _error(95007)

    async def _state(self, _: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        talk = self.talks.get((body["open_kfid"], body["external_userid"]), Talk())
        return {"errcode": 0, "errmsg": "ok", "service_state": talk.state, "servicer_userid": ""}

    async def _trans(self, _: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        talk = self.talks.setdefault((body["open_kfid"], body["external_userid"]), Talk())
        if talk.state == 4:
            return _error(95013)
        talk.state = body["service_state"]
        return {"errcode": 0, "errmsg": "ok", "msg_code": ""}

    async def _media(self, request: web.Request) -> web.Response:
        found = self.media.get(request.query.get("media_id", ""))
        if found is None:
            return web.json_response(_error(40007))
        return web.Response(body=found[0], content_type=found[1])

    async def _accept(self, channel: str, who: str, text: str, number: str) -> None:
        self.accepted.append((channel, who, text, number))
        if self.heard is not None:
            await self.heard(channel, who, text)


def _error(code: int) -> dict[str, Any]:
    return {"errcode": code, "errmsg": "refused"}


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        value = await request.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
