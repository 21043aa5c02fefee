"""What spreads a notice by hand: posters with a code for each area, packs for keepers of groups without push."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import segno
from aiohttp import web

from bot import clock
from bot.console import composing
from bot.console.visit import BadForm, Visit
from bot.errors import NotFound, WrongState
from storage.database import Transaction
from storage.repositories import areas, campaigns, groups, spreading, staff
from storage.repositories.areas import AreaView
from storage.repositories.audiences import read_audience
from storage.repositories.campaigns import CampaignView
from storage.repositories.spreading import Group

_LONGEST_TITLE = 40
_KINDS = ("wechat", "qq")
#: Nothing is handed out before a second person has read it, or after it was stopped.
_APPROVED = frozenset({"approved", "scheduled", "sending", "paused", "done"})


@dataclass(frozen=True, slots=True)
class Poster:
    """One poster: whose area it hangs in, its code as a picture, and the address under it."""

    area_id: str
    area: str
    address: str
    clicks: int

    @property
    def picture(self) -> str:
        """The code as a data address, which prints sharp at any size."""
        code: str = segno.make(self.address, micro=False, error="m").svg_data_uri(scale=8, border=2)
        return code


async def show_posters(visit: Visit) -> web.StreamResponse:
    """Which areas have one, and a form to make more; with `print` the posters themselves, a page each."""
    async with visit.house.database.reading() as tx:
        campaign = await _approved(tx, visit.part("campaign"))
        mine = await _areas(visit, tx)
        posters = await _posters(visit, tx, campaign, mine)
        code = await composing.code_of(tx, campaign.id)
    if visit.wants_json:
        return visit.json([{"area": one.area_id, "address": one.address, "clicks": one.clicks} for one in posters])
    if "print" in visit.request.query:
        wanted = visit.request.query.get("area", "")
        printed = [one for one in posters if not wanted or one.area_id == wanted]
        heading, _, body = campaign.text.partition("\n")
        shared = composing.short_address(visit, code) if code else ""
        return visit.page(
            "campaign_poster.html",
            campaign=campaign,
            posters=[(one, body.replace(shared, one.address) if shared else body) for one in printed],
            heading=heading,
            hotline=visit.house.settings.service.hotline,
        )
    made = {one.area_id for one in posters}
    return visit.page(
        "campaign_posters.html",
        campaign=campaign,
        posters=posters,
        areas=[one for one in mine if one.id not in made],
        has_address=bool(visit.house.settings.web.public_url),
    )


async def make_posters(visit: Visit) -> web.StreamResponse:
    """A code for each area chosen, which counts by itself."""
    campaign_id, now = visit.part("campaign"), clock.now()
    async with visit.house.database.transaction() as tx:
        campaign = await _approved(tx, campaign_id)
        chosen = [one for one in await _areas(visit, tx) if visit.form.get(f"area.{one.id}")]
        if not chosen:
            raise BadForm({"area": "请至少选一个地方"})
        target = (await composing.typed_of(tx, campaign, visit.zone)).link
        codes = await areas.codes(tx)
        for one in chosen:
            own = f"{visit.house.settings.public_url}/chat?s={codes[one.id]}"
            await spreading.set_link(tx, campaign_id, target or own, now, area_id=one.id)
        await visit.record(tx, "campaign.posters_made", f"campaign:{campaign_id}")
    return visit.done({"made": len(chosen)}, f"/console/campaigns/{campaign_id}/posters")


async def show_pack(visit: Visit) -> web.StreamResponse:
    """What keepers put into their groups by hand, group by group, and who has."""
    async with visit.house.database.reading() as tx:
        campaign = await _approved(tx, visit.part("campaign"))
        found = await _groups(visit, tx, campaign)
        posters = {one.area_id: one for one in await _posters(visit, tx, campaign, await _areas(visit, tx))}
        code = await composing.code_of(tx, campaign.id)
    if visit.wants_json:
        return visit.json(
            [{"id": one.id, "title": one.title, "forwarded": one.forwarded_at is not None} for one in found]
        )
    address = composing.short_address(visit, code) if code else ""
    lines = [(one, _words(campaign.text, posters.get(one.area_id), address), one.area_id in posters) for one in found]
    return visit.page(
        "campaign_pack.html",
        campaign=campaign,
        lines=[line for line in lines if line[0].keeper_id == visit.me.id]
        + [line for line in lines if line[0].keeper_id != visit.me.id],
        done=sum(one.forwarded_at is not None for one in found),
    )


async def tick(visit: Visit) -> web.StreamResponse:
    """A keeper has put it into her group, or takes that back."""
    campaign_id, group_id = visit.part("campaign"), visit.form.get("group", "")
    done = visit.form.get("done", "1") == "1"
    async with visit.house.database.transaction() as tx:
        campaign = await _approved(tx, campaign_id)
        if not any(one.id == group_id for one in await _groups(visit, tx, campaign)):
            raise NotFound
        await spreading.set_forwarded(tx, campaign_id, group_id, visit.me.id, clock.now(), done=done)
        action = "campaign.forwarded" if done else "campaign.not_forwarded"
        await visit.record(tx, action, f"campaign:{campaign_id}", f"group:{group_id}")
    return visit.done({}, f"/console/campaigns/{campaign_id}/forwarding#g-{group_id}")


async def add_group(visit: Visit) -> web.StreamResponse:
    """Type in a group no bot is in: name, area, keeper."""
    form, title = visit.form, visit.form.get("title", "").strip()
    if not title or len(title) > _LONGEST_TITLE:
        raise BadForm({"title": f"请写群的名称，最多 {_LONGEST_TITLE} 字"})
    if form.get("kind") not in _KINDS:
        raise BadForm({"kind": "请选微信群还是 QQ 群"})
    async with visit.house.database.transaction() as tx:
        scope = (await visit.scope(tx)).areas
        area, keeper = form.get("area", ""), form.get("keeper", "")
        if area not in await groups.area_names(tx, scope) and (area or scope is not None):
            raise BadForm({"area": "请选归你管的区域"})
        if keeper and keeper not in await staff.names(tx):
            raise BadForm({"keeper": "没有这位工作人员"})
        group_id = await spreading.add_group(
            tx, kind=form["kind"], title=title, area_id=area or None, keeper_id=keeper or None, now=clock.now()
        )
        await visit.record(tx, "group.added", f"plain_group:{group_id}")
    return visit.done({"id": group_id}, "/console/groups#plain")


async def remove_group(visit: Visit) -> web.StreamResponse:
    """It is gone; what was forwarded there stays counted."""
    group_id = visit.part("plain")
    async with visit.house.database.transaction() as tx:
        await spreading.remove_group(tx, group_id, (await visit.scope(tx)).areas, clock.now())
        await visit.record(tx, "group.removed", f"plain_group:{group_id}")
    return visit.done({}, "/console/groups#plain")


async def _approved(tx: Transaction, campaign_id: str) -> CampaignView:
    campaign = await campaigns.find(tx, campaign_id)
    if campaign.status not in _APPROVED:
        raise WrongState("批准以后才有海报和转发包；停止了的通知不再往外发")
    return campaign


async def _areas(visit: Visit, tx: Transaction) -> list[AreaView]:
    mine = (await visit.scope(tx)).areas
    return [one for one in await areas.all_areas(tx) if mine is None or one.id in mine]


async def _posters(visit: Visit, tx: Transaction, campaign: CampaignView, mine: Sequence[AreaView]) -> list[Poster]:
    names = {one.id: one.name for one in mine}
    return [
        Poster(one.area_id, names[one.area_id], composing.short_address(visit, one.code), one.clicks)
        for one in await spreading.links(tx, campaign.id)
        if one.area_id in names
    ]


async def _groups(visit: Visit, tx: Transaction, campaign: CampaignView) -> list[Group]:
    """Groups of the notice's areas: those no bot is in, and those where ours may not begin to speak."""
    mine = (await visit.scope(tx)).areas
    wanted = set(read_audience(campaign.audience).areas)
    found = [
        *await spreading.plain_groups(tx, mine),
        *(
            Group(one.id, one.channel, one.title, one.area_id, one.area, one.keeper_id, one.keeper)
            for one in await groups.all_groups(tx, mine)
            if one.left_at is None and one.notices_allowed and (mine is None or one.area_id in mine)
        ),
    ]
    when = await spreading.forwarded(tx, campaign.id)
    return [replace(one, forwarded_at=when.get(one.id)) for one in found if not wanted or one.area_id in wanted]


def _words(text: str, poster: Poster | None, address: str) -> str:
    """What is copied into the group: the notice and one link, the area's own where it has one."""
    link = poster.address if poster else address
    if address and address in text:
        return text.replace(address, link)
    return f"{text}\n{link}" if link else text
