"""Danger a person left unanswered goes back to the bot; silent conversations are closed."""

from bot import clock
from bot.clock import Frozen
from handlers.wording import texts
from storage.repositories import inbox
from tests.support.house import House
from workers.outbox import deliver
from workers.sla import close_silent, hand_back


async def held_in_danger(house: House) -> str:
    staff_id = await house.add_staff()
    await house.say("转人工")
    conversation = await house.conversation()
    async with house.database.transaction() as tx:
        await inbox.claim(tx, conversation.id, staff_id, clock.now(), None)
    await house.say("老公正在打我，救命")
    return staff_id


async def test_danger_left_for_a_minute_is_handed_back_and_answered(house: House, frozen: Frozen) -> None:
    await held_in_danger(house)
    frozen.advance(59)
    await hand_back(house.worker)
    assert (await house.conversation()).state == "held"
    frozen.advance(2)
    await hand_back(house.worker)
    await hand_back(house.worker)
    conversation = await house.conversation()
    assert (conversation.state, conversation.waiting_reason, conversation.holder_id) == ("waiting", "danger", None)
    await deliver(house.worker)
    (said,) = [text for _, text in house.wechat.accepted]
    assert "110" in said
    assert "handed_back" in await house.alarms()
    assert "handed_back" in {row.kind for row in await house.rows("case_event")}


async def test_danger_written_to_a_person_is_not_news_once_the_bot_has_spoken(house: House, frozen: Frozen) -> None:
    await held_in_danger(house)
    frozen.advance(61)
    await hand_back(house.worker)
    known = await house.alarms()
    heard = await house.say("他还在打我")
    assert heard.texts == (texts("crisis.again"),), "her words are the answer to 你现在安全吗"
    assert (await house.alarms())[len(known) :] == ["danger_again"]
    other = await house.say("我不想活了，准备跳楼")
    assert other.texts == (texts("crisis.suicide"),), "another kind of danger is answered as such"


async def test_what_was_said_to_a_person_long_ago_is_forgotten(house: House, frozen: Frozen) -> None:
    staff_id = await held_in_danger(house)
    conversation = await house.conversation()
    async with house.database.transaction() as tx:
        await inbox.hand_back(tx, conversation.id, staff_id, clock.now())
    assert (await house.say("老公又打我，打得我流血了")).texts == (texts("crisis.violence"),)


async def test_answered_danger_stays_with_the_person(house: House, frozen: Frozen) -> None:
    staff_id = await held_in_danger(house)
    conversation = await house.conversation()
    async with house.database.transaction() as tx:
        await inbox.reply(tx, conversation.id, staff_id, "我在，先打110", "k1", clock.now())
    frozen.advance(120)
    await hand_back(house.worker)
    assert (await house.conversation()).state == "held"


async def test_locked_woman_is_handed_back_in_silence(house: House, frozen: Frozen) -> None:
    await held_in_danger(house)
    contact = await house.contact()
    await house.change("contact", contact.id, locked_at=clock.now())
    frozen.advance(61)
    await hand_back(house.worker)
    assert (await house.conversation()).state == "waiting"
    await deliver(house.worker)
    assert house.wechat.accepted == []


async def test_silent_conversation_is_closed_but_not_one_that_waits(house: House, frozen: Frozen) -> None:
    await house.say("你好", "o-quiet")
    await house.say("转人工", "o-waiting")
    frozen.advance(71 * 3600)
    await close_silent(house.worker)
    assert (await house.conversation("o-quiet")).state == "bot"
    frozen.advance(2 * 3600)
    await close_silent(house.worker)
    quiet = await house.conversation("o-quiet")
    assert (quiet.state, quiet.outcome) == ("closed", "silent")
    assert (await house.identity("o-quiet")).conversation_id is None
    assert (await house.conversation("o-waiting")).state == "waiting"
