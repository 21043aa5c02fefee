"""What one message wants: precise rules for the service intents, weighed words for everything else.

Service wishes (a human, stop, sign me up, thanks) are short and formulaic: ordered rules answer them.
Questions about rights, programmes and everything that is not ours are weighed by the words they hold;
the winner must be strong and clear of the next, else the answer is "oos" with confidence under 0.5: not known.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from nlp.patterns import Rule, compile_rules, read_yaml
from nlp.text import DATA

_FOLDER = DATA / "intents"
#: Only the beginning of a long account is weighed: it costs time and adds nothing.
_WEIGHED = 400
_SURE = 0.5


@dataclass(frozen=True, slots=True)
class Guess:
    """An intent with its category and detail, how sure (0–1), and the words that decided."""

    intent: str = "oos"
    category: str = ""
    detail: str = ""
    confidence: float = 0.0
    because: tuple[str, ...] = ()


UNKNOWN = Guess()


@dataclass(frozen=True, slots=True)
class _Words:
    """Weighted words by their first two characters: (word, label, weight)."""

    by_start: Mapping[str, tuple[tuple[str, str, float], ...]]
    single: Mapping[str, tuple[tuple[str, float], ...]]

    def weigh(self, text: str) -> tuple[dict[str, float], dict[str, list[str]]]:
        """The weight of each label, and the words that gave it; a word counts once."""
        scores: dict[str, float] = defaultdict(float)
        words: dict[str, list[str]] = defaultdict(list)
        seen: set[str] = set()
        by_start = self.by_start
        for place in range(len(text) - 1):
            entries = by_start.get(text[place : place + 2])
            if entries is None:
                continue
            for word, label, weight in entries:
                if text.startswith(word, place) and (key := word + label) not in seen:
                    seen.add(key)
                    scores[label] += weight
                    if weight > 1:
                        words[label].append(word)
        for character in set(text):
            for label, weight in self.single.get(character, ()):
                scores[label] += weight
        return scores, words


@dataclass(frozen=True, slots=True)
class _Book:
    service: tuple[Rule, ...]
    policy: tuple[Rule, ...]
    words: _Words


def _entries(intent: str, categories: Mapping[str, Mapping[float, str]]) -> Iterable[tuple[str, str, float]]:
    for category, weights in categories.items():
        for weight, words in weights.items():
            for word in str(words).split():
                yield word, f"{intent}:{category}", float(weight)


def _index(entries: Iterable[tuple[str, str, float]]) -> _Words:
    by_start: dict[str, list[tuple[str, str, float]]] = defaultdict(list)
    single: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for word, label, weight in entries:
        if len(word) == 1:
            single[word].append((label, weight * 0.5))
        else:
            by_start[word[:2]].append((word, label, weight))
    return _Words(
        {start: tuple(found) for start, found in by_start.items()},
        {character: tuple(found) for character, found in single.items()},
    )


@cache
def _book() -> _Book:
    def rules(name: str) -> tuple[Rule, ...]:
        path = _FOLDER / name
        return tuple(compile_rules(path, read_yaml(path)["rules"], {}))

    entries: list[tuple[str, str, float]] = []
    for name in ("rights.yaml", "oos.yaml"):
        data: Any = read_yaml(_FOLDER / name)
        entries += _entries(data["intent"], data["categories"])
        entries += _entries("mark", {"any": data.get("marks", {})})
    return _Book(rules("service.yaml"), rules("policy.yaml"), _index(entries))


def guess(text: str) -> Guess:
    """The intent of a normalised text. Never raises."""
    if not text:
        return UNKNOWN
    book = _book()
    characters = set(text)
    service = _service(book, text, characters)
    if service is not None and service.intent in {"optout", "greeting", "thanks"}:
        return service
    scores, words = book.words.weigh(text[:_WEIGHED])
    weighed = _weighed(scores, words)
    policy = _policy(book, text, characters)
    if service is not None and not (weighed.intent == "rights" and weighed.confidence > 0.85):
        return service
    if policy is not None and (weighed.intent != "rights" or _impersonal(text, weighed)):
        return policy
    return weighed


def _service(book: _Book, text: str, characters: set[str]) -> Guess | None:
    for rule in book.service:
        if len(text) > rule.fields["most"]:
            continue
        match = rule.search(text, characters)
        if match is not None:
            fields = rule.fields
            return Guess(
                fields["intent"],
                fields.get("category", ""),
                fields.get("detail", ""),
                0.95,
                (match.group(0)[:12],),
            )
    return None


def _policy(book: _Book, text: str, characters: set[str]) -> Guess | None:
    if len(text) > 60:
        return None
    best: Guess | None = None
    most = 0.0
    for rule in book.policy:
        match = rule.search(text, characters)
        if match is not None and rule.fields["weight"] > most:
            most = rule.fields["weight"]
            best = Guess("policy", rule.fields["category"], rule.fields["detail"], 0.9, (match.group(0)[:12],))
    return best


def _impersonal(text: str, weighed: Guess) -> bool:
    """A question about a rule or programme, not about what somebody did to her."""
    mine = any(
        word in text for word in ("老公", "丈夫", "他", "我们", "公司", "老板", "单位不", "男方", "婆婆", "打我")
    )
    return not mine or weighed.confidence < 0.6


def _weighed(scores: Mapping[str, float], words: Mapping[str, list[str]]) -> Guess:
    mark = scores.get("mark:any", 0.0)
    rights = {label[7:]: weight for label, weight in scores.items() if label.startswith("rights:")}
    outside = {label[4:]: weight for label, weight in scores.items() if label.startswith("oos:")}
    category, strongest = max(rights.items(), key=lambda one: one[1], default=("", 0.0))
    other, against = max(outside.items(), key=lambda one: one[1], default=("", 0.0))
    strength = strongest + 0.25 * (sum(rights.values()) - strongest) + min(mark, 3.0) * 0.7
    if strongest >= against:
        confidence = strength / (strength + against + 2.2)
        if strongest >= 3 and confidence >= _SURE:
            return Guess("rights", category, "", confidence, tuple(words.get(f"rights:{category}", ())[:5]))
        return UNKNOWN
    confidence = against / (against + strength + 1.5)
    if confidence >= _SURE:
        return Guess("oos", other, "", confidence, tuple(words.get(f"oos:{other}", ())[:5]))
    return UNKNOWN
