"""Danger assessment (危险评估): short questions, one at a time, that tell staff how dangerous it is.

Nothing begins before she says that it is safe to talk; any question may be skipped and the whole be stopped with one
word, to which the answer is harmless. Each answer is written down at once, so that what she says before she stops
counts. She hears what she can do, never a score or a verdict.
"""

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from bot.dialogue import ANY, Flow, Reply, Turn, is_another_matter
from handlers import consultation, crisis, words
from handlers.wording import texts
from nlp import assessment as danger
from nlp.assessment import NO, UNKNOWN, YES, Item

flow = Flow("assessment")

_CHILD = 14
_ANSWERS = {1: YES, 2: NO, 3: UNKNOWN}
_SPOKEN = (("has_not", NO), ("has", YES), ("unsure", UNKNOWN))
_FIRST_CLAUSE = re.compile(r"[，,。.!！;；\s]+")
#: One that was broken off is gone on with for so long; later everything is asked again but what she said yes to.
_STILL_OPEN = timedelta(days=14)
_PROTECTION = "dv-protection-order"


@dataclass(frozen=True, slots=True)
class _Answers:
    """The assessment under way: its row (empty until something is answered) and every answer so far."""

    row: str
    marks: dict[str, dict[str, str]]


@flow.start
async def begin(turn: Turn) -> Reply:
    """Safety first: is anybody beside her, does he read this phone."""
    age = turn.understanding.entities.get("age", turn.learned.get("age"))
    if isinstance(age, int) and age < _CHILD:
        return flow.end(texts("consultation.child"), call_human="child", category="minors")
    return flow.ask(texts("assessment.ready"), then=hear_ready)


@flow.step
async def hear_ready(turn: Turn) -> Reply:
    """Whether she can talk; no answer is better than a forced one."""
    if turn.understanding.risk.level == 2 or words.says("unsafe", turn.text):
        return await crisis_first(turn, {"flow": flow.name, "step": turn.step, "data": dict(turn.data)})
    if words.says("later", turn.text):
        return flow.end(texts("assessment.later"))
    if words.says("begin", turn.text) or words.says("safe", turn.text):
        return await _next(turn, await _under_way(turn))
    if is_another_matter(turn):
        return Reply(hand_to=ANY)
    return flow.ask(texts("assessment.ready_again"), then=hear_ready)


@flow.step
async def hear_answer(turn: Turn) -> Reply:
    """One answer, written down at once; what she says of danger gets the crisis reply before the next question."""
    item = danger.checklist().item(str(turn.data.get("asking", "")))
    if item is None:
        return await begin(turn)
    answer = _answer_in(turn)
    in_danger = turn.understanding.risk.level == 2 or words.says("unsafe", turn.text)
    if answer is None and not in_danger:
        if is_another_matter(turn, "rights"):
            return Reply(hand_to=ANY)
        return flow.ask(texts("assessment.question_again", question=item.ask), then=hear_answer, asking=item.name)
    under_way = await _under_way(turn)
    if answer is None:
        return await crisis_first(turn, _at(item))
    reply = await _note(turn, under_way, item, answer)
    if in_danger:
        crisis_reply = await crisis_first(turn, {"flow": reply.flow, "step": reply.step, "data": reply.data})
        return replace(
            crisis_reply, alarm=reply.alarm, risk=reply.risk, call_human=reply.call_human, case_id=reply.case_id
        )
    return reply


@flow.step
async def choose(turn: Turn) -> Reply:
    """What she can do next: prepare, a person, protection."""
    choice = turn.understanding.entities.get("choice")
    if choice == 1:
        return Reply(hand_to="safety_plan")
    if choice == 2:
        return Reply(hand_to="human")
    article = turn.house.library.get(_PROTECTION)
    if choice == 3 and article is not None:
        return consultation.tell_way(turn, article, question="")
    return Reply(hand_to=ANY)


def leave(turn: Turn) -> Reply:
    """Stop with words anybody may read; 「继续」 brings the question back."""
    return Reply(texts=(texts("assessment.left"),), set_aside=flow.set_aside(turn))


async def crisis_first(turn: Turn, aside: dict[str, Any]) -> Reply:
    """The crisis reply to danger said in the middle of questions; `aside` is what 「继续」 brings back."""
    return replace(await crisis.tell(turn), set_aside=aside)


