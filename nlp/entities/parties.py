"""Who is hurt — she or somebody else — and by whom, read from who does what to whom in the sentence."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from nlp.patterns import read_yaml
from nlp.text import DATA

_FILE = DATA / "entities" / "parties.yaml"
#: 「我」 before these is no woman who is hurt but whose relative is, however old and however far: 「我12岁的外甥女」.
_OLD = r"(?:的|家|那|这|个|小|才|刚|(?:\d{1,2}|[半一二三四五六七八九十几两]{1,3})(?:多)?岁)*"
_KIN = "妈|姐|妹|女儿|闺女|儿子|孩子|朋友|同事|奶奶|嫂|外甥|侄|孙女|孙子|闺蜜|弟媳"
_ASKS_FOR = re.compile(
    r"(?:帮|替|代)(?:我)?(?:的)?(?:朋友|姐姐?|妹妹?|妈妈?|同事|邻居|闺蜜|女儿|亲戚|别人|嫂子)(?:来)?(?:问|咨询|求助)"
)
#: Signs that any rule here could match: without one of these characters a text is passed over.
_SIGNS = frozenset("暴打揍踹扇掐踢砍捅烫虐欺骚猥侵奸迫胁吓踪随堵摸关锁赶骂逼挨被帮替代手")


@dataclass(frozen=True, slots=True)
class _Patterns:
    """`by`: name → who does it to anybody; `other` and `self`: who suffers it."""

    by: Mapping[str, re.Pattern[str]]
    other: re.Pattern[str]
    own: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    words = read_yaml(_FILE)
    harm, others, me, calls = words["harm"], words["others"], words["me"], words["calls"]
    everybody = "|".join(words["by"].values())
    by = {
        name: re.compile(
            rf"(?:{who})[^。?!,]{{0,8}}?(?:{harm})(?!{calls})|(?:被|让|给|挨|遭)(?:我)?(?:的)?(?:{who})[^。?!,]{{0,6}}?(?:{harm})|怕(?:{who})(?:打|动手)"
        )
        for name, who in words["by"].items()
    }
    return _Patterns(
        by=by,
        other=re.compile(
            rf"(?:{others})[^,。?!我俺]{{0,10}}(?:被|挨|遭|受)(?!我)[^,。?!]{{0,8}}(?:{harm}|伤害|委屈)?"
            rf"|(?:{everybody})[^。?!,]{{0,6}}?(?:{harm})(?:了|着|过|伤|死|骂)*(?:我家?的?)?{_OLD}(?:{others})"
            rf"|(?:他|她)[^。?!,]{{0,6}}?(?:{harm})(?:了|着|过|伤|死|骂)*(?=我)(?:我家?的?)?{_OLD}(?:{others})"
            rf"|(?:邻居|隔壁|楼上|楼下|对门)[^,。?!]{{0,8}}(?:打老婆|打女人|打孩子|惨叫|家暴)"
        ),
        own=re.compile(
            rf"(?:{everybody}|他|她)[^。?!,]{{0,8}}?(?:{harm})(?:了|着|过|伤|骂|死)*(?:{me})(?!{_OLD}(?:{_KIN})|{calls})"
            rf"|(?:{me})(?!{_OLD}(?:{_KIN}|老公|爸|哥|弟|婆婆))[^。?!,]{{0,8}}?(?:被|挨|遭|受)[^。?!,]{{0,8}}?(?:{harm})"
            rf"|(?:对|把)(?:{me})[^。?!,]{{0,6}}(?:{harm})"
        ),
    )


def read_parties(text: str) -> dict[str, object]:
    """`hurt` ("self" or "other") and `by` (husband, ex, parent …), as far as a normalised text tells them.

    When she tells of both, it is she: a file is opened for the one who writes, and the other is in its text.
    """
    if _SIGNS.isdisjoint(text):
        return {}
    patterns = _patterns()
    found: dict[str, object] = {}
    if patterns.own.search(text):
        found["hurt"] = "self"
    elif _ASKS_FOR.search(text) or patterns.other.search(text):
        found["hurt"] = "other"
    for name, pattern in patterns.by.items():
        if pattern.search(text):
            found["by"] = name
            break
    return found
