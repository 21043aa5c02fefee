"""WeCom's API for one secret of one enterprise: gettoken shared by all processes, calls, files.

Source: protocols §2–§3. Asking for a token again gives the same one while it lives, so nobody's is spoiled; an
expired one is fetched anew once and the call is tried once more.
"""

import hashlib
import json
import logging
from typing import Any

from aiohttp import ClientSession

from bot.channels.http import get_bytes, get_json, post_json
from bot.channels.tokens import Tokens
from bot.errors import RecipientGone, Rejected, SendError, Throttled, Unreachable, WindowClosed

log = logging.getLogger(__name__)

_TOKEN_ERRORS = frozenset({40014, 42001, 40001})
_EARLY_SECONDS = 120
_SHORTEST_SECONDS = 30

#: What each code means: kind of error, whether trying again may help, after how many seconds, words for staff.
_ERRORS: dict[int, tuple[type[SendError], bool, float | None, str]] = {
    -1: (Throttled, True, 5, "企业微信系统繁忙，稍后自动重试"),
    40001: (Rejected, True, 60, "企业微信密钥无效，请管理员检查 secret"),
    40013: (Rejected, False, None, "企业 ID 不对，请管理员检查 corp_id"),
    40014: (Rejected, True, 60, "企业微信令牌无效，请管理员检查 secret"),
    40056: (Rejected, False, None, "应用编号不对，请管理员检查 agent_id"),
    40058: (Rejected, False, None, "企业微信不收这条消息的格式，请把这条告诉管理员"),
    42001: (Rejected, True, 60, "企业微信令牌过期，稍后自动重试"),
    45002: (Rejected, False, None, "消息太长，企业微信不收，请改短后重发"),
    45009: (Throttled, True, 60, "发送太频繁，一分钟后自动重试"),
    45033: (Throttled, True, 10, "同时发送太多，稍后自动重试"),
    60011: (Rejected, False, None, "应用没有权限给这位成员发消息，请管理员检查可见范围"),
    60020: (Rejected, True, 300, "服务器的 IP 不在企业微信可信 IP 里，请管理员添加"),
    81013: (RecipientGone, False, None, "这位成员不在应用可见范围里或已离职"),
    82001: (RecipientGone, False, None, "这位成员不在应用可见范围里或已离职"),
    95000: (RecipientGone, False, None, "客服账号不存在，请管理员到企业微信检查"),
    95001: (WindowClosed, False, None, "她每来一次消息只能回 5 条、48 小时内有效，等她再来消息才能发"),
    95013: (WindowClosed, False, None, "这个会话已经结束，等她再来消息才能发"),
    95018: (WindowClosed, False, None, "这个会话现在不归机器人接待，企业微信不让发"),
}


class WeComAPI:
    """The API with one secret. Secrets and user ids never reach a log or an error's text."""

    def __init__(self, *, base: str, corp_id: str, secret: str, tokens: Tokens, session: ClientSession) -> None:
        self._base = base.rstrip("/")
        self._corp_id = corp_id
        self._secret = secret
        self._tokens = tokens
        self._session = session
        # The secret is part of the name, so that a new secret never meets an old token.
        self._token_name = hashlib.sha256(f"{self._base}\0{corp_id}\0{secret}".encode()).hexdigest()[:24]

    async def ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST to `path`; the answer whatever its errcode, after one renewal of the token. Raises Unreachable."""
        token = await self._token()
        answer = await self._post(path, body, token)
        if code_of(answer) in _TOKEN_ERRORS:
            answer = await self._post(path, body, await self._renewed(token))
        return answer

    async def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST to `path`; the answer of a call that worked. Raises SendError kinds."""
        answer = await self.ask(path, body)
        code = code_of(answer)
        if code:
            log.warning("wecom.refused", extra={"path": path, "errcode": code})
            raise error_of(code)
        return answer

    async def fetch_media(self, media_id: str) -> tuple[bytes, str]:
        """A temporary file and its content type (kept by the platform for three days). Raises SendError kinds."""
        token = await self._token()
        for last in (False, True):
            content, content_type = await get_bytes(
                self._session,
                f"{self._base}/cgi-bin/media/get",
                params={"access_token": token, "media_id": media_id},
            )
            if content_type not in ("application/json", "text/plain"):
                return content, content_type
            code = code_of(_parse(content))
            if code not in _TOKEN_ERRORS or last:
                raise error_of(code)
            token = await self._renewed(token)
        raise AssertionError("unreachable")  # pragma: no cover

    async def _post(self, path: str, body: dict[str, Any], token: str) -> dict[str, Any]:
        return await post_json(self._session, self._base + path, body, params={"access_token": token})

    async def _token(self) -> str:
        return await self._tokens.get(self._token_name) or await self._renewed("")

    async def _renewed(self, failed: str) -> str:
        """A token other than `failed`: the one another process fetched meanwhile, or a new one."""
        async with self._tokens.lock(self._token_name):
            current = await self._tokens.get(self._token_name)
            if current and current != failed:
                return current
            try:
                answer = await get_json(
                    self._session,
                    self._base + "/cgi-bin/gettoken",
                    params={"corpid": self._corp_id, "corpsecret": self._secret},
                )
            except Unreachable as error:
                # Whatever became of the token call, her message was not sent.
                raise Unreachable(
                    "暂时取不到企业微信令牌，稍后自动重试", code=error.code, known_unsent=True
                ) from None
            token, seconds = answer.get("access_token"), answer.get("expires_in")
            if not isinstance(token, str) or not token or not isinstance(seconds, int):
                code = code_of(answer)
                log.warning("wecom.no_token", extra={"errcode": code})
                raise error_of(code)
            await self._tokens.put(self._token_name, token, max(seconds - _EARLY_SECONDS, _SHORTEST_SECONDS))
            return token


def code_of(answer: dict[str, Any]) -> int:
    """The platform's code; -1 when it is no number."""
    code = answer.get("errcode", 0)
    return code if isinstance(code, int) else -1


def is_known(code: int) -> bool:
    """Whether it is known what a code means."""
    return code in _ERRORS


def error_of(code: int) -> SendError:
    """The error for one of the platform's codes; an unknown one is refused for good, and said so."""
    kind, retryable, after, sentence = _ERRORS.get(
        code, (Rejected, False, None, f"企业微信拒绝了这条消息（错误码 {code}），请把错误码告诉管理员")
    )
    return kind(sentence, code=str(code), retryable=retryable, retry_after=after)


def _parse(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        return {"errcode": -1}
    return value if isinstance(value, dict) else {"errcode": -1}
