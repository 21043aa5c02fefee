"""Canned replies (常用语): written, proposed, published, and put into the composer with their blanks filled."""

import re

from aiohttp import web

from bot import clock, manners
from bot.console import words
from bot.console.access import LEAD
from bot.console.visit import BadForm, Visit
from storage.repositories import canned_replies, desks, inbox
from storage.repositories.canned_replies import ReplyView

_LONGEST_TITLE, _LONGEST_TEXT, _LONGEST_NAME = 40, 1000, 20
_VARIABLE = re.compile(r"\{([^{}]*)\}")
#: Mobile and identity numbers: a sentence for everybody holds nobody's.
_NUMBER = re.compile(r"(?<!\d)(1[3-9]\d{9}|\d{17}[\dXx])(?!\d)")


async def show_all(visit: Visit) -> web.StreamResponse:
    """Shared ones, her own, and what others propose to whoever decides."""
    async with visit.house.database.reading() as tx:
        found = await canned_replies.list_for(tx, visit.me.id, leads=_leads(visit))
        duty_name = await desks.duty_name(tx, visit.me.id)
    if visit.wants_json:
        return visit.json({"duty_name": duty_name, "replies": [_json(one) for one in found]})
    return visit.page("replies.html", replies=found, duty_name=duty_name, leads=_leads(visit))


async def pick(visit: Visit) -> web.StreamResponse:
    """What the composer of one conversation offers: every blank filled, or said what is missing."""
    talk_id = visit.part("talk")
    async with visit.house.database.reading() as tx:
        number = await inbox.case_number(tx, talk_id, await visit.scope(tx))
        found = await canned_replies.list_for(tx, visit.me.id)
        name = await desks.duty_name(tx, visit.me.id)
    filled = {"me": name, "phone": visit.house.settings.service.hotline, "number": number}
    return visit.json([_json(one) | _filled(one.text, filled) for one in found])


async def create(visit: Visit) -> web.StreamResponse:
    """A new one of her own."""
    title, text, category = _read(visit.form)
    async with visit.house.database.transaction() as tx:
        reply_id = await canned_replies.add(
            tx, author_id=visit.me.id, title=title, text=text, category=category, now=clock.now()
        )
        await visit.record(tx, "reply.added", f"canned_reply:{reply_id}")
    return visit.done({"id": reply_id}, "/console/replies")


async def change(visit: Visit) -> web.StreamResponse:
    """Other words: her own by herself, shared ones by whoever leads."""
    title, text, category = _read(visit.form)
    reply = ReplyView(visit.part("reply"), visit.me.id, "", category, title, text, 0)
    async with visit.house.database.transaction() as tx:
        await canned_replies.change(tx, reply, visit.me.id, leads=_leads(visit), now=clock.now())
        await visit.record(tx, "reply.changed", f"canned_reply:{reply.id}")
    return visit.done({}, "/console/replies")


async def propose(visit: Visit) -> web.StreamResponse:
    """Ask that everybody may use it."""
    reply_id = visit.part("reply")
    async with visit.house.database.transaction() as tx:
        await canned_replies.propose(tx, reply_id, visit.me.id, clock.now())
        await visit.record(tx, "reply.proposed", f"canned_reply:{reply_id}")
    return visit.done({}, "/console/replies")


async def publish(visit: Visit) -> web.StreamResponse:
    """Everybody may use it, in the words the supervisor read."""
    reply_id, version = visit.part("reply"), _version(visit)
    async with visit.house.database.transaction() as tx:
        await canned_replies.publish(tx, reply_id, version, clock.now())
        await visit.record(tx, "reply.published", f"canned_reply:{reply_id}")
    return visit.done({}, "/console/replies")


async def give_back(visit: Visit) -> web.StreamResponse:
    """Not for everybody: it stays its author's own."""
    reply_id, version = visit.part("reply"), _version(visit)
    async with visit.house.database.transaction() as tx:
        await canned_replies.give_back(tx, reply_id, version, clock.now())
        await visit.record(tx, "reply.given_back", f"canned_reply:{reply_id}")
    return visit.done({}, "/console/replies")


