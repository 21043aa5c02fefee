"""The area tree reaches her words: what is in the database is known when she names it."""

from bot.areas import LiveAreas
from nlp.meaning import Context
from nlp.understanding import understand
from storage.models import Area
from tests.support.house import House


async def test_area_added_to_the_tree_is_known_after_a_look(house: House) -> None:
    live = LiveAreas(house.database)
    await live.refresh()
    context = Context(places=live.places)
    assert "area" not in understand("我住在柳林", context).entities
    county = {"id": "c1", "parent_id": None, "code": "01", "name": "清川县", "level": "county"}
    township = {"id": "t1", "parent_id": "c1", "code": "0101", "name": "柳林乡", "level": "township"}
    async with house.database.transaction() as tx:
        await tx.insert(Area, county)
        await tx.insert(Area, township)
    await live.refresh()
    entities = understand("我住在柳林", context).entities
    assert (entities["area"], entities["area_id"]) == ("柳林乡", "t1")
