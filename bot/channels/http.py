"""One small door for calls to platforms: JSON over HTTP, a time limit on every call, errors that say what is known.

What matters after a failure is whether the platform can have taken the message: a connection that never came
about means it did not; anything later means it may have.
"""

import json
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    ServerDisconnectedError,
)

from bot.errors import Rejected, Unreachable

_TIMEOUT = ClientTimeout(total=10, connect=4)
_MEDIA_TIMEOUT = ClientTimeout(total=15, connect=4)
#: A file a woman sent: the platform allows 10 MB.
MAX_MEDIA_BYTES = 10 * 1024 * 1024


async def post_json(session: ClientSession, url: str, body: Any, *, params: dict[str, str]) -> dict[str, Any]:
    """POST `body` as raw UTF-8 JSON (escapes would reach users) and return the JSON answer.

    Raises Unreachable; its `known_unsent` is true only when no connection came about.
    """
    payload = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json; charset=utf-8"}
    return await _json(session.post(url, data=payload, params=params, headers=headers, timeout=_TIMEOUT))


async def get_json(session: ClientSession, url: str, *, params: dict[str, str]) -> dict[str, Any]:
    """GET a JSON answer. Raises Unreachable as `post_json` does."""
    return await _json(session.get(url, params=params, timeout=_TIMEOUT))


async def _json(call: AbstractAsyncContextManager[ClientResponse]) -> dict[str, Any]:
    try:
        async with call as answer:
            status, content = answer.status, await answer.read()
    except (ClientConnectorError, ConnectionTimeoutError):
        raise Unreachable("连不上平台服务器，稍后自动重试", code="connect", known_unsent=True) from None
    except (ClientError, ServerDisconnectedError, TimeoutError, OSError):
        raise Unreachable(
            "平台没有回应，不知道是否已送达，请先问她是否收到再决定是否重发",
            code="no_answer",
            retryable=False,
            known_unsent=False,
        ) from None
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    if not isinstance(value, dict) or status >= 500:
        raise Unreachable(
            "平台回应异常，不知道是否已送达，请先问她是否收到再决定是否重发",
            code=f"http_{status}",
            retryable=False,
            known_unsent=False,
        )
    return value


async def get_bytes(session: ClientSession, url: str, *, params: dict[str, str]) -> tuple[bytes, str]:
    """GET a file; its bytes and content type. Raises Unreachable, Rejected when it is too large."""
    try:
        async with session.get(url, params=params, timeout=_MEDIA_TIMEOUT, allow_redirects=False) as answer:
            if answer.status != 200:
                raise Unreachable("平台暂时取不到这个文件，稍后自动重试", code=f"http_{answer.status}")
            content = bytearray()
            async for chunk in answer.content.iter_chunked(64 * 1024):
                content += chunk
                if len(content) > MAX_MEDIA_BYTES:
                    raise Rejected("文件超过 10 MB，没有保存", code="too_large")
            return bytes(content), answer.content_type
    except (ClientError, TimeoutError, OSError):
        raise Unreachable("平台暂时取不到这个文件，稍后自动重试", code="no_answer") from None
