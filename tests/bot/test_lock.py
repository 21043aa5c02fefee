"""Her 安全词: it locks whatever breaks, nothing said before it comes out after it, and neither word is kept."""

import asyncio
import json

import pytest

import handlers
from bot import clock
from bot.clock import Frozen
from nlp.meaning import Context, Understanding
from storage import lock_words
from tests.support.house import House
from tests.support.rows import queue
from workers.outbox import deliver

WORD, UNLOCK = "今天买豆腐", "豆腐买好了"


async def settle_words(house: House, word: str = WORD, unlock: str = UNLOCK) -> None:
    for said in ("安全词", word, unlock):
        await house.say(said)


async def is_locked(house: House) -> bool:
    return (await house.contact()).locked_at is not None


async def test_answer_queued_before_the_lock_is_never_delivered_after_it(house: House, frozen: Frozen) -> None:
    await settle_words(house)
    before = await queue(house, "家暴可以申请保护令", created_at=clock.now())
    frozen.advance(1)
    await house.say(WORD)
    after = await queue(house, "今天天气不错")
    await deliver(house.worker)
    await deliver(house.worker)
    (old,), (new,) = await house.rows("outbox", id=before), await house.rows("outbox", id=after)
    assert (old.state, old.error_code) == ("skipped", "locked")
    assert new.state == "sent"


async def test_platform_that_asks_again_after_the_lock_gets_no_older_answer(house: House, frozen: Frozen) -> None:
    await settle_words(house)
    message = house.message("老公打我怎么办")
    assert (await house.pipeline.handle(message)).text
    frozen.advance(1)
    locking = house.message(WORD)
    harmless = await house.pipeline.handle(locking)
    assert (await house.pipeline.handle(message)).text == ""
    assert (await house.pipeline.handle(locking)).text == harmless.text != ""


async def test_lock_drops_what_the_same_batch_was_still_to_say(house: House) -> None:
    await settle_words(house)
    known = {row.id for row in await house.rows("outbox")}
    first, second = house.message("老公打我怎么办"), house.message(WORD)
    jobs = [house.pipeline.submit(one, may_hand=False) for one in (first, second)]
    await asyncio.gather(*(job.future for job in jobs))
    assert await is_locked(house)
    rows = [row for row in await house.rows("outbox") if row.id not in known]
    assert {row.in_reply_to for row in rows} == {(await house.inbound(second)).id}


async def test_safe_word_locks_while_the_bot_crashes(house: House) -> None:
    await settle_words(house)

    def broken(text: str, context: Context) -> Understanding:
        raise RuntimeError("a mistake of ours")

    await house.replace_line(understand=broken)
    heard = await house.say(WORD)
    assert "剪纸" in heard.all
    assert "110" not in heard.all
    assert await is_locked(house)
    alarms = {row.reason: row.silent for row in await house.rows("alarm")}
    assert alarms == {"safeword": True, "bot_failed": True}
    assert (await house.say("老公打我")).texts == ()


async def test_unlock_word_unlocks_while_the_bot_crashes(house: House) -> None:
    await settle_words(house)
    await house.say(WORD)

    def broken(text: str, context: Context) -> Understanding:
        raise RuntimeError("a mistake of ours")

    await house.replace_line(understand=broken)
    assert (await house.say("老公打我")).texts == (), "locked, the crash path is silent"
    heard = await house.say(UNLOCK)
    assert not await is_locked(house)
    assert heard.texts == tuple(handlers.unlocked_texts()), "she is back, and it was no cry for help"
    assert "110" in (await house.say("老公打我")).all


async def test_no_text_of_ours_ever_holds_either_word(house: House) -> None:
    locks, unlocks = "豆浆没了", "酱油也没了"
    await settle_words(house, locks, unlocks)
    for said in (locks, f"{locks}。", unlocks):
        await house.say(said)
    contact = await house.contact()
    key = house.database.keys.contact_key(contact.id, contact.wrapped_key)
    said = [key.open("outbox.text", row.text_sealed) for row in await house.rows("outbox")]
    assert said
    assert [text for text in said if locks in text or unlocks in text] == []


@pytest.mark.parametrize("typed", ["今天买豆腐。", " 今天 买豆腐！", "“今天买豆腐”", "今天买豆腐~"])
async def test_safe_word_is_known_with_marks_and_blanks_around_it(house: House, typed: str) -> None:
    await settle_words(house)
    await house.say(typed)
    assert await is_locked(house)
    await house.say("豆腐买好了。")
    assert not await is_locked(house)


async def test_safe_word_is_known_in_either_width(house: House) -> None:
    await settle_words(house, "ＯＫ豆腐！")
    await house.say("ok豆腐")
    assert await is_locked(house)


async def test_unlock_word_must_differ_by_more_than_a_mark(house: House) -> None:
    await house.say("安全词")
    await house.say(WORD)
    assert "不一样" in (await house.say(f"{WORD}。")).all


async def test_safe_word_kept_as_it_was_typed_still_locks(house: House) -> None:
    await house.say("你好")
    contact = await house.contact()
    raw = house.database.keys.digest("word", f"{contact.id}\0买豆腐！")
    await house.change("contact", contact.id, safeword_digest=raw)
    await house.say("买豆腐！")
    assert await is_locked(house)


async def test_word_of_marks_alone_is_compared_as_it_is() -> None:
    assert lock_words.plain("！！") == "！！"


async def test_neither_word_is_kept_readable(house: House) -> None:
    await house.say("安全词")
    await house.say(WORD)
    conversation, contact = await house.conversation(), await house.contact()
    key = house.database.keys.contact_key(contact.id, contact.wrapped_key)
    assert WORD not in key.open("conversation.flow", conversation.flow_sealed)
    await house.say(UNLOCK)
    texts = [
        json.loads(key.open("inbound.content", row.content_sealed))["text"]
        for row in await house.rows("inbound_message")
    ]
    assert texts == ["安全词", "", ""]


async def test_words_half_chosen_before_they_were_digested_are_asked_for_anew(house: House) -> None:
    await house.say("安全词")
    await house.say(WORD)
    conversation, contact = await house.conversation(), await house.contact()
    key = house.database.keys.contact_key(contact.id, contact.wrapped_key)
    await house.change(
        "conversation", conversation.id, flow_sealed=key.seal_json("conversation.flow", {"word": WORD})
    )
    await house.say(UNLOCK)
    assert (await house.conversation()).step == "hear_word"


@pytest.mark.parametrize(
    ("said", "column"), [("退订", "opted_out_at"), ("TD", "opted_out_at"), ("停止一切", "stopped_all_at")]
)
async def test_while_locked_opting_out_is_noted_and_only_the_harmless_answer_given(
    house: House, said: str, column: str
) -> None:
    await settle_words(house)
    harmless = await house.say(WORD)
    assert (await house.say(said)).texts == harmless.texts
    assert getattr(await house.contact(), column) is not None


async def test_while_locked_nobody_subscribes(house: House) -> None:
    await settle_words(house)
    harmless = await house.say(WORD)
    assert (await house.say("订阅通知")).texts == harmless.texts
    assert (await house.contact()).consented_at is None


async def test_opting_out_leaves_her_where_she_was(house: House) -> None:
    await house.say("老公提离婚，孩子会判给谁")
    before = await house.conversation()
    assert before.flow == "consultation"
    await house.say("退订")
    after = await house.conversation()
    assert (after.flow, after.step, after.flow_sealed) == (before.flow, before.step, before.flow_sealed)
