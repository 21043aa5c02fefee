"""Transfers nobody took go back to whoever holds the conversation."""

from bot import clock
from storage.repositories import audit, transfers
from workers.house import WorkerHouse


async def expire(house: WorkerHouse) -> None:
    """End offers whose time is over, and those whose holder no longer holds it; both desks see it."""
    now = clock.now()
    async with house.database.reading() as tx:
        if not await transfers.any_over(tx, now):
            return
    async with house.database.transaction() as tx:
        for conversation_id, state in await transfers.expire(tx, now):
            await audit.append(
                tx,
                staff_id=None,
                action="conversation.transfer_ended",
                subject=f"conversation:{conversation_id}",
                reason=state,
                now=now,
            )
