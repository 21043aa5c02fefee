"""Notices to many: all of them, writing one, and the page of one: what it says, what comes next, how far it is."""

from typing import Any

from aiohttp import web

from bot.console import blockers, campaign_results, composing
from bot.console.composing import Typed
from bot.console.visit import BadForm, Visit
from bot.notices import VARIABLES, places
from storage.repositories import campaigns, recipients, spreading, staff
from storage.repositories.audiences import read_audience
from storage.repositories.campaigns import CampaignView

#: Steps at which nothing has gone out yet.
NOT_BEGUN = frozenset({"draft", "submitted", "approved", "scheduled"})


async def show_all(visit: Visit) -> web.StreamResponse:
    """All notices of her areas, the newest first."""
    async with visit.house.database.reading() as tx:
        found = await campaigns.list_in(tx, (await visit.scope(tx)).areas)
        names = await staff.names(tx)
    if visit.wants_json:
        return visit.json([_json(one) for one in found])
    return visit.page("campaigns.html", campaigns=found, names=names)


async def ask_new(visit: Visit) -> web.StreamResponse:
    """The composer, empty."""
    return _composer(visit, None, Typed())


async def create(visit: Visit) -> web.StreamResponse:
    """Keep a draft."""
    typed = composing.read_typed(visit.form, places(visit.house.channels))
    if problems := composing.checked(visit, typed):
        return _refused(visit, None, typed, problems)
    async with visit.house.database.transaction() as tx:
        campaign_id = await composing.keep(visit, tx, "", typed)
        await visit.record(tx, "campaign.created", f"campaign:{campaign_id}")
    if visit.wants_json:
        return visit.json({"id": campaign_id}, 201)
    return visit.go(f"/console/campaigns/{campaign_id}/audience")


async def edit(visit: Visit) -> web.StreamResponse:
    """Change a draft."""
    campaign_id = visit.part("campaign")
    async with visit.house.database.reading() as tx:
        campaign = await campaigns.find(tx, campaign_id)
        kept = await composing.typed_of(tx, campaign, visit.zone)
    if visit.request.method == "GET":
        return _composer(visit, campaign, kept)
    typed = composing.read_typed(visit.form, places(visit.house.channels))
    if problems := composing.checked(visit, typed):
        return _refused(visit, campaign, typed, problems)
    async with visit.house.database.transaction() as tx:
        await composing.keep(visit, tx, campaign_id, typed)
        await visit.record(tx, "campaign.changed", f"campaign:{campaign_id}")
    return visit.done({"id": campaign_id}, f"/console/campaigns/{campaign_id}")


async def check(visit: Visit) -> web.StreamResponse:
    """What stands in the composer as every channel would show it, with what is to be said of it; keeps nothing."""
    typed = composing.read_typed(visit.form, places(visit.house.channels))
    shown = composing.previews(visit, typed)
    if visit.wants_json:
        return visit.json(
            [
                {
                    "place": one.place.key,
                    "text": one.text,
                    "segments": one.segments,
                    "problems": [composing.sentence(problem) for problem in one.problems],
                }
                for one in shown
            ]
        )
    return visit.page("campaign_preview.html", shown=shown, sentence=composing.sentence)


async def show(visit: Visit) -> web.StreamResponse:
    """One notice. Programs get the counts by state."""
    campaign_id = visit.part("campaign")
    async with visit.house.database.reading() as tx:
        campaign = await campaigns.find(tx, campaign_id)
        counts = await campaigns.counts(tx, campaign_id)
        if visit.wants_json:
            return visit.json({"status": campaign.status, **counts})
        reasons = await recipients.reasons(tx, campaign_id)
        if "part" in visit.request.query:
            return visit.page("campaign_progress.html", campaign=campaign, counts=counts, reasons=reasons)
        is_new = campaign.status in NOT_BEGUN
        result = None if is_new else await campaign_results.read(visit, tx, campaign)
        typed = await composing.typed_of(tx, campaign, visit.zone)
        return visit.page(
            "campaign.html",
            campaign=campaign,
            counts=counts,
            reasons=reasons,
            names=await staff.names(tx),
            reviews=await campaigns.reviews_of(tx, campaign_id),
            shown=composing.previews(visit, typed, await composing.code_of(tx, campaign_id)),
            sentence=composing.sentence,
            blockers=await blockers.find(visit, tx, campaign) if is_new else [],
            links=await spreading.links(tx, campaign_id),
            is_new=is_new,
            result=result,
            audience=read_audience(campaign.audience),
            has_phone=visit.me.preview_contact_id is not None,
        )


def _composer(
    visit: Visit, campaign: CampaignView | None, typed: Typed, *, problems: dict[str, str] | None = None
) -> web.Response:
    return visit.page(
        "campaign_edit.html",
        status=400 if problems else 200,
        campaign=campaign,
        form=composing.form_of(typed),
        problems=problems or {},
        places=places(visit.house.channels),
        label=composing.label,
        shown=composing.previews(visit, typed) if typed.text else [],
        sentence=composing.sentence,
        variables=VARIABLES,
    )


def _refused(
    visit: Visit, campaign: CampaignView | None, typed: Typed, problems: dict[str, str]
) -> web.StreamResponse:
    if visit.wants_json:
        raise BadForm(problems)
    return _composer(visit, campaign, typed, problems=problems)


def _json(campaign: CampaignView) -> dict[str, Any]:
    return {"id": campaign.id, "title": campaign.title, "status": campaign.status}
