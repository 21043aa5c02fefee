"""The one door: `understand(text, context)` says what a message means. Deterministic, and never raises."""

import re
from datetime import datetime

from bot.dangers import category_of_kinds
from nlp.entities import read_entities
from nlp.intents import UNKNOWN, Guess, guess
from nlp.language import language_of
from nlp.meaning import Context, Risk, Understanding, Wish
from nlp.risk import read_normalised
from nlp.text import normalise


def understand(
    text: str, context: Context | None = None, now: datetime | None = None, *, explain: bool = True
) -> Understanding:
    """Intent, category, risk and entities of one message.

    `context` makes short answers readable (好的, 第二个, 不是); its `now`, or the one given, makes 明天 a
    date. A message that little speaks for keeps its best guess with a confidence under 0.5; one that nothing
    speaks for, or that is in another language, comes back as "oos" without category. `explain` False leaves
    out which words decided.
    """
    plain = normalise(text)
    risk = read_normalised(plain)
    language = language_of(plain)
    meaning = UNKNOWN if language else guess(plain, explain=explain)
    known = context or Context()
    entities = read_entities(plain, now or known.now, known.places)
    others: tuple[Wish, ...] = ()
    if not language:
        meaning, others = _parted(plain, meaning, calm=risk.level == 0)
    if context is not None:
        if context.step == _WHO_STEP:
            _read_who(plain, entities)
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
        others=others if context is None or not context.flow else (),
    )


#: What parts one request from the next; commas alone part nothing.
_PARTS = re.compile(r"[。?!;~]+|,? ?(?:另外|还有(?!没)|顺便|对了|再问一?下?|还想问一?下?|以及)[,: ]?")
_SHORTEST_PART = 4
_LONGEST_PARTED = 150
_MOST_PARTS = 4
_CLEAR = 0.8
#: Two matters of rights are two questions only when each asks; a story told in sentences is one.
_ASKS = re.compile("怎|吗|谁|哪|咋|多少|能|可以|要不要|我要|想|如何|几|啥|什么")
_NO_WISH = frozenset({"oos", "greeting", "thanks"})


def _parted(plain: str, meaning: Guess, *, calm: bool) -> tuple[Guess, tuple[Wish, ...]]:
    """The main wish and the others; a message unclear as a whole takes its first clear part as the main one."""
    if not 2 * _SHORTEST_PART <= len(plain) <= _LONGEST_PARTED:
        return meaning, ()
    parts = [part.strip(" ,") for part in _PARTS.split(plain)]
    parts = [part for part in parts if len(part) >= _SHORTEST_PART][:_MOST_PARTS]
    if len(parts) < 2:
        return meaning, ()
    clear = [
        (part, one)
        for part in parts
        if (one := guess(part, explain=False)).confidence >= _CLEAR and one.intent not in _NO_WISH
    ]
    several = len({one.intent for _, one in clear}) > 1
    if several or (clear and meaning.confidence < _CLEAR):
        # Read as a whole, the words of two wishes can make a third that nobody uttered.
        meaning = clear[0][1]
    asked = [(part, one) for part, one in clear if one.intent == "rights" and _ASKS.search(part)]
    matters = {one.category for _, one in asked} - {""}
    if not several and calm and len(matters) > 1 and "psych" not in matters:
        # The answer to the whole may be the answer to either: whoever answers takes the one not yet said.
        asked.sort(key=lambda found: found[1].category == meaning.category)
        return meaning, _wishes(asked)
    return meaning, _wishes([found for found in clear if found[1].intent != meaning.intent]) if several else ()


def _wishes(found: list[tuple[str, Guess]]) -> tuple[Wish, ...]:
    """One wish for each intent and, among matters of rights, each category."""
    wishes: dict[tuple[str, str], Wish] = {}
    for part, one in found:
        wish = Wish(one.intent, one.category, one.detail, one.confidence, part)
        wishes.setdefault((one.intent, one.category if one.intent == "rights" else ""), wish)
    return tuple(wishes.values())


#: The step of a form that asks who is hurt, and how that is answered in a word.
_WHO_STEP = "hear_who"
_WHO_OTHER = re.compile(
    r"^(?:是|为了|帮)?(?:她|他|别人|不是我|我?(?:妈妈?|姐姐?|妹妹?|女儿|闺女|孩子|朋友|闺蜜|同事|邻居|亲戚)).{0,4}$"
)
_WHO_SELF = re.compile(r"^(?:是|就是)?(?:我|我自己|自己|本人|俺|为我)(?:自己|本人)?[的呀啊。]*$")


#: What words are about when they name nothing: a blow is not a worry.
_VAGUE = frozenset({"", "psych", "marriage_other"})


def _with_risk(meaning: Guess, risk: Risk) -> Guess:
    """Danger is a matter of rights and names its category, whatever vague words alone would have said."""
    if risk.level < 2 or (meaning.intent == "human" and meaning.confidence >= _CLEAR):
        return meaning
    category = category_of_kinds(risk.kinds)
    if meaning.intent == "rights" and (not category or meaning.category not in _VAGUE):
        return meaning
    return Guess(
        "rights",
        category,
        "",
        max(0.7, meaning.confidence if meaning.intent == "rights" else 0.0),
        risk.reasons,
    )


def _read_who(plain: str, entities: dict[str, object]) -> None:
    """「她」 after the question who is hurt means another person; 「我」 means herself."""
    if _WHO_OTHER.match(plain):
        entities["hurt"] = "other"
    elif _WHO_SELF.match(plain):
        entities["hurt"] = "self"


def _in_context(meaning: Guess, context: Context, entities: dict[str, object]) -> Guess:
    """A short answer inside a flow belongs to the flow: its number names the choice shown under it."""
    choice = entities.get("choice")
    if context.choices and isinstance(choice, int) and 1 <= choice <= len(context.choices):
        entities["chosen"] = context.choices[choice - 1]
    answers = "choice" in entities or "answer" in entities
    if context.flow and answers and meaning.intent in {"oos", "thanks", "greeting"}:
        return Guess("oos", "", "answer", 0.4, ("回答上一个问题",))
    return meaning
