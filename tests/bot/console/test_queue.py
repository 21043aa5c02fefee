"""The queue: who comes first and why, what is filtered, who gets the next one, and never two owners."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from bot import clock
from storage.database import Database
from storage.models import Area, Conversation, new_id
from storage.repositories import desks
from storage.repositories.desks import Profile
from tests.bot.console.conftest import Desk
from tests.conftest import MakeDatabase
from tests.support.house import LINA, MEI, House


async def test_a_line_says_its_colour_and_why_in_words(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    calm = await desk.waiting("转人工", MEI)
    await desk.waiting("老公正在打我，救命")
    await desk.house.change("conversation", calm, waiting_since=clock.now())
    lines = (await li.get("/console/queue"))[1]
    assert [line["light"] for line in lines] == ["red", "green"]
    assert lines[0]["clock"].startswith("危险：正在受暴")
    assert "还剩" in lines[0]["clock"]
    assert "还" in lines[1]["clock"]
    await desk.house.change("conversation", calm, waiting_since=clock.now() - timedelta(days=30))
    late = (await li.get("/console/queue"))[1][1]
    assert late["light"] == "red"
    assert late["clock"].startswith("已超时")


async def test_of_one_risk_whoever_has_waited_longest_is_due_first(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    talks = [await desk.waiting("转人工", f"oOrder{number:022d}") for number in range(4)]
    now = clock.now()
    for number, talk in enumerate(talks):
        await desk.house.change("conversation", talk, waiting_since=now - timedelta(minutes=number), risk=number % 2)
    lines = (await li.get("/console/queue"))[1]
    assert [line["id"] for line in lines] == [talks[3], talks[1], talks[2], talks[0]]
    dues = [line["due_at"] for line in lines]
    assert dues[:2] == sorted(dues[:2])
    assert dues[2:] == sorted(dues[2:])


async def test_filters_stand_in_the_address(desk: Desk) -> None:
    async with desk.house.database.transaction() as tx:
        area = {"id": f"{7:026d}", "parent_id": None, "code": "07", "name": "东乡", "level": "township"}
        await tx.insert(Area, area)
    li = await desk.signed_in("li", "worker")
    divorce = await desk.waiting("转人工", MEI)
    foreign = await desk.waiting("help me please, my husband hits me", LINA)
    await desk.house.change("conversation", divorce, category="divorce", area_id=f"{7:026d}")
    assert {row.language for row in await desk.house.rows("conversation")} == {"", "en"}

    async def ids(query: str) -> list[str]:
        return [line["id"] for line in (await li.get(f"/console/queue?{query}"))[1]]

    assert await ids("category=divorce") == [divorce]
    assert await ids("language=en") == [foreign]
    assert await ids("language=zh") == [divorce]
    assert await ids(f"area={7:026d}") == [divorce]
    assert await ids("area=unknown") == [foreign]
    assert await ids("channel=sms") == []
    assert await ids("channel=wechat_oa&category=divorce") == [divorce]
    await li.post(f"/console/conversations/{divorce}/claim")
    assert await ids(f"holder={desk.ids['li']}") == [divorce]
    async with li.session.get(f"{desk.url}/console/queue?category=divorce") as page:
        text = await page.text()
    assert "part=1&amp;category=divorce" in text, "the page renews itself with its filters"


async def test_next_is_the_most_urgent_she_may_take(desk: Desk) -> None:
    li, wang = await desk.signed_in("li", "worker"), await desk.signed_in("wang", "worker")
    labour = await desk.waiting("转人工", MEI)
    custody = await desk.waiting("转人工", LINA)
    foreign = await desk.waiting("bonjour, hello, i need help with my rights please", "oForeign00000000000000000001")
    await desk.house.change("conversation", labour, category="labour", risk=0)
    await desk.house.change("conversation", custody, category="custody", risk=1)
    await desk.house.change("conversation", foreign, language="ug", risk=1)
    async with desk.house.database.transaction() as tx:
        await desks.change_profile(tx, Profile(desk.ids["wang"], frozenset({"labour"})))
        await desks.change_profile(tx, Profile(desk.ids["li"], languages=frozenset({"ug"}), load_limit=2))
    assert (await wang.post("/console/queue/next"))[1] == {"id": labour}
    assert (await wang.post("/console/queue/next"))[1] == {"id": None, "waiting": 2}
    taken = {(await li.post("/console/queue/next"))[1]["id"] for _ in range(2)}
    assert taken == {custody, foreign}
    await desk.waiting("转人工", "oLate00000000000000000000001")
    status, refused = await li.post("/console/queue/next")
    assert status == 409
    assert "上限" in refused["error"]


async def test_danger_is_for_everybody_whatever_her_field(desk: Desk) -> None:
    wang = await desk.signed_in("wang", "worker")
    danger = await desk.waiting("老公正在打我，救命")
    async with desk.house.database.transaction() as tx:
        await desks.change_profile(tx, Profile(desk.ids["wang"], frozenset({"labour"})))
    assert (await wang.post("/console/queue/next"))[1] == {"id": danger}


async def test_beyond_her_limit_she_is_asked_once_more_but_not_in_danger(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    async with desk.house.database.transaction() as tx:
        await desks.change_profile(tx, Profile(desk.ids["li"], load_limit=0))
    calm = await desk.waiting("转人工", MEI)
    danger = await desk.waiting("老公正在打我，救命")
    status, asked = await li.post(f"/console/conversations/{calm}/claim")
    assert (status, asked["ask"]) == (409, "over_limit")
    assert (await desk.house.conversation(MEI)).state == "waiting"
    assert (await li.post(f"/console/conversations/{calm}/claim", {"over_limit": "1"}))[0] == 200
    assert (await li.post(f"/console/conversations/{danger}/claim"))[0] == 200


async def test_nobody_at_her_screen_is_away(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    idle = timedelta(minutes=16)

    async def presence() -> str:
        async with desk.house.database.reading() as tx:
            (one,) = await desks.team(tx, clock.now(), idle)
        return one.presence

    assert await presence() == "in"
    assert (await li.post("/console/presence", {"presence": "busy"}))[0] == 200
    assert await presence() == "busy"
    assert (await li.post("/console/presence", {"presence": "asleep"}))[0] == 400
    await li.post("/console/lock")
    assert await presence() == "away"


async def test_who_was_answered_waits_anew_when_given_back_and_who_was_not_keeps_her_place(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    long_ago = clock.now() - timedelta(hours=3)
    for sender, answers in ((MEI, False), (LINA, True)):
        talk = await desk.waiting("转人工", sender)
        await desk.house.change("conversation", talk, waiting_since=long_ago)
        await li.post(f"/console/conversations/{talk}/claim")
        if answers:
            await li.post(f"/console/conversations/{talk}/messages", {"text": "在的", "key": "a"})
        await li.post(f"/console/conversations/{talk}/hand-back")
    unanswered, answered = await desk.house.conversation(MEI), await desk.house.conversation(LINA)
    assert unanswered.waiting_since == long_ago
    assert unanswered.answered_at is None
    assert answered.waiting_since > long_ago + timedelta(hours=2)
    assert answered.answered_at is not None


async def test_when_an_answer_is_due_is_written_down_and_danger_makes_it_sooner(house: House) -> None:
    await house.say("转人工")
    asked = await house.conversation()
    assert asked.due_at == asked.waiting_since + timedelta(minutes=120 + 150 + 60), "three working hours, over noon"
    await house.say("老公正在打我，救命")
    assert (await house.conversation()).due_at == asked.waiting_since + timedelta(minutes=5)


@pytest.mark.parametrize("workers", [20])
async def test_twenty_workers_racing_for_five_hundred_get_one_owner_each(
    database: Database, make_database: MakeDatabase, house: House, workers: int
) -> None:
    await house.say("你好")
    identity = await house.identity()
    await _fill(database, identity.contact_id, identity.id, 500)
    team = [await house.add_staff(f"w{number}") for number in range(workers)]
    processes = [database, *[await make_database() for _ in range(3)]]
    won: Counter[str] = Counter()

    async def work(number: int) -> None:
        mine = Profile(team[number])
        while True:
            async with processes[number % len(processes)].transaction() as tx:
                talk = await desks.claim_next(tx, mine, None, clock.now())
            if talk is None:
                return
            won[talk] += 1

    await asyncio.gather(*(work(number) for number in range(workers)))
    assert len(won) == 500
    assert set(won.values()) == {1}, "a conversation was handed out twice"
    rows = await house.rows("conversation", state="held")
    assert len(rows) == 500
    assert all(row.holder_id in team for row in rows)


async def _fill(database: Database, contact_id: str, identity_id: str, number: int) -> None:
    """Waiting conversations of one woman, without the bot: only who holds them matters here."""
    now = clock.now()
    async with database.transaction() as tx:
        blank = {column.name: None for column in Conversation.__table__.columns}  # type: ignore[attr-defined]
        texts = ("waiting_reason", "risk_kinds", "category", "language", "flow", "step", "outcome")
        await tx.insert(
            Conversation,
            [
                blank
                | dict.fromkeys(texts, "")
                | {
                    "id": new_id(),
                    "contact_id": contact_id,
                    "identity_id": identity_id,
                    "channel": "wechat_oa",
                    "state": "waiting",
                    "waiting_since": now - timedelta(seconds=one),
                    "risk": one % 3,
                    "urgent": False,
                    "misunderstood": 0,
                    "opened_at": now,
                    "version": 0,
                }
                for one in range(number)
            ],
        )
