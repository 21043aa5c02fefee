"""「删除我的信息」: after the days of grace nothing of hers is left anywhere, and nobody else loses anything."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from bot import clock
from bot.clock import Frozen
from bot.messages import Kind, Media
from storage.encryption import CannotOpen
from storage.models import ChatPass, ChatRoom, Conversation, Outbox, metadata, new_id, table
from storage.repositories import cases, erasure, keys, rights
from tests.conftest import MakeDatabase
from tests.support.house import LINA, MEI, House
from tests.support.rows import queue
from workers import erasure as job
from workers import media, outbox

WEEK = timedelta(days=7, minutes=1)
WORDS = "婆婆嫌我生女儿，想离婚怎么办"


async def ask(house: House, sender: str = LINA) -> None:
    """She sets a word and asks with it."""
    for text in ("设置口令", "蓝花布鞋", "删除我的信息", "蓝花布鞋"):
        await house.say(text, sender)


async def everything_of(house: House, contact_id: str) -> list[tuple[str, str]]:
    """Every sealed or hashed column that still holds something of hers: table and column."""
    left = []
    for name, one in metadata.tables.items():
        if name == "contact":
            rows = await house.rows(name, id=contact_id)
        elif "contact_id" in one.c:
            rows = await house.rows(name, contact_id=contact_id)
        else:
            continue
        for row in rows:
            left += [
                (name, column.name)
                for column in one.columns
                if column.name.endswith(("_sealed", "_digest")) and getattr(row, column.name) not in (None, b"")
                if column.name not in ("dedupe_digest", "address_digest")
            ]
    return left


async def test_after_the_days_of_grace_everything_is_gone_and_she_begins_anew(
    house: House, frozen: Frozen, make_database: MakeDatabase
) -> None:
    other = await make_database()
    await house.say(WORDS)
    media_id = house.wechat.platform.add_media(b"\x89PNG\r\n\x1a\n" + b"0" * 40, "image/png")
    await house.say(kind=Kind.IMAGE, media=Media(media_id))
    await media.fetch(house.worker)
    await house.say("你们那个补贴怎么弄来着啊")
    session = await house.add_activity("剪纸课", capacity=2, starts_at=clock.now() + timedelta(days=20))
    for text in ("退出", "活动", "1", "2", "小丽"):
        await house.say(text)
    for text in ("活动", "1", "1", "阿梅"):
        await house.say(text, MEI)
    await ask(house)
    contact = await house.contact()
    reminder = await queue(house, "明天的活动", not_before=clock.now() + timedelta(days=9))
    other_key = other.keys.contact_key(contact.id, contact.wrapped_key)
    assert other_key.open("outbox.text", (await house.rows("outbox", id=reminder))[0].text_sealed) == "明天的活动"
    frozen.advance(timedelta(days=6))
    assert await job.erase_due(house.worker) == 0, "a week is a week"
    number = len(await house.rows("inbound_message", contact_id=contact.id))
    frozen.advance(timedelta(days=1, minutes=1))
    assert await job.erase_due(house.worker) == 1
    assert await job.erase_due(house.worker) == 0

    assert await everything_of(house, contact.id) == []
    (gone,) = await house.rows("contact", id=contact.id)
    assert gone.wrapped_key is None
    assert gone.erased_at is not None
    for name in ("attachment", "unanswered_question", "article_feedback"):
        assert await house.rows(name, contact_id=contact.id) == []
    kept = await house.rows("inbound_message", contact_id=contact.id)
    assert len(kept) == number, "what is counted stays"
    assert "divorce" in {row.category for row in kept}
    assert (await house.rows("outbox", id=reminder))[0].state == "skipped"
    (hers,) = await house.rows("sign_up", contact_id=contact.id)
    assert (hers.state, hers.active_key) == ("cancelled", None)
    (moved_up,) = await house.rows("sign_up", session_id=session, state="confirmed")
    assert moved_up.contact_id == (await house.contact(MEI)).id
    assert any(row.idempotency_key.startswith("promoted:") for row in await house.rows("outbox"))
    with pytest.raises(CannotOpen):
        house.database.keys.contact_key(contact.id, gone.wrapped_key)
    async with other.reading() as tx:
        await erasure.forget_erased(tx, other.keys, clock.now() - timedelta(hours=1))
    with pytest.raises(CannotOpen):
        other.keys.contact_key(contact.id, None)
    assert contact.id not in other.keys._cache
    entry = (await house.rows("audit_entry"))[-1]
    assert (entry.action, entry.subject) == ("contact.erased", f"contact:{contact.id}")

    heard = await house.say("你好")
    assert heard.texts
    assert (await house.contact()).id != contact.id
    assert (await house.say("阿梅在吗", MEI)).texts, "nobody else lost anything"


async def test_every_table_that_belongs_to_a_contact_is_forgotten() -> None:
    """A table added later is found by the schema; one that is not must say why it is nobody's."""
    reached = {one.name for one, _ in erasure.forgetting._hers()} | {"contact"} | erasure.forgetting._NOBODYS
    sealed = {
        name
        for name, one in metadata.tables.items()
        if any(column.name.endswith("_sealed") for column in one.columns) or "contact_id" in one.c
    }
    assert sealed - reached == set()