async def remove(visit: Visit) -> web.StreamResponse:
    """Take it away for good."""
    reply_id = visit.part("reply")
    async with visit.house.database.transaction() as tx:
        await canned_replies.remove(tx, reply_id, visit.me.id, leads=_leads(visit))
        await visit.record(tx, "reply.removed", f"canned_reply:{reply_id}")
    return visit.done({}, "/console/replies")


async def set_duty_name(visit: Visit) -> web.StreamResponse:
    """What she calls herself when she writes to a woman; empty takes it away."""
    name = visit.form.get("duty_name", "").strip()
    if len(name) > _LONGEST_NAME or set(name) & set("{}\n"):
        raise BadForm({"duty_name": words.name("reply_problems", "duty_name").format(most=_LONGEST_NAME)})
    async with visit.house.database.transaction() as tx:
        await desks.set_duty_name(tx, visit.me.id, name)
        await visit.record(tx, "staff.duty_name_set", f"staff:{visit.me.id}")
    return visit.done({}, "/console/replies")


def _leads(visit: Visit) -> bool:
    return visit.me.role in LEAD


def _version(visit: Visit) -> int:
    given = visit.form.get("version", "")
    if not (given.isascii() and given.isdecimal()):
        raise BadForm({"version": words.name("reply_problems", "version")})
    return int(given)


def _read(form: dict[str, str]) -> tuple[str, str, str]:
    """Title, text, category as typed. Raises BadForm."""
    title, category = form.get("title", "").strip(), form.get("category", "").strip()
    text = form.get("text", "").replace("\r\n", "\n").strip()
    problems = {}
    if not 0 < len(title) <= _LONGEST_TITLE:
        problems["title"] = words.name("reply_problems", "title").format(most=_LONGEST_TITLE)
    if category and category not in words.group("categories"):
        problems["category"] = words.name("reply_problems", "category")
    wrong = _wrong_in(text)
    if wrong:
        problems["text"] = "；".join(wrong)
    if problems:
        raise BadForm(problems)
    return title, text, category


def _wrong_in(text: str) -> list[str]:
    """What is wrong with the words of a reply, each in one sentence."""
    if not 0 < len(text) <= _LONGEST_TEXT:
        return [words.name("reply_problems", "text").format(most=_LONGEST_TEXT)]
    found, known = manners.faults(text), set(words.group("reply_variables").values())
    listed = " ".join(f"{{{one}}}" for one in words.group("reply_variables").values())
    for name in dict.fromkeys(_VARIABLE.findall(text)):
        if name not in known:
            found.append(words.name("reply_problems", "variable").format(name=f"{{{name}}}", known=listed))
    if set(_VARIABLE.sub("", text)) & set("{}｛｝"):
        found.append(words.name("reply_problems", "brace").format(known=listed))
    if _NUMBER.search(text):
        found.append(words.name("reply_problems", "number"))
    return found


def _filled(text: str, values: dict[str, str]) -> dict[str, str]:
    """The text with its blanks filled, and what is missing for it in words (then it is not inserted)."""
    by_name = {word: key for key, word in words.group("reply_variables").items()}
    asked = [by_name[name] for name in _VARIABLE.findall(text)]
    missing = next((words.name("reply_missing", key) for key in asked if not values[key]), "")
    said = _VARIABLE.sub(lambda match: values[by_name[match[1]]] or match[0], text)
    return {"text": said, "missing": missing}


def _json(reply: ReplyView) -> dict[str, object]:
    return {
        "id": reply.id,
        "title": reply.title,
        "text": reply.text,
        "category": reply.category,
        "category_name": words.name("categories", reply.category) if reply.category else "",
        "state": reply.state,
        "version": reply.version,
    }
