"""Cutting texts to a platform's size: short ones are merged, long ones cut where a sentence ends."""

import re
from collections.abc import Callable, Iterator, Sequence

_SEPARATOR = "\n\n"
#: Best places to cut first: paragraph, line, sentence, clause. Each keeps its mark on the left side.
_CUTS = (
    re.compile(r"(?<=\n\n)"),
    re.compile(r"(?<=\n)"),
    re.compile(r"(?<=[。！？!?；;…])(?![”」』）)])|(?<=[。！？!?；;…][”」』）)])"),
    re.compile(r"(?<=[，、,：:])"),
)


Size = Callable[[str], int]


def in_bytes(text: str) -> int:
    """UTF-8 bytes."""
    return len(text.encode())


def split_texts(texts: Sequence[str], most: int, size: Size = in_bytes) -> list[str]:
    """`texts` in as few pieces of at most `most` (UTF-8 bytes, or as `size` counts) as their order allows."""
    pieces: list[str] = []
    for text in texts:
        for piece in _cut(text.strip(), (most, size), 0):
            joined = f"{pieces[-1]}{_SEPARATOR}{piece}" if pieces else ""
            if joined and size(joined) <= most:
                pieces[-1] = joined
            else:
                pieces.append(piece)
    return pieces


def _cut(text: str, limit: tuple[int, Size], level: int) -> Iterator[str]:
    most, size = limit
    if not text:
        return
    if size(text) <= most:
        yield text
        return
    if level == len(_CUTS):
        yield from _cut_anywhere(text, limit)
        return
    gathered = ""
    for part in _CUTS[level].split(text):
        if size(gathered + part) <= most:
            gathered += part
            continue
        if gathered.strip():
            yield gathered.strip()
        gathered = ""
        if size(part) <= most:
            gathered = part
            continue
        *whole, gathered = [*_cut(part, limit, level + 1)] or [""]
        yield from whole
    if gathered.strip():
        yield gathered.strip()


def _cut_anywhere(text: str, limit: tuple[int, Size]) -> Iterator[str]:
    """Between characters, for a text without any mark."""
    most, size = limit
    gathered, used = "", 0
    for character in text:
        width = size(character)
        if used + width > most:
            yield gathered
            gathered, used = "", 0
        gathered, used = gathered + character, used + width
    if gathered:
        yield gathered
