"""Danger that a person holding the conversation leaves unanswered goes back to the bot, and is recorded."""

import logging
from datetime import timedelta

import handlers
from bot import clock
from storage.repositories import desk
from workers.house import WorkerHouse

log = logging.getLogger(__name__)


async def hand_back(house: WorkerHouse) -> None:
    """The bot says the crisis numbers, the conversation waits again, staff are alarmed once more."""
    now = clock.now()
    deadline = now - timedelta(seconds=house.settings.service.hand_back_seconds)
    async with house.database.transaction() as tx:
        for conversation_id in await desk.danger_unanswered(tx, deadline):
            reply = handlers.hand_back(await desk.dangers_while_held(tx, conversation_id))
            expires_at = now + timedelta(minutes=house.settings.service.flow_minutes)
            back = desk.HandBack(reply.texts, reply.flow, reply.step, dict(reply.data), expires_at)
            await desk.hand_back_danger(tx, conversation_id, back, now)
            log.warning("conversation.handed_back", extra={"talk": conversation_id})


async def close_silent(house: WorkerHouse) -> None:
    """Close conversations nobody has said a word in for days; open danger and waiting ones stay."""
    now = clock.now()
    async with house.database.transaction() as tx:
        closed = await desk.close_silent(tx, now - timedelta(hours=house.settings.service.conversation_hours), now)
    if closed:
        log.info("conversations.closed", extra={"number": closed})
