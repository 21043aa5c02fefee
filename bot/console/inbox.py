"""The conversation: what was said, answer, fill in the form, close."""

from datetime import timedelta
from typing import Any

from aiohttp import web

from bot import clock
from bot.console import assessment, contact, suggestions, transfers, words
from bot.console.stream import stream
from bot.console.visit import BadForm, Visit
from bot.messages import Trigger, Window
from storage.repositories import erasure, inbox, reaching, staff
from storage.repositories.inbox import TalkView, notes

_LONGEST_FIELD = 1000
#: Files she sent are shown in the page only when they are one of these; others are downloaded.
_SHOWN = frozenset(
    {f"image/{kind}" for kind in ("jpeg", "png", "gif", "webp")}
    | {f"audio/{kind}" for kind in ("mpeg", "wav", "ogg", "aac", "mp4", "webm")}
    | {"video/mp4"}
)
#: How conversations end without anybody choosing it.
_BY_ITSELF = frozenset({"silent", "erased"})
_NONE = "无"
#: What is shown masked; in full only with a reason, on the page of the person.
_IDENTIFIERS = ("phone", "callback_phone")
#: What the form holds, in its order: name, label, long text.
FORM = (
    ("hurt", "谁受到伤害", "hurt"),
    ("category", "类别", "categories"),
    ("area", "乡镇或街道", ""),
    ("phone", "安全的电话", ""),
    ("contact", "怎么联系", "contact"),
    ("hours", "什么时候联系安全", ""),
    ("done", "已经做过", "done"),
    ("summary", "情况", ""),
    ("wish", "她希望得到的帮助", ""),
)


async def show_talk(visit: Visit) -> web.StreamResponse:
    """One conversation; opening it is written into the audit log."""
    talk_id = visit.part("talk")
    part = "part" in visit.request.query
    if part:
        async with visit.house.database.reading() as tx:
            talk, values = await _load(visit, tx, talk_id)
    else:
        async with visit.house.database.transaction() as tx:
            talk, values = await _load(visit, tx, talk_id)
            await visit.record(tx, "conversation.read", f"conversation:{talk_id}")
    if visit.wants_json:
        near = [{"article": one.article.id, "text": one.text} for one in values["near"].found]
        return visit.json(_talk_json(talk) | {"suggestions": near})
    return visit.page("talk_live.html" if part else "talk.html", talk=talk, **values)


async def watch_talk(visit: Visit) -> web.StreamResponse:
    """Tell the open conversation page when it is out of date."""
    talk_id = visit.part("talk")
    async with visit.house.database.reading() as tx:
        await inbox.check_visible(tx, talk_id, await visit.scope(tx))
    return await stream(visit, "talk", talk_id)


async def close(visit: Visit) -> web.StreamResponse:
    """End it, saying how it ended."""
    talk_id = visit.part("talk")
    outcome, note = visit.form.get("outcome", ""), visit.form.get("note", "").strip()[:_LONGEST_FIELD]
    if outcome not in words.group("outcomes") or outcome in _BY_ITSELF:
        raise BadForm({"outcome": "请选择结果"})
    async with visit.house.database.transaction() as tx:
        await inbox.close(tx, talk_id, visit.me.id, outcome, note, clock.now())
        await visit.record(tx, "conversation.closed", f"conversation:{talk_id}", outcome)
    return visit.done({"outcome": outcome}, "/console")


async def save_form(visit: Visit) -> web.StreamResponse:
    """Keep the form in her case."""
    talk_id = visit.part("talk")
    fields: dict[str, Any] = {}
    for name, _, group in FORM:
        value = visit.form.get(name, "").strip()[:_LONGEST_FIELD]
        if group and name != "done" and value and value not in words.group(group):
            raise BadForm({name: "请从列表里选择"})
        fields[name] = value
    # The page shows a number masked: an empty field leaves it as it is, 无 takes it away.
    if not fields["phone"]:
        del fields["phone"]
    elif fields["phone"] == _NONE:
        fields["phone"] = ""
    fields["done"] = [one for one in words.group("done") if visit.form.get(f"done_{one}")]
    async with visit.house.database.transaction() as tx:
        await inbox.check_visible(tx, talk_id, await visit.scope(tx))
        number = await inbox.save_form(tx, talk_id, visit.me.id, fields, clock.now(), visit.zone)
        await visit.record(tx, "case.updated", f"conversation:{talk_id}")
    return visit.done({"case": number}, f"/console/conversations/{talk_id}")


