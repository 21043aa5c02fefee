"""The reviewed articles, and finding the one that answers a question.

Women ask in whole sentences, articles hold the questions they ask in many wordings, so a question is compared with
questions: character pairs and jieba's words, weighed by how rare they are. What matters is the best single wording,
helped a little by what the rest of the article speaks of. Words no article knows count against every article, which
is what keeps questions about other things from getting an answer.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bot.errors import ConfigError
from nlp.citations import Citation, read_laws
from nlp.text import DATA, normalise, tokens

KNOWLEDGE = DATA / "knowledge"
#: Facts that differ from place to place: slot → what it holds, in words for cadres.
SLOTS = DATA / "slots.yaml"
_SLOT = re.compile(r"\{\{([a-z_]+)\}\}")
_UNSET = "以当地为准"

#: Words of asking, which say nothing about what is asked.
_ASKING = re.compile(
    "怎么办|怎么|咋办|咋|如何|请问|什么|哪里|哪儿|吗|呢|吧|啊|我想问|我想|想问|问一下|可以|能不能|能|是不是|有没有|需要|应该|该|的|了|一下"
)
_ENOUGH = 0.40
_SAME_CATEGORY, _SAME_KIND = 0.06, 0.04
_LONGEST_ANSWER = 300
_LONGEST_QUERY = 300


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


@dataclass(frozen=True, slots=True)
class Hit:
    """An article that may answer; `score` 0–1 means the same for every question."""

    article: Article
    score: float


class Library:
    """All articles with their index."""

    def __init__(self, articles: Iterable[Article]) -> None:
        self.articles = {article.id: article for article in articles}
        self._questions: list[tuple[str, float]] = []
        self._index: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self._rarity: dict[str, float] = {}
        self._spoken: dict[str, frozenset[str]] = {}
        self._build()

    def get(self, article_id: str) -> Article | None:
        """The article with this id."""
        return self.articles.get(article_id)

    def find(self, text: str, k: int = 5, *, category: str = "", kind: str = "") -> list[Hit]:
        """The `k` articles nearest to a question, best first; `category` and `kind` lift, they never exclude."""
        scores = self._scores(text)
        for article_id in scores:
            article = self.articles[article_id]
            if category and article.category == category:
                scores[article_id] += _SAME_CATEGORY
            if kind and article.kind == kind:
                scores[article_id] += _SAME_KIND
        best = sorted(scores.items(), key=lambda one: (-one[1], one[0]))[:k]
        return [Hit(self.articles[article_id], min(score, 1.0)) for article_id, score in best]

    def answers(self, text: str, *, category: str = "", kind: str = "") -> Hit | None:
        """The best article if it is near enough to be said aloud, else None."""
        hits = self.find(text, 1, category=category, kind=kind)
        return hits[0] if hits and hits[0].score >= _ENOUGH else None

    def _build(self) -> None:
        spoken: dict[str, set[str]] = {}
        counted: list[tuple[str, Counter[str]]] = []
        seen: Counter[str] = Counter()
        for article in self.articles.values():
            terms: set[str] = set()
            for question in (*article.questions, article.title):
                found = _terms(question)
                counted.append((article.id, found))
                terms |= set(found)
            seen.update(terms)
            spoken[article.id] = terms | set(_terms(article.answer))
        total = len(self.articles)
        self._rarity = {term: math.log(1 + total / count) for term, count in seen.items()}
        self._spoken = {name: frozenset(terms) for name, terms in spoken.items()}
        for article_id, found in counted:
            norm = math.sqrt(sum((self._rarity[term] * count) ** 2 for term, count in found.items())) or 1.0
            number = len(self._questions)
            self._questions.append((article_id, sum(self._rarity[term] for term in found)))
            for term, count in found.items():
                self._index[term].append((number, self._rarity[term] * count / norm))

    def _scores(self, text: str) -> dict[str, float]:
        found = _terms(text)
        if not found:
            return {}
        unknown = 0.7 * math.log(1 + len(self.articles))
        weights = {term: self._rarity.get(term, unknown) * min(count, 2) for term, count in found.items()}
        norm = math.sqrt(sum(weight**2 for weight in weights.values()))
        near: dict[int, float] = defaultdict(float)
        covered: dict[int, float] = defaultdict(float)
        for term, weight in weights.items():
            for number, share in self._index.get(term, ()):
                near[number] += weight * share / norm
                covered[number] += self._rarity[term]
        best: dict[str, float] = {}
        mass = sum(weights.values())
        for number, cosine in near.items():
            article_id, whole = self._questions[number]
            # How much of her wording is in ours, and, for long accounts, how much of ours is in hers.
            score = 0.72 * cosine + 0.18 * covered[number] / whole
            if score > best.get(article_id, 0.0):
                best[article_id] = score
        for article_id in best:
            spoken = self._spoken[article_id]
            best[article_id] += 0.10 * sum(weight for term, weight in weights.items() if term in spoken) / mass
        return best


def load_library(folder: Path = KNOWLEDGE, region: Mapping[str, str] | None = None) -> Library:
    """All articles of a folder, their region slots filled. Raises ConfigError naming the file and what is wrong.

    `region` maps slots (see SLOTS) to what holds here; a slot without a value reads 「以当地为准」.
    """
    laws, slots = read_laws(), read_slots()
    for name in region or {}:
        if name not in slots:
            raise ConfigError(f"region.{name} is not a slot; known are: {', '.join(sorted(slots))}")
    filled = {name: (region or {}).get(name) or _UNSET for name in slots}
    return Library(
        read_article(path.stem, path.read_text("utf-8"), laws, filled) for path in sorted(folder.glob("*.md"))
    )


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
        data = yaml.safe_load(front)
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
            where=data.get("where", ""),
            local=bool(data.get("local", False)),
            source=data.get("source", ""),
            reviewed_on=_day(data["reviewed_on"]),
            review_by=_day(data["review_by"]),
            audience=data.get("audience", "全体妇女"),
            body=body.strip(),
        )
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ConfigError(f"{name}.md is not a knowledge article ({type(error).__name__}: {error})") from None
    if len(article.answer) > _LONGEST_ANSWER:
        raise ConfigError(f"{name}.md: the answer has {len(article.answer)} characters, {_LONGEST_ANSWER} at most")
    return article


def _day(value: object) -> str:
    if not isinstance(value, date):
        raise ValueError(f"{value} is not a date")
    return value.isoformat()


def _terms(text: str) -> Counter[str]:
    """Character pairs and words of a text, words of asking taken out."""
    plain = _ASKING.sub(" ", normalise(text)[:_LONGEST_QUERY])
    found: Counter[str] = Counter()
    for run in re.findall(r"[㐀-鿿]+|[a-z0-9]+", plain):
        if run[0] < "㐀" or len(run) == 1:
            found[run] += 1
            continue
        found.update(run[place : place + 2] for place in range(len(run) - 1))
    found.update(f"w:{word}" for word in tokens(plain) if len(word) > 1)
    return found
