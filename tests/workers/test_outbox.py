"""The outbox: through the gate, inside the platform's budget, each row once, each outcome told to staff."""

import asyncio
import os
import socket
import subprocess
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from bot import clock
from bot.clock import Frozen
from bot.messages import DeliveryState, Kind, OutboundClass
from storage.models import Outbox, table
from storage.repositories import outbox as rows
from tests.conftest import MakeDatabase
from tests.support.house import LINA, MEI, House
from tests.support.rows import follow, queue
from workers.alive import is_gone, worker_name
from workers.outbox import BULK, LIVE, deliver, recover

SEND = "/cgi-bin/message/custom/send"
STAFF, REMINDER, CAMPAIGN = OutboundClass.STAFF, OutboundClass.REMINDER, OutboundClass.CAMPAIGN


async def state(house: House, outbox_id: str) -> tuple[str, str]:
    (row,) = await house.rows("outbox", id=outbox_id)
    return row.state, row.error_code


async def test_queued_answer_is_sent_once(house: House) -> None:
    await house.say("你好")
    first = await queue(house, "一条答复")
    assert await deliver(house.worker) == 1
    assert await deliver(house.worker) == 0
    assert house.wechat.accepted == [(LINA, "一条答复")]
    (row,) = await house.rows("outbox", id=first)
    assert (row.state, row.attempts, row.error_sentence) == ("sent", 1, "")
    assert row.finished_at == clock.now()


async def test_passive_reply_is_never_sent_again(house: House) -> None:
    await house.say("你好")
    assert await deliver(house.worker) == 0
    assert house.wechat.accepted == []


async def test_five_in_forty_eight_hours_one_of_them_for_a_person(house: House) -> None:
    await house.say("你好")
    ids = [await queue(house, f"第{number}条") for number in range(6)]
    await deliver(house.worker)
    assert len(house.wechat.accepted) == 4
    assert [await state(house, one) for one in ids[4:]] == [("failed", "window_reserved")] * 2
    reserved = await queue(house, "值班员的话", outbound_class=STAFF)
    await deliver(house.worker)
    assert (await state(house, reserved))[0] == "sent"
    over = await queue(house, "再一句", outbound_class=STAFF)
    await deliver(house.worker)
    assert await state(house, over) == ("failed", "window_used")
    await house.say("还在")
    again = await queue(house, "新的一轮")
    await deliver(house.worker)
    assert (await state(house, again))[0] == "sent"


async def test_crisis_may_use_the_last_one(house: House) -> None:
    await house.say("你好")
    for number in range(4):
        await queue(house, f"第{number}条")
    await deliver(house.worker)
    crisis = await queue(house, "有危险打110", crisis=True)
    await deliver(house.worker)
    assert (await state(house, crisis))[0] == "sent"


async def test_three_in_a_minute_after_a_tap_one_of_them_for_a_person(house: House, frozen: Frozen) -> None:
    await house.say(kind=Kind.MENU, key="menu")
    ids = [await queue(house, f"第{number}条") for number in range(3)]
    await deliver(house.worker)
    assert [(await state(house, one))[0] for one in ids] == ["sent", "sent", "failed"]
    frozen.advance(61)
    late = await queue(house, "晚了", outbound_class=STAFF)
    await deliver(house.worker)
    assert await state(house, late) == ("failed", "window_closed")


async def test_after_forty_eight_hours_nothing_goes(house: House, frozen: Frozen) -> None:
    await house.say("你好")
    frozen.advance(48 * 3600)
    late = await queue(house, "晚了")
    await deliver(house.worker)
    assert await state(house, late) == ("failed", "window_closed")
    assert house.wechat.accepted == []


async def test_gate_holds_back_and_says_why(house: House) -> None:
    await house.say("你好")
    contact = await house.contact()
    await house.change("contact", contact.id, locked_at=clock.now())
    frozen_out = await queue(house, "在吗", outbound_class=STAFF)
    await deliver(house.worker)
    assert await state(house, frozen_out) == ("skipped", "locked")
    assert "安全词" in (await house.rows("outbox", id=frozen_out))[0].error_sentence
    assert house.wechat.count(SEND) == 0


async def test_reminder_waits_until_the_night_is_over(house: House, frozen: Frozen) -> None:
    frozen.advance(12 * 3600)  # 22:00
    await house.say("你好")
    frozen.advance(2 * 3600)  # she is no longer there
    waiting = await queue(house, "明天有活动", outbound_class=REMINDER)
    assert await deliver(house.worker, BULK) == 1
    (row,) = await house.rows("outbox", id=waiting)
    assert row.state == "queued"
    assert clock.local(row.not_before, "Asia/Shanghai").hour == 8
    assert await deliver(house.worker, BULK) == 0
    frozen.advance(8.5 * 3600)
    await deliver(house.worker, BULK)
    assert (await state(house, waiting))[0] == "sent"


