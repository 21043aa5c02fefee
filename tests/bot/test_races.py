"""Many at once: twenty places for two hundred women, never oversold, the rest in line in their order."""

import asyncio
import re

from tests.conftest import MakeDatabase
from tests.support.house import House

WOMEN, PLACES = 200, 20


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
