"""Notices of the year are proposed six weeks ahead, once, whatever happens to them, and belong to nobody at first."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from bot import clock
from bot.clock import Frozen
from bot.errors import WrongState
from bot.occasions import Date, dates_of, due, lunar_name, mark_dates
from storage.repositories import campaigns, staff
from storage.repositories import occasions as planned
from tests.support.drills import wecom
from tests.support.house import House
from tests.support.wecom import WeComHouse, open_wecom
from workers.occasions import propose

ZONE = "Asia/Shanghai"
#: Six weeks before 1 March 2027, ten in the morning of the county.
BEFORE_MARCH = datetime(2027, 1, 18, 2, 0, tzinfo=UTC)


@pytest.fixture
async def desk(house: House) -> AsyncIterator[WeComHouse]:
    async with open_wecom(house) as opened:
        yield opened


def week(year: int) -> Date:
    return next(one for one in dates_of(year) if one.occasion.id == "womens-week")


async def drafts(house: House, year: int = 2027) -> list[campaigns.CampaignView]:
    async with house.database.reading() as tx:
        return [one for one in await campaigns.list_all(tx) if one.occasion == week(year).key]


async def test_a_draft_is_proposed_once_whatever_becomes_of_it(house: House, frozen: Frozen) -> None:
    with Frozen(BEFORE_MARCH - timedelta(days=1)):
        await propose(house.worker)
        assert await drafts(house) == [], "six weeks and a day ahead"
    with Frozen(BEFORE_MARCH) as now:
        for _ in range(2):
            await propose(house.worker_named("one:0:0"))
            await propose(house.worker_named("two:0:0"))
        (draft,) = await drafts(house)
        assert (draft.status, draft.created_by, draft.text) == ("draft", None, week(2027).occasion.text)
        assert draft.expires_at == datetime(2027, 3, 8, 16, 0, tzinfo=UTC)
        rows = await house.rows("campaign")
        assert len(rows) == len(due(clock.local(clock.now(), ZONE).date()))
        cadre = await house.add_staff("cadre", "cadre")
        async with house.database.transaction() as tx:
            await planned.decline(tx, week(2027), cadre, clock.now())
        now.advance(timedelta(days=1))
        await propose(house.worker)
        assert [one.status for one in await drafts(house)] == ["declined"]
        async with house.database.transaction() as tx:
            await planned.restore(tx, week(2027))
        assert [one.status for one in await drafts(house)] == ["draft"]


async def test_what_was_declined_before_its_time_comes_back_only_when_restored(house: House, frozen: Frozen) -> None:
    cadre = await house.add_staff("cadre", "cadre")
    async with house.database.transaction() as tx:
        await planned.decline(tx, week(2027), cadre, clock.now())
    with Frozen(BEFORE_MARCH):
        await propose(house.worker)
        assert await drafts(house) == []
        async with house.database.transaction() as tx:
            with pytest.raises(WrongState):
                await planned.begin(tx, week(2027), cadre, ZONE, clock.now())
        async with house.database.transaction() as tx:
            await planned.restore(tx, week(2027))
        await propose(house.worker)
        assert len(await drafts(house)) == 1


async def test_nobody_hands_in_what_nobody_has_changed_or_filled(house: House, frozen: Frozen) -> None:
    cadre, other = await house.add_staff("cadre", "cadre"), await house.add_staff("boss", "supervisor")
    with Frozen(BEFORE_MARCH):
        await propose(house.worker)
        (draft,) = await drafts(house)
        async with house.database.transaction() as tx:
            with pytest.raises(WrongState, match="按日历准备"):
                await campaigns.submit(tx, draft.id, clock.now())
            text = draft.text
            await campaigns.update_draft(tx, draft.id, title=draft.title, text=text, staff_id=cadre)
            with pytest.raises(WrongState, match="〔地点〕"):
                await campaigns.submit(tx, draft.id, clock.now())
            await campaigns.update_draft(tx, draft.id, title="三八", text="全部填好了", staff_id=cadre)
            await campaigns.submit(tx, draft.id, clock.now())
            with pytest.raises(WrongState, match="自己批准"):
                await campaigns.approve(tx, draft.id, cadre, clock.now())
            await campaigns.approve(tx, draft.id, other, clock.now())
        async with house.database.transaction() as tx:
            with pytest.raises(WrongState):
                await planned.decline(tx, week(2027), cadre, clock.now())
        async with house.database.reading() as tx:
            assert not (await planned.plans(tx, [week(2027).key]))[week(2027).key].declined


async def test_last_years_notice_is_cloned_with_its_dates_as_gaps(house: House, frozen: Frozen) -> None:
    cadre, other = await house.add_staff("cadre", "cadre"), await house.add_staff("boss", "supervisor")
    async with house.database.transaction() as tx:
        old = await planned.begin(tx, week(2026), cadre, ZONE, clock.now())
        text = "活动周来了\n3月6日（周五）14:30 在广场，电话 0635-7654321。"
        await campaigns.update_draft(tx, old, title="2026年三八维权周", text=text, staff_id=cadre)
        await campaigns.submit(tx, old, clock.now())
        await campaigns.approve(tx, old, other, clock.now())
        await campaigns.start(tx, old, clock.now())
    with Frozen(BEFORE_MARCH):
        await propose(house.worker)
        (draft,) = await drafts(house)
        (row,) = await house.rows("campaign", id=draft.id)
        assert (row.cloned_from, row.created_by, row.status, row.started_at) == (old, None, "draft", None)
        assert draft.title == "2027年三八维权周"
        async with house.database.reading() as tx:
            assert (await campaigns.find(tx, old)).status == "sending", "last year's is left alone"


async def test_cadres_hear_of_it_once_and_not_at_night(desk: WeComHouse, frozen: Frozen) -> None:
    house = desk.house
    cadre = await house.add_staff("cadre", "cadre")
    async with house.database.transaction() as tx:
        await staff.set_wecom(tx, cadre, wecom.MEMBER)
    with Frozen(BEFORE_MARCH - timedelta(hours=5)) as now:
        await propose(desk.worker)
        assert await house.rows("campaign") == [], "five in the morning"
        now.advance(timedelta(hours=5))
        for _ in range(3):
            await propose(desk.worker)
        (notice,) = await house.rows("notice")
        said = house.database.keys.house.open("notice.text", notice.text_sealed)
        assert said.startswith("工作台有")
        assert "/console/calendar" in said


def test_dates_of_an_earlier_year_are_gaps_and_numbers_one_calls_are_not() -> None:
    marked = mark_dates("3月1日至8日，周五下午3点，2026年9月，14:30—16:00。打12338或110，《民法典》第1079条")
    assert marked == (
        "〔原为3月1日至8日〕，〔原为周五〕〔原为下午3点〕，〔原为2026年〕9月，〔原为14:30—16:00〕。"
        "打12338或110，《民法典》第1079条"
    )
    assert lunar_name(date(2027, 2, 6)) == "正月初一"
