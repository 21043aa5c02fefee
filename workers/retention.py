"""Let go of what has expired: a few hundred rows a transaction, so that nobody waits; again and again the same."""

import logging
from datetime import timedelta

from bot import clock
from bot.config import Settings
from storage.database import Database
from storage.repositories import audit, erasure, retention
from workers.house import WorkerHouse

log = logging.getLogger(__name__)

_AT_ONCE = 500
#: A run as a job makes room for others after so long; the next goes on.
_JOB_SECONDS = 60.0


async def expire(house: WorkerHouse) -> None:
    """The regular run."""
    await run(house.database, house.settings, seconds=_JOB_SECONDS)


async def look(database: Database, settings: Settings) -> dict[str, int]:
    """What a run would let go of, by kind (a dry run)."""
    now, found = clock.now(), {}
    periods = settings.retention.model_dump()
    async with database.reading() as tx:
        for rule in retention.RULES:
            cut = now - timedelta(days=periods[f"{rule.name}_days"])
            found[rule.name] = await retention.count(tx, rule, cut)
        cut = now - timedelta(days=settings.retention.contacts_days)
        found["contacts"] = len(await retention.silent_contacts(tx, cut, "", 1_000_000))
    return found


async def run(database: Database, settings: Settings, seconds: float | None = None) -> dict[str, int]:
    """Let go of everything expired, for at most `seconds`; how many records, by kind."""
    now, begun = clock.now(), clock.monotonic()
    periods = settings.retention.model_dump()
    done: dict[str, int] = {}

    def time_is_over() -> bool:
        return seconds is not None and clock.monotonic() - begun > seconds

    for rule in retention.RULES:
        cut, after = now - timedelta(days=periods[f"{rule.name}_days"]), None
        done[rule.name] = 0
        while not time_is_over():
            async with database.transaction() as tx:
                number, after = await retention.expire(tx, rule, cut, after, _AT_ONCE)
            done[rule.name] += number
            if number < _AT_ONCE:
                break
    done["contacts"] = 0
    cut, last = now - timedelta(days=settings.retention.contacts_days), ""
    while not time_is_over():
        async with database.reading() as tx:
            silent = await retention.silent_contacts(tx, cut, last, _AT_ONCE)
        for contact_id in silent:
            async with database.transaction() as tx:
                await erasure.hold(tx, contact_id)
                # She may have written in between.
                if not await retention.is_silent(tx, contact_id, cut):
                    continue
                await erasure.erase(tx, contact_id, now)
                done["contacts"] += 1
        if len(silent) < _AT_ONCE:
            break
        last = silent[-1]
    await _record(database, done)
    return done


async def _record(database: Database, done: dict[str, int]) -> None:
    gone = {name: number for name, number in done.items() if number}
    if not gone:
        return
    log.info("retention.run", extra=gone)
    async with database.transaction() as tx:
        reason = " ".join(f"{name}={number}" for name, number in gone.items())
        await audit.append(tx, staff_id=None, action="retention.run", reason=reason, now=clock.now())
    await database.scrub()
