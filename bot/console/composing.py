"""Writing a notice: what is typed for everybody and for each channel, filled in, checked, shown, kept."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot import clock, notices
from bot.console import words
from bot.console.visit import Visit
from bot.notices import Place, Problem
from storage.database import Transaction
from storage.repositories import campaigns, spreading
from storage.repositories.audiences import Audience
from storage.repositories.campaigns import CampaignView, Variant

_LONGEST_TITLE, _LONGEST_TEXT = 64, 600
#: Stands for the link until the draft has one; as long as a real code.
_CODE_TO_COME = "········"
_OLD_LINK = re.compile(r"https?://[^\s/]+/n/[A-Za-z0-9_-]{8}(?![A-Za-z0-9_-])")


@dataclass(frozen=True, slots=True)
class Typed:
    """The composer's form."""

    title: str = ""
    text: str = ""
    link: str = ""
    scheduled_at: str = ""
    expires_at: str = ""
    #: By channel and way that were picked: text (empty: the one for everybody), template_id, fields, page.
    ways: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def kept(self) -> dict[str, Any]:
        """What of it is kept beside the campaign's own columns."""
        return {"text": self.text, "link": self.link, "ways": {key: dict(one) for key, one in self.ways.items()}}


@dataclass(frozen=True, slots=True)
class Shown:
    """One channel's bubble in the preview: the text as it goes out and what is to be said of it."""

    place: Place
    text: str
    signature: str
    segments: int
    problems: tuple[Problem, ...]
    fields: Mapping[str, str]
    template_id: str = ""

    @property
    def label(self) -> str:
        """As staff call it."""
        return label(self.place)


def label(place: Place) -> str:
    """Channel and way as staff call them."""
    way = words.name("campaign_ways", place.way)
    return words.name("channels", place.channel) + (f" · {way}" if way else "")


def read_typed(form: Mapping[str, str], places: Sequence[Place]) -> Typed:
    """The form as it came; a program may leave out all but title and text."""
    ways = {}
    for one in places:
        if form.get(f"use.{one.key}"):
            names = ("text", "template_id", "fields", "page") if one.needs_template else ("text",)
            ways[one.key] = {name: _clean(form.get(f"{name}.{one.key}", "")) for name in names}
    plain = {name: _clean(form.get(name, "")) for name in ("title", "text", "link", "scheduled_at", "expires_at")}
    return Typed(**plain, ways=ways)


async def typed_of(tx: Transaction, campaign: CampaignView, zone: str) -> Typed:
    """What the form of a draft begins with."""
    kept = await spreading.written(tx, campaign.id)
    if kept is None:
        ways = {
            f"{one.channel}.{one.way}": {
                "text": "" if one.text == campaign.text else _OLD_LINK.sub(f"{{{notices.LINK}}}", one.text),
                **_extra_typed(one),
            }
            for one in await campaigns.variants_of(tx, campaign.id)
        }
        # A notice of another year that was copied whole: its link is that year's, and counts there.
        kept = {"text": _OLD_LINK.sub(f"{{{notices.LINK}}}", campaign.text), "link": "", "ways": ways}
    return Typed(
        campaign.title,
        kept["text"],
        kept["link"],
        _local(campaign.scheduled_at, zone),
        _local(campaign.expires_at, zone),
        kept["ways"],
    )


def form_of(typed: Typed) -> dict[str, str]:
    """The fields of the form by name."""
    form = {name: getattr(typed, name) for name in ("title", "text", "link", "scheduled_at", "expires_at")}
    for key, one in typed.ways.items():
        form |= {f"use.{key}": "1"} | {f"{name}.{key}": value for name, value in one.items()}
    return form


def previews(visit: Visit, typed: Typed, code: str = "") -> list[Shown]:
    """Every channel picked (none: every one there is, by its first way) as it shows the notice."""
    values = _values(visit, code or _CODE_TO_COME)
    shown = []
    for place in picked(visit, typed):
        one = typed.ways.get(place.key, {})
        text = notices.fill(one.get("text") or typed.text, values)
        channel = visit.house.channels[place.channel]
        signature = _signature(visit) if place.channel == "sms" else ""
        shown.append(
            Shown(
                place,
                text,
                signature,
                notices.segments(text, signature) if place.channel == "sms" else 0,
                (*notices.check(text, channel), *_missing(place, one)),
                notices.read_fields(one.get("fields", "")) or {},
                one.get("template_id", ""),
            )
        )
    return shown


def picked(visit: Visit, typed: Typed) -> list[Place]:
    """The places a notice goes out by, in the order they are tried."""
    there = notices.places(visit.house.channels)
    if typed.ways:
        return [one for one in there if one.key in typed.ways]
    firsts: dict[str, Place] = {}
    for one in there:
        firsts.setdefault(one.channel, one)
    return [one for one in firsts.values() if not one.to_groups]


def checked(visit: Visit, typed: Typed) -> dict[str, str]:
    """What keeps a draft from being kept, by field."""
    problems = {}
    if not typed.title:
        problems["title"] = "请填写名称（只在工作台里显示）"
    elif len(typed.title) > _LONGEST_TITLE:
        problems["title"] = f"名称最多 {_LONGEST_TITLE} 字"
    values = _values(visit, _CODE_TO_COME)
    if not typed.text:
        problems["text"] = "请填写通知内容"
    elif len(typed.text) > _LONGEST_TEXT:
        problems["text"] = f"内容最多 {_LONGEST_TEXT} 字，现在 {len(typed.text)} 字"
    elif found := _stopping(notices.check(notices.fill(typed.text, values)), "save"):
        problems["text"] = "；".join(found)
    for one in previews(visit, typed):
        if one.place.key in typed.ways and (found := _stopping(one.problems, "save")):
            problems[f"text.{one.place.key}"] = "；".join(found)
    if typed.link and not notices.is_target(typed.link):
        problems["link"] = "请填完整的网址，以 https:// 开头"
    for name in ("scheduled_at", "expires_at"):
        if getattr(typed, name) and _moment(getattr(typed, name), visit.zone) is None:
            problems[name] = "时间看不懂，请重新选"
    begin, end = (_moment(getattr(typed, name), visit.zone) for name in ("scheduled_at", "expires_at"))
    if begin and end and end <= begin:
        problems["expires_at"] = "最后时间要在开始发送以后"
    return problems


