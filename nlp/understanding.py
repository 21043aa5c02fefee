"""The one door: `understand(text, context)` says what a message means. Deterministic, and never raises."""

from datetime import datetime

from nlp.entities import read_entities
from nlp.intents import UNKNOWN, Guess, guess
from nlp.language import language_of
from nlp.meaning import Context, Risk, Understanding
from nlp.risk import read_normalised
from nlp.text import normalise


def understand(text: str, context: Context | None = None, now: datetime | None = None) -> Understanding:
    """Intent, category, risk and entities of one message.

    `context` makes short answers readable (好的, 第二个, 不是); `now`, aware, makes 明天 a date. A message that
    little speaks for keeps its best guess with a confidence under 0.5; one that nothing speaks for, or that
    is in another language, comes back as "oos" without category.
    """
    plain = normalise(text)
    risk = read_normalised(plain)
    language = language_of(plain)
    meaning = UNKNOWN if language else guess(plain)
    entities = read_entities(plain, now)
    if context is not None:
        meaning = _in_context(meaning, context, entities)
    meaning = _with_risk(meaning, risk)
    return Understanding(
        text=text,
        intent=meaning.intent,
        category=meaning.category,
        detail=meaning.detail,
        confidence=round(min(max(meaning.confidence, 0.0), 1.0), 3),
        risk=risk,
        entities=entities,
        because=meaning.because,
        language=language,
    )


_KIND_CATEGORY = {
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


#: What words are about when they name nothing: a blow is not a worry.
_VAGUE = frozenset({"", "psych", "marriage_other"})


def _with_risk(meaning: Guess, risk: Risk) -> Guess:
    """Danger is a matter of rights and names its category, whatever vague words alone would have said."""
    if risk.level < 2 or meaning.intent == "human":
        return meaning
    category = next((_KIND_CATEGORY[kind] for kind in risk.kinds if kind in _KIND_CATEGORY), "")
    if meaning.intent == "rights" and (not category or meaning.category not in _VAGUE):
        return meaning
    return Guess(
        "rights",
        category,
        "",
        max(0.7, meaning.confidence if meaning.intent == "rights" else 0.0),
        risk.reasons,
    )


def _in_context(meaning: Guess, context: Context, entities: dict[str, object]) -> Guess:
    """A short answer inside a flow belongs to the flow: its number names the choice shown under it."""
    choice = entities.get("choice")
    if context.choices and isinstance(choice, int) and 1 <= choice <= len(context.choices):
        entities["chosen"] = context.choices[choice - 1]
    answers = "choice" in entities or "answer" in entities
    if context.flow and answers and meaning.intent in {"oos", "thanks", "greeting"}:
        return Guess("oos", "", "answer", 0.4, ("回答上一个问题",))
    return meaning
