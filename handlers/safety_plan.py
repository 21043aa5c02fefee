"""Safety plan (安全计划, in front of people 事项清单): she thinks it through, one part at a time.

She decides first whether we keep a copy at all. Without one her words are not even kept as messages. The plan never
comes back into the chat by itself: whoever holds the phone would read where she goes.
"""

from dataclasses import replace
from typing import Any

from bot.dialogue import Flow, Reply, Turn
from handlers import words
from handlers.assessment import crisis_first
from handlers.wording import texts
from nlp.assessment import Section, outline

flow = Flow("safety_plan")

_LONGEST = 300


@flow.start
async def begin(turn: Turn) -> Reply:
    """What it is, and whether we keep it."""
    return flow.ask(texts("safety_plan.ask_keep"), then=hear_keep)


@flow.step
async def hear_keep(turn: Turn) -> Reply:
    """Nothing is kept unless she says so."""
    choice = turn.understanding.entities.get("choice")
    if turn.understanding.risk.level == 2 or words.says("unsafe", turn.text):
        return await crisis_first(turn, {"flow": flow.name, "step": turn.step, "data": dict(turn.data)})
    if choice == 1 or words.says("keep", turn.text):
        return _ask(outline().sections[0], kept=True)
    if choice == 2 or words.says("keep_not", turn.text):
        return _ask(outline().sections[0], kept=False)
    if words.says("later", turn.text):
        return flow.end(texts("assessment.later"))
    named = words.command(turn.text)
    if named and named != flow.name:
        return Reply(hand_to=named)
    return flow.ask(texts("safety_plan.ask_keep_again"), then=hear_keep)


@flow.step
async def hear_section(turn: Turn) -> Reply:
    """Her words on one part; 「跳过」 leaves what stood there."""
    sections = outline().sections
    section = next((one for one in sections if one.name == turn.data.get("asking")), None)
    if section is None:
        return await begin(turn)
    kept, row = bool(turn.data.get("kept")), str(turn.data.get("row", ""))
    wrote = int(turn.data.get("wrote", 0))
    if not turn.text:
        return flow.ask(texts("safety_plan.section_again"), then=hear_section, **_of(turn))
    if not words.says("skip", turn.text) and not words.says("unsafe", turn.text):
        wrote += 1
        if kept:
            row = await _keep(turn, section, row)
    reply = _after(section, kept=kept, row=row, wrote=wrote)
    if turn.understanding.risk.level == 2 or words.says("unsafe", turn.text):
        return await crisis_first(turn, {"flow": reply.flow, "step": reply.step, "data": reply.data})
    return reply if kept else replace(reply, secret=True)


async def _keep(turn: Turn, section: Section, row: str) -> str:
    known = await turn.records.safety_plan()
    content = (known.content if known else {}) | {section.name: turn.text[:_LONGEST]}
    return await turn.records.keep_plan(content, open_id=row, case_id=turn.conversation.case_id)


def _after(section: Section, *, kept: bool, row: str, wrote: int) -> Reply:
    """The next part, or the end."""
    sections = outline().sections
    place = sections.index(section) + 1
    if place < len(sections):
        return _ask(sections[place], kept=kept, row=row, wrote=wrote)
    if not wrote:
        return flow.end(texts("safety_plan.nothing_kept"))
    return flow.end(texts("safety_plan.done_kept" if kept else "safety_plan.done_unkept"))


def _ask(section: Section, **data: Any) -> Reply:
    said = texts("safety_plan.section", question=section.ask, hint=section.hint)
    return flow.ask(said, then=hear_section, asking=section.name, **data)


def _of(turn: Turn) -> dict[str, Any]:
    return {name: turn.data[name] for name in ("asking", "kept", "row", "wrote") if name in turn.data}
