"""Remind of activities when she wants it: once, in neutral words, through the gate like all we start."""

import logging
from datetime import datetime, timedelta

from bot import clock, gate, reminding
from bot.manners import giveaways
from bot.messages import OutboundClass
from handlers.wording import texts
from storage.database import AnyRow
from storage.repositories import reminders
from workers.house import WorkerHouse

log = logging.getLogger(__name__)

#: Nobody is reminded of what she signed up for a moment ago.
_SETTLED = timedelta(hours=2)
_AT_ONCE = 500


async def remind(house: WorkerHouse) -> None:
    """A row for everybody whose time has come and who was not told yet."""
    now, after, told = clock.now(), "", 0
    while True:
        async with house.database.transaction() as tx:
            found = await reminders.coming(
                tx, now, now + reminding.FURTHEST, signed_before=now - _SETTLED, after=after, limit=_AT_ONCE
            )
            for one in found:
                wishes = reminders.wishes_of(tx, one)
                if not reminding.is_due(one.starts_at, one.reminders, _situation(house, one, wishes, now)):
                    continue
                when = day_and_time(one.starts_at, house.settings.service.timezone)
                said = texts("reminders.coming", when=when, place=one.place)
                # A place can tell what it is about: then she asks for it when she is alone.
                await reminders.tell(tx, one, texts("reminders.bare", when=when) if giveaways(said) else said, now)
                told += 1
        if len(found) < _AT_ONCE:
            break
        after = found[-1].id
    if told:
        house.wake("bulk")
        log.info("reminders.planned", extra={"number": told})


def day_and_time(moment: datetime, zone: str) -> str:
    """The day by its date: 明天 would be false for whoever reads it tomorrow."""
    local = clock.local(moment, zone)
    return texts("reminders.when", month=local.month, day=local.day, time=f"{local:%H:%M}")


def _situation(house: WorkerHouse, row: AnyRow, wishes: dict[str, object], now: datetime) -> gate.Situation:
    service = house.settings.service
    return gate.Situation(
        outbound_class=OutboundClass.REMINDER,
        channel=row.channel,
        now=now,
        zone=service.timezone,
        quiet_from=service.quiet_from,
        quiet_to=service.quiet_to,
        wishes=gate.read_wishes(wishes),
    )
