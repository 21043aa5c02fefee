"""Which matter a kind of danger is: the one table for what is understood, answered and kept."""

from collections.abc import Iterable, Mapping

#: Kind of danger (nlp.meaning.Risk) → category of consultation and case; some kinds are no matter of one category.
CATEGORY_BY_KIND: Mapping[str, str] = {
    "violence_now": "dv",
    "violence_pattern": "dv",
    "threat_to_kill": "dv",
    "captivity": "dv",
    "sexual_violence": "harassment",
    "stalking": "harassment",
    "suicide": "psych",
    "self_harm": "psych",
    "child": "minors",
}


def category_of_kinds(kinds: Iterable[str]) -> str:
    """The category of the first kind that has one; empty when none has."""
    return next((CATEGORY_BY_KIND[kind] for kind in kinds if kind in CATEGORY_BY_KIND), "")
