"""The reviewed articles as their files hold them: Markdown with front matter, region slots filled."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bot.errors import ConfigError
from nlp.citations import Citation, in_words, read_laws
from nlp.text import DATA

KNOWLEDGE = DATA / "knowledge"
#: Facts that differ from place to place: slot → what it holds, in words for cadres.
SLOTS = DATA / "slots.yaml"
#: For hotline workers, never said to her.
FOR_STAFF = "工作人员"
_SLOT = re.compile(r"\{\{([a-z_]+)\}\}")
_UNSET = "以当地为准"
#: The same safe loader in C where it is there: hundreds of articles are read at every start.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LONGEST_ANSWER = 300


@dataclass(frozen=True, slots=True)
class Article:
    """One reviewed article. `answer` is what the chat says; `body` the longer page; dates are ISO."""

    id: str
    title: str
    category: str
    #: rights, policy or advice (advice is never called law).
    kind: str
    questions: tuple[str, ...]
    answer: str
    citations: tuple[Citation, ...]
    #: How well it is verified: A to C as in the fact sheet, P for advice from practice.
    level: str
    #: The facts of the reviewed fact sheet it restates, such as DV-16.
    facts: tuple[str, ...]
    steps: tuple[str, ...]
    documents: tuple[str, ...]
    where: str
    #: True where local rules differ.
    local: bool
    #: For programmes without a statute: the paper they rest on, with its date.
    source: str
    reviewed_on: str
    review_by: str
    audience: str
    body: str

    @property
    def sources(self) -> str:
        """What it rests on, in words: statutes, then the paper; empty for advice."""
        return "；".join(filter(None, (in_words(self.citations), self.source)))


def read_articles(folder: Path = KNOWLEDGE, region: Mapping[str, str] | None = None) -> list[Article]:
    """All articles of a folder, their region slots filled. Raises ConfigError naming the file and what is wrong.

    `region` maps slots (see SLOTS) to what holds here; a slot without a value reads 「以当地为准」.
    """
    laws, filled = read_laws(), filled_slots(region or {})
    return [read_article(path.stem, path.read_text("utf-8"), laws, filled) for path in sorted(folder.glob("*.md"))]


def filled_slots(region: Mapping[str, str]) -> dict[str, str]:
    """Every slot with what holds here, or 「以当地为准」. Raises ConfigError for a slot nobody knows."""
    slots = read_slots()
    for name in region:
        if name not in slots:
            raise ConfigError(f"region.{name} is not a slot; known are: {', '.join(sorted(slots))}")
    return {name: region.get(name) or _UNSET for name in slots}


@cache
def read_slots() -> dict[str, str]:
    """Every region slot with what it holds."""
    slots: dict[str, str] = yaml.safe_load(SLOTS.read_text(encoding="utf-8"))
    return slots


def read_article(name: str, text: str, laws: Mapping[str, Any], filled: Mapping[str, str]) -> Article:
    """One article from its Markdown with front matter. Raises ConfigError naming it and what is wrong."""
    try:
        text = _SLOT.sub(lambda match: filled[match[1]], text)
        _, front, body = text.split("---\n", 2)
        data = yaml.load(front, Loader=_LOADER)  # noqa: S506 (both are safe loaders)
        if data["id"] != name:
            raise ValueError(f"its id is {data['id']}")
        citations = tuple(
            Citation(one["law"], one["article"], laws[one["law"]]["since"].isoformat())
            for one in data.get("citations", ())
        )
        article = Article(
            id=name,
            title=data["title"],
            category=data["category"],
            kind=data["kind"],
            questions=tuple(data["questions"]),
            answer=data["answer"].strip(),
            citations=citations,
            level=data["level"],
            facts=tuple(data.get("facts", ())),
            steps=tuple(data.get("steps", ())),
            documents=tuple(data.get("documents", ())),
            where=str(data.get("where", "")),
            local=bool(data.get("local", False)),
            source=data.get("source", ""),
            reviewed_on=_day(data["reviewed_on"]),
            review_by=_day(data["review_by"]),
            audience=data.get("audience", "全体妇女"),
            body=body.strip(),
        )
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        what = " ".join(str(error).split())
        raise ConfigError(f"{name}.md is not a knowledge article ({type(error).__name__}: {what})") from None
    if len(article.answer) > _LONGEST_ANSWER:
        raise ConfigError(f"{name}.md: the answer has {len(article.answer)} characters, {_LONGEST_ANSWER} at most")
    return article


def _day(value: object) -> str:
    if not isinstance(value, date):
        raise ValueError(f"{value} is not a date")
    return value.isoformat()


def write_article(front: Mapping[str, Any], body: str) -> str:
    """The Markdown of an article with this front matter; empty values are left out."""
    kept = {name: value for name, value in front.items() if value not in ("", [], (), None, False)}
    dumped = yaml.safe_dump(kept, allow_unicode=True, sort_keys=False, width=1000)
    return f"---\n{dumped}---\n{body.strip()}\n"


def front_of(source: str) -> tuple[dict[str, Any], str]:
    """The front matter and the body of an article's Markdown as they were written, slots unfilled."""
    _, front, body = source.split("---\n", 2)
    values: dict[str, Any] = yaml.safe_load(front)
    return values, body.strip()
