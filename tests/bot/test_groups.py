"""Groups: only what is said to the bot is heard, everybody may read every answer, staff never answer there."""

import pytest

from bot.clock import Frozen
from bot.dialogue import Flow
from bot.gate import Situation, decide
from bot.messages import GroupChange, Kind, Media, OutboundClass
from storage.repositories import groups, outbox
from tests.support.house import LINA, MEI, House
from tests.support.transcripts import GROUP
from workers import outbox as delivery

SAID = {"group": GROUP, "mentioned": True}


async def test_what_is_said_to_others_is_neither_answered_nor_kept(house: House) -> None:
    answer = await house.pipeline.handle(house.message("他又打我了", group=GROUP))
    assert answer.text == ""
    for name in ("inbound_message", "contact", "identity", "conversation", "channel_group", "alarm"):
        assert await house.rows(name) == [], name


async def test_other_bots_are_ignored_even_when_they_speak_to_us(house: House) -> None:
    for fields in (SAID, {}):
        answer = await house.pipeline.handle(house.message("你好", from_bot=True, **fields))
        assert answer.text == ""
    assert await house.rows("inbound_message") == []


async def test_answer_to_danger_looks_like_any_other_and_alarms(house: House) -> None:
    danger = await house.say("他拿刀追我，快要打死我了", **SAID)
    question = await house.say("我想离婚，孩子归谁", MEI, **SAID)
    assert danger.texts == question.texts
    assert "刀" not in danger.all
    assert "离婚" not in question.all
    assert await house.alarms() == ["danger"]


async def test_same_woman_alone_is_somebody_else(house: House) -> None:
    await house.say("你好", **SAID)
    await house.say("你好")
    alone, there = await house.identity(), await house.identity(LINA, GROUP)
    assert alone.contact_id != there.contact_id
    assert alone.group_id is None
    assert there.group_id == (await house.rows("channel_group"))[0].id


async def test_group_is_known_by_digest_only(house: House) -> None:
    await house.say("你好", **SAID)
    (row,) = await house.rows("channel_group")
    assert GROUP.encode() not in row.address_sealed
    assert house.database.keys.house.open("channel_group.address", row.address_sealed) == GROUP


async def test_flood_falls_silent_but_danger_is_still_answered(house: House, frozen: Frozen) -> None:
    answers = [(await house.say("你好", **SAID)).texts for _ in range(7)]
    assert [len(one) for one in answers] == [1, 1, 1, 1, 1, 0, 0]
    assert (await house.say("他现在拿刀要杀我", **SAID)).texts != ()
    assert await house.alarms() == ["danger"]
    frozen.advance(61)
    assert (await house.say("你好", **SAID)).texts != ()


async def test_whole_group_gets_no_more_than_its_share(house: House) -> None:
    await house.replace_line(group_answers_per_minute=3)
    answers = [(await house.say("你好", f"omember-{number}", **SAID)).texts for number in range(5)]
    assert [len(one) for one in answers] == [1, 1, 1, 0, 0]


@pytest.mark.parametrize("outbound_class", [OutboundClass.STAFF, OutboundClass.REMINDER, OutboundClass.CAMPAIGN])
async def test_only_answers_go_into_a_group(house: House, outbound_class: OutboundClass) -> None:
    service = house.settings.service
    now = house.message().sent_at
    verdict = decide(
        Situation(
            outbound_class=outbound_class,
            channel="wechat_oa",
            now=now,
            zone=service.timezone,
            quiet_from=service.quiet_from,
            quiet_to=service.quiet_to,
            live=True,
            consented=True,
            in_group=True,
        )
    )
    assert (verdict.allowed, verdict.reason) == (False, "in_group")


async def test_answer_in_a_group_names_group_member_and_message(house: House) -> None:
    message = house.message("你好", platform_id="msg-1", **SAID)
    await house.pipeline.handle(message, may_hand=False)
    async with house.database.transaction() as tx:
        (due,) = await outbox.find_due(tx, delivery.LIVE, house.message().sent_at, 10)
    assert (due.address, due.group) == (LINA, GROUP)
    assert due.reply_to is not None
    assert (due.reply_to.platform_id, due.reply_to.kind) == ("msg-1", Kind.TEXT)


async def test_joining_leaving_and_muting_are_noted(house: House) -> None:
    for change in (GroupChange.JOINED, GroupChange.MUTED, GroupChange.LEFT, GroupChange.LEFT):
        await house.pipeline.handle(house.message(kind=Kind.GROUP, key=change.value, group=GROUP))
    async with house.database.reading() as tx:
        (group,) = await groups.all_groups(tx, None)
    assert group.muted
    assert group.left_at is not None
    assert await house.rows("inbound_message") == []


async def test_picture_beside_words_is_kept_too(house: House) -> None:
    await house.say("看这个", media=Media("media-1", "https://example.com/1"))
    (row,) = await house.rows("attachment")
    assert row.state == "wanted"


async def test_when_we_fail_a_group_still_gets_the_pointer_and_staff_are_told(house: House) -> None:
    await house.replace_line(handlers={**house.line.handlers, "in_group": Flow("in_group")})
    heard = await house.say("他又打我了", **SAID)
    assert heard.handler == "crash"
    assert "110" in heard.all
    assert "12338" in heard.all
    assert "打我" not in heard.all
    assert "bot_failed" in await house.alarms()
