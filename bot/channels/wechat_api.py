"""WeChat's API for an official account: stable_token shared by all processes, customer-service messages, files.

wechatpy's client is synchronous, fetches the old kind of token without a lock or a time limit and retries a
40001 for ever; three thousand sends a second also need an asynchronous one. Sources: protocols §1.6–1.7
(Customer_Service_Messages, api_getstableaccesstoken).
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import ClientSession

from bot.channels.http import get_bytes, post_json
from bot.channels.tokens import Tokens
from bot.errors import RecipientGone, Rejected, SendError, Throttled, Unreachable, WindowClosed

log = logging.getLogger(__name__)

#: The token is wrong or used up: fetch a new one once, try again once.
_TOKEN_ERRORS = frozenset({40001, 42001, 40014})
#: The platform changes tokens five minutes early and both live so long; ours is dropped a little earlier.
_EARLY_SECONDS = 120
_SHORTEST_SECONDS = 30
#: The same mass message was submitted before: the answer holds its id.
_KNOWN_MASS = 45065

#: What each code means: kind of error, whether trying again may help, after how many seconds, words for staff.
_ERRORS: dict[int, tuple[type[SendError], bool, float | None, str]] = {
    -1: (Throttled, True, 5, "微信系统繁忙，稍后自动重试"),
    40001: (Rejected, True, 60, "公众号密钥无效，请管理员检查 app_secret"),
    40014: (Rejected, True, 60, "公众号令牌无效，请管理员检查 app_secret"),
    42001: (Rejected, True, 60, "公众号令牌过期，稍后自动重试"),
    40003: (RecipientGone, False, None, "微信说没有这个用户，她可能已注销，请换别的方式联系"),
    40013: (Rejected, False, None, "AppID 不对，请管理员检查设置"),
    40037: (Rejected, False, None, "模板编号不对，请管理员检查模板"),
    40125: (Rejected, False, None, "app_secret 不对，请管理员检查设置"),
    40164: (Rejected, True, 300, "服务器的 IP 不在公众号白名单里，请管理员到公众平台添加"),
    41030: (Rejected, False, None, "消息里的页面地址不对，请管理员检查"),
    43004: (RecipientGone, False, None, "她没有关注公众号，收不到消息，请换别的方式联系"),
    43101: (Rejected, False, None, "她拒绝接收这类通知"),
    45002: (Rejected, False, None, "消息太长，微信不收，请改短后重发"),
    45009: (Throttled, True, 3600, "今天的接口次数用完了，会自动重试，急事请打电话"),
    45011: (Throttled, True, 60, "发送太频繁，稍后自动重试"),
    45015: (
        WindowClosed,
        False,
        None,
        "超过 48 小时她没有来消息，微信不让发，请等她再来消息或换安全的方式联系",
    ),
    45047: (WindowClosed, False, None, "这一轮的条数用完了（她每来一次消息可回 5 条），等她再来消息才能发"),
    45065: (Rejected, False, None, "这条群发已经提交过，没有重复发送"),
    45066: (Throttled, True, 60, "重试太快，一分钟后自动再试"),
    45067: (Rejected, False, None, "群发编号太长，请告诉管理员"),
    47003: (Rejected, False, None, "通知里的内容不符合模板要求，请修改"),
    48001: (Rejected, False, None, "公众号没有客服消息的权限，请管理员到公众平台开通"),
    48002: (Rejected, False, None, "她关闭了接收公众号消息，请换别的方式联系"),
    50002: (Rejected, False, None, "公众号接口被限制，请管理员到公众平台查看"),
}


class WeChatAPI:
    """The API of one official account. Secrets and openids never reach a log or an error's text."""

    def __init__(self, *, base: str, app_id: str, app_secret: str, tokens: Tokens, session: ClientSession) -> None:
        self._base = base.rstrip("/")
        self._app_id = app_id
        self._app_secret = app_secret
        self._tokens = tokens
        self._session = session
        # The secret is part of the name, so that a new secret never meets an old token.
        self._token_name = hashlib.sha256(f"{self._base}\0{app_id}\0{app_secret}".encode()).hexdigest()[:24]

    async def send_text(self, openid: str, text: str) -> None:
        """Send a customer-service text of at most 2,048 bytes. Raises SendError kinds."""
        await self._call(
            "/cgi-bin/message/custom/send",
            {"touser": openid, "msgtype": "text", "text": {"content": text}},
        )

    async def send_mass(self, openids: Sequence[str], text: str, key: str) -> str:
        """Submit one text to 2–10,000 followers; the platform's id of the job. Raises SendError kinds.

        The platform knows `key` (at most 64 bytes) for a day: a repeat gives back the first job instead of making
        another. The call only queues; the truth comes as MASSSENDJOBFINISH. Source: api_masssend, Batch_Sends.
        """
        body = {"touser": list(openids), "msgtype": "text", "text": {"content": text}, "clientmsgid": key}
        answer = await self._ask("/cgi-bin/message/mass/send", body)
        code = _code(answer)
        if code and code != _KNOWN_MASS:
            log.warning("wechat.refused", extra={"path": "mass/send", "errcode": code})
            raise _error(code)
        return str(answer.get("msg_id", ""))

    async def send_notice(self, openid: str, notice: Mapping[str, Any]) -> str:
        """Send a subscription notice (订阅通知): `template_id`, `fields`, `page`. Raises SendError kinds."""
        body = {
            "touser": openid,
            "template_id": notice.get("template_id", ""),
            "data": {name: {"value": value} for name, value in dict(notice.get("fields", {})).items()},
        }
        if notice.get("page"):
            body["page"] = notice["page"]
        answer = await self._call("/cgi-bin/message/subscribe/bizsend", body)
        return str(answer.get("msgid", ""))

    async def show_typing(self, openid: str) -> None:
        """Show her that somebody is writing. Raises SendError kinds."""
        await self._call("/cgi-bin/message/custom/typing", {"touser": openid, "command": "Typing"})

    async def fetch_media(self, media_id: str) -> tuple[bytes, str]:
        """A temporary file and its content type, from the API's own host only. Raises SendError kinds."""
        token = await self._token()
        for last in (False, True):
            content, content_type = await get_bytes(
                self._session,
                f"{self._base}/cgi-bin/media/get",
                params={"access_token": token, "media_id": media_id},
            )
            if content_type not in ("application/json", "text/plain"):
                return content, content_type
            code = _code(_parse(content))
            if code not in _TOKEN_ERRORS or last:
                raise _error(code)
            token = await self._renewed(token)
        raise AssertionError("unreachable")  # pragma: no cover

    async def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer whatever its errcode, after one renewal of the token."""
        token = await self._token()
        answer = await self._post(path, body, token)
        if _code(answer) in _TOKEN_ERRORS:
            answer = await self._post(path, body, await self._renewed(token))
        return answer

    async def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self._ask(path, body)
        code = _code(answer)
        if code:
            log.warning("wechat.refused", extra={"path": path, "errcode": code})
            raise _error(code)
        return answer

    async def _post(self, path: str, body: dict[str, Any], token: str) -> dict[str, Any]:
        return await post_json(self._session, self._base + path, body, params={"access_token": token})

    async def _token(self) -> str:
        token = await self._tokens.get(self._token_name)
        return token or await self._renewed("")

    async def _renewed(self, failed: str) -> str:
        """A token other than `failed`: the one another process fetched meanwhile, or a new one."""
        async with self._tokens.lock(self._token_name):
            current = await self._tokens.get(self._token_name)
            if current and current != failed:
                return current
            try:
                answer = await post_json(
                    self._session,
                    self._base + "/cgi-bin/stable_token",
                    {
                        "grant_type": "client_credential",
                        "appid": self._app_id,
                        "secret": self._app_secret,
                        "force_refresh": bool(failed) and current == failed,
                    },
                    params={},
                )
            except Unreachable as error:
                # Whatever became of the token call, her message was not sent.
                raise Unreachable("暂时取不到微信令牌，稍后自动重试", code=error.code, known_unsent=True) from None
            token, seconds = answer.get("access_token"), answer.get("expires_in")
            if not isinstance(token, str) or not token or not isinstance(seconds, int):
                code = _code(answer)
                log.warning("wechat.no_token", extra={"errcode": code})
                raise _error(code)
            lives = max(seconds - _EARLY_SECONDS, _SHORTEST_SECONDS)
            await self._tokens.put(self._token_name, token, lives)
            return token


def _code(answer: dict[str, Any]) -> int:
    code = answer.get("errcode", 0)
    return code if isinstance(code, int) else -1


def _parse(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        return {"errcode": -1}
    return value if isinstance(value, dict) else {"errcode": -1}


def _error(code: int) -> SendError:
    """The error for one of the platform's codes; an unknown one is refused for good, and said so."""
    kind, retryable, after, sentence = _ERRORS.get(
        code, (Rejected, False, None, f"微信拒绝了这条消息（错误码 {code}），请把错误码告诉管理员")
    )
    return kind(sentence, code=str(code), retryable=retryable, retry_after=after)
