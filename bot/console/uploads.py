"""Posted files: read part by part with a limit of their own, which the web server's for plain forms does not know."""

from dataclasses import dataclass

from aiohttp import BodyPartReader, web


@dataclass(frozen=True, slots=True)
class Upload:
    """One posted file: the name its sender gave it, and what is in it."""

    name: str
    content: bytes


class TooLarge(Exception):
    """More was posted than the page takes."""


async def read_parts(request: web.Request, most_bytes: int) -> tuple[dict[str, str], dict[str, Upload]]:
    """A multipart form: its texts and its files by name. Raises TooLarge, ValueError for what is none."""
    texts: dict[str, str] = {}
    files: dict[str, Upload] = {}
    left = most_bytes
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise ValueError("a form inside a form")
        content = bytearray()
        while chunk := await part.read_chunk(64 * 1024):
            left -= len(chunk)
            if left < 0:
                raise TooLarge
            content += chunk
        if part.filename is None:
            texts[part.name or ""] = content.decode("utf-8", "replace")
        elif content:
            files[part.name or ""] = Upload(part.filename, bytes(content))
    return texts, files
