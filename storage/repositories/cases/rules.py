"""What holds of every case, without looking at any: standings, what violence is, what it is counted under."""

from collections.abc import Iterable, Mapping
from typing import Any

from bot.dangers import CATEGORY_BY_KIND, category_of_kinds

#: Where a case stands; every one but `closed` is being worked on.
STATUSES = ("open", "working", "waiting", "reopened", "closed")
#: Roles of the people in a case.
ROLES = ("survivor", "reporter", "child", "other_side", "witness")
#: Categories whose open case takes her out of every broadcast.
VIOLENCE = frozenset({"dv", "harassment", "minors"})
#: What the federation counts a category under (domain facts JL-03), after the chapters of the Law on the Protection
#: of Women's Rights and Interests: inheritance and land in chapter 6, violence and marital property in chapter 7.
_GROUPS: Mapping[str, str] = {
    "dv": "family",
    "divorce": "family",
    "custody": "family",
    "property": "family",
    "marriage_other": "family",
    "elder": "family",
    "harassment": "person",
    "minors": "person",
    "inheritance": "property",
    "land": "property",
    "labour": "labour",
}


def rights_group(category: str) -> str:
    """The group a category is counted under; other where the law's chapters do not say."""
    return _GROUPS.get(category, "other")


def shows_violence(category: str, fields: Mapping[str, Any]) -> bool:
    """Whether a category, the kinds of danger among the answers, or what staff ticked is a sign of violence."""
    kinds = fields.get("risk_kinds") or ()
    return (
        category in VIOLENCE
        or bool(fields.get("violence"))
        or any(CATEGORY_BY_KIND.get(kind) in VIOLENCE for kind in kinds)
    )


def category_of(kinds: Iterable[str], category: str) -> str:
    """What was done to her decides, not what else she wrote about: it keeps broadcasts away from her phone."""
    if category in VIOLENCE:
        return category
    violent = [kind for kind in kinds if CATEGORY_BY_KIND.get(kind) in VIOLENCE]
    return category_of_kinds(violent) or category or "dv"


def is_same_matter(category: str, other: str, hurt: str, other_hurt: str) -> bool:
    """Whether two talks of one woman are about one matter: of one category, or both of violence, to one person."""
    if hurt and other_hurt and hurt != other_hurt:
        return False
    return not category or not other or category == other or {category, other} <= VIOLENCE
