"""Many at once: twenty places for two hundred women; a take-over that meets what she is writing."""

import asyncio
import random
import re
from typing import Any

import pytest
from sqlalchemy import Select, select

from bot import clock
from storage.models import Outbox, table
from storage.repositories import desks, inbox
from storage.repositories.desks import Profile
from storage.repositories.inbox.holding import hold_address
from tests.conftest import MakeDatabase
from tests.support.house import House
from workers.outbox import deliver

WOMEN, PLACES = 200, 20
#: Take-overs that meet a message of hers, and how many at once.
TAKE_OVERS, AT_ONCE = 1000, 50


async def test_two_hundred_sign_ups_race_for_twenty_places(house: House, make_database: MakeDatabase) -> None:
    session_id = await house.add_activity("剪纸课", capacity=PLACES)
    pipelines = [house.pipeline, *[await house.another_pipeline(await make_database()) for _ in range(2)]]
    women = [f"o-woman-{number:03d}" for number in range(WOMEN)]

    async def talk(number: int, text: str) -> str:
        return (await pipelines[number % 3].handle(house.message(text, women[number]))).text

    for words in ("报名剪纸课", "1"):
        await asyncio.gather(*(talk(number, words) for number in range(WOMEN)))
    answers = await asyncio.gather(*(talk(number, "跳过") for number in range(WOMEN)))

    rows = sorted(await house.rows("sign_up", session_id=session_id), key=lambda row: row.position)
    assert len(rows) == WOMEN
    assert [row.position for row in rows] == list(range(1, WOMEN + 1))
    assert [row.state for row in rows] == ["confirmed"] * PLACES + ["waiting"] * (WOMEN - PLACES)
    session = (await house.rows("activity_session"))[0]
    assert (session.taken, session.capacity) == (PLACES, PLACES)
    assert sum("报好了" in answer for answer in answers) == PLACES
    places = [int(found[1]) for answer in answers if (found := re.search(r"候补第 (\d+) 位", answer))]
    assert sorted(places) == list(range(1, WOMEN - PLACES + 1)), "everybody is told her own place in line"


async def test_cancelling_and_signing_up_at_once_keeps_the_count(house: House, make_database: MakeDatabase) -> None:
    session_id = await house.add_activity("剪纸课", capacity=5)
    pipelines = [house.pipeline, await house.another_pipeline(await make_database())]

    async def talk(number: int, text: str) -> str:
        return (await pipelines[number % 2].handle(house.message(text, f"o-woman-{number}"))).text

    async def sign_up(number: int) -> None:
        for words in ("报名剪纸课", "1", "跳过"):
            await talk(number, words)

    for number in range(12):
        await sign_up(number)
    await asyncio.gather(
        *(talk(number, "取消报名") for number in range(6)), *(sign_up(number) for number in range(12, 18))
    )
    rows = await house.rows("sign_up", session_id=session_id)
    confirmed = [row for row in rows if row.state == "confirmed"]
    waiting = [row for row in rows if row.state == "waiting"]
    session = (await house.rows("activity_session"))[0]
    assert session.taken == sum(row.seats for row in confirmed) == 5
    assert max(row.position for row in confirmed) < min(row.position for row in waiting), "nobody was overtaken"
    told = await house.rows("outbox", outbound_class="reminder")
    assert len(told) == len({row.contact_id for row in told}), "each who moved up is told once"
    assert {row.contact_id for row in told} == {row.contact_id for row in rows if row.promoted_at is not None}


async def test_bot_says_nothing_after_any_of_a_thousand_take_overs(house: House, make_database: MakeDatabase) -> None:
    """Her message, the take-over and the worker that sends run into each other on connections of their own."""
    worker_database, desk = await make_database(), await make_database()
    pipelines = [house.pipeline, await house.another_pipeline(await make_database())]
    staff_id = await house.add_staff()
    chance = random.Random(2026)
    begun: set[str] = set()
    answered, done = asyncio.Event(), asyncio.Event()

    async def write(number: int, text: str, *, may_hand: bool = False) -> None:
        message = house.message(text, f"o-{number:04d}")
        await pipelines[number % 2].handle(message, may_hand=may_hand)
        answered.set()

    async def take_over(conversation_id: str) -> None:
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
        async with desk.transaction() as tx:
            await inbox.claim(tx, conversation_id, staff_id, clock.now(), None)
            begun.update(row.id for row in await tx.rows(_begun(conversation_id)))

    async def send_whenever_she_is_answered() -> None:
        worker = house.worker_named("racing-worker:0:0", worker_database)
        while not done.is_set():
            await answered.wait()
            answered.clear()
            await deliver(worker)

    sender = asyncio.create_task(send_whenever_she_is_answered())
    for first in range(0, TAKE_OVERS, AT_ONCE):
        numbers = range(first, first + AT_ONCE)
        await asyncio.gather(*(write(number, "你好", may_hand=True) for number in numbers))
        waiting = await house.rows("conversation", state="bot")
        assert len(waiting) == AT_ONCE
        races = [write(number, "两癌筛查怎么申请") for number in numbers]
        races += [take_over(row.id) for row in waiting]
        chance.shuffle(races)
        await asyncio.gather(*races)
    done.set()
    answered.set()
    await sender
    await deliver(house.worker)

    talks = await house.rows("conversation")
    assert {row.state for row in talks} == {"held"}, "no message in flight took a talk from its worker"
    handled = [row.handler for row in await house.rows("inbound_message")]
    assert len(handled) == 2 * TAKE_OVERS
    answers = await house.rows("outbox", outbound_class="answer")
    assert {row.state for row in answers} <= {"handed", "sent", "skipped"}
    assert [row.id for row in answers if row.state != "skipped" and row.id not in begun] == []
    assert 0 < handled.count("silent") < TAKE_OVERS, "both orders have been seen"
    assert {row.error_code for row in answers if row.state == "skipped"} == {"held"}


def _begun(conversation_id: str) -> Select[Any]:
    """What of the bot's own has gone out, or is on its way, at this moment."""
    of = table(Outbox).c
    return select(of.id).where(of.conversation_id == conversation_id, of.state.in_(("handed", "sending", "sent")))


async def test_the_next_case_waits_for_nobody_who_is_writing_just_now(
    house: House, make_database: MakeDatabase
) -> None:
    if house.database.dialect == "sqlite":
        pytest.skip("SQLite lets one writer in at a time")
    for woman in ("o-woman-1", "o-woman-2"):
        await house.say("转人工", woman)
    staff_id = await house.add_staff("worker-1")
    first, second = [row.id for row in sorted(await house.rows("conversation"), key=lambda row: row.waiting_since)]
    other = await make_database()
    async with house.database.transaction() as her_message:
        await hold_address(her_message, first, None)
        async with asyncio.timeout(5), other.transaction() as tx:
            # Were her conversation held while this waits for her address, her message could not be answered.
            assert await desks.claim_next(tx, Profile(staff_id), None, clock.now()) == second
    async with other.transaction() as tx:
        assert await desks.claim_next(tx, Profile(staff_id), None, clock.now()) == first
