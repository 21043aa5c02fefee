"""Cutting texts to a platform's size: short ones are merged, long ones cut where a sentence ends."""

import re
from collections.abc import Iterator, Sequence

_SEPARATOR = "\n\n"
#: Best places to cut first: paragraph, line, sentence, clause. Each keeps its mark on the left side.
_CUTS = (
    re.compile(r"(?<=\n\n)"),
    re.compile(r"(?<=\n)"),
    re.compile(r"(?<=[。！？!?；;…])(?![”」』）)])|(?<=[。！？!?；;…][”」』）)])"),
    re.compile(r"(?<=[，、,：:])"),
)


def split_texts(texts: Sequence[str], max_bytes: int) -> list[str]:
    """`texts` in as few pieces of at most `max_bytes` UTF-8 bytes as their order allows; nothing is lost."""
    pieces: list[str] = []
    for text in texts:
        for piece in _cut(text.strip(), max_bytes, 0):
            joined = f"{pieces[-1]}{_SEPARATOR}{piece}" if pieces else ""
            if joined and len(joined.encode()) <= max_bytes:
                pieces[-1] = joined
            else:
                pieces.append(piece)
    return pieces


def _cut(text: str, max_bytes: int, level: int) -> Iterator[str]:
    if not text:
        return
    if len(text.encode()) <= max_bytes:
        yield text
        return
    if level == len(_CUTS):
        yield from _cut_anywhere(text, max_bytes)
        return
    gathered = ""
    for part in _CUTS[level].split(text):
        if len((gathered + part).encode()) <= max_bytes:
            gathered += part
            continue
        if gathered.strip():
            yield gathered.strip()
        gathered = ""
        if len(part.encode()) <= max_bytes:
            gathered = part
            continue
        *whole, gathered = [*_cut(part, max_bytes, level + 1)] or [""]
        yield from whole
    if gathered.strip():
        yield gathered.strip()


def _cut_anywhere(text: str, max_bytes: int) -> Iterator[str]:
    """Between characters, for a text without any mark."""
    gathered, size = "", 0
    for character in text:
        width = len(character.encode())
        if size + width > max_bytes:
            yield gathered
            gathered, size = "", 0
        gathered, size = gathered + character, size + width
    if gathered:
        yield gathered
