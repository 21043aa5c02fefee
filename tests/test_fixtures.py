"""The fixtures keep their promises: empty databases of both kinds, a WeChat that counts, a house that answers."""

from storage.database import Database
from storage.models import Contact, new_id
from tests.conftest import MORNING, MakeDatabase
from tests.support.house import LINA, House


async def test_database_is_empty_and_can_be_opened_twice(database: Database, make_database: MakeDatabase) -> None:
    other = await make_database()
    async with database.transaction() as tx:
        await tx.insert(Contact, {"id": new_id(), "wrapped_key": b"x", "created_at": MORNING})
    assert other.keys.digest("a", "b") == database.keys.digest("a", "b")


async def test_database_is_empty_again_for_the_next_test(house: House) -> None:
    assert await house.rows("contact") == []


async def test_house_answers_and_remembers(house: House) -> None:
    heard = await house.say("菜单")
    assert heard.passive == heard.texts[0]
    assert "12338" in heard.all or "110" in heard.all
    assert (await house.identity(LINA)).window_trigger == "message"
