"""Figures: the dashboard of any period beside the month and the year before, and the monthly report to be filed."""

import asyncio
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from bot import clock
from bot.console import periods, report, tables
from bot.console.periods import Days
from bot.console.tables import Counted, Picture, Sums
from bot.console.visit import Visit
from storage.repositories import figures, inbox
from storage.repositories.figures import Desk, Scope


async def show(visit: Visit) -> web.StreamResponse:
    """The dashboard: the desk now and today, and the figures of the period asked for."""
    today = clock.local(clock.now(), visit.zone).date()
    days = periods.asked(visit.request.query, today)
    async with visit.house.database.reading() as tx:
        await figures.hold_still(tx)
        scope = await _scope(visit, tx)
        desk = await figures.desk(tx, scope)
        so_far = Days(today, today).period(visit.zone)
        came = sum(one.number for one in await figures.visits(tx, so_far, scope))
        done = await figures.ended(tx, so_far, scope)
        picture, sums = await _count(visit, tx, days, scope)
    if visit.wants_json:
        return visit.json(_json(days, desk, picture, sums))
    month = periods.month_of(today)
    return visit.page(
        "figures.html",
        desk=desk,
        came=came,
        done=done,
        days=days,
        picture=picture,
        sums=sums,
        change=tables.change,
        presets=_presets(month),
        report_month=(days if days.is_month else periods.last_month(today)).first,
    )


async def show_report(visit: Visit) -> web.StreamResponse:
    """The monthly report as a page to be printed."""
    days, picture, sums = await _report(visit)
    return visit.page(
        "figures_report.html",
        days=days,
        picture=picture,
        summary=report.summary(picture, sums),
        groups=report.compared_lines(picture, "group"),
        referrals=report.compared_lines(picture, "referral"),
        crossed={by: report.crossed(by, picture) for by in tables.CROSSED if by in picture.crossed},
        columns=report.columns(),
        hidden=report.HIDDEN,
        made_on=clock.local(clock.now(), visit.zone).date(),
        months=_months(days, visit),
    )


async def export_report(visit: Visit) -> web.StreamResponse:
    """The monthly report as .xlsx; written into the audit log."""
    days, picture, sums = await _report(visit)
    async with visit.house.database.transaction() as tx:
        await visit.record(tx, "figures.exported", "", f"{days.first} – {days.last}")
    content = report.sheet(
        days,
        picture,
        sums,
        unit=visit.house.settings.service.name,
        maker=visit.me.name or visit.me.login,
        made_on=clock.local(clock.now(), visit.zone).date(),
    )
    return web.Response(
        body=content,
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        headers={"Content-Disposition": f'attachment; filename="report-{days.first:%Y-%m}.xlsx"'},
    )


async def _report(visit: Visit) -> tuple[Days, Picture, list[Sums]]:
    today = clock.local(clock.now(), visit.zone).date()
    given = visit.request.query
    days = periods.month_of(periods.asked(given, today).first) if "month" in given else periods.last_month(today)
    async with visit.house.database.reading() as tx:
        await figures.hold_still(tx)
        picture, sums = await _count(visit, tx, days, await _scope(visit, tx))
    return days, picture, sums


async def _scope(visit: Visit, tx: Any) -> Scope:
    """Her areas and no others: a number of no known place is the county's."""
    return await inbox.areas_under(tx, visit.me.area_id)


async def _count(visit: Visit, tx: Any, days: Days, scope: Scope) -> tuple[Picture, list[Sums]]:
    """This period, the month before and the year before."""
    counted, sums = [], []
    for one in (days, days.earlier(1), days.earlier(12)):
        period = one.period(visit.zone)
        shift = round(_offset(period.begin, visit.zone) / timedelta(hours=1))
        hours = await figures.visits_by_hour(tx, period, scope)
        local = [(category, (hour + shift) % 24, number) for category, hour, number in hours]
        visits, referrals = await figures.visits(tx, period, scope), await figures.referrals(tx, period, scope)
        counted.append(Counted(visits, local, referrals))
        kept = await figures.kept(tx, period, scope, clock.now())
        cases, offers = await figures.cases(tx, period, scope), await figures.offers(tx, period, scope)
        sums.append(
            Sums(
                tables.ratio(kept.in_time, kept.due),
                tables.small(cases.opened),
                tables.small(cases.closed),
                offers.sessions,
                tables.small(offers.sign_ups),
                tables.small(offers.seats),
            )
        )
    towns = dict(await figures.towns(tx, scope))
    # Some tens of milliseconds of arithmetic: whoever waits for a queue meanwhile is not to notice.
    return await asyncio.to_thread(tables.draw, counted, towns if len(towns) > 1 else {}), sums


def _offset(moment: Any, zone: str) -> timedelta:
    return moment.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()


def _months(days: Days, visit: Visit) -> list[str]:
    """The months a report may be chosen for: two years back from the last whole one, and the one that is shown."""
    last = periods.last_month(clock.local(clock.now(), visit.zone).date())
    return sorted({f"{one.first:%Y-%m}" for one in (days, *(last.earlier(back) for back in range(24)))}, reverse=True)


def _presets(month: Days) -> dict[str, Days]:
    """Periods people ask for most: this month, the last, this year, the last."""
    year = month.first.replace(month=1)
    before = year.replace(year=year.year - 1)
    return {
        "month": month,
        "last_month": month.earlier(1),
        "year": Days(year, month.last),
        "last_year": Days(before, before.replace(month=12, day=31)),
    }


def _json(days: Days, desk: Desk, picture: Picture, sums: list[Sums]) -> dict[str, Any]:
    return {
        "first": days.first.isoformat(),
        "last": days.last.isoformat(),
        "now": {"waiting": desk.waiting, "danger": desk.danger, "held": desk.held},
        "totals": picture.totals,
        "by": {
            by: [{"label": line.label, "values": line.values} for line in listing.lines]
            for by, listing in picture.listings.items()
        },
        "answered_in_time_percent": [one.in_time for one in sums],
        "cases": [{"opened": one.opened, "closed": one.closed} for one in sums],
        "activities": [{"dates": one.sessions, "sign_ups": one.sign_ups, "seats": one.seats} for one in sums],
    }
