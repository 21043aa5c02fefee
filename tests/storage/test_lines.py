"""A long conversation is read a page at a time, and nothing of it is lost or shown twice."""

import pytest

from bot.messages import OutboundClass
from storage.database import Database
from storage.repositories import inbox
from storage.repositories.inbox.lines import lines
from tests.support.house import LINA, House
from tests.support.rows import queue


async def pages_of(house: House, talk_id: str, most: int) -> list[list[str]]:
    """The ids on each page, from the newest page back to the first."""
    contact = await house.contact()
    key = house.database.keys.contact_key(contact.id, contact.wrapped_key)
    found: list[list[str]] = []
    before, older = "", True
    while older:
        async with house.database.reading() as tx:
            page, older = await lines(tx, key, talk_id, before, most)
        found.append([line.id for line in page])
        before = found[-1][0]
    return found


@pytest.mark.parametrize("most", [1, 3, 7])
async def test_pages_backwards_hold_every_line_once_and_in_order(house: House, most: int) -> None:
    # The clock stands still: many lines of one moment, told apart by number, rank and id alone.
    for text in ("菜单", "4", "你好", "谢谢", "我想离婚"):
        await house.say(text)
    talk_id = (await house.conversation()).id
    for number in range(4):
        await queue(
            house, f"第{number}句", LINA, OutboundClass.STAFF, conversation_id=talk_id, said_order=2, said_rank=number
        )
    async with house.database.reading() as tx:
        everything = [line.id for line in (await inbox.find(tx, talk_id, None)).lines]
    assert len(everything) > 10
    pages = await pages_of(house, talk_id, most)
    assert [line for page in reversed(pages) for line in page] == everything
    assert {len(page) for page in pages[:-1]} == {most}


async def test_line_of_another_conversation_is_no_way_into_this_one(house: House, database: Database) -> None:
    await house.say("菜单")
    await house.say("你好", "omei-00000000000000000000002")
    hers, other = await house.conversation(), await house.conversation("omei-00000000000000000000002")
    async with database.reading() as tx:
        (first, *_) = (await inbox.find(tx, other.id, None)).lines
        view = await inbox.find(tx, hers.id, None, first.id)
    assert first.id not in {line.id for line in view.lines}
    assert view.lines[0].text == "菜单"
