"""Reminders of activities: when she wants them, once, never at night, never false."""

import random
import re
from collections import Counter
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import clock, gate, reminding
from bot.clock import Frozen
from bot.errors import NotFound
from bot.messages import OutboundClass
from storage.repositories import activities
from tests.support.house import LINA, MEI, House
from tests.test_house_rules import PRIVATE
from workers.outbox import BULK, deliver
from workers.reminders import day_and_time, remind

ZONE = "Asia/Shanghai"
SPRING = datetime(2026, 3, 1, tzinfo=UTC)
QUIET = (time(21), time(8))


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
    assert "文化站二楼" in said
    assert "明天" not in said, "false for whoever reads it tomorrow"
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


async def move(house: House, session_id: str, start: datetime, place: str = "文化站二楼") -> int:
    wanted = activities.SessionChange(start, start + timedelta(hours=2), start - timedelta(minutes=30), place)

    def say(before: datetime) -> str:
        return f"改了：{day_and_time(start, ZONE)} {place}"

    async with house.database.transaction() as tx:
        return await activities.change_session(tx, session_id, wanted, say, clock.now())


def at(hour: int, minute: int = 0, days: int = 0) -> datetime:
    """A time of the county, so many days from now."""
    local = clock.local(clock.now(), ZONE) + timedelta(days=days)
    return local.replace(hour=hour, minute=minute, second=0, microsecond=0)


async def test_she_chooses_an_hour_before_and_the_night_counts_as_the_evening_before(
    house: House, frozen: Frozen
) -> None:
    await house.add_activity("剪纸课", starts_at=at(8, 30, days=2))
    await sign_up(house)
    await house.say("提前一小时")
    frozen.advance(at(20, 30, days=1) - clock.now())
    await remind(house.worker)
    assert await reminders(house) == []
    frozen.advance(timedelta(minutes=20))
    await remind(house.worker)
    await deliver(house.worker, BULK)
    (said,) = house.wechat.texts_to(LINA)
    assert "8:30" in said
    assert clock.local(clock.now(), ZONE).hour == 20


async def test_a_place_that_tells_what_it_is_about_is_not_named(house: House, frozen: Frozen) -> None:
    await house.add_activity("剪纸课", starts_at=clock.now() + timedelta(days=1), place="反家暴庇护中心")
    await sign_up(house)
    frozen.advance(3 * 3600)
    await remind(house.worker)
    (said,) = await reminders(house)
    assert "家暴" not in said
    assert "我的报名" in said


async def test_no_reminder_for_her_who_wants_none_but_a_change_is_told(house: House, frozen: Frozen) -> None:
    session = await house.add_activity("剪纸课", starts_at=at(14, days=2))
    await sign_up(house)
    await house.say("不用提醒")
    frozen.advance(timedelta(days=1, hours=12))
    await remind(house.worker)
    assert await reminders(house) == []
    assert await move(house, session, at(16, days=1)) == 1
    assert len(await reminders(house)) == 1


async def test_a_change_takes_back_what_waits_and_is_told_once(house: House, frozen: Frozen) -> None:
    session = await house.add_activity("剪纸课", starts_at=at(14, days=2))
    await sign_up(house, LINA)
    await sign_up(house, MEI)
    frozen.advance(at(15, days=1) - clock.now())
    await remind(house.worker)
    assert await move(house, session, at(16, days=1), "妇女之家") == 2
    assert await move(house, session, at(16, days=1), "妇女之家") == 0, "nothing changed"
    assert await move(house, session, at(17, days=1), "妇女之家") == 2
    await deliver(house.worker, BULK)
    (said,) = house.wechat.texts_to(LINA)
    assert "17:00 妇女之家" in said
    frozen.advance(at(18) - clock.now())
    for _ in range(2):
        await remind(house.worker)
    await deliver(house.worker, BULK)
    assert len(house.wechat.texts_to(LINA)) == 2
    assert "17:00" in house.wechat.texts_to(LINA)[1]


