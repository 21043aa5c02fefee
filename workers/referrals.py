"""Referrals whose answer is overdue: staff are reminded, and after long enough they are over.

The unit itself is never written to: a call by somebody who knows the case does more, and betrays nothing.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot import clock, duty
from handlers.wording import texts
from storage.database import AnyRow, Transaction
from storage.repositories import audit, notices, referrals
from storage.repositories.notices import Member
from workers.house import WorkerHouse

log = logging.getLogger(__name__)

_MEMBERS = "wecom"
#: Older answers stand in the list.
_FRESH = timedelta(days=1)


async def chase(house: WorkerHouse) -> None:
    """Note what is overdue in its case, remind staff once a day, end what nobody will answer any more."""
    now = clock.now()
    async with house.database.transaction() as tx:
        gone = await referrals.expire(tx, now - timedelta(days=house.settings.referral.unanswered_days), now)
        for referral_id in gone:
            await audit.append(
                tx, staff_id=None, action="referral.expired", subject=f"referral:{referral_id}", now=now
            )
        late = await referrals.overdue(tx, now)
        for row in late:
            await referrals.remember_chased(tx, row.id, now)
        if _MEMBERS in house.channels and duty.is_on_duty(house.settings.service, now):
            await _remind(tx, house, late, now)
        if _MEMBERS in house.channels:
            await _tell_answers(tx, house, now)
    if gone:
        log.info("referrals.expired", extra={"number": len(gone)})


async def _remind(tx: Transaction, house: WorkerHouse, late: Sequence[AnyRow], now: datetime) -> None:
    """One sentence a day to whoever made a referral; to all who see the case when she cannot be reached."""
    members = await notices.members(tx, now)
    day = clock.local(now, house.settings.service.timezone)
    for member in members:
        count = sum(_concerns(row, member, members) for row in late)
        if count:
            link = f"{house.settings.public_url}/console/referrals?state=overdue"
            said = texts("staff.referrals", count=count, link=link)
            await _tell(tx, member, said, f"referrals:{member.id}:{day:%Y%m%d}", now)


async def _tell_answers(tx: Transaction, house: WorkerHouse, now: datetime) -> None:
    """A unit answered by its link: whoever made the referral hears of it once."""
    answers = await referrals.answers_since(tx, now - _FRESH)
    members = await notices.members(tx, now) if answers else []
    for row in answers:
        link = f"{house.settings.public_url}/console/referrals/{row.referral_id}"
        for member in members:
            if _concerns(row, member, members):
                said = texts("staff.answered", link=link)
                await _tell(tx, member, said, f"referral-answer:{row.id}:{member.id}", now)


def _concerns(row: AnyRow, member: Member, members: Sequence[Member]) -> bool:
    """Whoever made it; everybody who sees the case where she cannot be reached, or is kept out of it by now."""
    maker = next((one for one in members if one.id == row.created_by), None)
    if maker is not None and row.contact_id not in maker.sight.kept_from:
        return maker.id == member.id
    return member.sees(row.area_id, row.contact_id)


async def _tell(tx: Transaction, member: Member, said: str, key: str, now: datetime) -> None:
    await notices.queue(
        tx, key=key, channel=_MEMBERS, recipient=member.userid, text=said, now=now, staff_id=member.id
    )
