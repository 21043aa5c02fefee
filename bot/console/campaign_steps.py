"""The steps of a notice: handed in, talked about, returned or approved by a second person, sent, paused, stopped."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from aiohttp import web

from bot import clock
from bot.console import blockers, composing
from bot.console.visit import BadForm, Visit
from bot.errors import WrongState
from storage.database import Transaction
from storage.repositories import campaigns, staff, talk

_LONGEST_COMMENT = 500

#: One step: given the transaction, the campaign's id and the moment.
Step = Callable[[Transaction, str, datetime], Awaitable[object]]


async def submit(visit: Visit) -> web.StreamResponse:
    """Ask a colleague to approve."""
    return await _take(visit, "campaign.submitted", campaigns.submit, checks=True)


async def approve(visit: Visit) -> web.StreamResponse:
    """Approve a colleague's; never one's own. Where it has a time to come, sending begins by itself then."""
    comment = _comment(visit)

    async def step(tx: Transaction, campaign_id: str, now: datetime) -> None:
        await campaigns.approve(tx, campaign_id, visit.me.id, now, comment)
        wanted = (await campaigns.find(tx, campaign_id)).scheduled_at
        if wanted is not None and wanted > now:
            await campaigns.schedule(tx, campaign_id, wanted)

    return await _take(visit, "campaign.approved", step, checks=True)


async def give_back(visit: Visit) -> web.StreamResponse:
    """Back to whoever wrote it, with what is to be changed."""
    comment = _comment(visit, needed=True)

    async def step(tx: Transaction, campaign_id: str, now: datetime) -> None:
        await campaigns.return_draft(tx, campaign_id, visit.me.id, now, comment)

    return await _take(visit, "campaign.returned", step)


async def comment(visit: Visit) -> web.StreamResponse:
    """Say something about it; that decides nothing."""
    said = _comment(visit, needed=True)

    async def step(tx: Transaction, campaign_id: str, now: datetime) -> None:
        await campaigns.comment_on(tx, campaign_id, visit.me.id, now, comment=said)

    return await _take(visit, "campaign.commented", step)


async def start(visit: Visit) -> web.StreamResponse:
    """Begin to send now."""
    return await _take(visit, "campaign.started", campaigns.start, checks=True)


async def pause(visit: Visit) -> web.StreamResponse:
    """Nothing more goes out for now."""

    async def step(tx: Transaction, campaign_id: str, now: datetime) -> None:
        await campaigns.pause(tx, campaign_id)

    return await _take(visit, "campaign.paused", step)


async def resume(visit: Visit) -> web.StreamResponse:
    """Go on."""

    async def step(tx: Transaction, campaign_id: str, now: datetime) -> None:
        await campaigns.resume(tx, campaign_id)

    return await _take(visit, "campaign.resumed", step)


async def stop(visit: Visit) -> web.StreamResponse:
    """Stop at once and for good."""
    return await _take(visit, "campaign.stopped", campaigns.stop)


async def send_again(visit: Visit) -> web.StreamResponse:
    """Once more to those it did not reach; to those of whom nobody knows only when that is asked for by word."""
    everybody = visit.form.get("include_unknown") == "1"

    async def step(tx: Transaction, campaign_id: str, now: datetime) -> None:
        await campaigns.send_again(tx, campaign_id, now, include_unknown=everybody)

    return await _take(visit, "campaign.sent_again", step)


async def clone(visit: Visit) -> web.StreamResponse:
    """A new draft with the same words, for this year; a notice that went out is never sent a second time."""
    campaign_id, now = visit.part("campaign"), clock.now()
    async with visit.house.database.transaction() as tx:
        old = await campaigns.find(tx, campaign_id)
        made = await campaigns.clone(tx, campaign_id, title=old.title, occasion="", staff_id=visit.me.id, now=now)
        await campaigns.place(tx, made, visit.me.area_id)
        # Written anew, so that links and numbers are this notice's own.
        typed = await composing.typed_of(tx, old, visit.zone)
        await composing.keep(visit, tx, made, composing.without_times(typed))
        await visit.record(tx, "campaign.cloned", f"campaign:{made}", f"campaign:{campaign_id}")
    return visit.done({"id": made}, f"/console/campaigns/{made}/edit")


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


async def _take(visit: Visit, action: str, step: Step, *, checks: bool = False) -> web.StreamResponse:
    """Take a step and write it down; with `checks` only when nothing stands in the way."""
    campaign_id, now = visit.part("campaign"), clock.now()
    async with visit.house.database.transaction() as tx:
        if checks:
            found = await blockers.find(visit, tx, await campaigns.find(tx, campaign_id))
            if stopping := [one.sentence for one in found if one.stops]:
                raise WrongState("；".join(stopping))
        await step(tx, campaign_id, now)
        await visit.record(tx, action, f"campaign:{campaign_id}")
    return _done(visit, campaign_id)


def _comment(visit: Visit, *, needed: bool = False) -> str:
    said = visit.form.get("comment", "").strip()
    if needed and not said:
        raise BadForm({"comment": "请写一句：要改什么，或想说什么"})
    if len(said) > _LONGEST_COMMENT:
        raise BadForm({"comment": f"最多 {_LONGEST_COMMENT} 字"})
    return said


def _done(visit: Visit, campaign_id: str) -> web.Response:
    return visit.done({"id": campaign_id}, f"/console/campaigns/{campaign_id}")