async def test_what_waits_is_not_said_once_it_is_cancelled_or_has_begun(house: House, frozen: Frozen) -> None:
    session = await house.add_activity("剪纸课", starts_at=at(14, days=1))
    await house.add_activity("太极课", starts_at=at(15, days=1))
    await sign_up(house)
    await house.say("报名太极课")
    await house.say("1")
    await house.say("跳过")
    frozen.advance(at(18) - clock.now())
    await remind(house.worker)
    assert len(await reminders(house)) == 2
    await house.say("取消报名")
    await house.say("1")
    frozen.advance(at(16, days=1) - clock.now())
    await deliver(house.worker, BULK)
    assert house.wechat.accepted == []
    codes = [row.error_code for row in await house.rows("outbox", outbound_class="reminder")]
    assert sorted(codes) == ["outdated", "too_late"]
    with pytest.raises(NotFound):
        await move(house, session, at(16, days=3))


@given(
    start=st.integers(0, 700 * 24 * 60).map(lambda minutes: SPRING + timedelta(minutes=minutes)),
    choice=st.sampled_from(["", "day", "hour", "none"]),
    zone=st.sampled_from([ZONE, "Asia/Urumqi", "Europe/Berlin"]),
    quiet=st.tuples(st.times(), st.times()),
    days=st.lists(st.integers(1, 7), max_size=7).map(tuple),
    hours=st.none() | st.tuples(st.times(), st.times()),
    early=st.timedeltas(timedelta(), timedelta(days=10)),
)
def test_no_clock_makes_a_reminder_at_night_or_too_late(
    start: datetime,
    choice: str,
    zone: str,
    quiet: tuple[time, time],
    days: tuple[int, ...],
    hours: tuple[time, time] | None,
    early: timedelta,
) -> None:
    begin, end = hours or (None, None)
    situation = gate.Situation(
        outbound_class=OutboundClass.REMINDER,
        channel="",
        now=start - early,
        zone=zone,
        quiet_from=quiet[0],
        quiet_to=quiet[1],
        wishes=gate.Wishes(days=days, not_before=begin, not_after=end),
    )
    if not reminding.is_due(start, choice, situation):
        return
    assert choice != "none"
    assert situation.now < start
    assert gate.decide(situation).allowed


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_nothing_is_said_twice_at_night_or_falsely(
    house: House, frozen: Frozen, seed: int
) -> None:
    luck = random.Random(seed)
    frozen.advance(at(10) - clock.now())
    session = await house.add_activity("剪纸课", starts_at=at(luck.choice([8, 9, 14, 20]), days=4))
    await sign_up(house)
    await house.say(luck.choice(["提前一小时", "提前一天"]))
    # Beyond the hour in which she counts as being there.
    frozen.advance(timedelta(hours=3))
    heard = 0
    for _ in range(40):
        frozen.advance(timedelta(minutes=luck.choice([-50, 5, 20, 240, 420])))
        (row,) = await house.rows("activity_session", id=session)
        if row.starts_at <= clock.now():
            break
        if luck.random() < 0.15:
            await move(house, session, at(luck.choice([8, 9, 14, 20]), 30, days=luck.randint(1, 3)))
            (row,) = await house.rows("activity_session", id=session)
        for worker in ("one:0:0", "two:0:0"):
            await remind(house.worker_named(worker))
        await deliver(house.worker, BULK)
        said = house.wechat.texts_to(LINA)
        for text in said[heard:]:
            assert not QUIET[1] > clock.local(clock.now(), ZONE).time()
            assert clock.local(clock.now(), ZONE).time() < QUIET[0]
            assert day_and_time(row.starts_at, ZONE) in text
            assert clock.now() < row.starts_at
        heard = len(said)
    told = Counter(text for text in house.wechat.texts_to(LINA) if text.startswith("提醒"))
    assert all(number == 1 for number in told.values())