def unready(visit: Visit, typed: Typed, code: str) -> list[str]:
    """What keeps a draft from being handed in, in words."""
    found: dict[str, None] = {}
    for one in previews(visit, typed, code):
        found |= dict.fromkeys(_stopping(one.problems, "save", "submit"))
    return list(found)


async def keep(visit: Visit, tx: Transaction, campaign_id: str, typed: Typed) -> str:
    """Keep a draft (a new one without an id) as typed and as it goes out; its id. Raises WrongState."""
    now, me = clock.now(), visit.me
    areas = (await visit.scope(tx)).areas
    if not campaign_id:
        campaign_id = await campaigns.create(tx, title=typed.title, text=typed.text, staff_id=me.id, now=now)
        await campaigns.place(tx, campaign_id, me.area_id)
        if areas is not None:
            await campaigns.set_audience(tx, campaign_id, Audience(areas=tuple(sorted(areas))), me.id)
    code = await _code(visit, tx, campaign_id, typed)
    values = _values(visit, code)
    text = notices.fill(typed.text, values)
    await campaigns.update_draft(tx, campaign_id, title=typed.title, text=text, staff_id=me.id)
    begin, end = (_moment(getattr(typed, name), visit.zone) for name in ("scheduled_at", "expires_at"))
    await campaigns.set_times(tx, campaign_id, me.id, scheduled_at=begin, expires_at=end)
    variants = [
        Variant(one.channel, one.way, notices.fill(typed.ways[one.key]["text"] or typed.text, values), extra)
        for one in picked(visit, typed)
        if one.key in typed.ways
        for extra in (_extra(typed.ways[one.key]),)
    ]
    await campaigns.set_variants(tx, campaign_id, variants, me.id)
    await spreading.keep_written(tx, campaign_id, typed.kept())
    return campaign_id


async def code_of(tx: Transaction, campaign_id: str) -> str:
    """The code of the link in the texts; empty while there is none."""
    return next((one.code for one in await spreading.links(tx, campaign_id) if not one.area_id), "")


def short_address(visit: Visit, code: str) -> str:
    """A short link as it is written into texts."""
    return f"{visit.house.settings.public_url}/n/{code}"


async def _code(visit: Visit, tx: Transaction, campaign_id: str, typed: Typed) -> str:
    texts = [typed.text, *(one.get("text", "") for one in typed.ways.values())]
    if not typed.link and not any(notices.uses(one, notices.LINK) for one in texts):
        return await code_of(tx, campaign_id)
    target = typed.link or f"{visit.house.settings.public_url}/chat"
    return await spreading.set_link(tx, campaign_id, target, clock.now())


def _values(visit: Visit, code: str) -> dict[str, str]:
    service = visit.house.settings.service
    return {
        notices.PHONE: service.hotline,
        notices.HOUSE: service.name,
        notices.LINK: short_address(visit, code),
    }


def _signature(visit: Visit) -> str:
    return str(visit.house.settings.channels.get("sms", {}).get("signature_text", ""))


def _missing(place: Place, one: Mapping[str, str]) -> list[Problem]:
    if not place.needs_template:
        return []
    found = notices.check_fields(notices.read_fields(one.get("fields", "")) or {})
    if not one.get("template_id"):
        found.append(Problem("no_template", when="submit"))
    if notices.read_fields(one.get("fields", "")) in (None, {}):
        found.append(Problem("fields", when="save" if one.get("fields") else "submit"))
    return found


def _extra(one: Mapping[str, str]) -> dict[str, Any]:
    if "template_id" not in one:
        return {}
    extra: dict[str, Any] = {"template_id": one["template_id"], "fields": notices.read_fields(one["fields"]) or {}}
    return extra | ({"page": one["page"]} if one.get("page") else {})


def _extra_typed(variant: Variant) -> dict[str, str]:
    if "template_id" not in variant.extra:
        return {}
    fields = "\n".join(f"{name}={value}" for name, value in variant.extra.get("fields", {}).items())
    return {"template_id": variant.extra["template_id"], "fields": fields, "page": variant.extra.get("page", "")}


def _stopping(problems: Sequence[Problem], *when: str) -> list[str]:
    return [sentence(one) for one in problems if one.when in when]


def sentence(problem: Problem) -> str:
    """A problem in words, with what to do."""
    return words.name("notice_problems", problem.key).format(words=problem.words)


def _clean(value: str) -> str:
    return value.strip().replace("\r\n", "\n")


def _local(value: datetime | None, zone: str) -> str:
    return f"{clock.local(value, zone):%Y-%m-%dT%H:%M}" if value else ""


def _moment(value: str, zone: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if value else None
    except ValueError:
        return None
    if found is None:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).astimezone(clock.now().tzinfo)


def without_times(typed: Typed) -> Typed:
    """The same words for another day."""
    return replace(typed, scheduled_at="", expires_at="")
