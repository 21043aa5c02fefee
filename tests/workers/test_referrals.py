"""Overdue referrals remind whoever made them, once a day, in words that say nothing; the unit is never written to."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot import clock
from bot.clock import Frozen
from storage.repositories import access, cases, referrals, staff, units
from storage.repositories.referrals import Draft, Shared
from storage.repositories.units import UnitView
from tests.support.drills import wecom
from tests.support.house import House
from tests.support.wecom import WeComHouse, open_wecom
from workers import members
from workers import referrals as job


@pytest.fixture
async def desk(house: House) -> AsyncIterator[WeComHouse]:
    async with open_wecom(house) as opened:
        yield opened


async def hire(desk: WeComHouse, userid: str, role: str = "worker") -> str:
    """A member of staff who can be reached."""
    staff_id = await desk.house.add_staff(f"login-{userid}", role)
    async with desk.house.database.transaction() as tx:
        await staff.set_wecom(tx, staff_id, userid)
    return staff_id


async def an_open_referral(house: House, maker: str) -> str:
    """One whose answer was due yesterday; its id."""
    await house.say("我想离婚怎么办")
    contact, now = await house.contact(), clock.now()
    key = house.database.keys.contact_key(contact.id, contact.wrapped_key)
    async with house.database.transaction() as tx:
        opened = await cases.open_case(
            tx, key, contact_id=contact.id, conversation_id=(await house.conversation()).id, category="divorce",
            risk=0, now=now, zone="Asia/Shanghai",
        )  # fmt: skip
        unit = UnitView("", "清河县人民法院", "court", (), None, "", "", "", 3, "", True)
        unit_id = await units.add(tx, unit, now)
        case = await cases.find(tx, opened.id, None)
        shared = (Shared("summary", "情况", "想离婚"),)
        found = await units.find(tx, unit_id)
        referral_id = await referrals.draft(tx, case, Draft(found, "立案", shared), maker, now)
        await referrals.consent(
            tx, await referrals.find(tx, referral_id, None), way="phone", giver="survivor", version="2026-11",
            names=("summary",), consented_at=now, staff_id=maker, now=now,
        )  # fmt: skip
        await referrals.open_to_unit(
            tx, await referrals.find(tx, referral_id, None), maker, now, answer_by=now - timedelta(days=1)
        )
    return referral_id


async def test_whoever_made_it_is_reminded_once_a_day_in_working_hours(desk: WeComHouse, frozen: Frozen) -> None:
    maker = await hire(desk, wecom.MEMBER)
    await hire(desk, "somebody-else", "supervisor")
    await an_open_referral(desk.house, maker)
    for _ in range(3):
        await job.chase(desk.worker)
        await members.deliver(desk.worker)
    ((channel, who, text, _),) = desk.platform.accepted
    assert (channel, who) == ("wecom", wecom.MEMBER)
    assert text.endswith("/console/referrals?state=overdue")
    assert not re.search(r"转介|法院|离婚|案", text)
    frozen.advance(timedelta(hours=12))
    await job.chase(desk.worker)
    await members.deliver(desk.worker)
    assert len(desk.platform.accepted) == 1, "at night nobody is reminded"
    frozen.advance(timedelta(hours=12))
    await job.chase(desk.worker)
    await members.deliver(desk.worker)
    assert len(desk.platform.accepted) == 2


async def test_when_its_maker_cannot_be_reached_the_others_are(desk: WeComHouse, frozen: Frozen) -> None:
    maker = await desk.house.add_staff("nobody-reaches-her")
    await hire(desk, wecom.MEMBER, "supervisor")
    await an_open_referral(desk.house, maker)
    await job.chase(desk.worker)
    await members.deliver(desk.worker)
    assert [who for _, who, _, _ in desk.platform.accepted] == [wecom.MEMBER]


async def test_when_its_maker_is_kept_out_of_it_by_now_the_others_are_reminded(
    desk: WeComHouse, frozen: Frozen
) -> None:
    maker = await hire(desk, "her-cousin")
    await hire(desk, wecom.MEMBER, "supervisor")
    await an_open_referral(desk.house, maker)
    async with desk.house.database.transaction() as tx:
        matter = await access.of_talk(tx, (await desk.house.conversation()).id, None)
        await access.recuse(tx, matter, maker, "relative", "表姐", by=maker, now=clock.now())
    await job.chase(desk.worker)
    await members.deliver(desk.worker)
    assert [who for _, who, _, _ in desk.platform.accepted] == [wecom.MEMBER]


async def test_what_a_unit_answers_is_told_once_and_what_staff_wrote_down_is_not(
    desk: WeComHouse, frozen: Frozen
) -> None:
    maker = await hire(desk, wecom.MEMBER)
    referral_id = await an_open_referral(desk.house, maker)
    await desk.house.change("referral", referral_id, answer_by=clock.now() + timedelta(days=1))
    for kind, staff_id in (("accepted", maker), ("refused", None)):
        async with desk.house.database.transaction() as tx:
            found = await referrals.find(tx, referral_id, None)
            await referrals.answer(tx, found, kind, "不归我们管", clock.now(), staff_id=staff_id)
    for _ in range(2):
        await job.chase(desk.worker)
        await members.deliver(desk.worker)
    ((_, who, text, _),) = desk.platform.accepted
    assert who == wecom.MEMBER
    assert text.endswith(f"/console/referrals/{referral_id}")
    assert not re.search(r"转介|法院|离婚|案|不归", text)
