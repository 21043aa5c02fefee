"""Staff hear in WeCom that they must look: an alarm, a talk that waits. Neutral words and a link, nothing of hers.

A sentence to staff may be said twice but never be missing: one whose sending was interrupted goes again.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot import clock, duty
from bot.channels.base import Channel
from bot.errors import SendError
from bot.messages import DeliveryState, OutboundClass, OutboundMessage
from handlers.wording import texts
from storage.database import AnyRow, Transaction
from storage.repositories import notices
from storage.repositories.notices import DueNotice, Member
from workers import retry
from workers.house import WorkerHouse

log = logging.getLogger(__name__)

_MEMBERS, _ROBOTS, _PHONES = "wecom", "wecom_robot", "sms"
#: The robot of this name says in its group that somebody must look.
ALARM_ROBOT = "alarm"
#: Older alarms nobody looked at are the console's affair.
_FRESH = timedelta(hours=1)
#: More of the same danger updates the alarm there is; of unclaimed danger escalation.py tells whom it concerns.
_NOT_AGAIN = frozenset({"danger_again", "unclaimed"})
#: Who waits so long for a person is work somebody is reminded of.
_WAITS = timedelta(minutes=15)
_MINUTE = timedelta(minutes=1)
_AT_ONCE = 16
#: Answers to women wait behind this job: a platform that hangs may not hold them up for long.
_SEND_SECONDS = 5


async def tell(house: WorkerHouse) -> None:
    """Queue what alarms and waiting conversations call for, then send what is due."""
    if not {_MEMBERS, _ROBOTS, _PHONES} & house.channels.keys():
        return
    now = clock.now()
    async with house.database.transaction() as tx:
        members = await notices.members(tx, now) if _MEMBERS in house.channels else []
        await _plan_alarms(tx, house, members, now)
        if duty.is_on_duty(house.settings.service, now):
            await _remind(tx, house, members, now)
    await deliver(house)


async def deliver(house: WorkerHouse) -> int:
    """Send what is due; how many were dealt with."""
    now = clock.now()
    due: list[DueNotice] = []
    async with house.database.transaction() as tx:
        for name in (_MEMBERS, _ROBOTS, _PHONES):
            room = _AT_ONCE
            if name == _ROBOTS and name in house.channels:
                # Few robots share few keys: all of them together keep to what one may say.
                room = house.channels[name].most_per_minute - await notices.sent_since(tx, name, now - _MINUTE)
            if room > 0:
                due += await notices.claim(tx, name, now=now, worker=house.name, limit=room)
    await asyncio.gather(*(_send(house, notice) for notice in due))
    return len(due)


async def _plan_alarms(tx: Transaction, house: WorkerHouse, members: Sequence[Member], now: datetime) -> None:
    alarms: Sequence[AnyRow] = await notices.fresh_alarms(tx, now - _FRESH)
    for alarm in alarms:
        if alarm.reason in _NOT_AGAIN:
            continue
        place = f"/console/conversations/{alarm.conversation_id}" if alarm.conversation_id else "/console/queue"
        said = texts("staff.alarm", link=house.settings.public_url + place)
        for member in members:
            if member.sees(alarm.area_id, alarm.contact_id):
                await notices.queue(
                    tx,
                    key=f"alarm:{alarm.id}:{member.id}",
                    channel=_MEMBERS,
                    recipient=member.userid,
                    text=said,
                    now=now,
                    staff_id=member.id,
                )
        if ALARM_ROBOT in _robots(house):
            await notices.queue(
                tx, key=f"alarm:{alarm.id}:robot", channel=_ROBOTS, recipient=ALARM_ROBOT, text=said, now=now
            )


async def _remind(tx: Transaction, house: WorkerHouse, members: Sequence[Member], now: datetime) -> None:
    """One reminder a member an hour, however many conversations wait."""
    rows = await notices.waiting(tx, now - _WAITS)
    for member in members:
        count = sum(member.sees(row.area_id, row.contact_id) for row in rows)
        if count:
            said = texts("staff.waiting", count=count, link=f"{house.settings.public_url}/console/queue")
            await notices.queue(
                tx,
                key=f"waiting:{member.id}:{now:%Y%m%d%H}",
                channel=_MEMBERS,
                recipient=member.userid,
                text=said,
                now=now,
                staff_id=member.id,
            )


async def _send(house: WorkerHouse, notice: DueNotice) -> None:
    channel: Channel | None = house.channels.get(notice.channel)
    error: SendError | None = None
    try:
        if channel is None:
            raise SendError("这个渠道没有启用，请管理员检查设置", code="no_channel")
        async with asyncio.timeout(_SEND_SECONDS):
            await channel.send(
                OutboundMessage(
                    notice.recipient,
                    notice.text,
                    f"notice:{notice.id}",
                    outbound_class=OutboundClass.STAFF,
                    row_id=notice.id,
                )
            )
    except TimeoutError:
        error = SendError("平台没有回应，会自动重发", code="timeout", known_unsent=False)
        log.warning("notice.not_sent", extra={"notice": notice.id, "code": error.code})
    except SendError as problem:
        error = problem
        log.warning("notice.not_sent", extra={"notice": notice.id, "code": problem.code})
    now = clock.now()
    async with house.database.transaction() as tx:
        if error is None:
            await notices.finish(tx, notice.id, state=DeliveryState.SENT.value, finished_at=now)
            return
        decision = retry.decide(
            error, attempt=notice.attempts, now=now, created_at=notice.created_at, idempotent=True
        )
        await notices.finish(
            tx,
            notice.id,
            state=decision.state.value,
            not_before=decision.not_before or now,
            finished_at=None if decision.state is DeliveryState.QUEUED else now,
            error_code=decision.code[:32],
            error_sentence=decision.sentence[:255],
        )


def _robots(house: WorkerHouse) -> tuple[str, ...]:
    found: tuple[str, ...] = getattr(house.channels.get(_ROBOTS), "robots", ())
    return found
