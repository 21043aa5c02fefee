"""Her duties in her own calendar program: a secret link that says when, and never who or what."""

import re
from collections import Counter
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from bot import clock, ics
from bot.console import words
from bot.console.access import CASE, OFFER, TALK
from bot.console.visit import ConsoleHouse, Visit
from bot.errors import StorageUnavailable
from bot.manners import giveaways
from bot.roster import watches_of
from storage.database import Transaction
from storage.repositories import activities, feeds, inbox, roster
from storage.repositories.feeds import Reader

_TOKEN = re.compile(r"[A-Za-z0-9_-]{40,64}")
_BACK, _AHEAD = timedelta(days=14), timedelta(days=60)
_DAY = timedelta(days=1)
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Referrer-Policy": "no-referrer",
    "Content-Disposition": 'attachment; filename="calendar.ics"',
}


async def show(visit: Visit) -> web.StreamResponse:
    """Whether she has a link, and how to make one or end it."""
    async with visit.house.database.reading() as tx:
        since = await feeds.made_at(tx, visit.me.id)
    if visit.wants_json:
        return visit.json({"since": since.isoformat() if since else None})
    return visit.page("my_calendar.html", since=since, link="")


async def make(visit: Visit) -> web.StreamResponse:
    """A new link, shown once; the one before opens nothing any more."""
    async with visit.house.database.transaction() as tx:
        token = await feeds.make(tx, visit.me.id, clock.now())
        await visit.record(tx, "staff.feed_made", f"staff:{visit.me.id}")
    link = f"{visit.house.settings.public_url}/calendar/{token}.ics"
    if visit.wants_json:
        return visit.json({"link": link})
    return visit.page("my_calendar.html", since=clock.now(), link=link)


async def revoke(visit: Visit) -> web.StreamResponse:
    """The link opens nothing from now on."""
    async with visit.house.database.transaction() as tx:
        await feeds.revoke(tx, visit.me.id)
        await visit.record(tx, "staff.feed_revoked", f"staff:{visit.me.id}")
    return visit.done({}, "/console/my-calendar")


def mount(app: web.Application, house: ConsoleHouse) -> None:
    """The address calendar programs ask: nobody signs in there, the link is all."""

    async def read(request: web.Request) -> web.StreamResponse:
        token = request.match_info["token"]
        try:
            async with house.database.reading() as tx:
                reader = await feeds.find(tx, token) if _TOKEN.fullmatch(token) else None
                found = await _events(house, tx, reader) if reader else []
        except StorageUnavailable:
            return web.Response(status=503, headers=_HEADERS)
        if reader is None:
            return web.Response(status=404, headers=_HEADERS)
        text = ics.write(found, words.name("calendar", "mine"), clock.now())
        return web.Response(text=text, content_type="text/calendar", charset="utf-8", headers=_HEADERS)

    app.router.add_get("/calendar/{token}.ics", read)


async def _events(house: ConsoleHouse, tx: Transaction, reader: Reader) -> list[ics.Event]:
    now, zone = clock.now(), ZoneInfo(house.settings.service.timezone)
    begin, end = now - _BACK, now + _AHEAD
    found: list[ics.Event] = []
    if reader.role in TALK:
        found += await _watches(tx, reader, begin.astimezone(zone).date(), zone)
    if reader.role in CASE:
        scope = await inbox.look(tx, reader.id, reader.role, reader.area_id, now)
        due = await feeds.due(tx, scope, reader.id, begin, end)
        for day, number in Counter(one.astimezone(zone).date() for one in due).items():
            title = words.name("calendar", "due").format(number=number)
            found.append(ics.Event(f"due-{day:%Y%m%d}", title, day, day))
    if reader.role in OFFER:
        for line in await activities.sessions_between(tx, begin, end):
            if line.status != "open":
                continue
            neutral = not giveaways(f"{line.title}{line.place}")
            title, place = (line.title, line.place) if neutral else (words.name("calendar", "activity"), "")
            until = line.starts_at + timedelta(hours=1)
            found.append(ics.Event(f"session-{line.session_id}", title, line.starts_at, until, place))
    return found


async def _watches(tx: Transaction, reader: Reader, first: date, zone: ZoneInfo) -> list[ics.Event]:
    shifts = await roster.shifts(tx, first)
    found, day = [], first
    while day < first + _BACK + _AHEAD:
        for watch in watches_of(shifts, day):
            if watch.staff_id == reader.id:
                begins, ends = (_aware(one, zone) for one in (watch.begin, watch.end))
                uid = f"watch-{begins:%Y%m%d%H%M}-{watch.level}"
                found.append(ics.Event(uid, words.name("calendar", "duty"), begins, ends))
        day += _DAY
    return found


def _aware(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone)
