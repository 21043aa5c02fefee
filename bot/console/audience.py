"""Whom a notice is for: areas, channels, topics, activities, languages, last contact — counted while one chooses."""

from typing import Any

from aiohttp import web

from bot import plan
from bot.console import blockers, words
from bot.console.visit import BadForm, Visit
from storage.database import Transaction
from storage.repositories import activities, areas, campaigns, spreading
from storage.repositories.areas import AreaView
from storage.repositories.audiences import Audience, read_audience

_LONGEST_DAYS = 3650


async def show(visit: Visit) -> web.StreamResponse:
    """Choose; keep with POST."""
    campaign_id = visit.part("campaign")
    if visit.request.method == "POST":
        async with visit.house.database.transaction() as tx:
            await campaigns.set_audience(tx, campaign_id, await _read(visit, tx), visit.me.id)
            await visit.record(tx, "campaign.changed", f"campaign:{campaign_id}")
        return visit.done({"id": campaign_id}, f"/console/campaigns/{campaign_id}")
    async with visit.house.database.reading() as tx:
        campaign = await campaigns.find(tx, campaign_id)
        audience = read_audience(campaign.audience)
        if visit.wants_json:
            return visit.json({name: getattr(audience, name) for name in Audience.__dataclass_fields__})
        tree = await _tree(visit, tx)
        lines = {one.activity_id: one.title for one in await activities.list_activities(tx)}
        topics = await spreading.topics(tx)
    return visit.page(
        "campaign_audience.html",
        campaign=campaign,
        audience=audience,
        tree=tree,
        channels=[name for name in visit.house.channels if name not in ("wecom_robot", "terminal")],
        activities=lines,
        topics=topics,
    )


async def count(visit: Visit) -> web.StreamResponse:
    """How many would get it now by channel, and why how many would not.

    Of what is posted, or of what is kept (GET).
    """
    campaign_id = visit.part("campaign")
    async with visit.house.database.reading() as tx:
        campaign = await campaigns.find(tx, campaign_id)
        is_asked = visit.request.method == "POST"
        audience = await _read(visit, tx) if is_asked else read_audience(campaign.audience)
        reached, fallen = await plan.count(
            tx,
            plan.House.of(visit.house.settings),
            visit.house.channels,
            audience,
            await campaigns.variants_of(tx, campaign_id),
        )
    if visit.wants_json:
        return visit.json({"will_get": reached.total(), "channels": dict(reached), "fallen": dict(fallen)})
    return visit.page(
        "campaign_count.html",
        reached=reached.most_common(),
        total=reached.total(),
        fallen=[(_reason(key), number) for key, number in fallen.most_common()],
        missed=fallen.total(),
        blockers=blockers.of_count(fallen, reached.total()),
    )


def _reason(key: str) -> str:
    word = words.name("audience", key)
    return plan.REASONS.get(key, key) if word == key else word


async def _tree(visit: Visit, tx: Transaction) -> list[tuple[int, AreaView]]:
    """The areas she may choose, each with how deep it stands, in the order people read a tree."""
    mine = (await visit.scope(tx)).areas
    found = [one for one in await areas.all_areas(tx) if mine is None or one.id in mine]
    known = {one.id for one in found}
    below: dict[str, list[AreaView]] = {}
    for one in found:
        below.setdefault(one.parent_id if one.parent_id in known else "", []).append(one)

    def walk(parent: str, depth: int) -> list[tuple[int, AreaView]]:
        return [line for one in below.get(parent, ()) for line in ((depth, one), *walk(one.id, depth + 1))]

    return walk("", 0)


async def _read(visit: Visit, tx: Transaction) -> Audience:
    form = visit.form
    tree = await _tree(visit, tx)
    wanted = {one.id for _, one in tree if form.get(f"area.{one.id}")}
    for _, one in tree:  # parents come before what lies below them
        if one.parent_id in wanted:
            wanted.add(one.id)
    if not wanted and (await visit.scope(tx)).areas is not None:
        # Nothing chosen means everybody; hers are only those of her own area.
        wanted = {one.id for _, one in tree}
    days = {name: _days(form, name) for name in ("heard_within_days", "silent_for_days")}
    return Audience(
        areas=tuple(sorted(wanted)),
        channels=_chosen(form, "channel"),
        topics=_chosen(form, "topic"),
        activities=_chosen(form, "activity"),
        languages=_chosen(form, "language"),
        **days,
    )


def _chosen(form: dict[str, str], kind: str) -> tuple[str, ...]:
    return tuple(sorted(name.partition(".")[2] for name in form if name.startswith(f"{kind}.") and form[name]))


def _days(form: dict[str, str], name: str) -> Any:
    typed = form.get(name, "").strip()
    if not typed:
        return 0
    if not typed.isdecimal() or not 0 < int(typed) <= _LONGEST_DAYS:
        raise BadForm({name: f"请填天数，1 到 {_LONGEST_DAYS}"})
    return int(typed)
