"""Two requests in one message: the second is answered too, without either losing its question."""

from dataclasses import replace

from bot.dialogue import Flow, Reply, Turn
from bot.router import Route, Way
from bot.turns.line import Line
from nlp.meaning import Wish

#: Handlers beside whose answer another may stand; never a crisis, a form or a lock.
_MAY_HAVE_A_SECOND = frozenset({"rights", "policy", "activity", "volunteer", "human"})

#: Two matters of rights may have the same answer; then the other of them is tried.
_TRIED = 2


async def answer_others(line: Line, route: Route, turn: Turn, first: Reply) -> Reply:
    """`first`, joined with the answer to what else she clearly asked for; unchanged when there is nothing."""
    wishes = turn.understanding.others
    if not wishes or route.way is not Way.HANDLER or route.handler not in _MAY_HAVE_A_SECOND:
        return first
    for wish in wishes[:_TRIED]:
        handler = next((flow for flow in line.handlers.values() if wish.intent in flow.intents), None)
        if handler is None:
            return first
        second = await _answer(handler, turn, wish)
        if second.hand_to or second.misunderstood:
            return first
        if not second.articles or not set(second.articles) <= set(first.articles):
            return _joined(line, first, second)
    return first


async def _answer(handler: Flow, turn: Turn, wish: Wish) -> Reply:
    meaning = replace(
        turn.understanding,
        text=wish.text,
        intent=wish.intent,
        category=wish.category,
        detail=wish.detail,
        confidence=wish.confidence,
        others=(),
    )
    message = replace(turn.message, text=wish.text)
    return await handler.begin(replace(turn, message=message, understanding=meaning, flow="", step="", data={}))


def _joined(line: Line, first: Reply, second: Reply) -> Reply:
    """Both answers in one reply; only one question can stay open, so the other is set aside for 「继续」."""
    both = replace(
        first,
        texts=first.texts + second.texts,
        call_human=first.call_human or second.call_human,
        alarm=first.alarm or second.alarm,
        case_id=first.case_id or second.case_id,
        articles=first.articles + second.articles,
        wishes=first.wishes | second.wishes,
    )
    if second.flow == first.flow and second.articles:
        # Both offer the same ways on: they are offered once, under the answer that stays open.
        said = tuple(text for text in second.texts if text not in (second.data.get("asked"), *first.texts))
        return replace(both, texts=said + first.texts)
    if not second.flow:
        # The question that stays open is the last thing she reads.
        return replace(both, texts=second.texts + first.texts) if first.flow else both
    if not first.flow:
        return replace(both, flow=second.flow, step=second.step, data=second.data)
    aside = {"flow": second.flow, "step": second.step, "data": dict(second.data)}
    return replace(both, texts=second.texts + tuple(line.both_texts()) + first.texts, set_aside=aside)
