"""Danger: safety first, the numbers, one safe step, and a person. Nothing may stand before it."""

from collections.abc import Sequence

from bot.dialogue import ANY, Flow, Reply, Turn
from handlers import consultation, words
from handlers.language import numbers
from handlers.wording import texts

flow = Flow("crisis")

#: Which text answers which kind of danger; the first that fits, in this order.
_TEXT_BY_KIND = (
    ("suicide", "suicide"),
    ("self_harm", "suicide"),
    ("captivity", "captivity"),
    ("child", "child"),
    ("sexual_violence", "sexual"),
    ("violence_now", "violence"),
    ("threat_to_kill", "threat"),
    ("stalking", "stalking"),
    ("violence_pattern", "violence"),
)
#: Where the general words for 「not safe」 would be wrong, or even cruel.
_UNSAFE = {"suicide": "crisis.unsafe_suicide", "captivity": "crisis.unsafe_captivity", "child": "crisis.unsafe_child"}
#: Here 「嗯」 may mean anything, or be said because somebody is listening: only the words for safe count.
_YES_IS_NOT_SAFE = frozenset({"suicide", "captivity"})
#: What she is told of the way to protection, by text.
_ARTICLES = {
    "stalking": "dv-ex-partner",
    "sexual": "harassment-assault",
    "suicide": "psych-suicide",
    "child": "minor-abuse",
}
_ARTICLE = "dv-protection-order"
#: What she may go on with by number once she is safe.
_WAYS_ON = {1: "consultation", 2: "intake", 3: "human", 4: "assessment"}
#: Where it is another who endangers her, and a danger assessment is offered once she is safe to talk.
_BY_ANOTHER = frozenset({"violence", "threat", "stalking", "sexual", "captivity"})
#: Matters nobody turns to before she is safe: there they are misread words.
_NOT_NOW = frozenset({"activity", "volunteer", "greeting"})
#: From this confidence on her words may lead elsewhere.
_SURE = 0.8
_LONGEST_QUESTION = 300


@flow.start
async def tell(turn: Turn) -> Reply:
    """The reply to danger; staff are alarmed by the pipeline already.

    Danger that was answered before and would be lost on a form gets the words for 「not safe」, not the same again.
    """
    answered = turn.learned.get("answered_dangers", ())
    kinds = turn.understanding.risk.kinds
    new = [kind for kind in kinds if kind not in answered] or kinds
    name = next((text for kind, text in _TEXT_BY_KIND if kind in new), "general")
    key = f"crisis.{name}" if turn.is_new_danger else _UNSAFE.get(name, "crisis.unsafe")
    language = turn.understanding.language
    said = (numbers(language),) if language else ()
    return flow.ask(*said, texts(key), then=hear_safety, kind=name, question=turn.text[:_LONGEST_QUESTION])


@flow.step
async def hear_safety(turn: Turn) -> Reply:
    """Her next words: safe, not safe, cannot talk — or already what she wants to know."""
    answer = turn.understanding.entities.get("answer")
    if words.says("quiet", turn.text):
        return _say(turn, "crisis.quiet")
    if words.says("unsafe", turn.text) or answer == "no":
        return _tell_unsafe(turn)
    if words.says("safe", turn.text):
        return _offer_ways(turn)
    if answer == "yes":
        if turn.data.get("kind") in _YES_IS_NOT_SAFE:
            return _say(turn, "crisis.sure")
        return _offer_ways(turn)
    return await choose(turn)


@flow.step
async def choose(turn: Turn) -> Reply:
    """What next: the way to protection, a record, a person — or her own words."""
    risk = turn.understanding.risk
    if words.says("unsafe", turn.text):
        return _tell_unsafe(turn)
    choice = turn.understanding.entities.get("choice")
    if choice == 1:
        return _tell_way(turn)
    if isinstance(choice, int) and choice in _WAYS_ON:
        return Reply(hand_to=_WAYS_ON[choice])
    if words.says("weary", turn.text):
        return care(turn)
    if words.says("useful", turn.text):
        return Reply(hand_to="feedback")
    named = words.command(turn.text)
    if named and named != "feedback":
        return Reply(hand_to=named)
    if risk.level == 2:
        worse = risk.urgent or turn.data.get("kind") in _YES_IS_NOT_SAFE
        return _tell_unsafe(turn) if worse else _say(turn, "crisis.again")
    return Reply(hand_to=ANY) if _is_elsewhere(turn) else _say(turn, "crisis.again")


def hand_back(kinds: Sequence[str]) -> Reply:
    """The bot speaks again after a person left danger unanswered; what she says next is heard as in any crisis."""
    name = next((text for kind, text in _TEXT_BY_KIND if kind in kinds), "general")
    return flow.ask(texts("crisis.hand_back"), then=hear_safety, kind=name)


def care(turn: Turn) -> Reply:
    """For 「算了」 and 「没用」: in danger they are no wish to leave and no opinion of the answer."""
    return _say(turn, "crisis.weary")


def _is_elsewhere(turn: Turn) -> bool:
    """Whether she surely speaks of something else; while she may be unsafe, never of an activity."""
    meaning = turn.understanding
    is_safe = turn.step == choose.__name__
    return meaning.confidence >= _SURE and meaning.intent != "oos" and (is_safe or meaning.intent not in _NOT_NOW)


def _tell_unsafe(turn: Turn) -> Reply:
    """What helps at once in this kind of danger."""
    kinds = turn.understanding.risk.kinds if turn.understanding.risk.level == 2 else ()
    name = next((text for kind, text in _TEXT_BY_KIND if kind in kinds), turn.data.get("kind", ""))
    return _say(turn, _UNSAFE.get(name, "crisis.unsafe"))


def _tell_way(turn: Turn) -> Reply:
    """The article on her kind of danger with its steps, as consultation tells it."""
    article = turn.house.library.get(_ARTICLES.get(turn.data.get("kind", ""), _ARTICLE))
    if article is None:
        return Reply(hand_to="consultation")
    return consultation.tell_way(turn, article, question=turn.data.get("question", ""))


def _offer_ways(turn: Turn) -> Reply:
    """She is safe: what she may go on with."""
    said = [texts("crisis.safe")]
    if turn.data.get("kind") in _BY_ANOTHER:
        said.append(texts("assessment.offer"))
    if turn.learned.get("set_aside"):
        said.append(texts("menu.set_aside"))
    return flow.ask("\n".join(said), then=choose, **_kept(turn))


def _say(turn: Turn, key: str) -> Reply:
    """Say it and hear again whether she is safe."""
    return flow.ask(texts(key), then=hear_safety, **_kept(turn))


def _kept(turn: Turn) -> dict[str, str]:
    """Her words of the danger and its kind, for what follows."""
    return {name: turn.data[name] for name in ("kind", "question") if name in turn.data}
