"""A session is moved: another time, another place; whoever signed up is told once."""

from datetime import datetime

from aiohttp import web

from bot import clock
from bot.console import words
from bot.console.activities import read_moment
from bot.console.visit import BadForm, Visit
from bot.errors import NotFound
from bot.manners import giveaways
from handlers.wording import texts
from storage.database import Transaction
from storage.repositories import activities
from storage.repositories.activities import SessionChange, SessionView

_LONGEST_PLACE = 128
_FIELDS = {"starts_at": "开始时间", "ends_at": "结束时间", "signup_closes_at": "报名截止"}


async def ask(visit: Visit) -> web.StreamResponse:
    """The form, filled with what holds now."""
    async with visit.house.database.reading() as tx:
        session = await _coming(tx, visit.part("session"))
    form = {name: f"{clock.local(getattr(session, name), visit.zone):%Y-%m-%dT%H:%M}" for name in _FIELDS}
    return visit.page("session_change.html", session=session, form=form | {"place": session.place}, problems={})


async def change(visit: Visit) -> web.StreamResponse:
    """Keep it, take back reminders of the old time, and tell everybody who signed up."""
    session_id = visit.part("session")
    async with visit.house.database.transaction() as tx:
        session = await _coming(tx, session_id)
        try:
            wanted = _read(visit.form, session, visit.zone)
        except BadForm as error:
            if visit.wants_json:
                raise
            return visit.page(
                "session_change.html", status=400, session=session, form=visit.form, problems=error.problems
            )

        def say(before: datetime) -> str:
            old, new = words.day(before, visit.zone), words.day(wanted.starts_at, visit.zone)
            said = texts("reminders.activity_changed", before=old, when=new, place=wanted.place)
            return texts("reminders.changed_bare", before=old, when=new) if giveaways(said) else said

        told = await activities.change_session(tx, session_id, wanted, say, clock.now())
        await visit.record(tx, "activity.changed", f"activity_session:{session_id}", f"told {told}")
    return visit.done({"told": told}, "/console/activities")


async def _coming(tx: Transaction, session_id: str) -> SessionView:
    session = await activities.find_session(tx, session_id)
    if session is None or session.starts_at <= clock.now():
        raise NotFound
    return session


def _read(form: dict[str, str], session: SessionView, zone: str) -> SessionChange:
    """What is not sent stays as it is. Raises BadForm with a sentence per field."""
    problems: dict[str, str] = {}
    times = {name: getattr(session, name) for name in _FIELDS}
    for name, label in _FIELDS.items():
        if text := form.get(name, "").strip():
            try:
                times[name] = read_moment(text, zone)
            except ValueError:
                problems[name] = f"请填写{label}，例如 2026-12-01T14:30"
    place = form.get("place", session.place).strip()
    if not place:
        problems["place"] = "请填写地点"
    elif len(place) > _LONGEST_PLACE:
        problems["place"] = f"地点最多 {_LONGEST_PLACE} 字"
    if not problems:
        if times["starts_at"] <= clock.now():
            problems["starts_at"] = "开始时间要在现在以后"
        if times["ends_at"] <= times["starts_at"]:
            problems["ends_at"] = "结束时间要在开始之后"
        if times["signup_closes_at"] > times["ends_at"]:
            problems["signup_closes_at"] = "报名截止要在活动结束之前"
    if problems:
        raise BadForm(problems)
    return SessionChange(**times, place=place)
