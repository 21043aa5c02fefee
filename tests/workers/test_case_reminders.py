"""Whoever works on cases is told once a day what is due, in words that say nothing."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot import clock
from bot.clock import Frozen
from storage.repositories import cases, staff
from tests.support.drills import wecom
from tests.support.house import House
from tests.support.wecom import WeComHouse, open_wecom
from workers import members
from workers.case_reminders import remind_cases

FORM = cases.CaseForm(
    fields={"summary": "想离婚"},
    category="divorce",
    risk=0,
    area_id=None,
    origin="phone",
    consent_way="spoken",
    consent_version="2026-11-k",
)


@pytest.fixture
async def desk(house: House) -> AsyncIterator[WeComHouse]:
    async with open_wecom(house) as opened:
        yield opened


async def test_what_is_due_is_told_once_a_day_to_whoever_works_on_it(desk: WeComHouse, frozen: Frozen) -> None:
    house = desk.house
    li = await house.add_staff("li", "caseworker")
    await house.add_staff("wang", "worker")
    async with house.database.transaction() as tx:
        await staff.set_wecom(tx, li, wecom.MEMBER)
        opened = await cases.take_down(tx, FORM, li, clock.now(), zone="Asia/Shanghai")
        case = await cases.find(tx, opened.id, None)
        day = clock.now() + timedelta(days=1)
        await cases.plan_visits(tx, case, li, clock.now(), days=[day], way="phone")
    await remind_cases(desk.worker)
    assert await house.rows("notice") == [], "nothing is due yet"
    frozen.advance(timedelta(days=1))
    for _ in range(3):
        await remind_cases(desk.worker)
    await members.deliver(desk.worker)
    assert [(channel, who) for channel, who, _, _ in desk.platform.accepted] == [("wecom", wecom.MEMBER)]
    said = desk.platform.accepted[0][2]
    assert "1 件事" in said
    assert not re.search("离婚|回访|个案|案", said)
    frozen.advance(timedelta(hours=12))
    await remind_cases(desk.worker)
    assert len(await house.rows("notice")) == 1, "not at night"
