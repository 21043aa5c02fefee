"""Remind of activities the day before: once a sign-up, in neutral words, through the gate like all we start."""

import logging
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot import clock
from handlers.wording import texts
from storage.repositories import reminders
from workers.house import WorkerHouse

log = logging.getLogger(__name__)

#: Nobody is reminded of what she signed up for a moment ago.
_SETTLED = timedelta(hours=2)


async def remind(house: WorkerHouse) -> None:
    """A row for everybody who comes tomorrow and was not told yet."""
    now = clock.now()
    zone = house.settings.service.timezone
    begin, end = tomorrow(now, zone)
    async with house.database.transaction() as tx:
        due = await reminders.coming(tx, begin, end, signed_before=now - _SETTLED)
        for sign_up in due:
            start = clock.local(sign_up.starts_at, zone)
            said = texts("reminders.day_before", title=sign_up.title, time=f"{start:%H:%M}", place=sign_up.place)
            await reminders.tell(tx, sign_up, said, now)
        if due:
            tx.wake("bulk")
            log.info("reminders.planned", extra={"number": len(due)})


def tomorrow(now: datetime, zone: str) -> tuple[datetime, datetime]:
    """The span of tomorrow on the wall clock of `zone`, as aware moments."""
    today = clock.local(now, zone).date()
    day = datetime(today.year, today.month, today.day, tzinfo=ZoneInfo(zone))
    return day + timedelta(days=1), day + timedelta(days=2)
