"""Safety plan, written with her: versions, a neutral page to print, her copy only when she asks in the live chat."""

from datetime import timedelta

from aiohttp import web

from bot import clock
from bot.console import subject
from bot.console.visit import BadForm, Visit
from bot.errors import WrongState
from nlp.assessment import outline
from storage.repositories import assessments, cases, inbox, staff

_LONGEST = 500
_LONGEST_MESSAGE = 2000
#: She asked for it just now: otherwise somebody else may be holding the phone.
_JUST_NOW = timedelta(minutes=10)
_TITLE = "事项清单"


async def show(visit: Visit) -> web.StreamResponse:
    """The plan in use to change, and earlier versions."""
    async with visit.house.database.transaction() as tx:
        about = await subject.find(visit, tx)
        versions = await assessments.plans(tx, about.key, about.place.contact_id)
        names = await staff.names(tx)
        await visit.record(tx, "plan.viewed", about.audited)
    if visit.wants_json:
        return visit.json([{"number": one.number, "fields": one.content} for one in versions])
    return visit.page(
        "safety_plan.html",
        back=about.back,
        sections=outline().sections,
        plan=versions[0] if versions else None,
        versions=versions,
        names=names,
        mine=about.holder_id == visit.me.id,
    )


async def save(visit: Visit) -> web.StreamResponse:
    """Keep what was written with her as a new version."""
    fields = {}
    for section in outline().sections:
        text = visit.form.get(section.name, "").strip()
        if len(text) > _LONGEST:
            raise BadForm({section.name: f"「{section.title}」最多 {_LONGEST} 字"})
        if text:
            fields[section.name] = text
    if not fields:
        raise BadForm({"": "还一栏都没有写；她不想留就不用存"})
    now = clock.now()
    async with visit.house.database.transaction() as tx:
        about = await subject.find(visit, tx)
        await assessments.hold(tx, about.place.contact_id)
        number = await assessments.count_plans(tx, about.place.contact_id)
        if visit.form.get("number", "0") != str(number):
            raise WrongState("刚才她或同事改过了，请回到清单页看过最新的再存")
        await assessments.keep_plan(tx, about.key, about.place, fields, now=now, staff_id=visit.me.id)
        if about.place.case_id:
            await cases.add_event(tx, about.key, about.place.case_id, "planned", now=now, staff_id=visit.me.id)
        await visit.record(tx, "plan.saved", about.audited)
    return visit.done({"number": number + 1}, f"{about.back}/plan")


async def show_print(visit: Visit) -> web.StreamResponse:
    """The plan on a page that gives nothing away: no house, no name, no number."""
    async with visit.house.database.transaction() as tx:
        about = await subject.find(visit, tx)
        versions = await assessments.plans(tx, about.key, about.place.contact_id, 1)
        await visit.record(tx, "plan.printed", about.audited)
    return visit.page(
        "safety_plan_print.html", sections=outline().sections, fields=versions[0].content if versions else {}
    )


async def send(visit: Visit) -> web.StreamResponse:
    """Her copy, into the live chat: only while somebody talks with her, and only because she asked just now."""
    if not visit.form.get("asked"):
        raise BadForm({"asked": "请确认是她刚才自己要的，并且现在方便收"})
    key = visit.form.get("key", "")
    if not key.isascii() or not 0 < len(key) <= 48:
        raise BadForm({"key": "缺少消息编号，请刷新页面"})
    now = clock.now()
    async with visit.house.database.transaction() as tx:
        about = await subject.find(visit, tx)
        talk_id = about.place.conversation_id or ""
        versions = await assessments.plans(tx, about.key, about.place.contact_id, 1)
        if not versions:
            raise WrongState("还没有存着的清单")
        heard = about.last_inbound_at
        if heard is None or now - heard > _JUST_NOW:
            raise WrongState("她有一会儿没来话了，现在拿手机的可能不是她；等她再来话、说方便，再发")
        text = _as_text(versions[0].content)
        if len(text) > _LONGEST_MESSAGE:
            raise WrongState("清单太长，一次发不完；挑要紧的写在回复里发给她")
        await inbox.reply(tx, talk_id, visit.me.id, text, key, now)
        await visit.record(tx, "plan.sent", about.audited)
    return visit.done({}, about.back)


async def forget(visit: Visit) -> web.StreamResponse:
    """She wants none of it kept here: every version is emptied at once."""
    if visit.form.get("sure", "").strip() != _TITLE:
        raise BadForm({"sure": f"要删除，请写「{_TITLE}」四个字"})
    async with visit.house.database.transaction() as tx:
        about = await subject.find(visit, tx)
        await assessments.forget_plan(tx, about.place.contact_id)
        await visit.record(tx, "plan.forgotten", about.audited)
    return visit.done({}, f"{about.back}/plan")


def in_words(fields: dict[str, str]) -> dict[str, str]:
    """What is written, by title, in the order of the outline."""
    return {section.title: fields[section.name] for section in outline().sections if fields.get(section.name)}


def _as_text(fields: dict[str, str]) -> str:
    lines = [f"{title}：{words}" for title, words in in_words(fields).items()]
    return "\n".join([_TITLE, *lines])
