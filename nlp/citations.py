"""Citations of statutes: law, article, the day the version in use came into force — and a check that they exist."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from nlp.entities.numbers import number
from nlp.text import DATA

if TYPE_CHECKING:
    from nlp.retrieval import Library

LAWS = DATA / "laws.yaml"
_ARTICLE = re.compile(r"^第([零〇一二三四五六七八九十百千]+)条(?:之([一二三四五六七八九十]+))?$")


@dataclass(frozen=True, slots=True)
class Citation:
    """One article of one law; `law` as in laws.yaml, `article` in Chinese numerals, `since` ISO."""

    law: str
    article: str
    since: str

    def in_words(self) -> str:
        """As people read it: 《民法典》第一千零七十九条（2021年1月1日起施行）."""
        return in_words([self])


def in_words(citations: Iterable[Citation]) -> str:
    """Several citations as people read them: each law with its day once, its articles after it; 、 and ； between."""
    by_law: dict[tuple[str, str], list[str]] = {}
    for citation in citations:
        by_law.setdefault((citation.law, citation.since), []).append(citation.article)
    said = []
    for (law, since), articles in by_law.items():
        day = date.fromisoformat(since)
        said.append(f"《{law}》{'、'.join(articles)}（{day.year}年{day.month}月{day.day}日起施行）")
    return "；".join(said)


@cache
def read_laws() -> dict[str, Any]:
    """The project's own table of laws: name → {title, since (date), articles (how many)}."""
    laws: dict[str, Any] = yaml.safe_load(LAWS.read_text(encoding="utf-8"))
    return laws


def article_number(article: str) -> int | None:
    """第一千零七十九条 → 1079; None when it is not an article's number."""
    match = _ARTICLE.match(article)
    if match is None:
        return None
    thousands, rest = 0, match.group(1)
    if "千" in rest:
        head, rest = rest.split("千", 1)
        thousands = (number(head) or 1) * 1000
    rest = rest.lstrip("零〇")
    return thousands + (number(rest) or 0 if rest else 0)


def check(library: "Library", statutes: Path | None = None) -> list[str]:
    """What is wrong with the citations: unknown law, article beyond its last one, missing in the statute's text.

    `statutes` is a folder of statute texts named after the laws (name.md or name_number.md).
    """
    problems: list[str] = []
    for article in library.articles.values():
        if not article.citations and article.kind == "rights":
            problems.append(f"{article.id}: a statement of rights without a source")
        for citation in article.citations:
            problem = problem_of(citation, statutes)
            if problem:
                problems.append(f"{article.id}: {problem}")
    return problems


def problem_of(citation: Citation, statutes: Path | None = None) -> str:
    """What is wrong with one citation (see `check`); empty when it stands."""
    where = f"《{citation.law}》{citation.article}"
    law = read_laws().get(citation.law)
    place = article_number(citation.article)
    if law is None:
        return f"{where}: no such law in laws.yaml"
    if place is None or not 1 <= place <= law["articles"]:
        return f"{where}: no such article, the law has {law['articles']}"
    if statutes is not None and not _stands_in(statutes, citation):
        return f"{where}: not in the statute's text"
    return ""


def _stands_in(statutes: Path, citation: Citation) -> bool:
    paths = [path for path in statutes.glob("*.md") if path.stem.partition("_")[0] == citation.law]
    return not paths or any(citation.article in path.read_text(encoding="utf-8") for path in paths)
