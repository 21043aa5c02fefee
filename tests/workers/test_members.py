"""Staff hear of alarms in WeCom: whom it concerns, once an alarm, in words that say nothing."""

import re
from collections.abc import AsyncIterator

import pytest

from bot import clock
from bot.clock import Frozen
from storage.models import Area, new_id
from storage.repositories import access, staff
from tests.support.drills import wecom, wecom_robot
from tests.support.house import House
from tests.support.wecom import WeComHouse, open_wecom
from workers import members, retention

DANGER = "他现在拿刀要杀我"


@pytest.fixture
async def desk(house: House) -> AsyncIterator[WeComHouse]:
    async with open_wecom(house) as opened:
        yield opened


async def hire(desk: WeComHouse, userid: str, role: str = "worker", area_id: str | None = None) -> str:
    """A member of staff who can be reached."""
    staff_id = await desk.house.add_staff(f"login-{userid}", role)
    if area_id is not None:
        await desk.house.change("staff", staff_id, area_id=area_id)
    async with desk.house.database.transaction() as tx:
        await staff.set_wecom(tx, staff_id, userid)
    return staff_id


def told(desk: WeComHouse) -> list[tuple[str, str]]:
    """Who was told by which channel."""
    return [(channel, who) for channel, who, _, _ in desk.platform.accepted if channel != "wecom_kf"]


async def test_danger_reaches_members_and_the_robot_s_group_once(desk: WeComHouse) -> None:
    await hire(desk, wecom.MEMBER)
    await hire(desk, "cadre-li", "cadre")
    await desk.house.say(DANGER)
    for _ in range(3):
        await members.tell(desk.worker)
    assert sorted(told(desk)) == [("wecom", wecom.MEMBER), ("wecom_robot", wecom_robot.KEY)]
    (talk,) = await desk.house.rows("conversation")
    text = desk.platform.accepted[0][2]
    assert text.endswith(f"/console/conversations/{talk.id}")
    assert not re.search(r"刀|杀|家暴|暴力|危险", text)


async def test_same_danger_again_is_not_told_again(desk: WeComHouse) -> None:
    await hire(desk, wecom.MEMBER)
    await desk.house.say(DANGER)
    await desk.house.say("他又拿刀要杀我")
    await members.tell(desk.worker)
    assert told(desk).count(("wecom", wecom.MEMBER)) == 1


async def test_alarm_somebody_has_seen_is_told_to_nobody(desk: WeComHouse) -> None:
    staff_id = await hire(desk, wecom.MEMBER)
    await desk.house.say(DANGER)
    (alarm,) = await desk.house.rows("alarm")
    await desk.house.change("alarm", alarm.id, seen_at=clock.now(), seen_by=staff_id)
    await members.tell(desk.worker)
    assert told(desk) == []


async def test_alarm_of_another_area_is_told_to_its_own_people(desk: WeComHouse) -> None:
    north, south = new_id(), new_id()
    async with desk.house.database.transaction() as tx:
        for area_id, code in ((north, "01"), (south, "02")):
            await tx.insert(Area, {"id": area_id, "code": code, "name": code, "level": "township"})
    await hire(desk, "north", area_id=north)
    await hire(desk, "south", area_id=south)
    await hire(desk, "county")
    await desk.house.say(DANGER)
    (talk,) = await desk.house.rows("conversation")
    await desk.house.change("conversation", talk.id, area_id=south)
    await members.tell(desk.worker)
    assert sorted(who for channel, who in told(desk) if channel == "wecom") == ["county", "south"]


async def test_member_the_platform_does_not_know_is_marked_and_others_hear(desk: WeComHouse) -> None:
    desk.platform.members = frozenset({wecom.MEMBER})
    await hire(desk, "left-last-year")
    await hire(desk, wecom.MEMBER)
    await desk.house.say(DANGER)
    await members.tell(desk.worker)
    assert ("wecom", wecom.MEMBER) in told(desk)
    states = {row.state: row.error_code for row in await desk.house.rows("notice", channel="wecom")}
    assert states == {"failed": "invaliduser", "sent": ""}


