"""Fetch the pictures and voices she sent and keep them sealed: the platform forgets them after three days."""

import logging
from datetime import timedelta

from bot import clock
from bot.errors import SendError
from bot.filetypes import content_type
from bot.messages import Media
from storage.repositories import attachments, outbox
from workers.house import WorkerHouse

log = logging.getLogger(__name__)

_WAITS = (30, 120, 600, 3600, 6 * 3600)


async def fetch(house: WorkerHouse) -> None:
    """Fetch what is wanted, one after the other."""
    async with house.database.reading() as tx:
        rows = await attachments.wanted(tx, clock.now())
    for row in rows:
        channel = house.channels.get(row.channel)
        key = house.database.keys.contact_key(row.contact_id, row.wrapped_key)
        source = key.open_json("attachment.source", row.source_sealed, {})
        try:
            if channel is None:
                raise SendError("这个渠道没有启用", code="no_channel")
            content, _ = await channel.fetch_media(Media(**source))
        except SendError as error:
            log.warning("attachment.not_fetched", extra={"attachment": row.id, "code": error.code})
            again = clock.now() + timedelta(seconds=_WAITS[row.attempts]) if row.attempts < len(_WAITS) else None
            async with house.database.transaction() as tx:
                await attachments.postpone(tx, row.id, again)
            continue
        sealed = key.seal_bytes("attachment.content", content)
        async with house.database.transaction() as tx:
            await attachments.keep(tx, row.id, sealed, content_type(content), len(content))
            if row.conversation_id:
                await outbox.touch(tx, row.conversation_id)