async def test_answers_and_notices_are_worked_on_apart(house: House) -> None:
    await follow(house, LINA)
    notice = await queue(house, "活动提醒", outbound_class=REMINDER)
    answer = await queue(house, "答复")
    await deliver(house.worker, LIVE)
    assert (await state(house, notice))[0] == "queued"
    assert (await state(house, answer))[0] == "sent"


async def test_more_urgent_goes_first_and_one_woman_gets_hers_in_order(house: House) -> None:
    await house.say("你好")
    await queue(house, "值班员", outbound_class=STAFF)
    await queue(house, "答一")
    await queue(house, "答二")
    await deliver(house.worker)
    assert house.wechat.texts_to(LINA) == ["答一", "答二", "值班员"]


REFUSALS = [
    (-1, "queued"),
    (45011, "queued"),
    (45009, "queued"),
    (40003, "failed"),
    (43004, "failed"),
    (45015, "failed"),
    (45047, "failed"),
    (48001, "failed"),
    (45002, "failed"),
]


@pytest.mark.parametrize(("code", "expected"), REFUSALS)
async def test_refusals_of_the_platform(house: House, frozen: Frozen, code: int, expected: str) -> None:
    await house.say("你好")
    used = (await house.identity()).window_used
    sent = await queue(house, "答复")
    house.wechat.refuse(code)
    await deliver(house.worker)
    (row,) = await house.rows("outbox", id=sent)
    assert (row.state, row.error_code) == (expected, str(code))
    assert row.error_sentence
    assert house.wechat.accepted == []
    identity = await house.identity()
    assert identity.window_used == (99 if code in (45015, 45047) else used), "what was not sent costs nothing"
    assert (identity.unfollowed_at is not None) == (code in (40003, 43004))
    if expected == "queued":
        assert row.not_before > clock.now()
        frozen.advance(3700)
        await deliver(house.worker)
        assert house.wechat.accepted == [(LINA, "答复")]


async def test_a_full_window_of_before_does_not_close_the_one_she_opened_meanwhile(
    house: House, frozen: Frozen
) -> None:
    await house.say("你好")
    await queue(house, "答复")
    async with house.database.transaction() as tx:
        (due,) = await rows.find_due(tx, LIVE, clock.now(), 8)
        await rows.claim(tx, [due], house.worker.name, clock.now())
    frozen.advance(30)
    await house.say("在吗")
    async with house.database.transaction() as tx:
        await rows.finish(tx, due, DeliveryState.FAILED, now=clock.now(), code="45015", sentence="超过时间")
        await rows.mark_window_used_up(tx, due.row)
    assert (await house.identity()).window_used < 5
    again = await queue(house, "在的")
    await deliver(house.worker)
    assert (await state(house, again))[0] == "sent"


async def test_cut_line_is_unknown_and_never_repeated(house: House, frozen: Frozen) -> None:
    await house.say("你好")
    sent = await queue(house, "答复")
    house.wechat.platform.mood.cut, house.wechat.platform.mood.times = True, 1
    await deliver(house.worker)
    assert (await state(house, sent))[0] == "unknown"
    assert len(house.wechat.accepted) == 1
    frozen.advance(3600)
    await deliver(house.worker)
    await recover(house.worker)
    assert len(house.wechat.accepted) == 1
    assert (await house.identity()).window_used == 1, "it may have been counted"


async def test_unknown_crisis_answer_alarms_staff_once(house: House) -> None:
    await house.say("你好")
    conversation = await house.conversation()
    await queue(house, "有危险打110", crisis=True, conversation_id=conversation.id)
    house.wechat.script[SEND] = ["cut"]
    await deliver(house.worker)
    await recover(house.worker)
    assert await house.alarms() == ["crisis_unknown"]


async def test_error_nobody_foresaw_is_unknown_and_spoils_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.say("你好", LINA)
    await house.say("你好", MEI)
    bad, good = await queue(house, "坏", LINA), await queue(house, "好", MEI)
    send = house.channel.send

    async def sometimes(message: Any) -> Any:
        if message.text == "坏":
            raise RuntimeError("a mistake of ours")
        return await send(message)

    monkeypatch.setattr(house.channel, "send", sometimes)
    await deliver(house.worker)
    assert await state(house, bad) == ("unknown", "crashed")
    assert (await state(house, good))[0] == "sent"


