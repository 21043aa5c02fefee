"""Take messages of staff off her screen, where the platform can: what it answers is written down as it is."""

import asyncio
import logging

from bot.channels.base import Recalls
from bot.errors import SendError
from storage.repositories import staff_sends
from storage.repositories.staff_sends import Recall
from workers.house import WorkerHouse

log = logging.getLogger(__name__)

_SECONDS = 20
_CANNOT = "这个渠道发出的消息不能撤回"
_SILENT = "平台没有回应，不知道撤回了没有"


async def run(house: WorkerHouse) -> None:
    """Deal with everything that waits to be called back; done twice it changes nothing more."""
    async with house.database.reading() as tx:
        waiting = await staff_sends.to_recall(tx)
    for one in waiting:
        outcome, sentence = await _recall(house, one)
        async with house.database.transaction() as tx:
            await staff_sends.finish_recall(tx, one, outcome, sentence)


async def _recall(house: WorkerHouse, one: Recall) -> tuple[str, str]:
    channel = house.channels.get(one.channel)
    if not isinstance(channel, Recalls) or not one.address:
        return "refused", _CANNOT
    try:
        async with asyncio.timeout(_SECONDS):
            await channel.recall(one.address, one.platform_id)
    except SendError as error:
        log.warning("recall.refused", extra={"outbox": one.id, "code": error.code})
        return "refused", error.sentence
    except TimeoutError:
        return "refused", _SILENT
    return "done", ""
