"""Notices to many: written by one, approved by another, previewed on her own phone, sent once, stopped any time."""

from typing import Any

from aiohttp import web

from bot import clock, plan
from bot.console.visit import BadForm, Visit
from bot.errors import WrongState
from storage.database import Transaction
from storage.repositories import campaigns, staff, talk
from storage.repositories.audiences import read_audience
from storage.repositories.campaigns import CampaignView

_LONGEST_TITLE, _LONGEST_TEXT = 64, 600
#: Words that must not stand in a notice anybody may see on her screen (safety.md: neutral).
_REVEALING = ("家暴", "家庭暴力", "保护令", "离婚", "强奸", "性侵", "吸毒", "毒品", "抑郁", "精神病")
#: A campaign is about these things and may say so; its first line may not.
_NOT_BEGUN = frozenset({"draft", "submitted", "approved", "scheduled"})


async def show_all(visit: Visit) -> web.StreamResponse:
    """All notices, the newest first."""
    async with visit.house.database.reading() as tx:
        found = await campaigns.list_all(tx)
        names = await staff.names(tx)
    if visit.wants_json:
        return visit.json([_json(one) for one in found])
    return visit.page("campaigns.html", campaigns=found, names=names)


async def ask_new(visit: Visit) -> web.StreamResponse:
    """The form for a new one."""
    return visit.page("campaign_edit.html", campaign=None, form={}, problems={})


async def create(visit: Visit) -> web.StreamResponse:
    """Keep a draft."""
    try:
        values = _read(visit.form)
    except BadForm as error:
        if visit.wants_json:
            raise
        return visit.page("campaign_edit.html", status=400, campaign=None, form=visit.form, problems=error.problems)
    async with visit.house.database.transaction() as tx:
        campaign_id = await campaigns.create(tx, **values, staff_id=visit.me.id, now=clock.now())
        await visit.record(tx, "campaign.created", f"campaign:{campaign_id}")
    if visit.wants_json:
        return visit.json({"id": campaign_id}, 201)
    return visit.go(f"/console/campaigns/{campaign_id}")


async def show(visit: Visit) -> web.StreamResponse:
    """One notice: its text, who would get it, how far it is. Programs get the counts by state."""
    campaign_id = visit.part("campaign")
    async with visit.house.database.reading() as tx:
        campaign = await campaigns.find(tx, campaign_id)
        counts = await campaigns.counts(tx, campaign_id)
        if visit.wants_json:
            return visit.json({"status": campaign.status, **counts})
        if "part" in visit.request.query:
            return visit.page("campaign_progress.html", campaign=campaign, counts=counts)
        names = await staff.names(tx)
        audience = await _audience(visit, tx, campaign) if campaign.status in _NOT_BEGUN else None
    return visit.page(
        "campaign.html",
        campaign=campaign,
        counts=counts,
        names=names,
        audience=audience,
        revealing=_revealing(campaign.text),
        has_phone=visit.me.preview_contact_id is not None,
    )


async def edit(visit: Visit) -> web.StreamResponse:
    """Change a draft."""
    campaign_id = visit.part("campaign")
    async with visit.house.database.reading() as tx:
        campaign = await campaigns.find(tx, campaign_id)
    if visit.request.method == "GET":
        form = {"title": campaign.title, "text": campaign.text}
        return visit.page("campaign_edit.html", campaign=campaign, form=form, problems={})
    try:
        values = _read(visit.form)
    except BadForm as error:
        if visit.wants_json:
            raise
        return visit.page(
            "campaign_edit.html", status=400, campaign=campaign, form=visit.form, problems=error.problems
        )
    async with visit.house.database.transaction() as tx:
        await campaigns.update_draft(tx, campaign_id, **values, staff_id=visit.me.id)
        await visit.record(tx, "campaign.changed", f"campaign:{campaign_id}")
    return _done(visit, campaign_id)


async def submit(visit: Visit) -> web.StreamResponse:
    """Ask a colleague to approve."""
    campaign_id = visit.part("campaign")
    async with visit.house.database.transaction() as tx:
        await campaigns.submit(tx, campaign_id, clock.now())
        await visit.record(tx, "campaign.submitted", f"campaign:{campaign_id}")
    return _done(visit, campaign_id)


