"""Danger: safety first, the numbers, one safe step, and a person. Nothing may stand before it."""

from bot.dialogue import ANY, Flow, Reply, Turn
from handlers import words
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
#: What she may go on with by number once she is safe.
_WAYS_ON = {1: "consultation", 2: "intake", 3: "human"}


@flow.start
async def tell(turn: Turn) -> Reply:
    """The first reply to danger; staff are alarmed by the pipeline already."""
    kinds = turn.understanding.risk.kinds
    name = next((text for kind, text in _TEXT_BY_KIND if kind in kinds), "general")
    return flow.ask(texts(f"crisis.{name}"), then=hear_safety)


@flow.step
async def hear_safety(turn: Turn) -> Reply:
    """Her next words: safe, not safe, cannot talk — or already what she wants to know."""
    answer = turn.understanding.entities.get("answer")
    if words.says("unsafe", turn.text):
        return flow.ask(texts("crisis.unsafe"), then=hear_safety)
    if words.says("quiet", turn.text):
        return flow.ask(texts("crisis.quiet"), then=hear_safety)
    if words.says("safe", turn.text) or answer == "yes":
        return flow.ask(texts("crisis.safe"), then=choose)
    if answer == "no":
        return flow.ask(texts("crisis.unsafe"), then=hear_safety)
    return await choose(turn)


@flow.step
async def choose(turn: Turn) -> Reply:
    """What next: the way to protection, a record, a person — or her own words."""
    if words.says("unsafe", turn.text):
        return flow.ask(texts("crisis.unsafe"), then=hear_safety)
    choice = turn.understanding.entities.get("choice")
    if isinstance(choice, int) and choice in _WAYS_ON:
        return Reply(hand_to=_WAYS_ON[choice])
    named = words.command(turn.text)
    if named in _WAYS_ON.values():
        return Reply(hand_to=named)
    if turn.understanding.intent == "oos" or turn.understanding.risk.level == 2:
        return flow.ask(texts("crisis.again"), then=hear_safety)
    return Reply(hand_to=ANY)
