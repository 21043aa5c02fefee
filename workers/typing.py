"""Show her that a person is writing, where her platform can: only in a live talk a person holds, through the gate."""

import logging

from bot import clock, gate
from bot.channels.base import ShowsTyping
from bot.errors import SendError
from bot.messages import HeldElsewhere, OutboundClass
from storage.repositories import typing
from storage.repositories.typing import Writing
from workers.house import WorkerHouse

log = logging.getLogger(__name__)


async def show(house: WorkerHouse) -> None:
    """Tell the platforms of everybody who is being written to right now; what fails is not tried again."""
    now = clock.now()
    names = [name for name, channel in house.channels.items() if isinstance(channel, ShowsTyping)]
    async with house.database.transaction() as tx:
        writing = await typing.take(tx, names, now)
    for one in writing:
        channel = house.channels[one.channel]
        assert isinstance(channel, ShowsTyping)
        if not gate.decide(_situation(house, one)).allowed:
            continue
        try:
            await channel.show_typing(one.address)
        except SendError as error:
            log.warning("typing.not_shown", extra={"talk": one.conversation_id, "code": error.code})


def _situation(house: WorkerHouse, one: Writing) -> gate.Situation:
    now, service = clock.now(), house.settings.service
    return gate.Situation(
        outbound_class=OutboundClass.STAFF,
        channel=one.channel,
        now=now,
        zone=service.timezone,
        quiet_from=service.quiet_from,
        quiet_to=service.quiet_to,
        live=one.last_inbound_at is not None and now - one.last_inbound_at < gate.LIVE_CHAT,
        wishes=gate.Wishes(do_not_initiate=True),
        locked=one.locked,
        unfollowed=one.unfollowed,
        in_group=one.in_group,
        held_elsewhere=one.held_elsewhere == HeldElsewhere.PERSON,
    )
