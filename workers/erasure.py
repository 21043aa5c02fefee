"""Forget whoever asked for it and did not take it back: once the days of grace are over, one woman a transaction."""

import logging

from bot import clock
from handlers.wording import texts
from storage.database import Transaction
from storage.repositories import activities, audit, erasure
from storage.repositories.activities import Promotion
from workers.house import WorkerHouse

log = logging.getLogger(__name__)

_WEEKDAYS = "一二三四五六日"


async def erase_due(house: WorkerHouse) -> int:
    """Erase all that is due; how many. A kill in between loses nothing: the next run goes on."""
    number, after = 0, ""
    while True:
        async with house.database.reading() as tx:
            rows = await erasure.due(tx, clock.now(), after)
        if not rows:
            break
        for row in rows:
            number += await _erase_one(house, row.id, row.contact_id)
        after = rows[-1].id
    if number:
        log.info("contacts.erased", extra={"number": number})
        await house.database.scrub()
    return number


async def _erase_one(house: WorkerHouse, request_id: str, contact_id: str) -> bool:
    now = clock.now()
    async with house.database.transaction() as tx:
        await erasure.hold(tx, contact_id)
        request = await erasure.still_due(tx, request_id, now)
        if request is None:
            return False
        if request.source == "unfollowed" and request.is_back:
            await erasure.revoke(tx, contact_id, now)
            return False
        why = await erasure.duty(tx, contact_id, request.source, now)
        if why:
            await erasure.postpone(tx, request_id, why)
            return False
        act = erasure.leave_platform if request.source == "unfollowed" else erasure.erase
        for promotion in await act(tx, contact_id, now):
            await _tell(house, tx, promotion)
        await audit.append(
            tx,
            staff_id=None,
            action="contact.erased",
            subject=f"contact:{contact_id}",
            reason=request.source,
            now=now,
        )
    return True


async def _tell(house: WorkerHouse, tx: Transaction, promotion: Promotion) -> None:
    """Another woman got the seats: a reminder, in the words the chat uses."""
    session = promotion.session
    start = clock.local(session.starts_at, house.settings.service.timezone)
    said = texts(
        "activity.promoted",
        title=session.title,
        when=f"{start.month}月{start.day}日（周{_WEEKDAYS[start.weekday()]}）{start:%H:%M}",
        place=session.place,
        seats=promotion.seats,
    )
    await activities.tell_promoted(tx, promotion, said, clock.now())