def dead_worker() -> str:
    """The name of a worker that ran on this machine and ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return f"{socket.gethostname()[:30]}:{process.pid}:1"


async def stuck(house: House, name: str, *, crisis: bool = False) -> str:
    await house.say("你好")
    conversation = await house.conversation()
    return await queue(
        house,
        "答复",
        state="sending",
        claimed_by=name,
        claimed_at=clock.now(),
        attempts=1,
        crisis=crisis,
        conversation_id=conversation.id,
    )


async def test_row_of_a_dead_worker_becomes_unknown_at_once(house: House) -> None:
    row = await stuck(house, dead_worker(), crisis=True)
    await recover(house.worker)
    assert await state(house, row) == ("unknown", "interrupted")
    assert await house.alarms() == ["crisis_unknown"]
    await deliver(house.worker)
    assert house.wechat.accepted == []


async def test_row_of_a_living_worker_is_left_alone(house: House, frozen: Frozen) -> None:
    row = await stuck(house, worker_name())
    await recover(house.worker)
    frozen.advance(60)
    await recover(house.worker)
    assert (await state(house, row))[0] == "sending"
    frozen.advance(60)
    await recover(house.worker)
    assert (await state(house, row))[0] == "unknown"


async def test_row_of_another_machine_is_given_up_after_its_time(house: House, frozen: Frozen) -> None:
    row = await stuck(house, "elsewhere:1:1")
    await recover(house.worker)
    assert (await state(house, row))[0] == "sending"
    frozen.advance(91)
    await recover(house.worker)
    assert (await state(house, row))[0] == "unknown"


async def test_slow_crisis_answer_alarms_while_it_is_on_its_way(house: House, frozen: Frozen) -> None:
    await stuck(house, worker_name(), crisis=True)
    frozen.advance(9)
    await recover(house.worker)
    await recover(house.worker)
    assert await house.alarms() == ["crisis_late"]


async def test_nothing_passes_a_row_that_is_on_its_way_to_her(house: House) -> None:
    await stuck(house, worker_name())
    later = await queue(house, "后一条")
    assert await deliver(house.worker) == 0
    assert (await state(house, later))[0] == "queued"


async def test_process_that_reuses_a_number_is_not_the_one_that_died() -> None:
    assert not is_gone(worker_name())
    host = socket.gethostname()[:30]
    assert is_gone(f"{host}:{os.getpid()}:1")
    assert not is_gone("elsewhere:1:1")
    assert not is_gone("nonsense")


async def test_several_workers_never_send_a_row_twice(house: House, make_database: MakeDatabase) -> None:
    women = [f"o-{number:02d}" for number in range(30)]
    for woman in women:
        await house.say("你好", woman)
        for number in range(3):
            await queue(house, f"{woman} {number}", woman)
    workers = [house.worker_named(f"test:{number}:0", await make_database()) for number in range(3)]
    for _ in range(3):
        await asyncio.gather(*(deliver(worker) for worker in workers))
    assert len(house.wechat.accepted) == 90
    assert len(set(house.wechat.accepted)) == 90
    for woman in women:
        assert house.wechat.texts_to(woman) == [f"{woman} {number}" for number in range(3)]


async def test_channel_that_was_switched_off_fails_with_a_sentence(house: House) -> None:
    from dataclasses import replace

    await house.say("你好")
    row = await queue(house, "答复")
    await deliver(replace(house.worker, channels={}))
    assert await state(house, row) == ("failed", "no_channel")


async def test_erased_woman_gets_nothing(house: House) -> None:
    await house.say("你好")
    contact = await house.contact()
    row = await queue(house, "答复")
    await house.change("contact", contact.id, wrapped_key=None, erased_at=clock.now())
    house.database.keys.forget(contact.id)
    await deliver(house.worker)
    assert await state(house, row) == ("skipped", "erased")


async def test_text_of_a_row_is_sealed(house: House) -> None:
    await house.say("你好")
    await queue(house, "谁也不许读")
    async with house.database.reading() as tx:
        rows = await tx.rows(select(table(Outbox)))
    assert all("谁也不许读".encode() not in (row.text_sealed or b"") for row in rows)


async def test_row_in_the_future_waits(house: House, frozen: Frozen) -> None:
    await house.say("你好")
    row = await queue(house, "明天", not_before=clock.now() + timedelta(hours=1))
    assert await deliver(house.worker) == 0
    frozen.advance(3600)
    await deliver(house.worker)
    assert (await state(house, row))[0] == "sent"


async def test_looking_for_what_is_due_does_not_read_what_is_gone(house: House) -> None:
    """With a year of rows behind it, a look that reads them all for each waiting one never ends."""
    if house.database.dialect != "sqlite":
        return
    seen: list[tuple[str, Any]] = []
    event.listen(
        house.database.engine.sync_engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, values, *rest: seen.append((statement, values)),
    )
    async with house.database.transaction() as tx:
        await rows.find_due(tx, LIVE, clock.now(), 8)
        await rows.stuck(tx)
        for statement, values in [one for one in seen if "FROM outbox" in one[0]]:
            plan = await tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            steps = [row[3] for row in plan]
            assert not [step for step in steps if step.startswith("SCAN")], steps