async def test_the_wrapped_key_is_not_left_in_the_file(house: House, frozen: Frozen) -> None:
    if house.database.dialect != "sqlite":
        return
    await house.say(WORDS)
    await ask(house)
    contact = await house.contact()
    path = Path(house.database.url.split("///")[1])
    frozen.advance(WEEK)
    assert await job.erase_due(house.worker) == 1
    for file in path.parent.glob(path.name + "*"):
        assert contact.wrapped_key not in file.read_bytes(), file.name


async def test_what_she_wrote_as_her_word_is_kept_nowhere(house: House) -> None:
    await ask(house)
    await house.say("设置口令")
    await house.say("红花布鞋")  # a wrong one tells much of the right one
    contact = await house.contact()
    key = house.database.keys.contact_key(contact.id, contact.wrapped_key)
    for row in await house.rows("inbound_message"):
        assert "布鞋" not in key.open("inbound.content", row.content_sealed)
    for row in await house.rows("conversation"):
        assert "布鞋" not in key.open("conversation.flow", row.flow_sealed)
        assert "布鞋" not in key.open("conversation.learned", row.learned_sealed)


async def test_taken_back_in_time_nothing_happens(house: House, frozen: Frozen) -> None:
    await house.say(WORDS)
    await ask(house)
    frozen.advance(timedelta(days=6))
    await house.say("撤回删除")
    frozen.advance(timedelta(days=30))
    assert await job.erase_due(house.worker) == 0
    assert (await house.contact()).erased_at is None


@pytest.mark.parametrize(
    ("category", "risk", "why"), [("minors", 0, "minor"), ("dv", 2, "danger"), ("divorce", 1, "")]
)
async def test_an_open_duty_to_keep_puts_it_off_until_the_case_is_closed(
    house: House, frozen: Frozen, category: str, risk: int, why: str
) -> None:
    await house.say("你好")
    contact, talk = await house.contact(), await house.conversation()
    key = house.database.keys.contact_key(contact.id, contact.wrapped_key)
    async with house.database.transaction() as tx:
        await cases.open_case(
            tx,
            key,
            contact_id=contact.id,
            conversation_id=talk.id,
            category=category,
            risk=risk,
            now=clock.now(),
            zone="Asia/Shanghai",
            fields={"summary": "情况"},
        )
    await ask(house)
    frozen.advance(WEEK)
    assert await job.erase_due(house.worker) == (0 if why else 1)
    (wish,) = await house.rows("erasure_request")
    assert wish.postponed == why
    if why:
        async with house.database.transaction() as tx:
            await cases.close_of_conversation(tx, talk.id, "protected", clock.now())
        assert await job.erase_due(house.worker) == 1
    (case,) = await house.rows("case")
    assert (case.status, case.fields_sealed) == ("closed", None)
    assert case.number, "the number stays, without content"
    assert all(row.body_sealed is None for row in await house.rows("case_event"))


