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
JSON_HEADERS = {"Content-Type": "application/json; charset=utf-8"}
_MEDIA_TIMEOUT = ClientTimeout(total=15, connect=4)
#: A file a woman sent: the platform allows 10 MB.
MAX_MEDIA_BYTES = 10 * 1024 * 1024


async def post_json(session: ClientSession, url: str, body: Any, *, params: dict[str, str]) -> dict[str, Any]:
    """POST `body` as raw UTF-8 JSON (escapes would reach users) and return the JSON answer.

    Raises Unreachable; its `known_unsent` is true only when no connection came about.
    """
    return await _json(session.post(url, data=as_json(body), params=params, headers=JSON_HEADERS, timeout=_TIMEOUT))


async def post_raw(
    session: ClientSession, url: str, body: bytes, *, headers: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    """POST bytes; the status, and the JSON answer (empty where it is none). Raises as `post_json` does."""
    call = session.post(url, data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False)
    status, content = await _exchange(call)
    value = _object(content)
    if status >= 500 or (value is None and status < 300):
        raise _unknown(status)
    return status, value or {}


def as_json(body: Any) -> bytes:
    """`body` as raw UTF-8 JSON: escapes would reach users."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


async def get_json(session: ClientSession, url: str, *, params: dict[str, str]) -> dict[str, Any]:
    """GET a JSON answer. Raises Unreachable as `post_json` does."""
    return await _json(session.get(url, params=params, timeout=_TIMEOUT))


async def _json(call: AbstractAsyncContextManager[ClientResponse]) -> dict[str, Any]:
    status, content = await _exchange(call)
    value = _object(content)
    if value is None or status >= 500:
        raise _unknown(status)
    return value


async def _exchange(call: AbstractAsyncContextManager[ClientResponse]) -> tuple[int, bytes]:
    try:
        async with call as answer:
            return answer.status, await answer.read()
    except (ClientConnectorError, ConnectionTimeoutError):
        raise Unreachable("连不上平台服务器，稍后自动重试", code="connect", known_unsent=True) from None
    except (ClientError, ServerDisconnectedError, TimeoutError, OSError):
        raise Unreachable(
            "平台没有回应，不知道是否已送达，请先问她是否收到再决定是否重发",
            code="no_answer",
            retryable=False,
            known_unsent=False,
        ) from None


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _unknown(status: int) -> Unreachable:
    return Unreachable(
        "平台回应异常，不知道是否已送达，请先问她是否收到再决定是否重发",
        code=f"http_{status}",
        retryable=False,
        known_unsent=False,
    )


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
