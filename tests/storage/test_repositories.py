"""Repositories on both databases: one holder of a conversation, one number a case, a chain nobody can change."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text, update

from bot import clock
from bot.clock import Frozen
from bot.errors import NotFound, StaleConversation, WrongState
from bot.messages import Kind
from storage.models import Area, AuditEntry, new_id, table
from storage.repositories import audit, cases, inbox, staff
from tests.conftest import MakeDatabase
from tests.support.house import LINA, House


async def waiting(house: House, sender: str = LINA) -> str:
    await house.say("转人工", sender)
    return str((await house.conversation(sender)).id)


async def test_one_of_many_who_claim_at_once_gets_it(house: House, make_database: MakeDatabase) -> None:
    conversation = await waiting(house)
    people = [await house.add_staff(f"w{number}") for number in range(5)]
    databases = [await make_database() for _ in people]

    async def claim(place: int) -> bool:
        try:
            async with databases[place].transaction() as tx:
                await inbox.claim(tx, conversation, people[place], clock.now(), None)
        except StaleConversation:
            return False
        return True

    assert sum(await asyncio.gather(*(claim(place) for place in range(5)))) == 1
    assert (await house.conversation()).state == "held"


async def test_only_the_holder_replies_once_a_key(house: House) -> None:
    conversation, one, other = await waiting(house), await house.add_staff("a"), await house.add_staff("b")
    async with house.database.transaction() as tx:
        with pytest.raises(StaleConversation):
            await inbox.reply(tx, conversation, one, "你好", "k", clock.now())
        await inbox.claim(tx, conversation, one, clock.now(), None)
        first, new = await inbox.reply(tx, conversation, one, "你好", "k", clock.now())
        again, repeated = await inbox.reply(tx, conversation, one, "你好", "k", clock.now())
        assert (first, new, repeated) == (again, True, False)
        with pytest.raises(StaleConversation):
            await inbox.reply(tx, conversation, other, "你好", "k2", clock.now())
    assert len(await house.rows("outbox", outbound_class="staff")) == 1


async def test_lock_of_her_safe_word_freezes_staff(house: House) -> None:
    conversation, worker = await waiting(house), await house.add_staff()
    async with house.database.transaction() as tx:
        await inbox.claim(tx, conversation, worker, clock.now(), None)
    await house.change("contact", (await house.contact()).id, locked_at=clock.now())
    with pytest.raises(WrongState, match="安全词"):
        async with house.database.transaction() as tx:
            await inbox.reply(tx, conversation, worker, "在吗", "k", clock.now())
    assert await house.rows("outbox", outbound_class="staff") == []


async def test_closed_conversation_ends_its_case_and_cannot_be_claimed(house: House) -> None:
    await house.say("老公昨晚又打我，我该怎么办")
    conversation, worker = (await house.conversation()).id, await house.add_staff()
    async with house.database.transaction() as tx:
        await inbox.claim(tx, conversation, worker, clock.now(), None)
        await inbox.save_form(tx, conversation, worker, {"area": "柳林乡"}, clock.now(), "Asia/Shanghai")
        await inbox.close(tx, conversation, worker, "helped", "已陪同报警", clock.now())
    (case,) = await house.rows("case")
    assert (case.status, case.outcome) == ("closed", "helped")
    assert (await house.contact()).violence_case_at is None
    assert (await house.identity()).conversation_id is None
    with pytest.raises(WrongState):
        async with house.database.transaction() as tx:
            await inbox.claim(tx, conversation, worker, clock.now(), None)


async def test_queue_shows_the_most_urgent_first_and_nothing_of_what_was_said(house: House, frozen: Frozen) -> None:
    await waiting(house, "o-first")
    frozen.advance(60)
    await house.say("老公昨晚又打我，我该怎么办", "o-danger")
    async with house.database.reading() as tx:
        lines = await inbox.queue(tx, None)
        before = await inbox.queue_version(tx, None)
    assert [line.risk for line in lines] == [2, 0]
    assert "打我" not in repr(lines)
    await house.say("他在家", "o-danger")
    async with house.database.reading() as tx:
        assert await inbox.queue_version(tx, None) != before


async def test_conversation_is_read_in_the_order_it_was_said(house: House, frozen: Frozen) -> None:
    await house.say("菜单")
    frozen.advance(5)
    await house.say("4")
    await house.say(kind=Kind.NOTICE)
    async with house.database.reading() as tx:
        view = await inbox.find(tx, (await house.conversation()).id, None)
    assert [line.who for line in view.lines][:4] == ["her", "bot", "her", "bot"]
    assert view.lines[0].text == "菜单"
    assert view.state == "waiting"


async def test_other_areas_are_invisible(house: House) -> None:
    conversation = await waiting(house)
    county, here, there = new_id(), new_id(), new_id()
    async with house.database.transaction() as tx:
        await tx.insert(Area, {"id": county, "parent_id": None, "code": "1", "name": "县", "level": "county"})
        for number, code in ((here, "11"), (there, "12")):
            await tx.insert(
                Area, {"id": number, "parent_id": county, "code": code, "name": code, "level": "township"}
            )
    await house.change("conversation", conversation, area_id=here)
    worker = await house.add_staff()
    async with house.database.transaction() as tx:
        assert await inbox.areas_under(tx, county) == {county, here, there}
        assert await inbox.areas_under(tx, None) is None
        assert len(await inbox.queue(tx, inbox.Sight("", "worker", frozenset({here})))) == 1
        assert await inbox.queue(tx, inbox.Sight("", "worker", frozenset({there}))) == []
        with pytest.raises(NotFound):
            await inbox.find(tx, conversation, inbox.Sight("", "worker", frozenset({there})))
        with pytest.raises(NotFound):
            await inbox.claim(tx, conversation, worker, clock.now(), inbox.Sight("", "worker", frozenset({there})))


async def test_case_numbers_count_by_day_without_a_gap_or_a_double(
    house: House, make_database: MakeDatabase, frozen: Frozen
) -> None:
    women = [f"o-{number}" for number in range(8)]
    for woman in women:
        await house.say("你好", woman)
    databases = [await make_database() for _ in range(4)]

    async def open_one(place: int) -> str:
        contact, conversation = await house.contact(women[place]), await house.conversation(women[place])
        async with databases[place % 4].transaction() as tx:
            key = tx.keys.contact_key(contact.id, contact.wrapped_key)
            opened = await cases.open_case(
                tx,
                key,
                contact_id=contact.id,
                conversation_id=conversation.id,
                category="divorce",
                risk=0,
                now=clock.now(),
                zone="Asia/Shanghai",
            )
        return opened.number

    numbers = await asyncio.gather(*(open_one(place) for place in range(8)))
    assert sorted(numbers) == [f"20260303-{number:04d}" for number in range(1, 9)]


async def test_audit_chain_shows_every_change(house: House) -> None:
    worker = await house.add_staff()
    for number in range(4):
        async with house.database.transaction() as tx:
            await audit.append(
                tx, staff_id=worker, action="conversation.read", now=clock.now(), subject=f"conversation:{number}"
            )
    async with house.database.reading() as tx:
        assert await audit.verify(tx) == []
    async with house.database.transaction() as tx:
        entry = table(AuditEntry)
        await tx.execute(update(entry).where(entry.c.number == 2).values(subject="conversation:9"))
    async with house.database.reading() as tx:
        assert await audit.verify(tx) == ["entry 2 was changed"]
    async with house.database.transaction() as tx:
        await tx.execute(text("DELETE FROM audit_entry WHERE number = 2"))
    async with house.database.reading() as tx:
        assert await audit.verify(tx) == ["entries 2 to 2 are missing"]


async def test_audit_chain_of_several_processes_has_no_fork(house: House, make_database: MakeDatabase) -> None:
    worker = await house.add_staff()
    databases = [await make_database() for _ in range(3)]

    async def write(place: int) -> None:
        async with databases[place % 3].transaction() as tx:
            await audit.append(tx, staff_id=worker, action="queue.read", now=clock.now())

    await asyncio.gather(*(write(place) for place in range(15)))
    async with house.database.reading() as tx:
        assert await audit.verify(tx) == []
        assert len(await audit.entries(tx, audit.Wanted(), 100)) == 15


async def test_six_failures_lock_that_login_from_that_address_only(house: House, frozen: Frozen) -> None:
    async with house.database.transaction() as tx:
        for _ in range(6):
            assert await staff.locked_until(tx, "wang", "10.0.0.1", clock.now()) is None
            await staff.note_failure(tx, "wang", "10.0.0.1", clock.now())
        assert await staff.locked_until(tx, "wang", "10.0.0.1", clock.now()) is not None
        assert await staff.locked_until(tx, "wang", "10.0.0.2", clock.now()) is None
        assert await staff.locked_until(tx, "li", "10.0.0.1", clock.now()) is None
        later = clock.now() + timedelta(minutes=31)
        assert await staff.locked_until(tx, "wang", "10.0.0.1", later) is None


async def test_session_of_staff_ends_when_idle_or_closed(house: House) -> None:
    worker = await house.add_staff()
    idle = timedelta(minutes=15)
    async with house.database.transaction() as tx:
        token, csrf = await staff.open_session(tx, worker, clock.now())
        found = await staff.find_session(tx, token, clock.now(), idle)
        assert found is not None
        assert csrf
        assert await staff.find_session(tx, token + "x", clock.now(), idle) is None
        assert await staff.find_session(tx, token, clock.now() + timedelta(minutes=16), idle) is None
        await staff.close_session(tx, found.id, clock.now())
        assert await staff.find_session(tx, token, clock.now(), idle) is None
    assert token.encode() not in b"".join(row.token_digest for row in await house.rows("staff_session"))


async def test_claiming_in_the_middle_of_an_intake_loses_no_answer(house: House) -> None:
    for said in ("登记", "同意", "1", "1", "晚上", "柳林乡", "孩子一直是我带", "跳过"):
        await house.say(said)
    talk, worker = await house.conversation(), await house.add_staff()
    assert talk.flow == "intake"
    async with house.database.transaction() as tx:
        await inbox.claim(tx, talk.id, worker, clock.now(), None)
        learned = (await inbox.find(tx, talk.id, None)).learned
        await inbox.hand_back(tx, talk.id, worker, clock.now())
    known = {name: learned.get(name) for name in ("hurt", "contact", "hours", "summary")}
    assert known == {"hurt": "self", "contact": "message", "hours": "晚上", "summary": "孩子一直是我带"}
    await house.say("继续")
    assert (await house.conversation()).step == talk.step
