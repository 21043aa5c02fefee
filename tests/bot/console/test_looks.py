"""Open pages learn that they are out of date, and many of them together look no oftener than one."""

import asyncio
import json
from collections.abc import Collection

import pytest
from aiohttp import ClientResponse

from bot.console.looks import Looks
from bot.console.stream import is_time
from tests.bot.console.conftest import Desk
from tests.support.house import MEI


async def test_fifty_streams_ask_once_and_each_hears_of_its_own() -> None:
    asked: list[set[str]] = []

    async def read(keys: Collection[str]) -> dict[str, str]:
        asked.append(set(keys))
        await asyncio.sleep(0)
        return {key: f"of {key}" for key in keys if key != "gone"}

    looks = Looks(read)
    with looks.watching("a"), looks.watching("b"), looks.watching("gone"):
        answers = await asyncio.gather(*(looks.version(key) for key in ("a", "b", "gone") for _ in range(20)))
    assert answers == ["of a"] * 20 + ["of b"] * 20 + [None] * 20
    assert asked == [{"a", "b", "gone"}]


async def test_what_nobody_watched_yet_is_looked_at_at_once_and_left_alone_afterwards() -> None:
    asked: list[set[str]] = []

    async def read(keys: Collection[str]) -> dict[str, str]:
        asked.append(set(keys))
        return dict.fromkeys(keys, "1")

    looks = Looks(read)
    with looks.watching("a"):
        assert await looks.version("a") == "1"
    with looks.watching("b"):
        assert await looks.version("b") == "1"
    assert asked == [{"a"}, {"b"}]


async def test_open_pages_hear_of_a_change_and_the_page_of_another_talk_does_not(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    hers, other = await desk.waiting(), await desk.waiting(sender=MEI)
    watched = ["/console/queue/events", f"/console/conversations/{hers}/events"]
    async with asyncio.timeout(20):
        queue, talk = [await li.session.get(li.url + path) for path in watched]
        elsewhere = await li.session.get(f"{li.url}/console/conversations/{other}/events")
        before = [await _heard(page) for page in (queue, talk)]
        await _heard(elsewhere)
        there = elsewhere.content.total_bytes
        assert (await li.post(f"/console/conversations/{hers}/claim"))[0] == 200
        after = [await _heard(talk)]
        await desk.house.say("老公正在打我，救命", "odanger-000000000000000000001")
        after.insert(0, await _heard(queue))
    assert before[0] != after[0]
    assert before[1] != after[1]
    assert elsewhere.content.total_bytes == there, "nothing happened there"
    for page in (queue, talk, elsewhere):
        page.close()


@pytest.mark.parametrize(
    ("kind", "now", "seconds", "told"),
    [
        ("queue", "8.21|0..0.", 1, False),  # somebody took one
        ("queue", "8.21|0..0.", 5, True),
        ("queue", "8.21|1.0a.0.", 1, True),  # an alarm
        ("queue", "8.20|0..1.0b", 1, True),  # somebody offers one
        ("talk", "8", 1, True),
    ],
)
def test_only_the_slow_moving_on_of_a_queue_is_told_now_and_then(
    kind: str, now: str, seconds: float, told: bool
) -> None:
    assert is_time(kind, "8.20|0..0.", now, seconds) is told


async def test_stream_of_a_talk_one_may_not_see_is_refused(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    assert (await li.get("/console/conversations/nothing/events"))[0] == 404


async def test_every_stream_carries_alarms_and_a_locked_screen_hears_them_too(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    calm = await desk.waiting(sender=MEI)
    async with asyncio.timeout(20):
        talk = await li.session.get(f"{li.url}/console/conversations/{calm}/events")
        assert json.loads(await _heard(talk, "alarm")) == {"count": 0, "danger": 0, "newest": ""}
        await li.post("/console/lock")
        locked = await li.session.get(f"{li.url}/console/alarms/events")
        assert locked.status == 200
        await _heard(locked, "alarm")
        await desk.house.say("老公正在打我，救命")
        for stream in (talk, locked):
            state = json.loads(await _heard(stream, "alarm"))
            assert (state["count"], state["danger"]) == (1, 1)
            assert state.keys() == {"count", "danger", "newest"}, "nothing of anybody"
            stream.close()
    assert (await li.get("/console/queue/events"))[0] == 423


async def _heard(page: ClientResponse, event: str = "message") -> str:
    """The data of the next event of this name that a stream tells."""
    name = "message"
    while True:
        line = (await page.content.readline()).decode().rstrip("\n")
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: ") and name == event:
            return line.removeprefix("data: ")
        elif not line:
            assert not page.content.at_eof(), "the stream ended"
            name = "message"