async def test_throttled_sentence_goes_again(desk: WeComHouse, frozen: Frozen) -> None:
    await hire(desk, wecom.MEMBER)
    desk.platform.refusals["/cgi-bin/message/send"] = [45009]
    await desk.house.say(DANGER)
    await members.tell(desk.worker)
    assert ("wecom", wecom.MEMBER) not in told(desk)
    frozen.advance(61)
    await members.tell(desk.worker)
    assert told(desk).count(("wecom", wecom.MEMBER)) == 1


async def test_sentence_whose_sender_was_lost_goes_again(desk: WeComHouse, frozen: Frozen) -> None:
    await hire(desk, wecom.MEMBER)
    await desk.house.say(DANGER)
    await members.tell(desk.worker)
    (row,) = await desk.house.rows("notice", channel="wecom")
    await desk.house.change("notice", row.id, state="sending")
    frozen.advance(91)
    await members.deliver(desk.worker)
    assert told(desk).count(("wecom", wecom.MEMBER)) == 2


async def test_robot_says_no_more_than_twenty_a_minute(desk: WeComHouse, frozen: Frozen) -> None:
    for number in range(25):
        await desk.house.say(DANGER, f"owoman-{number}")
    await members.tell(desk.worker)
    await members.tell(desk.worker)
    assert len(told(desk)) == 20
    frozen.advance(61)
    await members.tell(desk.worker)
    assert len(told(desk)) == 25


async def test_waiting_work_is_named_once_an_hour_while_on_duty(desk: WeComHouse, frozen: Frozen) -> None:
    await hire(desk, wecom.MEMBER)
    await desk.house.say("转人工")
    frozen.advance(16 * 60)
    for _ in range(3):
        await members.tell(desk.worker)
    said = [text for channel, _, text, _ in desk.platform.accepted if channel == "wecom"]
    assert len(said) == 1
    assert said[0].endswith("/console/queue")
    frozen.advance(12 * 3600)
    await members.tell(desk.worker)
    assert len([1 for channel, _, _, _ in desk.platform.accepted if channel == "wecom"]) == 1, "nobody is on duty"


async def test_one_userid_belongs_to_one_member(desk: WeComHouse) -> None:
    first, second = await hire(desk, wecom.MEMBER), await desk.house.add_staff("zhao")
    async with desk.house.database.transaction() as tx:
        await staff.set_wecom(tx, second, wecom.MEMBER)
        assert await staff.wecom_of(tx, first) == ""
        assert await staff.find_by_wecom(tx, wecom.MEMBER) == second
        await staff.set_wecom(tx, second, "")
        assert await staff.find_by_wecom(tx, wecom.MEMBER) is None
    rows = await desk.house.rows("staff")
    assert all(row.wecom_sealed is None for row in rows)


async def test_what_was_said_to_staff_is_let_go_of(desk: WeComHouse, frozen: Frozen) -> None:
    await hire(desk, wecom.MEMBER)
    await desk.house.say(DANGER)
    await members.tell(desk.worker)
    frozen.advance(29 * 86400)
    await retention.run(desk.house.database, desk.house.settings)
    assert len(await desk.house.rows("notice")) == 2
    frozen.advance(2 * 86400)
    await retention.run(desk.house.database, desk.house.settings)
    assert await desk.house.rows("notice") == []


async def test_whoever_is_kept_out_hears_nothing_of_her(desk: WeComHouse) -> None:
    kept_out, boss = await hire(desk, wecom.MEMBER), await desk.house.add_staff("boss", "supervisor")
    await desk.house.say("转人工")
    async with desk.house.database.transaction() as tx:
        matter = await access.of_talk(tx, (await desk.house.conversation()).id, None)
        await access.recuse(tx, matter, kept_out, "relative", "她丈夫是我表哥", by=boss, now=clock.now())
    await desk.house.say(DANGER)
    await members.tell(desk.worker)
    assert told(desk) == [("wecom_robot", wecom_robot.KEY)]
