"""Open pages learn that they are out of date: server-sent events."""

import asyncio
import contextlib
import json
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from aiohttp import web

from bot import clock
from bot.console.looks import LOOK_SECONDS, Looks
from bot.console.visit import Visit, find_session, is_locked
from bot.errors import NotFound, StorageUnavailable
from storage.database import Database
from storage.repositories import inbox, typing

#: Proxies cut silent lines; browsers reconnect by themselves.
_SIGN_OF_LIFE_SECONDS = 15
#: A queue in which nothing is urgent is announced no oftener: with fifty pages open, something changes every second.
_CALM_SECONDS = 5
_LONGEST_STREAM = timedelta(hours=1)

#: What a stream watches: ("queue", what its page may show), ("talk", a conversation's id) or ("alarms", whose).
Watched = tuple[str, Any]

STOPPING: web.AppKey[asyncio.Event] = web.AppKey("console_stopping", asyncio.Event)
LOOKS: web.AppKey[Looks[Watched]] = web.AppKey("console_looks", Looks)


def make_looks(database: Database) -> Looks[Watched]:
    """The versions of queues (by what they may show) and conversations (by id) that open pages watch."""

    async def read(keys: Collection[Watched]) -> dict[Watched, str]:
        found: dict[Watched, str] = {}
        async with database.reading() as tx:
            ids = [str(key) for kind, key in keys if kind == "talk"]
            talks = await inbox.versions_of(tx, ids)
            types = await typing.she_types(tx, ids, clock.now())
            for kind, key in keys:
                if kind == "queue":
                    found[kind, key] = await inbox.queue_version(tx, key)
                elif kind == "alarms":
                    found[kind, key] = json.dumps(await inbox.alarm_state(tx, key))
        return found | {
            ("talk", one): f"{version}{' typing' if one in types else ''}" for one, version in talks.items()
        }

    return Looks(read)


async def stream(visit: Visit, kind: str, key: Any) -> web.StreamResponse:
    """Server-sent events: one line whenever what is watched changes; `alarm` events go along on every stream.

    One connection a page: browsers keep no more than six to a server. Ends when she is signed out or we stop, and
    when the screen is locked, unless it carries alarms only, which say nothing of anybody.
    """
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    await response.prepare(visit.request)
    async with visit.house.database.reading() as tx:
        alarms: Watched = ("alarms", (await visit.scope(tx)).shared)
    watched: dict[Watched, str] = {alarms: "event: alarm\n"}
    if kind != "alarms":
        watched[kind, key] = ""
    stopping, looks = visit.request.app[STOPPING], visit.request.app[LOOKS]
    last: dict[Watched, str] = {}
    told: dict[Watched, float] = {}
    begun = quiet_since = clock.monotonic()
    with contextlib.ExitStack() as stack:
        for one in watched:
            stack.enter_context(looks.watching(one))
        while not stopping.is_set() and clock.monotonic() - begun < _LONGEST_STREAM.total_seconds():
            try:
                current = {one: await looks.version(one) for one in watched}
            except StorageUnavailable:
                current = {**last}
            moment = clock.monotonic()
            changed = [
                one
                for one in watched
                if one in current
                and current[one] != last.get(one)
                and (one not in told or is_time(one[0], last[one], str(current[one]), moment - told[one]))
            ]
            try:
                if None in current.values() or ((kind, key) in changed and not await _still_hers(visit, kind, key)):
                    break
                for one in changed:
                    await response.write(f"{watched[one]}data: {current[one]}\n\n".encode())
                    last[one], told[one], quiet_since = str(current[one]), moment, moment
                if moment - quiet_since > _SIGN_OF_LIFE_SECONDS:
                    await response.write(b": here\n\n")
                    quiet_since = moment
                    if await find_session(visit) is None or (kind != "alarms" and is_locked(visit)):
                        break
            except ConnectionError:
                break
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await stopping.wait()
            except TimeoutError:
                continue
    return response


def is_time(kind: str, before: str, now: str, seconds: float) -> bool:
    """Whether a page is to hear of a change so many seconds after the last one.

    Alarms and offers, which stand after the bar in the version of a queue, are told at once; so is all else but a
    queue's slow moving on.
    """
    return kind != "queue" or seconds >= _CALM_SECONDS or before.partition("|")[2] != now.partition("|")[2]


async def _still_hers(visit: Visit, kind: str, key: Any) -> bool:
    """Whether she may still see the conversation her page shows: she may have been kept out of it meanwhile."""
    if kind != "talk":
        return True
    try:
        async with visit.house.database.reading() as tx:
            await inbox.check_visible(tx, key, await visit.scope(tx, fresh=True))
    except StorageUnavailable:
        return True
    except NotFound:
        return False
    return True
