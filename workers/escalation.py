"""Danger nobody has taken is told to more and more people: the desk, the second, whoever is in charge.

Until somebody takes it, each member is told once a level and a wait, whatever restarts in between: the rows of
`escalation` remember. What goes out is one neutral sentence and a link, by WeCom and as a text message to her own
phone, where the house has these channels.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot import clock
from bot.roster import on_duty
from handlers.wording import texts
from storage.database import Transaction
from storage.repositories import escalations, notices, outbox, roster
from storage.repositories.escalations import Member, Unclaimed
from storage.repositories.roster import ShiftView
from workers.house import WorkerHouse

log = logging.getLogger(__name__)

_LEVELS = (1, 2, 3)
_IN_CHARGE = 3
_DAY = timedelta(days=1)


async def escalate(house: WorkerHouse) -> None:
    """Tell whoever is next of every danger that has waited too long."""
    now, desk = clock.now(), house.settings.desk
    before = now - timedelta(minutes=desk.escalate_minutes)
    async with house.database.reading() as tx:
        waiting = await escalations.unclaimed(tx, before)
    if not waiting:
        return
    today = clock.local(now, house.settings.service.timezone).date()
    for danger in waiting:
        async with house.database.transaction() as tx:
            shifts = await roster.shifts(tx, today - _DAY)
            for level in _due(house, danger, now):
                await _tell(tx, house, danger, level, shifts)


def _due(house: WorkerHouse, danger: Unclaimed, now: datetime) -> Sequence[int]:
    """The levels whose time has come."""
    desk = house.settings.desk
    return [
        level
        for level in _LEVELS
        if now >= danger.since + timedelta(minutes=desk.escalate_minutes + (level - 1) * desk.step_minutes)
    ]


async def _tell(
    tx: Transaction, house: WorkerHouse, danger: Unclaimed, level: int, shifts: Sequence[ShiftView]
) -> None:
    now = clock.now()
    members = await escalations.members(tx, danger.conversation_id, now)
    told = [
        member
        for member in _of_level(house, members, level, shifts, now)
        if await escalations.note(tx, danger, level, member.id, now)
    ]
    if not told:
        return
    await outbox.alarm(tx, danger.conversation_id, "unclaimed", now)
    minutes = int((now - danger.since).total_seconds() // 60)
    link = f"{house.settings.public_url}/console/conversations/{danger.conversation_id}"
    said = texts("staff.unclaimed", minutes=minutes, link=link)
    for member in told:
        for channel, recipient in _ways(house, member):
            await notices.queue(
                tx,
                key=f"unclaimed:{danger.conversation_id}:{int(danger.since.timestamp())}:{level}:{member.id}:{channel}",
                channel=channel,
                recipient=recipient,
                text=said,
                now=now,
                staff_id=member.id,
            )
    tx.wake("alarms")
    log.warning("danger.escalated", extra={"talk": danger.conversation_id, "level": level, "told": len(told)})


def _of_level(
    house: WorkerHouse, members: Sequence[Member], level: int, shifts: Sequence[ShiftView], now: datetime
) -> Sequence[Member]:
    """Who is on duty at this level; with nobody named the desk is everybody, and in charge are the supervisors."""
    local = clock.local(now, house.settings.service.timezone)
    named = {watch.staff_id for watch in on_duty(shifts, local) if watch.level == level}
    found = [member for member in members if member.id in named]
    if found or level not in (1, _IN_CHARGE):
        return found
    return [member for member in members if (member.role == "supervisor") == (level == _IN_CHARGE)]


def _ways(house: WorkerHouse, member: Member) -> list[tuple[str, str]]:
    ways = []
    if member.wecom and "wecom" in house.channels:
        ways.append(("wecom", member.wecom))
    if member.phone and "sms" in house.channels and house.settings.desk.escalate_by_sms:
        ways.append(("sms", member.phone))
    return ways