async def show_attachment(visit: Visit) -> web.StreamResponse:
    """A picture or voice she sent; opening it is written into the audit log."""
    attachment_id = visit.part("attachment")
    async with visit.house.database.transaction() as tx:
        talk_id, content_type, content = await inbox.attachment(tx, attachment_id, await visit.scope(tx))
        await visit.record(tx, "attachment.opened", f"attachment:{attachment_id}", f"conversation:{talk_id}")
    shown = content_type in _SHOWN
    response = web.Response(body=content, content_type=content_type if shown else "application/octet-stream")
    if not shown:
        response.headers["Content-Disposition"] = f'attachment; filename="{attachment_id}"'
    return response


async def _load(visit: Visit, tx: Any, talk_id: str) -> tuple[TalkView, dict[str, Any]]:
    before = visit.request.query.get("before", "")[:26]
    talk = await inbox.find(tx, talk_id, await visit.scope(tx), before)
    names = await staff.names(tx)
    alarms = await inbox.alarms_of(tx, talk_id)
    known = talk.learned | talk.case_fields
    known["category"] = talk.case_fields.get("category") or talk.category or talk.learned.get("category", "")
    channel = visit.house.channels.get(talk.channel)
    values = {
        "names": names,
        "before": before,
        "erasure": await erasure.find_open(tx, talk.contact_id),
        "alarms": alarms,
        "fields": FORM,
        "known": known,
        "mine": talk.state == "held" and talk.holder_id == visit.me.id,
        "outcomes": {key: word for key, word in words.group("outcomes").items() if key not in _BY_ITSELF},
        "assessment": await assessment.panel(visit, tx),
        "window": await _window(visit, tx, talk_id),
        "contact": await contact.block_of(visit, tx, talk_id),
        "near": suggestions.suggest(visit, talk, known["category"]),
        "drafts": await _drafts(visit, tx, talk, talk_id),
        "recall_seconds": channel.recall_seconds if channel else 0,
        "hand_back_seconds": visit.house.settings.service.hand_back_seconds,
    }
    return talk, values | await transfers.of_talk(visit, tx, talk)


async def _drafts(visit: Visit, tx: Any, talk: TalkView, talk_id: str) -> dict[str, str]:
    """What whoever looks has half written here."""
    found = await reaching.standing(tx, talk_id, await visit.scope(tx))
    return await notes.drafts(tx, found.key, talk.id, visit.me.id)


async def _window(visit: Visit, tx: Any, talk_id: str) -> dict[str, Any]:
    """How many messages the platform still lets us send her, and until when."""
    row = await inbox.window_of(tx, talk_id)
    channel = visit.house.channels.get(row.channel)
    if channel is not None and channel.window(Trigger.MESSAGE).is_always:
        return {"left": None, "until": None}
    if channel is None or row.window_opened_at is None:
        return {"left": 0, "until": None}
    window: Window = channel.window(Trigger(row.window_trigger or Trigger.MESSAGE))
    until = row.window_opened_at + timedelta(seconds=window.seconds)
    left = max(0, window.count - row.window_used) if until > clock.now() else 0
    return {"left": left, "until": until}


def _talk_json(talk: TalkView) -> dict[str, Any]:
    return {
        "id": talk.id,
        "version": talk.version,
        "state": talk.state,
        "risk": talk.risk,
        "urgent": talk.urgent,
        "category": talk.category,
        "locked": talk.locked,
        "held_elsewhere": talk.held_elsewhere,
        "in_group": talk.in_group,
        "case": talk.case_number,
        "learned": talk.learned
        | {name: words.masked(str(talk.learned[name])) for name in _IDENTIFIERS if talk.learned.get(name)},
        "has_older": talk.has_older,
        "messages": [
            {
                "id": line.id,
                "who": line.who,
                "kind": line.kind,
                "at": line.at.isoformat(),
                "text": line.text,
                "state": line.state,
                "error": line.error,
            }
            for line in talk.lines
        ],
    }
