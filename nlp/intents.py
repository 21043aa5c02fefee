"""What one message wants: precise rules for the service wishes, a trained linear model for everything else.

Service wishes (a human, stop, sign me up, thanks) are short and formulaic: ordered rules answer them, the
first that matches wins. All else is scored by the model over its character n-grams. Its probability is the
confidence: under 0.5 the best guess is named, but whoever routes must not claim to have understood.
"""

from dataclasses import dataclass
from functools import cache

from nlp.linear import Scores, model
from nlp.patterns import Rules, compile_rules, read_yaml
from nlp.text import DATA

_FOLDER = DATA / "intents"
#: A rule's own certainty.
_RULE = 0.95
#: Whole-message formulas, which no score can talk out of what they are.
_FORMULAS = frozenset({"optout", "greeting", "thanks"})
#: From this probability on her own trouble outweighs a service wish told beside it.
_TROUBLE = 0.85
#: The model must leave a programme rule at least this much room.
_ROOM = 0.15
_LONGEST_PROGRAMME = 60


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
class _Book:
    service: Rules
    policy: Rules


@cache
def _book() -> _Book:
    def rules(name: str) -> Rules:
        path = _FOLDER / name
        return Rules(compile_rules(path, read_yaml(path)["rules"], {}))

    return _Book(rules("service.yaml"), rules("policy.yaml"))


def prepare() -> None:
    """Read rules and model now rather than with the first message; ConfigError names what is wrong."""
    _book()
    model()


def guess(text: str, *, explain: bool = True) -> Guess:
    """The intent of a normalised text. Never raises."""
    if not any(character.isalnum() for character in text):
        return UNKNOWN
    book = _book()
    characters = set(text)
    service = _service(book, text, characters)
    if service is not None and service.intent in _FORMULAS:
        return service
    scores = model().score(text)
    chances = scores.by_intent()
    programme = _programme(book, text, characters)
    if programme is not None and chances["policy"] > 0.5:
        return programme
    if service is not None and chances["rights"] <= _TROUBLE:
        return service
    if programme is not None and chances["policy"] >= _ROOM:
        return programme
    return _scored(scores, chances, programme.detail if programme else "", explain=explain)


def _scored(scores: Scores, chances: dict[str, float], programme: str, *, explain: bool) -> Guess:
    intent = max(chances, key=lambda name: chances[name])
    category, _ = scores.best(intent)
    detail = category if intent == "activity" else programme if intent == "policy" else ""
    because = model().because(scores, f"{intent}:{category}") if explain else ()
    return Guess(intent, category, detail, chances[intent], because)


def _service(book: _Book, text: str, characters: set[str]) -> Guess | None:
    for rule in book.service.candidates(characters):
        if len(text) > rule.fields["most"]:
            continue
        match = rule.pattern.search(text)
        if match is not None:
            fields = rule.fields
            return Guess(
                fields["intent"],
                fields.get("category", ""),
                fields.get("detail", ""),
                _RULE,
                (match.group(0)[:12],),
            )
    return None


def _programme(book: _Book, text: str, characters: set[str]) -> Guess | None:
    if len(text) > _LONGEST_PROGRAMME:
        return None
    best: Guess | None = None
    most = 0.0
    for rule in book.policy.candidates(characters):
        match = rule.pattern.search(text)
        if match is not None and rule.fields["weight"] > most:
            most = rule.fields["weight"]
            best = Guess("policy", rule.fields["category"], rule.fields["detail"], 0.9, (match.group(0)[:12],))
    return best