def _answer_in(turn: Turn) -> str | None:
    """有, 没有 or 说不准 as she put it; None when it is none of them: 「不安全」 is no no."""
    if words.says("unsafe", turn.text):
        return None
    choice = turn.understanding.entities.get("choice")
    if isinstance(choice, int) and choice in _ANSWERS:
        return _ANSWERS[choice]
    first = _FIRST_CLAUSE.split(turn.text.strip(), maxsplit=1)[0]
    for said in (turn.text, first):
        for name, answer in _SPOKEN:
            if words.says(name, said):
                return answer
    return {"yes": YES, "no": NO}.get(str(turn.understanding.entities.get("answer", "")))


async def _under_way(turn: Turn) -> _Answers:
    """The one she is in the middle of, or a new one that begins with what she said yes to before."""
    last = await turn.records.assessment()
    if last is None:
        return _Answers("", {})
    marks = dict(last.content.get("answers", {}))
    if last.finished_at is None and turn.now - last.changed_at < _STILL_OPEN:
        return _Answers(last.id, marks)
    return _Answers("", {name: mark for name, mark in marks.items() if mark["answer"] == YES})


async def _note(turn: Turn, before: _Answers, item: Item, answer: str) -> Reply:
    """Keep an answer and ask on; staff are called when it first turns serious, and alarmed when grave."""
    asked = danger.checklist()
    marks = before.marks | {item.name: danger.mark(answer, "her", turn.now.isoformat())}
    was, now = danger.assess(asked, danger.said(before.marks)), danger.assess(asked, danger.said(marks))
    rises = danger.rank(asked, now.level.name) > danger.rank(asked, was.level.name)
    case_id = turn.conversation.case_id
    if rises and now.level.alarm:
        opened = await turn.records.open_case(
            category=turn.conversation.category or "dv", risk=now.level.risk, fields={}, consent_version=""
        )
        case_id = opened.id
    row = await turn.records.keep_assessment(
        danger.content(asked, marks), finished=_open_item(marks) is None, open_id=before.row, case_id=case_id
    )
    reply = await _next(turn, _Answers(row, marks))
    if not rises:
        return reply
    alarms = now.level.alarm and not was.level.alarm
    return replace(
        reply,
        texts=(_heard(turn), *reply.texts) if alarms and reply.step == hear_answer.__name__ else reply.texts,
        alarm="assessment" if alarms else "",
        risk=now.level.risk,
        call_human="assessment" if now.level.risk else "",
        case_id=case_id,
    )


async def _next(turn: Turn, under_way: _Answers) -> Reply:
    """The next question nobody has answered, or what she can do now."""
    item = _open_item(under_way.marks)
    if item is not None:
        return flow.ask(texts("assessment.question", question=item.ask), then=hear_answer, asking=item.name)
    asked = danger.checklist()
    if not under_way.row:
        # Everything was a yes before: it is written down as of today all the same.
        await turn.records.keep_assessment(danger.content(asked, under_way.marks), finished=True)
    level = danger.assess(asked, danger.said(under_way.marks)).level
    key = "assessment.done_grave" if level.alarm else "assessment.done"
    said = texts(key) if turn.on_duty or not level.risk else f"{_off_duty(turn)}\n{texts(key)}"
    reply = flow.ask(said, then=choose)
    return replace(reply, risk=level.risk, call_human="assessment" if level.risk else "")


def _heard(turn: Turn) -> str:
    """What she hears when staff are alarmed; outside duty hours also who can be called meanwhile."""
    said = texts("assessment.heard")
    return said if turn.on_duty else f"{said}\n{_off_duty(turn)}"


def _off_duty(turn: Turn) -> str:
    return texts("assessment.off_duty", duty_hours=turn.house.duty_hours)


def _open_item(marks: dict[str, dict[str, str]]) -> Item | None:
    return next((item for item in danger.checklist().items if item.name not in marks), None)


def _at(item: Item) -> dict[str, Any]:
    """The flow at one question, to be taken up again."""
    question = texts("assessment.question", question=item.ask)
    return {"flow": flow.name, "step": hear_answer.__name__, "data": {"asking": item.name, "asked": question}}
