"""Finding the article that answers a question.

Women ask in whole sentences and articles hold the questions they ask in many wordings, so a question is compared with
questions: character pairs and jieba's words, weighed by how rare they are, words of the same meaning made one. What
matters is the best single wording, helped by what the rest of the article speaks of. Words no article knows count
against every article, which is what keeps questions about other things from getting an answer.

The index is a few arrays; a look-up gathers the postings of some thirty terms and adds them up, all in numpy, because
the same sums in Python cost more than the rest of a message.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from nlp.articles import FOR_STAFF, KNOWLEDGE, Article, read_articles
from nlp.text import DATA, chinese_runs, normalise, tokens

_SYNONYMS = DATA / "synonyms.yaml"
#: Words of asking, which say nothing about what is asked.
_ASKING = re.compile(
    "怎么办|怎么|咋办|咋|如何|请问|什么|哪里|哪儿|吗|呢|吧|啊|我想问|我想|想问|问一下|可以|能不能|能|是不是|有没有|需要|应该|该|的|了|一下"
)
#: Circumstances that make a question another one. A few words say all of it: what they do not name is not so.
_CIRCUMSTANCES = tuple(
    map(
        re.compile,
        (
            "毒|吸",
            "孕|怀|哺乳|喂奶|大肚|流产",
            "坐牢|拘留|服刑|监狱|判刑|蹲",
            "军人|军婚|当兵|部队",
            "外国|国外|港澳|老外|出国|越南|缅甸",
            "精神病|残疾|傻",
            "失踪|找不到|跑了|跑路|联系不上",
            "领证|登记|领了证",
        ),
    )
)
_ALL_CIRCUMSTANCES = (1 << len(_CIRCUMSTANCES)) - 1
_A_FEW_WORDS, _OTHER_CIRCUMSTANCES = 12, 0.8
_RUN = re.compile(r"[㐀-鿿]+|[a-z0-9]+")
#: From this score on an article is said aloud; from the lower one on she is asked whether she means it.
ENOUGH, NEAR = 0.32, 0.20
#: Articles nearer to each other than this answer two different questions: she is asked which.
_TIE = 0.012
_ASKED_BACK = 3
#: A number or a single character is an answer to something, never a question.
_SHORTEST = 2
_SAME_CATEGORY, _SAME_KIND = 0.06, 0.04
_LONGEST_QUERY, _LONGEST_ARTICLE = 300, 4000
#: What the score is made of: the best wording, how much of it is in hers, the article as a whole, its text.
_WORDING, _COVERED, _WHOLE, _SPOKEN = 0.45, 0.10, 0.15, 0.30

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Hit:
    """An article that may answer; `score` 0–1 means the same for every question."""

    article: Article
    score: float


class _Postings:
    """For each term the places that hold it, with two weights in each: a place's score is a mixture of both."""

    def __init__(self, documents: Sequence[Mapping[str, tuple[float, float]]]) -> None:
        found: dict[str, tuple[list[int], list[tuple[float, float]]]] = {}
        for number, document in enumerate(documents):
            for term, weights in document.items():
                held = found.setdefault(term, ([], []))
                held[0].append(number)
                held[1].append(weights)
        self._size = len(documents)
        # One long row cut by term: an array of its own for each of many thousand terms weighs more than it holds.
        self._numbers = np.array([number for numbers, _ in found.values() for number in numbers], np.int32)
        both = np.array([pair for _, pairs in found.values() for pair in pairs], np.float32).reshape(-1, 2)
        self._weights = np.ascontiguousarray(both.T)
        self._places: dict[str, slice] = {}
        end = 0
        for term, (numbers, _) in found.items():
            self._places[term] = slice(end, end + len(numbers))
            end += len(numbers)

    def add_up(self, asked: Mapping[str, float], first: float, second: float) -> _Floats:
        """For each place the sum over the terms asked of `asked × (first × one weight + second × the other)`."""
        place_of = self._places.get
        places = [(place, weight) for term, weight in asked.items() if (place := place_of(term)) is not None]
        if not places:
            return np.zeros(self._size)
        numbers = np.concatenate([self._numbers[place] for place, _ in places])
        shares = np.array([(weight * first, weight * second) for _, weight in places], np.float32)
        lengths = [place.stop - place.start for place, _ in places]
        products = np.concatenate([self._weights[:, place] for place, _ in places], axis=1)
        products *= np.repeat(shares, lengths, axis=0).T
        return np.bincount(numbers, products[0] + products[1], self._size).view(np.float64)


