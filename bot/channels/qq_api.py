"""QQ's API for an official bot: its token, messages to a person or a group.

Source: protocols §6 (QQ-api-use.md, QQ-send.md, error-trace/openapi.md). The same message id and number are taken
once: sent again they give 40054005, so a send whose answer was lost is repeated, and that answer means it arrived.
"""

import hashlib
import logging
from typing import Any

from aiohttp import ClientSession

from bot.channels.http import JSON_HEADERS, as_json, post_raw
from bot.channels.tokens import Tokens
from bot.errors import RecipientGone, Rejected, SendError, Throttled, Undecided, Unreachable, WindowClosed

log = logging.getLogger(__name__)

#: A new token is given out in the last minute of the old one only; both live until then.
_EARLY_SECONDS = 45
_SHORTEST_SECONDS = 10
_REPEATED = 40054005
_AUDITED = "QQ 正在审核这条消息，不知道会不会送达，请稍后问她是否收到"
_TOKEN_CODES = frozenset({11241, 11243, 11244})

#: What each code means: kind of error, whether trying again may help, after how many seconds, words for staff.
_ERRORS: dict[int, tuple[type[SendError], bool, float | None, str]] = {
    11241: (Rejected, True, 60, "QQ 令牌无效，请管理员检查 app_id 和 secret"),
    11243: (Rejected, True, 60, "QQ 令牌无效，请管理员检查 app_id 和 secret"),
    11244: (Rejected, True, 60, "QQ 令牌过期，稍后自动重试"),
    22009: (Throttled, True, 60, "发送太频繁，QQ 让等一等，稍后自动重试"),
    304003: (Rejected, False, None, "消息里的网址没有在 QQ 开放平台登记，请管理员登记，或去掉网址重发"),
    304023: (Undecided, False, None, _AUDITED),
    304024: (Undecided, False, None, _AUDITED),
    304026: (WindowClosed, False, None, "QQ 不认要回复的那条消息，等她再来消息才能发"),
    304027: (WindowClosed, False, None, "超过了 QQ 允许回复的时间，等她再来消息才能发"),
    40034024: (WindowClosed, False, None, "超过了 QQ 允许回复的时间，等她再来消息才能发"),
    40034025: (WindowClosed, False, None, "这条消息能回的次数用完了，等她再来消息才能发"),
    40034102: (WindowClosed, False, None, "QQ 不让主动发消息，等她再来消息才能发"),
    40054003: (RecipientGone, False, None, "她不是机器人的好友或已离群，收不到消息，请换别的方式联系"),
}


class QQAPI:
    """The API of one bot. Secrets and openids never reach a log or an error's text."""

    def __init__(self, *, base: str, token_base: str, app_id: str, secret: str, tokens: Tokens) -> None:
        self._base = base.rstrip("/")
        self._token_url = token_base.rstrip("/") + "/app/getAppAccessToken"
        self._app_id = app_id
        self._secret = secret
        self._tokens = tokens
        # The secret is part of the name, so that a new secret never meets an old token.
        self._token_name = hashlib.sha256(f"{self._token_url}\0{app_id}\0{secret}".encode()).hexdigest()[:24]

    async def send(self, session: ClientSession, path: str, body: dict[str, Any]) -> str:
        """POST a message to `path`; the platform's id of it, empty when it had it already. Raises SendError kinds."""
        token = await self._token(session)
        status, answer = await self._post(session, path, body, token)
        if status == 401 or _code(answer) in _TOKEN_CODES:
            status, answer = await self._post(session, path, body, await self._renewed(session, token))
        code = _code(answer)
        if code == _REPEATED:
            log.info("qq.sent_before")
            return ""
        if status == 200 and not code:
            return str(answer.get("id", ""))
        log.warning("qq.refused", extra={"status": status, "errcode": code})
        raise _error(status, code)

    async def _post(
        self, session: ClientSession, path: str, body: dict[str, Any], token: str
    ) -> tuple[int, dict[str, Any]]:
        headers = JSON_HEADERS | {"Authorization": f"QQBot {token}", "X-Union-Appid": self._app_id}
        return await post_raw(session, self._base + path, as_json(body), headers=headers)

    async def _token(self, session: ClientSession) -> str:
        return await self._tokens.get(self._token_name) or await self._renewed(session, "")

    async def _renewed(self, session: ClientSession, failed: str) -> str:
        """A token other than `failed`: the one another process fetched meanwhile, or a new one."""
        async with self._tokens.lock(self._token_name):
            current = await self._tokens.get(self._token_name)
            if current and current != failed:
                return current
            body = as_json({"appId": self._app_id, "clientSecret": self._secret})
            try:
                status, answer = await post_raw(session, self._token_url, body, headers=JSON_HEADERS)
            except Unreachable as error:
                # Whatever became of the token call, her message was not sent.
                raise Unreachable("暂时取不到 QQ 令牌，稍后自动重试", code=error.code, known_unsent=True) from None
            token, seconds = answer.get("access_token"), _seconds(answer.get("expires_in"))
            if not isinstance(token, str) or not token or seconds is None:
                log.warning("qq.no_token", extra={"status": status, "errcode": _code(answer)})
                if status == 429:
                    raise Throttled("QQ 让等一等再取令牌，稍后自动重试", code="http_429", retry_after=60)
                raise Rejected("取不到 QQ 令牌，请管理员检查 app_id 和 secret", code="no_token", retryable=True)
            await self._tokens.put(self._token_name, token, max(seconds - _EARLY_SECONDS, _SHORTEST_SECONDS))
            return token


def _error(status: int, code: int) -> SendError:
    """The error for an answer that is no plain success; an unknown one is refused for good, and said so."""
    if code in _ERRORS:
        kind, retryable, after, sentence = _ERRORS[code]
        return kind(sentence, code=str(code), retryable=retryable, retry_after=after)
    if status == 429:
        return Throttled("发送太频繁，QQ 让等一等，稍后自动重试", code="http_429", retry_after=60)
    if status == 401:
        return Rejected("QQ 不认令牌，请管理员检查 app_id 和 secret", code="http_401", retryable=True, retry_after=60)
    if status in (201, 202):
        return Undecided(_AUDITED, code=f"http_{status}")
    return Rejected(f"QQ 拒绝了这条消息（错误码 {code or status}），请把错误码告诉管理员", code=str(code or status))


def _code(answer: dict[str, Any]) -> int:
    """The platform's code, 0 when there is none: it stands in `code` or, newer, in `err_code`."""
    for name in ("err_code", "code"):
        value = answer.get(name)
        if isinstance(value, int) and value:
            return value
    return 0


def _seconds(value: Any) -> int | None:
    """`expires_in` comes as text ("7200"), once as a number."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None
