"""Reminders the day before: once, in neutral words, for those who come."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from bot import clock
from bot.clock import Frozen
from storage.repositories import activities
from tests.support.house import LINA, MEI, House
from tests.test_house_rules import PRIVATE
from workers.outbox import BULK, deliver
from workers.reminders import remind, tomorrow

ZONE = "Asia/Shanghai"


async def sign_up(house: House, sender: str = LINA) -> None:
    for words in ("报名剪纸课", "1", "跳过"):
        await house.say(words, sender)


async def reminders(house: House) -> list[str]:
    rows = await house.rows("outbox", outbound_class="reminder")
    found = []
    for row in rows:
        (contact,) = await house.rows("contact", id=row.contact_id)
        found.append(
            house.database.keys.contact_key(contact.id, contact.wrapped_key).open("outbox.text", row.text_sealed)
        )
    return found


async def test_she_is_reminded_once_the_day_before(house: House, frozen: Frozen) -> None:
    await house.add_activity("剪纸课", starts_at=clock.now() + timedelta(days=2))
    await sign_up(house)
    await remind(house.worker)
    assert await reminders(house) == []
    frozen.advance(timedelta(days=1))
    await remind(house.worker)
    await remind(house.worker)
    (said,) = await reminders(house)
    assert "明天" in said
    assert "剪纸课" in said
    assert not re.search(PRIVATE, said)
    await deliver(house.worker, BULK)
    assert house.wechat.texts_to(LINA) == [said]


async def test_nobody_is_reminded_of_what_she_signed_up_for_a_moment_ago(house: House, frozen: Frozen) -> None:
    await house.add_activity("剪纸课", starts_at=clock.now() + timedelta(days=1))
    await sign_up(house)
    await remind(house.worker)
    assert await reminders(house) == []
    frozen.advance(3 * 3600)
    await remind(house.worker)
    assert len(await reminders(house)) == 1


async def test_only_confirmed_women_of_activities_that_take_place_are_reminded(house: House, frozen: Frozen) -> None:
    session_id = await house.add_activity("剪纸课", capacity=1, starts_at=clock.now() + timedelta(days=1))
    await sign_up(house, LINA)
    await sign_up(house, MEI)
    frozen.advance(3 * 3600)
    (session,) = await house.rows("activity_session", id=session_id)
    async with house.database.transaction() as tx:
        told = await activities.cancel_activity(
            tx, session.activity_id, lambda start: f"取消 {start:%H}", clock.now()
        )
    assert told == 2
    await remind(house.worker)
    assert all(text.startswith("取消") for text in await reminders(house))


async def test_woman_who_stopped_everything_is_not_reminded(house: House, frozen: Frozen) -> None:
    await house.add_activity("剪纸课", starts_at=clock.now() + timedelta(days=1))
    await sign_up(house)
    await house.say("停止一切")
    frozen.advance(3 * 3600)
    await remind(house.worker)
    await deliver(house.worker, BULK)
    assert house.wechat.accepted == []
    (row,) = await house.rows("outbox", outbound_class="reminder")
    assert (row.state, row.error_code) == ("skipped", "stopped_all")


async def test_woman_in_line_who_moves_up_is_told_through_the_gate(house: House) -> None:
    await house.add_activity("剪纸课", capacity=1)
    await sign_up(house, LINA)
    await sign_up(house, MEI)
    await house.say("取消报名", LINA)
    await deliver(house.worker, BULK)
    (said,) = house.wechat.texts_to(MEI)
    assert "有空位了" in said


@pytest.mark.parametrize(
    ("now", "begin"),
    [
        (datetime(2026, 3, 3, 2, 0, tzinfo=UTC), datetime(2026, 3, 3, 16, 0, tzinfo=UTC)),
        (datetime(2026, 3, 3, 15, 59, tzinfo=UTC), datetime(2026, 3, 3, 16, 0, tzinfo=UTC)),
        (datetime(2026, 3, 3, 16, 0, tzinfo=UTC), datetime(2026, 3, 4, 16, 0, tzinfo=UTC)),
    ],
)
def test_tomorrow_is_that_of_the_wall_clock(now: datetime, begin: datetime) -> None:
    assert tomorrow(now, ZONE) == (begin, begin + timedelta(days=1))
