"""Whoever works on cases hears once a day in WeCom that something of hers is due: a number and a link, no more."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot import clock, duty
from handlers.wording import texts
from storage.repositories import cases, notices
from workers.house import WorkerHouse

_MEMBERS = "wecom"


async def remind_cases(house: WorkerHouse) -> None:
    """In duty hours, once a day: how many visits and next actions are due today or before."""
    now = clock.now()
    if _MEMBERS not in house.channels or not duty.is_on_duty(house.settings.service, now):
        return
    today = clock.local(now, house.settings.service.timezone).date()
    tomorrow = datetime(today.year, today.month, today.day, tzinfo=ZoneInfo(house.settings.service.timezone))
    tomorrow += timedelta(days=1)
    link = house.settings.public_url + "/console/cases?whose=mine&due=today"
    async with house.database.transaction() as tx:
        for one in await cases.to_remind(tx, tomorrow):
            await notices.queue(
                tx,
                key=f"cases:{today.isoformat()}:{one.staff_id}",
                channel=_MEMBERS,
                recipient=one.userid,
                text=texts("staff.due", count=one.number, link=link),
                now=now,
                staff_id=one.staff_id,
            )