@dataclass(frozen=True, slots=True)
class Found:
    """The article to say, or the articles to ask back about; neither when nothing is near."""

    article: Article | None = None
    choices: tuple[Article, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an article was found: its wording nearest to the question, and the words both share, weightiest first."""

    hit: Hit
    wording: str
    shared: tuple[str, ...]


class Library:
    """All articles, replaceable while questions are being looked up."""

    def __init__(self, articles: Iterable[Article]) -> None:
        self._index = _Index(articles)

    @property
    def articles(self) -> Mapping[str, Article]:
        """All articles by id."""
        return self._index.articles

    def replace(self, articles: Iterable[Article]) -> None:
        """Use these articles from now on; whoever is looking something up finishes with the old ones."""
        self._index = _Index(articles)

    def get(self, article_id: str) -> Article | None:
        """The article with this id."""
        return self.articles.get(article_id)

    def find(self, text: str, k: int = 5, *, category: str = "", kind: str = "", staff: bool = False) -> list[Hit]:
        """The `k` articles nearest to a question, best first; `category` and `kind` lift, they never exclude.

        Articles for hotline workers are found only for `staff`.
        """
        return self._index.find(text, k, (category, kind), staff=staff)

    def consider(self, text: str, *, category: str = "", kind: str = "", only: bool = False) -> Found:
        """What may be said to a question: an article, a choice to ask back, or nothing.

        `only` leaves out articles of other categories (in danger nothing else may be said).
        """
        if sum(map(len, chinese_runs(normalise(text)))) < _SHORTEST:
            return Found()
        near = self._index.find(
            text, 4 * _ASKED_BACK if only else _ASKED_BACK, (category, kind), staff=False, least=NEAR
        )
        hits = [hit for hit in near if not only or hit.article.category == category][:_ASKED_BACK]
        if not hits:
            return Found()
        top = hits[0].score
        tied = len(hits) > 1 and top - hits[1].score < _TIE
        if top >= ENOUGH and not tied:
            return Found(hits[0].article)
        return Found(None, tuple(hit.article for hit in hits))

    def explain(self, text: str, k: int = 5, *, category: str = "") -> list[Explanation]:
        """The nearest articles, those for staff too, and why each was found."""
        return self._index.explain(text, k, category)


class _Index:
    """The articles of one moment as arrays."""

    def __init__(self, articles: Iterable[Article]) -> None:
        self.articles = {article.id: article for article in articles}
        self._order = list(self.articles.values())
        self._for_her = np.array([article.audience != FOR_STAFF for article in self._order], np.float64)
        self._lifts = {
            name: lift * np.array([name in (article.category, article.kind) for article in self._order], np.float64)
            for lift, names in (
                (_SAME_KIND, {article.kind for article in self._order}),
                (_SAME_CATEGORY, {article.category for article in self._order}),
            )
            for name in names
        }
        self._others: dict[int, NDArray[np.intp]] = {}
        self._build()

    def find(self, text: str, k: int, lifted: tuple[str, ...], *, staff: bool, least: float = 0.0) -> list[Hit]:
        scores = self._scores(text) if self._order else None
        if scores is None:
            return []
        near = scores > 0
        for name in lifted:
            if name in self._lifts:
                scores += near * self._lifts[name]
        if not staff:
            scores *= self._for_her
        places = np.flatnonzero(scores > least)
        best = places[np.argsort(-scores[places], kind="stable")[:k]].tolist()
        return [Hit(self._order[place], min(float(scores[place]), 1.0)) for place in best]

    def explain(self, text: str, k: int, category: str) -> list[Explanation]:
        asked = _terms(text)
        weights = self._weighed(asked)

        def weight_of(term: str) -> float:
            return -weights[term]

        found = []
        for hit in self.find(text, k, (category,), staff=True):
            best, shared = "", set[str]()
            for wording in (hit.article.title, *hit.article.questions):
                both = asked.keys() & _terms(wording).keys()
                if sum(weights[term] for term in both) > sum(weights[term] for term in shared):
                    best, shared = wording, both
            words = tuple(term.removeprefix("w:") for term in sorted(shared, key=weight_of))
            found.append(Explanation(hit, best, tuple(dict.fromkeys(words))[:8]))
        return found

    def _build(self) -> None:
        wordings: list[Counter[str]] = []
        begins: list[int] = []
        texts: list[set[str]] = []
        seen: Counter[str] = Counter()
        for article in self._order:
            begins.append(len(wordings))
            own = [_terms(question) for question in (*article.questions, article.title)]
            wordings += own
            asked = set().union(*own)
            seen.update(asked)
            said = " ".join((article.answer, *article.steps, article.body))
            texts.append(asked | set(_terms(said, longest=_LONGEST_ARTICLE)))
        asked_with = [question for article in self._order for question in (*article.questions, article.title)]
        # A bit for each circumstance a wording names: one byte a wording is looked over in a microsecond.
        self._circumstances = np.array([_circumstances(question) for question in asked_with], np.uint16)
        total = len(self._order)
        self._rarity = {term: math.log(1 + total / count) for term, count in seen.items()}
        # A word no article knows stands against all of them, though less than a known one stands for its own.
        self._unknown = 0.7 * math.log(1 + total)
        self._begins = np.array(begins, np.intp)
        wholes = [sum(wordings[begin:end], Counter()) for begin, end in pairwise([*begins, len(wordings)])]
        self._wordings = _Postings([self._of_wording(wording) for wording in wordings])
        self._articles = _Postings(
            [self._of_article(whole, terms) for whole, terms in zip(wholes, texts, strict=True)]
        )

    def _weighed(self, counted: Mapping[str, int]) -> dict[str, float]:
        rarity, unknown = self._rarity, self._unknown
        return {term: rarity.get(term, unknown) * (1 if count == 1 else 1.5) for term, count in counted.items()}

    def _of_wording(self, wording: Mapping[str, int]) -> dict[str, tuple[float, float]]:
        """For each term its part of the wording's direction, and of its mass (over the weight it is asked with)."""
        whole = sum(self._rarity[term] for term in wording) or 1.0
        return {term: (weight, 1 / whole) for term, weight in _normalised(self._weighed(wording)).items()}

    def _of_article(self, whole: Mapping[str, int], terms: Iterable[str]) -> dict[str, tuple[float, float]]:
        """For each term its part of the direction of all wordings together, and that the article speaks of it."""
        near = _normalised(self._weighed(whole))
        return {term: (near.get(term, 0.0), 1.0) for term in sorted(terms)}

    def _scores(self, text: str) -> _Floats | None:
        found = _terms(text)
        if not found:
            return None
        weights = self._weighed(found)
        length = math.sqrt(sum([weight * weight for weight in weights.values()]))
        near = self._wordings.add_up(weights, _WORDING / length, _COVERED)
        if len(text) <= _A_FEW_WORDS:
            near[self._naming_others(_circumstances(normalise(text)))] *= _OTHER_CIRCUMSTANCES
        best: _Floats = np.maximum.reduceat(near, self._begins)
        spoken = self._articles.add_up(weights, _WHOLE / length, _SPOKEN / sum(weights.values()))
        spoken *= best > 0
        best += spoken
        return best

    def _naming_others(self, named: int) -> NDArray[np.intp]:
        """The wordings that name a circumstance other than those `named`; there are few such sets, all are kept."""
        found = self._others.get(named)
        if found is None:
            found = self._others[named] = np.flatnonzero(self._circumstances & (_ALL_CIRCUMSTANCES & ~named))
        return found


def _circumstances(text: str) -> int:
    """A bit for each of _CIRCUMSTANCES a normalised text names."""
    return sum(1 << place for place, one in enumerate(_CIRCUMSTANCES) if one.search(text))


def load_library(folder: Path = KNOWLEDGE, region: Mapping[str, str] | None = None) -> Library:
    """All articles of a folder with their index. Raises ConfigError as `read_articles`."""
    return Library(read_articles(folder, region))


def _normalised(weights: Mapping[str, float]) -> dict[str, float]:
    length = math.sqrt(sum(weight**2 for weight in weights.values())) or 1.0
    return {term: weight / length for term, weight in weights.items()}


@cache
def _synonyms() -> tuple[re.Pattern[str], dict[str, str]]:
    """Words of the same meaning: an expression that finds them, and the one each stands for."""
    groups: Any = yaml.safe_load(_SYNONYMS.read_text(encoding="utf-8"))
    meaning = {word: name for name, words in groups.items() for word in str(words).split()}
    longest_first = sorted(meaning, key=lambda word: (-len(word), word))
    return re.compile("|".join(map(re.escape, longest_first))), meaning


def _terms(text: str, *, longest: int = _LONGEST_QUERY) -> Counter[str]:
    """Character pairs and words of a text, words of asking taken out, words of one meaning made one."""
    same, meaning = _synonyms()
    plain = same.sub(lambda match: meaning[match[0]], normalise(text)[:longest])
    plain = _ASKING.sub(" ", plain)
    found: Counter[str] = Counter()
    for run in _RUN.findall(plain):
        if run[0] < "㐀" or len(run) == 1:
            found[run] += 1
            continue
        found.update([run[place : place + 2] for place in range(len(run) - 1)])
    found.update([f"w:{word}" for word in tokens(plain) if len(word) > 1])
    return found