async def test_leaving_the_platform_erases_what_came_from_it_but_no_case(house: House, frozen: Frozen) -> None:
    await house.say(WORDS)
    await house.say(kind=Kind.UNFOLLOW)
    frozen.advance(WEEK)
    assert await job.erase_due(house.worker) == 1
    assert await house.rows("identity", unfollowed_at=None) == []

    await house.say("你好", MEI)
    contact, talk = await house.contact(MEI), await house.conversation(MEI)
    key = house.database.keys.contact_key(contact.id, contact.wrapped_key)
    async with house.database.transaction() as tx:
        case = await cases.open_case(
            tx,
            key,
            contact_id=contact.id,
            conversation_id=talk.id,
            category="divorce",
            risk=0,
            now=clock.now(),
            zone="Asia/Shanghai",
            fields={"summary": "她要的帮助"},
        )
    await house.say(kind=Kind.UNFOLLOW, sender=MEI)
    frozen.advance(WEEK)
    assert await job.erase_due(house.worker) == 0
    (wish,) = [row for row in await house.rows("erasure_request") if row.contact_id == contact.id]
    assert wish.postponed == "case"
    async with house.database.transaction() as tx:
        await cases.close_of_conversation(tx, talk.id, "answered", clock.now())
        await tx.execute(update(table(Conversation)).values(state="closed"))
    assert await job.erase_due(house.worker) == 1
    (row,) = await house.rows("contact", id=contact.id)
    assert row.erased_at is None
    async with house.database.reading() as tx:
        assert (await cases.fields_of(tx, key, case.id))[1]["summary"] == "她要的帮助"
    (address,) = await house.rows("identity", contact_id=contact.id)
    assert address.address_sealed == b""
    await queue_to(house, contact, address)
    await outbox.deliver(house.worker)
    assert (await house.rows("outbox", contact_id=contact.id))[-1].error_code == "erased"


async def queue_to(house: House, contact: Any, identity: Any) -> None:
    """A row for an address that is no more, as a colleague's open page could still make."""
    key = house.database.keys.contact_key(contact.id, contact.wrapped_key)
    now = clock.now()
    async with house.database.transaction() as tx:
        await tx.insert(
            Outbox,
            {
                "id": "f" * 26,
                "idempotency_key": "late",
                "outbound_class": "answer",
                "contact_id": contact.id,
                "identity_id": identity.id,
                "text_sealed": key.seal("outbox.text", "晚了"),
                "said_at": now,
                "created_at": now,
                "not_before": now,
            },
        )


async def test_coming_back_to_the_platform_in_time_changes_nothing(house: House, frozen: Frozen) -> None:
    await house.say(WORDS)
    await house.say(kind=Kind.UNFOLLOW)
    frozen.advance(timedelta(days=3))
    await house.say(kind=Kind.FOLLOW)
    frozen.advance(WEEK)
    assert await job.erase_due(house.worker) == 0
    assert (await house.contact()).erased_at is None


async def test_a_key_rotated_in_the_days_of_grace_is_destroyed_all_the_same(house: House, frozen: Frozen) -> None:
    await ask(house)
    await keys.rewrap_all(house.database)
    frozen.advance(WEEK)
    assert await job.erase_due(house.worker) == 1
    assert await house.rows("contact", wrapped_key=None) != []


