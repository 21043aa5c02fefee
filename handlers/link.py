"""绑定: the same woman on another channel, by a code only she can carry from one to the other; and apart again.

Whoever holds one of her phones could bind it to what she said on another: where she has set a word of her own (口令),
the code is given only for it, and nothing of what was said is ever repeated on the other channel.
"""

import re
from dataclasses import replace

from bot.dialogue import ANY, Flow, Reply, Turn
from handlers import words
from handlers.wording import texts

flow = Flow("link")

_CODE = re.compile(r"\d{10}")
#: What a code came to, in words.
_SAID = {
    "joined": "link.joined",
    "same": "link.same",
    "other_way": "link.other_way",
    "busy": "link.busy",
}


@flow.start
async def begin(turn: Turn) -> Reply:
    """A code for the other channel, or the code from there."""
    if words.says("unlink", turn.text):
        return flow.ask(texts("link.ask_part"), then=confirm_part)
    return flow.ask(texts("link.ask"), then=choose)


@flow.step
async def choose(turn: Turn) -> Reply:
    """1: a code of this side; 2, or the digits at once: the code from the other side."""
    if code := _code(turn):
        return await _say(turn, code)
    match turn.understanding.entities.get("choice"):
        case 1:
            return await _give(turn)
        case 2:
            return flow.ask(texts("link.ask_code"), then=hear_code)
    return Reply(hand_to=ANY)


@flow.step
async def hear_code(turn: Turn) -> Reply:
    """The ten digits from the other side."""
    if code := _code(turn):
        return await _say(turn, code)
    if words.command(turn.text):
        return Reply(hand_to=ANY)
    return flow.ask(texts("link.ask_code_again"), then=hear_code)


@flow.step
async def hear_word(turn: Turn) -> Reply:
    """Her own word, before a code is given."""
    match await turn.records.try_own_word(turn.text):
        case "fits":
            return replace(flow.end(await _code_text(turn)), secret=True)
        case "wrong":
            return replace(flow.ask(texts("mydata.ask_word_again"), then=hear_word), secret=True)
        case _:
            return replace(flow.end(texts("mydata.shut"), call_human="own_word"), secret=True)


@flow.step
async def confirm_part(turn: Turn) -> Reply:
    """This channel goes its own way only when she says so again."""
    if not words.says("agree", turn.text):
        return flow.end(texts("link.kept"))
    return flow.end(texts("link.parted" if await turn.records.part_link() else "link.only_one"))


async def _give(turn: Turn) -> Reply:
    match await turn.records.own_word_state():
        case "none":
            return flow.end(await _code_text(turn))
        case "open":
            return flow.ask(texts("mydata.ask_word"), then=hear_word)
        case _:
            return flow.end(texts("mydata.shut"), call_human="own_word")


async def _code_text(turn: Turn) -> str:
    code = await turn.records.make_link_code()
    return texts("link.code", code=f"{code[:5]} {code[5:]}")


async def _say(turn: Turn, code: str) -> Reply:
    outcome = await turn.records.say_link_code(code)
    if outcome in _SAID:
        return replace(flow.end(texts(_SAID[outcome])), secret=True)
    return replace(flow.ask(texts("link.unknown"), then=hear_code), secret=True)


def _code(turn: Turn) -> str:
    digits = re.sub(r"[\s-]", "", turn.text)
    return digits if _CODE.fullmatch(digits) else ""
