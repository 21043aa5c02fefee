"""Files people send on QQ: fetched from the platform's own hosts, never from an address somebody else put there."""

from urllib.parse import urlsplit

from aiohttp import ClientSession

from bot.channels.http import get_bytes
from bot.errors import Rejected

_HOSTS = (".qq.com", ".qq.com.cn", ".qpic.cn")


async def fetch_file(session: ClientSession, url: str, base: str) -> tuple[bytes, str]:
    """A file at a host of QQ's or below `base`, and its content type. Raises Rejected for any other, Unreachable."""
    try:
        parts = urlsplit(url)
        is_theirs = parts.scheme == "https" and (parts.hostname or "").endswith(_HOSTS) and parts.port in (None, 443)
    except ValueError:
        is_theirs = False
    if not is_theirs and not (base and url.startswith(base + "/")):
        raise Rejected("文件的地址不是 QQ 的，没有下载", code="foreign_host")
    return await get_bytes(session, url, params={})