async def approve(visit: Visit) -> web.StreamResponse:
    """Approve a colleague's; never one's own."""
    campaign_id = visit.part("campaign")
    async with visit.house.database.transaction() as tx:
        await campaigns.approve(tx, campaign_id, visit.me.id, clock.now())
        await visit.record(tx, "campaign.approved", f"campaign:{campaign_id}")
    return _done(visit, campaign_id)


async def start(visit: Visit) -> web.StreamResponse:
    """Begin to send."""
    campaign_id = visit.part("campaign")
    async with visit.house.database.transaction() as tx:
        await campaigns.start(tx, campaign_id, clock.now())
        await visit.record(tx, "campaign.started", f"campaign:{campaign_id}")
    return _done(visit, campaign_id)


async def stop(visit: Visit) -> web.StreamResponse:
    """Stop at once."""
    campaign_id = visit.part("campaign")
    async with visit.house.database.transaction() as tx:
        await campaigns.stop(tx, campaign_id, clock.now())
        await visit.record(tx, "campaign.stopped", f"campaign:{campaign_id}")
    return _done(visit, campaign_id)


async def preview(visit: Visit) -> web.StreamResponse:
    """Send it to the phone of whoever asks."""
    campaign_id = visit.part("campaign")
    async with visit.house.database.transaction() as tx:
        if not await campaigns.preview(tx, campaign_id, visit.me.id, clock.now()):
            raise WrongState("还没有登记你自己的手机：请先关注公众号并发一句话，再在「我的手机」里登记")
        await visit.record(tx, "campaign.previewed", f"campaign:{campaign_id}")
    return _done(visit, campaign_id)


async def ask_phone(visit: Visit) -> web.StreamResponse:
    """Which phone previews go to."""
    accounts = [(name, channel.account) for name, channel in visit.house.channels.items()]
    return visit.page(
        "my_phone.html", accounts=accounts, problem="", has_phone=visit.me.preview_contact_id is not None
    )


async def set_phone(visit: Visit) -> web.StreamResponse:
    """Her own phone, by the id the platform gave it (the simulator and the follower list show it)."""
    address = visit.form.get("address", "").strip()
    async with visit.house.database.transaction() as tx:
        known = not address and await staff.set_preview_contact(tx, visit.me.id, None)
        for name, channel in visit.house.channels.items():
            digest = talk.address(tx, name, channel.account, address).digest
            known = known or (bool(address) and await staff.set_preview_contact(tx, visit.me.id, digest))
    if not known:
        raise BadForm({"address": "没有找到这部手机：请先用它关注公众号、发一句话，再填它的编号（openid）"})
    return visit.json({}) if visit.wants_json else visit.go("/console/campaigns")


def _read(form: dict[str, str]) -> dict[str, str]:
    """Title and text. Raises BadForm with a sentence per field."""
    problems = {}
    title, text = form.get("title", "").strip(), form.get("text", "").strip().replace("\r\n", "\n")
    if not title:
        problems["title"] = "请填写名称（只在工作台里显示）"
    elif len(title) > _LONGEST_TITLE:
        problems["title"] = f"名称最多 {_LONGEST_TITLE} 字"
    if not text:
        problems["text"] = "请填写通知内容"
    elif len(text) > _LONGEST_TEXT:
        problems["text"] = f"内容最多 {_LONGEST_TEXT} 字，现在 {len(text)} 字"
    elif found := _revealing(text):
        problems["text"] = f"第一行会显示在锁屏上，请不要出现「{'、'.join(found)}」，换成中性的说法"
    if problems:
        raise BadForm(problems)
    return {"title": title, "text": text}


async def _audience(visit: Visit, tx: Transaction, campaign: CampaignView) -> dict[str, int]:
    """How many would get it, and why how many would not: what planning would do now."""
    reached, fallen = await plan.count(
        tx,
        plan.House.of(visit.house.settings),
        visit.house.channels,
        read_audience(campaign.audience),
        await campaigns.variants_of(tx, campaign.id),
    )
    return {"will_get": reached.total(), **fallen}


def _revealing(text: str) -> list[str]:
    """Words in the first line that would tell whoever sees her screen what it is about."""
    first = text.strip().split("\n", 1)[0]
    return [word for word in _REVEALING if word in first]


def _done(visit: Visit, campaign_id: str) -> web.Response:
    if visit.wants_json:
        return visit.json({"id": campaign_id})
    return visit.go(f"/console/campaigns/{campaign_id}")


def _json(campaign: CampaignView) -> dict[str, Any]:
    return {"id": campaign.id, "title": campaign.title, "status": campaign.status}
