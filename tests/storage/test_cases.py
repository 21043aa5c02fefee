"""Cases: one matter of one woman is one file, reporter and survivor stand apart, violence is never forgotten."""

from typing import Any

import pytest

from bot import clock
from storage.encryption import DataKey
from storage.repositories import cases
from tests.support.house import LINA, House


async def a_case(house: House, sender: str = LINA, **values: Any) -> cases.CaseView:
    """A case of hers from her newest conversation."""
    contact, talk = await house.contact(sender), await house.conversation(sender)
    async with house.database.transaction() as tx:
        return await cases.open_case(
            tx,
            house.database.keys.contact_key(contact.id, contact.wrapped_key),
            **{
                "contact_id": contact.id,
                "conversation_id": talk.id,
                "category": "divorce",
                "risk": 0,
                "now": clock.now(),
                "zone": "Asia/Shanghai",
            }
            | values,
        )


async def key_of(house: House, sender: str = LINA) -> DataKey:
    contact = await house.contact(sender)
    return house.database.keys.contact_key(contact.id, contact.wrapped_key)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ({"category": "divorce"}, {"category": "divorce"}, True),
        ({"category": "dv"}, {"category": "minors"}, True),
        ({"category": "dv"}, {"category": ""}, True),
        ({"category": "divorce"}, {"category": "labour"}, False),
        ({"category": "dv", "fields": {"hurt": "self"}}, {"category": "dv", "fields": {"hurt": "other"}}, False),
    ],
)
async def test_another_conversation_goes_on_with_the_open_case_of_the_same_matter(
    house: House, first: dict[str, Any], second: dict[str, Any], same: bool
) -> None:
    await house.say("你好")
    opened = await a_case(house, **first)
    again = await a_case(house, conversation_id="another", **second)
    assert (again.id == opened.id) is same


async def test_a_closed_case_is_not_gone_on_with(house: House) -> None:
    await house.say("你好")
    opened = await a_case(house)
    async with house.database.transaction() as tx:
        await cases.close_of_conversation(tx, (await house.conversation()).id, "answered", clock.now())
    assert (await a_case(house)).id != opened.id


async def test_who_came_and_who_is_hurt_stand_apart(house: House) -> None:
    await house.say("你好")
    key = await key_of(house)
    opened = await a_case(house, fields={"phone": "138 0000 1234"})
    async with house.database.reading() as tx:
        (contact,) = await cases.people_of(tx, key, opened.id)
    assert (contact.role, contact.is_contact, contact.phone) == ("reporter", True, "138 0000 1234")
    await a_case(house, fields={"hurt": "self", "name": "小丽"})
    async with house.database.transaction() as tx:
        (contact,) = await cases.people_of(tx, key, opened.id)
        assert (contact.role, contact.name, contact.phone) == ("survivor", "小丽", "138 0000 1234")
        other = cases.PersonView("", "other_side", False, "husband", "某人", "13900001234")
        await cases.add_person(tx, key, opened.id, other, clock.now())
    rows = {row.role: row for row in await house.rows("case_person")}
    assert rows["survivor"].phone_digest is not None
    assert rows["other_side"].phone_digest is None, "nobody is found by having been complained about"


async def test_her_broadcast_flag_follows_all_her_cases(house: House) -> None:
    await house.say("你好")
    talk = await house.conversation()
    await a_case(house, category="dv")
    await a_case(house, conversation_id="another", category="labour")
    assert (await house.contact()).violence_case_at is not None
    async with house.database.transaction() as tx:
        await cases.close_of_conversation(tx, "another", "answered", clock.now())
    assert (await house.contact()).violence_case_at is not None
    async with house.database.transaction() as tx:
        await cases.close_of_conversation(tx, talk.id, "protected", clock.now())
    assert (await house.contact()).violence_case_at is None


async def test_danger_in_a_labour_case_leaves_a_sign_of_violence(house: House) -> None:
    await house.say("老板拖欠工资怎么办")
    talk = await house.conversation()
    await a_case(house, category="labour")
    await house.say("他拿刀砍我，救命")
    (case,) = await house.rows("case")
    assert case.conversation_id == talk.id
    assert case.violence_at is not None
    assert (await house.contact()).violence_case_at is not None
    assert (await house.conversation()).case_id == case.id