async def test_three_wrong_words_shut_it_even_for_the_right_one(house: House) -> None:
    await house.say("你好")
    contact = await house.contact()
    async with house.database.transaction() as tx:
        assert await rights.own_word_state(tx, contact.id) == "none"
        await rights.set_own_word(tx, contact.id, "蓝花布鞋")
        assert [await rights.try_own_word(tx, contact.id, word) for word in ("一二三", "蓝花布鞋")] == [
            "wrong",
            "fits",
        ]
        tries = [
            await rights.try_own_word(tx, contact.id, word) for word in ("一二三", "四五六", "七八九", "蓝花布鞋")
        ]
        assert tries == ["wrong", "wrong", "shut", "shut"]
        await rights.forget_own_word(tx, contact.id)
        assert await rights.own_word_state(tx, contact.id) == "none"
    assert (await house.rows("contact", id=contact.id))[0].own_word_digest is None


async def test_messages_that_come_while_she_is_erased_begin_a_new_file(
    house: House, frozen: Frozen, make_database: MakeDatabase
) -> None:
    await house.say(WORDS)
    await ask(house)
    elsewhere = await house.another_pipeline(await make_database())
    await elsewhere.handle(house.message("在吗"))  # another process holds her key now
    old = await house.contact()
    frozen.advance(WEEK)
    answers = await asyncio.gather(
        job.erase_due(house.worker), *(one.handle(house.message("你好")) for one in (elsewhere, house.pipeline) * 4)
    )
    if answers[0] == 0:
        # One of them was faster: she is talking with us, so the next run waits until she is done.
        assert (await house.contact()).id == old.id
        assert await job.erase_due(house.worker) == 0
        frozen.advance(timedelta(hours=2))
        assert await job.erase_due(house.worker) == 1
    await elsewhere.handle(house.message("你好"))
    new = await house.contact()
    assert new.id != old.id
    assert len(await house.rows("contact", wrapped_key=None)) == 1
    assert await everything_of(house, old.id) == []
    rows = await house.rows("inbound_message", contact_id=new.id)
    assert rows
    assert not any(row.failed for row in await house.rows("inbound_message"))


async def test_rooms_of_the_web_chat_are_forgotten_with_her(house: House, frozen: Frozen) -> None:
    await house.say(WORDS)
    contact, identity = await house.contact(), await house.identity()
    key = house.database.keys.contact_key(contact.id, contact.wrapped_key)
    room, other = new_id(), new_id()
    async with house.database.transaction() as tx:
        for number, room_id in enumerate((room, other)):
            row = {"id": room_id, "receipt_digest": bytes([number]) * 16, "created_at": clock.now()}
            await tx.insert(ChatRoom, row)
            await tx.insert(
                ChatPass,
                {"id": new_id(), "token_digest": bytes([number]) * 16, "room_id": room_id, "used_at": clock.now()},
            )
    await house.change("identity", identity.id, address_sealed=key.seal("identity.address", room))
    await ask(house)
    frozen.advance(WEEK)
    assert await job.erase_due(house.worker) == 1
    assert [row.id for row in await house.rows("chat_room")] == [other]
    assert [row.room_id for row in await house.rows("chat_pass")] == [other]


async def test_who_is_talking_is_not_cut_off_but_the_promised_day_is_kept(house: House, frozen: Frozen) -> None:
    await ask(house)
    frozen.advance(WEEK)
    await house.say("还在吗")
    assert await job.erase_due(house.worker) == 0
    for _ in range(22):
        frozen.advance(timedelta(minutes=59))
        await house.say("还在吗")
    assert await job.erase_due(house.worker) == 0
    frozen.advance(timedelta(minutes=50))
    await house.say("还在吗")
    assert await job.erase_due(house.worker) == 1


async def test_danger_written_at_the_last_moment_puts_it_off(house: House, frozen: Frozen) -> None:
    await ask(house)
    frozen.advance(timedelta(days=6, hours=23))
    await house.say("他拿刀砍我，救命")
    frozen.advance(timedelta(hours=3))
    assert await job.erase_due(house.worker) == 0
    assert (await house.rows("erasure_request"))[0].postponed == "danger"
