"""No article claims to be better verified than the weakest of the facts it restates."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from nlp.retrieval import load_library

SHEET = Path(__file__).resolve().parents[3] / "shared" / "docs" / "domain_facts.yaml"
#: From best to weakest. U (not verified) is no level of an article: that part is left out, the rest is advice.
ORDER = "ABCPU"

needs_sheet = pytest.mark.skipif(not SHEET.exists(), reason="the reviewed fact sheet is not here")


def levels_of_facts() -> dict[str, str]:
    """Every fact and programme of the sheet with the letters of its levels, such as AB."""
    sheet: dict[str, Any] = yaml.safe_load(SHEET.read_text(encoding="utf-8"))
    found = {fact["id"]: fact["level"] for fact in sheet["facts"]}
    for programme in sheet["programmes"]:
        # A programme's level stands in its basis, as 「C:W24」 or after the statute as 「… A」.
        found[programme["id"]] = "".join(re.findall(r"(?<![A-Z])[ABC](?![A-Z])", programme["basis"])) or "U"
    return found


def weakest(letters: str) -> str:
    """The weakest of some levels; P for what is not verified, which an article can only advise to ask about."""
    return min(max(letters, key=ORDER.index), "P", key=ORDER.index)


def test_a_combination_is_as_weak_as_its_weakest_part() -> None:
    assert [weakest(letters) for letters in ("A", "AB", "AC", "BC", "AP", "AU")] == ["A", "B", "C", "C", "P", "P"]


@needs_sheet
def test_every_fact_an_article_names_stands_in_the_sheet() -> None:
    known = levels_of_facts()
    unknown = {
        article.id: missing
        for article in load_library().articles.values()
        if (missing := [fact for fact in article.facts if fact not in known])
    }
    assert unknown == {}


@needs_sheet
def test_no_article_is_better_verified_than_its_weakest_fact() -> None:
    known = levels_of_facts()
    too_good = {
        article.id: f"{article.level}, but {letters}"
        for article in load_library().articles.values()
        if (letters := "".join(known.get(fact, "") for fact in article.facts))
        and ORDER.index(article.level) < ORDER.index(weakest(letters))
    }
    assert too_good == {}
