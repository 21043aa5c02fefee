"""What was already done — police, warning letter, protection order, court, hospital — as told, not as wished."""

import re
from collections.abc import Mapping
from functools import cache

from nlp.patterns import read_yaml
from nlp.text import DATA

_FILE = DATA / "entities" / "measures.yaml"
_SIGNS = frozenset("8警案告诫令诉庭判院伤缝联调村居社书证录照片")
#: Standing shortly before, these make of a deed a wish, a question or a denial.
_NOT_DONE = re.compile(
    r"(?:想|要|敢|没有?|不|怎么|如何|可以|能|是否|准备|打算|应该|需要|如果|假如|要是|别|帮我)[^,。?!]{0,3}$"
)


@cache
def _measures() -> Mapping[str, re.Pattern[str]]:
    return {name: re.compile(pattern) for name, pattern in read_yaml(_FILE).items()}


def read_done(text: str) -> list[str]:
    """The names of the measures a normalised text tells as done, in the order of the file."""
    if _SIGNS.isdisjoint(text):
        return []
    return [
        name
        for name, pattern in _measures().items()
        if any(_is_told(text, match) for match in pattern.finditer(text))
    ]


def _is_told(text: str, match: re.Match[str]) -> bool:
    return _NOT_DONE.search(text[max(0, match.start() - 6) : match.start()]) is None
