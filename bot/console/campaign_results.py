"""What a notice did: by channel and township, small numbers hidden, and what came of it; as a page, as .xlsx."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import xlsxwriter
from aiohttp import web

from bot import clock
from bot.console import tables, words
from bot.console.report import HIDDEN
from bot.console.small_cells import Grid, Shown, protect
from bot.console.visit import Visit
from storage.database import Transaction
from storage.repositories import areas, campaigns, recipients, results, spreading
from storage.repositories.campaigns import CampaignView

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_STATES = ("sent", "delivered", "failed", "unknown", "skipped", "queued", "sending")


@dataclass(frozen=True, slots=True)
class Result:
    """Everything the result page shows; None is hidden, being fewer than ten women."""

    channels: Sequence[tuple[str, Mapping[str, int]]]
    areas: Shown
    area_names: Mapping[str, str]
    opted_out: int | None
    signed_up: int | None
    wrote: int | None
    #: Openings of the link in the texts, and of each poster by area.
    clicks: int
    poster_clicks: Sequence[tuple[str, int]]
    forwarded: int


async def read(visit: Visit, tx: Transaction, campaign: CampaignView) -> Result:
    """The result so far."""
    effects = await results.effects(tx, campaign.id, campaign.finished_at or clock.now())
    counted = await results.by_area(tx, campaign.id)
    names = {one.id: one.name for one in await areas.all_areas(tx)} | {"": words.name("figures_none", "town")}
    counted.sort(key=lambda one: (not one.area_id, names.get(one.area_id, "")))
    (shown,) = protect(
        [
            Grid(
                tuple(one.area_id for one in counted),
                ("reached", "missed"),
                tuple((one.reached, one.missed) for one in counted),
            )
        ]
    )
    links = await spreading.links(tx, campaign.id)
    return Result(
        [
            (_label(channel, way), states)
            for (channel, way), states in (await results.by_channel(tx, campaign.id)).items()
        ],
        shown,
        names,
        tables.small(effects.opted_out),
        tables.small(effects.signed_up),
        tables.small(effects.wrote),
        sum(one.clicks for one in links if not one.area_id),
        [(names.get(one.area_id, ""), one.clicks) for one in links if one.area_id],
        len(await spreading.forwarded(tx, campaign.id)),
    )


async def export(visit: Visit) -> web.StreamResponse:
    """The result as .xlsx; written into the audit log. No line of it is about one woman."""
    campaign_id = visit.part("campaign")
    async with visit.house.database.transaction() as tx:
        campaign = await campaigns.find(tx, campaign_id)
        counts = await campaigns.counts(tx, campaign_id)
        reasons = await recipients.reasons(tx, campaign_id)
        result = await read(visit, tx, campaign)
        await visit.record(tx, "campaign.exported", f"campaign:{campaign_id}")
    return web.Response(
        body=_sheet(visit, campaign, counts, reasons, result),
        content_type=_XLSX,
        headers={"Content-Disposition": f'attachment; filename="notice-{campaign_id[-6:]}.xlsx"'},
    )


def _sheet(
    visit: Visit,
    campaign: CampaignView,
    counts: Mapping[str, int],
    reasons: Sequence[tuple[str, str, int]],
    result: Result,
) -> bytes:
    states = words.group("campaign_counts")
    effect = words.group("campaign_effects")
    lines: list[tuple[object, ...]] = [
        (campaign.title,),
        (words.name("campaign_status", campaign.status), words.moment(campaign.started_at, visit.zone)),
        (),
        *((word, counts.get(key, 0)) for key, word in states.items()),
        (),
        *((states.get(state, state), sentence, number) for state, sentence, number in reasons),
        (),
        (effect["channel"], *(states[one] for one in _STATES)),
        *((name, *(of.get(one, 0) for one in _STATES)) for name, of in result.channels),
        (),
        (effect["town"], effect["reached"], effect["missed"]),
        *(
            (result.area_names.get(area, area), *map(_seen, cells))
            for area, cells in zip(result.areas.rows, result.areas.cells, strict=True)
        ),
        (),
        *((effect[name], _seen(getattr(result, name))) for name in ("opted_out", "signed_up", "wrote")),
        (effect["clicks"], result.clicks),
        *((f"{effect['poster']} {name}", clicks) for name, clicks in result.poster_clicks),
        (effect["forwarded"], result.forwarded),
        (),
        (effect["hidden"],),
    ]
    output = io.BytesIO()
    book = xlsxwriter.Workbook(output, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    page = book.add_worksheet()
    page.set_column(0, 0, 28)
    page.set_column(1, 8, 16)
    for number, line in enumerate(lines):
        for column, value in enumerate(line):
            page.write(number, column, value)
    book.close()
    return output.getvalue()


def _seen(value: int | None) -> object:
    return HIDDEN if value is None else value


def _label(channel: str, way: str) -> str:
    way = words.name("campaign_ways", way)
    return words.name("channels", channel) + (f" · {way}" if way else "")
