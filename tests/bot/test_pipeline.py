"""The straight line: durable before acknowledged, never twice, in order, and kind when something breaks."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot import clock, pipeline
from bot.clock import Frozen
from bot.errors import StorageUnavailable, UnverifiedRequest
from bot.messages import InboundMessage, Kind
from bot.pipeline import Pipeline
from nlp.meaning import Context, Risk, Understanding
from nlp.understanding import understand
from storage.database import Database, Transaction
from storage.models import CaseEvent, Conversation, Identity, Outbox, table
from storage.models import InboundMessage as Row
from storage.repositories import talk
from tests.conftest import MakeDatabase
from tests.support.house import LINA, MEI, House
from workers import stored

HOTLINE = "12338"


def breaking(*texts: str) -> Callable[[str, Context], Understanding]:
    """An understanding that fails on these texts."""

    def fail(text: str, context: Context) -> Understanding:
        if text in texts:
            raise RuntimeError("a mistake of ours")
        return understand(text, context)

    return fail


async def test_message_that_comes_again_gets_the_stored_answer(house: House) -> None:
    message = house.message("菜单")
    first = await house.pipeline.handle(message)
    again = await house.pipeline.handle(message)
    assert again.text == first.text != ""
    assert again.repeated
    assert not first.repeated
    assert len(await house.rows("inbound_message")) == 1
    assert len(await house.rows("outbox")) == 1


async def test_message_that_comes_again_while_in_work_shares_the_answer(house: House) -> None:
    message = house.message("菜单")
    jobs = [house.pipeline.submit(message) for _ in range(5)]
    answers = {(await job.future).text for job in jobs}
    assert len(answers) == 1
    assert answers != {""}
    assert len(await house.rows("outbox")) == 1


async def test_message_that_comes_to_two_processes_at_once_is_answered_once(
    house: House, make_database: MakeDatabase
) -> None:
    others = [await house.another_pipeline(await make_database()) for _ in range(2)]
    for number in range(5):
        message = house.message("菜单", f"o-{number}")
        answers = await asyncio.gather(*(one.handle(message) for one in (house.pipeline, *others)))
        assert len({answer.text for answer in answers}) == 1
        assert sum(not answer.repeated for answer in answers) == 1
    assert len(await house.rows("inbound_message")) == 5
    assert len(await house.rows("outbox")) == 5
    assert len(await house.rows("contact")) == 5


async def test_same_number_from_another_account_is_another_message(house: House) -> None:
    message = house.message("你好")
    await house.pipeline.handle(message)
    other = InboundMessage(**{name: getattr(message, name) for name in message.__slots__} | {"account": "wx-other"})
    assert not (await house.pipeline.handle(other)).repeated


async def test_nonce_with_another_body_is_refused_and_nothing_kept(house: House) -> None:
    await house.pipeline.submit(house.message("你好"), nonce="1:n", body=b"a" * 16).future
    with pytest.raises(UnverifiedRequest):
        await house.pipeline.submit(house.message("别的"), nonce="1:n", body=b"b" * 16).future
    assert len(await house.rows("inbound_message")) == 1


async def test_nonce_with_another_body_is_refused_by_another_process_too(
    house: House, make_database: MakeDatabase
) -> None:
    other = await house.another_pipeline(await make_database())
    await house.pipeline.submit(house.message("你好"), nonce="1:n", body=b"a" * 16).future
    with pytest.raises(UnverifiedRequest):
        await other.submit(house.message("别的"), nonce="1:n", body=b"b" * 16).future


async def test_retry_with_the_same_nonce_and_body_is_answered(house: House) -> None:
    message = house.message("菜单")
    first = await house.pipeline.submit(message, nonce="1:n", body=b"a" * 16).future
    again = await house.pipeline.submit(message, nonce="1:n", body=b"a" * 16).future
    assert again.text == first.text


async def test_one_bad_message_of_a_batch_spoils_no_other(house: House) -> None:
    await house.replace_line(understand=breaking("坏"))
    jobs = [house.pipeline.submit(house.message(text, f"o-{text}")) for text in ("菜单", "坏", "你好")]
    menu, bad, hello = [(await job.future).text for job in jobs]
    assert "我要咨询" in menu
    assert "智能助手" in hello
    for number in ("110", "120", "12110", HOTLINE):
        assert number in bad
    rows = {row.handler: row for row in await house.rows("inbound_message")}
    assert rows["crash"].failed
    assert len(rows) == 3
    assert await house.alarms() == ["bot_failed"]
    conversation = await house.conversation("o-坏")
    assert (conversation.state, conversation.waiting_reason) == ("waiting", "bot_failed")


async def test_crash_path_still_reads_risk(house: House) -> None:
    text = "老公正在打我救命"
    await house.replace_line(understand=breaking(text))
    heard = await house.say(text)
    assert "110" in heard.passive
    conversation = await house.conversation()
    assert conversation.risk == 2
    assert conversation.crisis_at is not None, "its episode begins"
    (case,) = await house.rows("case")
    assert (case.id, case.risk, case.category) == (conversation.case_id, 2, "dv")
    assert sorted(await house.alarms()) == ["bot_failed", "danger"]
    assert conversation.waiting_reason == "danger"


async def test_case_that_cannot_be_opened_costs_her_no_answer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "老公正在打我救命"

    async def broken(tx: Transaction, *_: object, **__: object) -> str:
        await tx.insert(CaseEvent, {"id": "x", "case_id": "nobody's", "at": clock.now(), "kind": ""})
        return ""

    monkeypatch.setattr("storage.repositories.cases.open_for_danger", broken)
    heard = await house.say(text)
    assert "110" in heard.passive
    assert (await house.conversation()).risk == 2
    assert await house.alarms() == ["bot_failed"]


async def test_crash_path_needs_not_even_risk(house: House) -> None:
    def unreadable(_: str) -> Risk:
        raise RuntimeError("a mistake of ours")

    await house.replace_line(understand=breaking("坏"), read_risk=unreadable)
    heard = await house.say("坏")
    assert "110" in heard.passive
    assert (await house.conversation()).risk == 1


async def test_crash_says_nothing_where_nothing_may_be_said(house: House) -> None:
    await house.say("你好")
    await house.replace_line(understand=breaking(""))
    for kind in (Kind.NOTICE, Kind.RECEIPT, Kind.UNFOLLOW):
        assert (await house.say(kind=kind)).texts == ()
    contact = await house.contact()
    await house.change("contact", contact.id, locked_at=clock.now())
    await house.replace_line(understand=breaking("坏"))
    assert (await house.say("坏")).texts == ()


async def test_crash_quotes_nothing_in_the_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    def quoting(text: str, context: Context) -> Understanding:
        raise RuntimeError(f"cannot understand {text}")

    await house.replace_line(understand=quoting)
    await house.say("他打我的事谁也别说")
    assert caplog.records
    assert "他打我" not in caplog.text
    assert "他打我" not in str([record.__dict__ for record in caplog.records if not record.exc_info])


async def test_messages_of_one_second_are_answered_in_their_order(house: House) -> None:
    words = ["登记", "同意", "1", "3"]
    messages = [house.message(text, order=1000 + place) for place, text in enumerate(words)]
    jobs = [house.pipeline.submit(message) for message in reversed(messages)]
    answers = [(await job.future).text for job in reversed(jobs)]
    assert "告知书" in answers[0]
    assert "发生在谁身上" in answers[1]
    assert "怎么联系你" in answers[2]
    assert "乡镇" in answers[3]


async def test_what_cannot_wait_is_stored_and_answered_through_the_outbox(house: House) -> None:
    message = house.message("菜单")
    job = house.pipeline.submit(message)
    # The runner has not begun yet: the request's time is over before its batch.
    assert await house.pipeline.keep_for_later(job)
    assert job.detached
    answer = await job.future
    assert answer.text == "", "nothing can be handed over any more"
    rows = await house.rows("outbox")
    assert [row.state for row in rows] == ["queued"]
    assert len(await house.rows("inbound_message")) == 1


async def test_stored_message_is_answered_by_whoever_finds_it(house: House, frozen: Frozen) -> None:
    halted = Pipeline(house.database, house.line)  # never started: a process that stored and died
    message = house.message("老公昨晚又打我，我该怎么办")
    job = halted.submit(message)
    assert await halted.keep_for_later(job)
    (row,) = await house.rows("inbound_message")
    assert row.handled_at is None
    await stored.handle_stored(house.worker)
    assert (await house.rows("inbound_message"))[0].handled_at is None, "its own process may still be at it"
    frozen.advance(10)
    await stored.handle_stored(house.worker)
    (row,) = await house.rows("inbound_message")
    assert row.handled_at is not None
    assert row.handler == "crisis"
    assert [one.state for one in await house.rows("outbox")] == ["queued"]
    await stored.handle_stored(house.worker)
    assert len(await house.rows("outbox")) == 1
    job.future.cancel()


async def test_stored_message_found_by_two_workers_is_answered_once(
    house: House, make_database: MakeDatabase, frozen: Frozen
) -> None:
    halted = Pipeline(house.database, house.line)
    jobs = [halted.submit(house.message("菜单", f"o-{number}")) for number in range(4)]
    for job in jobs:
        await halted.keep_for_later(job)
    frozen.advance(10)
    other = await house.another_pipeline(await make_database())
    ids = [row.id for row in await house.rows("inbound_message")]
    await asyncio.gather(*(one.handle_stored(row) for row in ids for one in (house.pipeline, other)))
    assert len(await house.rows("outbox")) == 4
    for job in jobs:
        job.future.cancel()


async def test_retry_of_a_stored_message_is_acknowledged_without_a_second_answer(house: House) -> None:
    halted = Pipeline(house.database, house.line)
    message = house.message("菜单")
    job = halted.submit(message)
    await halted.keep_for_later(job)
    assert (await house.pipeline.handle(message)).text == ""
    assert len(await house.rows("inbound_message")) == 1
    job.future.cancel()


async def test_answer_that_is_being_committed_is_waited_for(house: House) -> None:
    job = house.pipeline.submit(house.message("菜单"))
    job.built = True
    assert not await house.pipeline.keep_for_later(job)
    assert (await job.future).text


async def test_fifty_first_messages_of_one_woman_at_once(house: House, make_database: MakeDatabase) -> None:
    pipelines = [house.pipeline, *[await house.another_pipeline(await make_database()) for _ in range(2)]]
    messages = [house.message(f"第{number}句", order=5000 + number) for number in range(50)]
    await asyncio.gather(*(pipelines[place % 3].handle(message) for place, message in enumerate(messages)))
    assert len(await house.rows("contact")) == 1
    assert len(await house.rows("identity")) == 1
    assert len(await house.rows("conversation")) == 1
    rows = sorted(await house.rows("inbound_message"), key=lambda row: (row.said_at, row.said_order))
    contact = await house.contact()
    key = house.database.keys.contact_key(contact.id, contact.wrapped_key)
    assert [
        f'"第{number}句"' in key.open("inbound.content", row.content_sealed) for number, row in enumerate(rows)
    ] == [True] * 50


async def test_many_women_at_once_share_few_transactions(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = 0
    transaction = Database.transaction

    def counting(self: Database) -> Any:
        nonlocal begun
        begun += 1
        return transaction(self)

    monkeypatch.setattr(Database, "transaction", counting)
    jobs = [house.pipeline.submit(house.message("你好", f"o-{number}")) for number in range(pipeline.BATCH * 2)]
    answers = [(await job.future).text for job in jobs]
    assert all(answers)
    assert begun <= 4


async def test_nothing_is_answered_that_could_not_be_stored(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(self: Database) -> Any:
        raise StorageUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(Database, "transaction", away)
        job = house.pipeline.submit(house.message("菜单"))
        with pytest.raises(StorageUnavailable):
            await job.future
        later = house.pipeline.submit(house.message("菜单", MEI))
        with pytest.raises(StorageUnavailable):
            await house.pipeline.keep_for_later(later)
        with pytest.raises(StorageUnavailable):
            await later.future
    assert await house.rows("inbound_message") == []
    assert (await house.say("菜单")).passive, "and it goes on afterwards"


async def test_stopping_answers_what_is_waiting(house: House) -> None:
    jobs = [house.pipeline.submit(house.message("你好", f"o-{number}")) for number in range(10)]
    await house.pipeline.stop()
    assert all(job.future.done() and job.future.result().text for job in jobs)
    house.pipeline.start()


async def test_text_longer_than_one_reply_goes_on_through_the_outbox(house: House) -> None:
    class Wordy:
        name = "wechat_oa"

        def split(self, texts: Any) -> list[str]:
            return [*texts, "还有一段"]

    await house.replace_line(speech={"wechat_oa": Wordy()})
    heard = await house.say("你好")
    assert heard.texts[-1] == "还有一段"
    assert [(row.state, row.said_rank) for row in await house.rows("outbox")] == [("handed", 1), ("queued", 2)]


async def test_new_conversation_begins_after_the_old_one_was_closed(house: House) -> None:
    await house.say("你好")
    first = await house.conversation()
    await house.change("conversation", first.id, state="closed")
    await house.say("你好")
    second = await house.conversation()
    assert second.id != first.id
    assert (await house.identity()).conversation_id == second.id
    assert len(await house.rows("contact")) == 1


async def test_words_are_nowhere_readable_in_the_database(house: House) -> None:
    await house.say("我叫王小花，住在柳林乡", LINA)
    async with house.database.reading() as tx:
        for model in (Row, Outbox, Conversation, Identity):
            for row in await tx.rows(select(table(model))):
                stored_text = repr(tuple(row))
                assert "王小花" not in stored_text
                assert LINA not in stored_text


async def test_known_row_keeps_when_it_was_said_and_when_it_came(house: House, frozen: Frozen) -> None:
    said = clock.now() - timedelta(seconds=90)
    await house.say("你好", sent_at=said)
    (row,) = await house.rows("inbound_message")
    assert row.said_at == said
    assert row.received_at == clock.now()


async def test_window_of_a_tap_never_shortens_that_of_a_message(house: House, frozen: Frozen) -> None:
    await house.say(kind=Kind.MENU, key="menu")
    assert (await house.identity()).window_trigger == "menu"
    await house.say("你好")
    assert (await house.identity()).window_trigger == "message"
    frozen.advance(60)
    await house.say(kind=Kind.MENU, key="menu")
    assert (await house.identity()).window_trigger == "message"
    frozen.advance(49 * 3600)
    await house.say(kind=Kind.SCAN, key="8")
    assert (await house.identity()).window_trigger == "scan"


async def test_missing_row_is_no_error(house: House) -> None:
    await house.pipeline.handle_stored("0" * 26)
    async with house.database.reading() as tx:
        assert await talk.find_stored(tx, "0" * 26) is None
