"""Campaigns: planned once a recipient, stopped at any time, and gone on with after a kill."""

import asyncio

import pytest

from bot import clock
from bot.clock import Frozen
from bot.errors import WrongState
from storage.repositories import campaigns as repository
from tests.conftest import MakeDatabase
from tests.support.house import LINA, MEI, House
from tests.support.rows import campaign, follow
from workers import campaigns
from workers.campaigns import plan_all
from workers.jobs import send_campaigns
from workers.sending import send

WOMEN = [f"o-{number:02d}" for number in range(12)]


async def test_notice_reaches_everybody_who_consented_once(house: House) -> None:
    await follow(house, *WOMEN)
    await house.say("你好", "o-silent")
    await follow(house, "o-left")
    await house.say("退订", "o-left")
    announced = await campaign(house)
    for _ in range(2):
        await send_campaigns(house.worker)
    assert sorted(house.wechat.accepted) == [(woman, "三八维权周活动通知") for woman in WOMEN]
    (row,) = await house.rows("campaign", id=announced)
    assert row.status == "done"
    async with house.database.reading() as tx:
        assert await repository.counts(tx, announced) == {"sent": 12, "planned": 12}


async def test_planning_goes_on_where_it_was_killed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await follow(house, *WOMEN)
    announced = await campaign(house)
    monkeypatch.setattr(campaigns, "_AT_ONCE", 5)
    assert await campaigns._plan_some(house.worker)
    (row,) = await house.rows("campaign", id=announced)
    assert row.planned_to
    assert row.planned_at is None
    assert len(await house.rows("delivery", campaign_id=announced)) == 5
    await plan_all(house.worker)
    assert len(await house.rows("delivery", campaign_id=announced)) == 12


async def test_several_planners_plan_everybody_once(
    house: House, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await follow(house, *WOMEN)
    announced = await campaign(house)
    monkeypatch.setattr(campaigns, "_AT_ONCE", 3)
    workers = [house.worker_named(f"test:{number}:0", await make_database()) for number in range(3)]
    await asyncio.gather(*(plan_all(worker) for worker in workers))
    rows = await house.rows("delivery", campaign_id=announced)
    assert len(rows) == len({row.contact_id for row in rows}) == 12


async def test_stopped_in_the_middle_sends_nothing_more(house: House) -> None:
    await follow(house, LINA, MEI)
    announced = await campaign(house)
    await plan_all(house.worker)
    async with house.database.transaction() as tx:
        await repository.stop(tx, announced, clock.now())
    await send(house.worker)
    await plan_all(house.worker)
    assert house.wechat.accepted == []
    assert {row.state for row in await house.rows("delivery", campaign_id=announced)} == {"skipped"}
    assert (await house.rows("campaign", id=announced))[0].status == "stopped"


async def test_woman_who_opts_out_after_planning_gets_nothing(house: House) -> None:
    await follow(house, LINA)
    announced = await campaign(house)
    await plan_all(house.worker)
    await house.say("退订")
    await send(house.worker)
    assert house.wechat.accepted == []
    (row,) = await house.rows("delivery", campaign_id=announced)
    assert (row.state, row.error_code) == ("skipped", "opted_out")


async def test_violence_case_takes_her_out(house: House) -> None:
    await follow(house, LINA)
    await house.say("老公昨晚又打我，我该怎么办")
    announced = await campaign(house)
    await plan_all(house.worker)
    assert await house.rows("delivery", campaign_id=announced) == []


async def test_notice_waits_for_the_morning(house: House, frozen: Frozen) -> None:
    await follow(house, LINA)
    frozen.advance(13 * 3600)
    announced = await campaign(house)
    await plan_all(house.worker)
    await send(house.worker)
    assert house.wechat.accepted == []
    assert (await house.rows("campaign", id=announced))[0].status == "sending"
    frozen.advance(10 * 3600)
    await send(house.worker)
    assert len(house.wechat.accepted) == 1


async def test_steps_of_a_campaign_go_in_order_and_two_people_are_needed(house: House) -> None:
    author, other = await house.add_staff("author", "cadre"), await house.add_staff("other", "supervisor")
    now = clock.now()
    async with house.database.transaction() as tx:
        made = await repository.create(tx, title="通知", text="内容", staff_id=author, now=now)
        for step in (repository.start, repository.stop):
            with pytest.raises(WrongState):
                await step(tx, made, now)
        await repository.submit(tx, made, now)
        with pytest.raises(WrongState, match="自己"):
            await repository.approve(tx, made, author, now)
        await repository.update_draft(tx, made, title="通知", text="改过", staff_id=author)
        with pytest.raises(WrongState):
            await repository.approve(tx, made, other, now)
        await repository.submit(tx, made, now)
        await repository.approve(tx, made, other, now)
        with pytest.raises(WrongState):
            await repository.update_draft(tx, made, title="通知", text="再改", staff_id=other)
        await repository.start(tx, made, now)
        assert (await repository.find(tx, made)).status == "sending"


async def test_notice_goes_to_the_address_she_used_last_not_to_one_she_never_used(house: House) -> None:
    await follow(house, LINA, MEI)
    contact, unused = await house.contact(), await house.identity(MEI)
    await house.change("identity", unused.id, contact_id=contact.id, last_inbound_at=None)
    announced = await campaign(house)
    await plan_all(house.worker)
    (row,) = await house.rows("delivery", campaign_id=announced)
    assert (row.contact_id, row.identity_id) == (contact.id, (await house.identity()).id)
