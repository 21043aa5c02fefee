"""Danger assessment: what she answered, completed by staff; advice with its reasons, and every earlier time."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import web

from bot import clock
from bot.console import subject, words
from bot.console.visit import BadForm, Visit
from bot.errors import WrongState
from handlers.wording import texts
from nlp import assessment as danger
from nlp.assessment import UNKNOWN, Item
from storage.database import Transaction
from storage.repositories import assessments, cases, inbox, staff
from storage.repositories.assessments import AssessmentView

_SOURCES = ("her", "staff")


@dataclass(frozen=True, slots=True)
class Shown:
    """One assessment in words: its level by name and title, why, what nobody knows yet, whether it may be worse."""

    view: AssessmentView
    level: danger.Level
    reasons: tuple[str, ...]
    open: int
    may_be_worse: bool
    said_yes: tuple[Item, ...]


async def panel(visit: Visit, tx: Transaction) -> dict[str, Any]:
    """What the page of a conversation shows: the last assessment in short, and whether there is a plan."""
    about = await subject.find(visit, tx)
    last = await assessments.newest(tx, about.key, about.place.contact_id)
    return {
        "shown": _shown(last) if last else None,
        "plan": await assessments.count_plans(tx, about.place.contact_id),
        "path": about.back,
    }


async def show(visit: Visit) -> web.StreamResponse:
    """The last one to complete or correct, and all earlier ones; opening it is written into the audit log."""
    async with visit.house.database.transaction() as tx:
        about = await subject.find(visit, tx)
        past = await assessments.history(tx, about.key, about.place.contact_id)
        names = await staff.names(tx)
        await visit.record(tx, "assessment.viewed", about.audited)
    shown = [_shown(one) for one in past]
    if visit.wants_json:
        return visit.json([_json(one) for one in shown])
    return visit.page(
        "assessment.html",
        back=about.back,
        checklist=danger.checklist(),
        last=shown[0] if shown else None,
        past=shown,
        marks=past[0].content.get("answers", {}) if past else {},
        seen=_stamp(past[0] if past else None),
        names=names,
        mine=about.holder_id == visit.me.id,
    )


async def save(visit: Visit) -> web.StreamResponse:
    """Keep it as completed: finishes the one she is in the middle of, or is a new one that began with the last."""
    now = clock.now()
    async with visit.house.database.transaction() as tx:
        about = await subject.find(visit, tx)
        await assessments.hold(tx, about.place.contact_id)
        last = await assessments.newest(tx, about.key, about.place.contact_id)
        if visit.form.get("seen", "") != _stamp(last):
            raise WrongState("刚才她或同事又答了，请回到评估页看过最新的再存")
        marks = _marks(visit, last, now.isoformat())
        asked = danger.checklist()
        before = danger.assess(asked, danger.said(last.content.get("answers", {}) if last else {})).level
        after = danger.assess(asked, danger.said(marks)).level
        row = await assessments.keep(
            tx,
            about.key,
            about.place,
            danger.content(asked, marks),
            now=now,
            finished=True,
            staff_id=visit.me.id,
            open_id=last.id if last and last.finished_at is None else "",
        )
        rises = danger.rank(asked, after.name) > danger.rank(asked, before.name)
        await assessments.raise_risk(tx, about.place, after.risk, alarm=after.alarm and rises, now=now)
        if about.place.case_id:
            await cases.add_event(tx, about.key, about.place.case_id, "assessed", now=now, staff_id=visit.me.id)
        await visit.record(tx, "assessment.saved", about.audited)
    return visit.done({"id": row, "level": after.name}, f"{about.back}/assessment")


async def invite(visit: Visit) -> web.StreamResponse:
    """Ask her, in the live chat, to answer by herself; the bot takes over with its first question."""
    now = clock.now()
    async with visit.house.database.transaction() as tx:
        about = await subject.find(visit, tx)
        talk_id = about.place.conversation_id or ""
        _, is_new = await inbox.reply(tx, talk_id, visit.me.id, texts("assessment.invite"), _key(visit), now)
        if is_new:
            flow_minutes = timedelta(minutes=visit.house.settings.service.flow_minutes)
            await inbox.hand_to_flow(
                tx, talk_id, visit.me.id, "assessment", "hear_ready", now=now, until=now + flow_minutes
            )
            await visit.record(tx, "assessment.invited", about.audited)
    return visit.done({}, about.back)


def _key(visit: Visit) -> str:
    key = visit.form.get("key", "")
    if not key.isascii() or not 0 < len(key) <= 48:
        raise BadForm({"key": "缺少消息编号，请刷新页面"})
    return key


def _marks(visit: Visit, last: AssessmentView | None, at: str) -> dict[str, dict[str, str]]:
    """Each answer of the form; one nobody touched keeps who gave it and when. Raises BadForm."""
    known: dict[str, dict[str, str]] = last.content.get("answers", {}) if last else {}
    marks = {}
    for item in danger.checklist().items:
        answer = visit.form.get(f"answer_{item.name}", "")
        source = visit.form.get(f"source_{item.name}", "") or "her"
        if answer not in (*danger.ANSWERS, "") or source not in _SOURCES:
            raise BadForm({item.name: f"「{item.staff}」请选有、没有或不知道"})
        before = known.get(item.name)
        if before and (before["answer"], before["source"]) == (answer or UNKNOWN, source):
            marks[item.name] = before
        elif answer:
            marks[item.name] = danger.mark(answer, source, at)
    return marks


def _shown(view: AssessmentView) -> Shown:
    asked = danger.checklist()
    answers = danger.said(view.content.get("answers", {}))
    found = danger.assess(asked, answers)
    return Shown(
        view,
        found.level,
        found.reasons,
        len(found.open),
        found.could_be.name != found.level.name,
        tuple(item for item in asked.items if answers.get(item.name) == danger.YES),
    )


def _stamp(view: AssessmentView | None) -> str:
    """Which state of the last assessment a page was made from."""
    return f"{view.id}.{view.changed_at.isoformat()}" if view else "none"


def _json(one: Shown) -> dict[str, Any]:
    return {
        "id": one.view.id,
        "at": one.view.changed_at.isoformat(),
        "finished": one.view.finished_at is not None,
        "level": one.level.name,
        "title": one.level.title,
        "reasons": list(one.reasons),
        "open": one.open,
        "answers": one.view.content.get("answers", {}),
        "seen": _stamp(one.view),
    }


def in_words(answers: dict[str, str]) -> dict[str, str]:
    """Answers by question, both in words: for her copy."""
    asked = {item.name: item.ask for item in danger.checklist().items}
    return {asked.get(name, name): words.name("assessment_answers", answer) for name, answer in answers.items()}
