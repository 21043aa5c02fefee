"""Handing a conversation over: its holder holds it until somebody takes it, exactly one does, all is written down."""

import asyncio
from collections import Counter
from datetime import timedelta

from bot import clock
from storage.models import Recusal, new_id
from storage.repositories import desks, transfers
from storage.repositories.desks import Profile
from tests.bot.console.conftest import Desk
from tests.support.console import StaffClient
from tests.support.house import LINA
from workers.transfers import expire as expire_transfers


async def held(desk: Desk, holder: StaffClient, sender: str = LINA) -> str:
    talk = await desk.waiting("转人工", sender)
    assert (await holder.post(f"/console/conversations/{talk}/claim"))[0] == 200
    return talk


async def offered(desk: Desk, holder: StaffClient, talk: str, to: str) -> str:
    status, made = await holder.post(f"/console/conversations/{talk}/transfer", {"to": to, "reason": "她要问离婚"})
    assert status == 200, made
    return str(made["id"])


async def answers(client: StaffClient, talk: str, key: str) -> int:
    status, _ = await client.post(f"/console/conversations/{talk}/messages", {"text": "在", "key": key})
    return status


async def test_until_it_is_taken_the_holder_answers_and_then_the_colleague(desk: Desk) -> None:
    li, wang = await desk.signed_in("li", "worker"), await desk.signed_in("wang", "worker")
    zhao = await desk.signed_in("zhao", "worker")
    talk = await held(desk, li)
    transfer = await offered(desk, li, talk, f"staff:{desk.ids['wang']}")
    assert await answers(li, talk, "one") == 200
    assert await answers(wang, talk, "two") == 409
    assert (await zhao.post(f"/console/transfers/{transfer}/accept"))[0] == 404, "it was not offered to her"
    assert (await wang.post(f"/console/transfers/{transfer}/accept"))[0] == 200
    assert await answers(li, talk, "three") == 409
    assert await answers(wang, talk, "four") == 200
    actions = [row.action for row in await desk.house.rows("audit_entry")]
    assert actions.count("conversation.offered") == actions.count("conversation.accepted") == 1
    (row,) = await desk.house.rows("transfer")
    assert (row.state, row.answered_by) == ("accepted", desk.ids["wang"])
    assert "离婚".encode() not in row.reason_sealed


async def test_both_desks_show_an_open_offer_and_its_reason(desk: Desk) -> None:
    li, wang = await desk.signed_in("li", "worker"), await desk.signed_in("wang", "worker")
    talk = await held(desk, li)
    await offered(desk, li, talk, f"staff:{desk.ids['wang']}")
    for client, words in ((li, "你转出的会话还在等"), (wang, "她要问离婚")):
        async with client.session.get(f"{desk.url}/console/queue") as page:
            assert words in await page.text()
        async with client.session.get(f"{desk.url}/console/conversations/{talk}") as page:
            assert "转给" in await page.text()


async def test_an_offer_nobody_took_goes_back_after_its_time(desk: Desk) -> None:
    li, wang = await desk.signed_in("li", "worker"), await desk.signed_in("wang", "worker")
    talk = await held(desk, li)
    transfer = await offered(desk, li, talk, f"staff:{desk.ids['wang']}")
    await expire_transfers(desk.house.worker)
    assert (await desk.house.rows("transfer"))[0].state == "offered"
    await desk.house.change("transfer", transfer, due_at=clock.now() - timedelta(seconds=1))
    version = (await desk.house.conversation()).version
    await expire_transfers(desk.house.worker)
    await expire_transfers(desk.house.worker)
    assert (await desk.house.rows("transfer"))[0].state == "expired"
    conversation = await desk.house.conversation()
    assert (conversation.holder_id, conversation.version) == (desk.ids["li"], version + 1)
    assert (await wang.post(f"/console/transfers/{transfer}/accept"))[0] == 409


async def test_declined_or_taken_back_it_stays_where_it_was(desk: Desk) -> None:
    li, wang = await desk.signed_in("li", "worker"), await desk.signed_in("wang", "worker")
    talk = await held(desk, li)
    for client, state in ((wang, "returned"), (li, "withdrawn")):
        transfer = await offered(desk, li, talk, f"staff:{desk.ids['wang']}")
        assert (await client.post(f"/console/transfers/{transfer}/return"))[0] == 200
        assert (await desk.house.rows("transfer", id=transfer))[0].state == state
        assert (await wang.post(f"/console/transfers/{transfer}/accept"))[0] == 409
    assert await answers(li, talk, "one") == 200


async def test_an_offer_ends_with_its_holders_hold(desk: Desk) -> None:
    li, wang = await desk.signed_in("li", "worker"), await desk.signed_in("wang", "worker")
    talk = await held(desk, li)
    transfer = await offered(desk, li, talk, f"staff:{desk.ids['wang']}")
    await li.post(f"/console/conversations/{talk}/hand-back")
    assert (await wang.post(f"/console/transfers/{transfer}/accept"))[0] == 409
    await expire_transfers(desk.house.worker)
    assert (await desk.house.rows("transfer"))[0].state == "ended"
    assert (await desk.house.conversation()).state == "waiting"


async def test_of_many_with_the_skill_one_gets_it(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    team = [await desk.signed_in(f"w{number}", "worker") for number in range(6)]
    stranger = await desk.signed_in("stranger", "worker")
    async with desk.house.database.transaction() as tx:
        for number in range(6):
            await desks.change_profile(tx, Profile(desk.ids[f"w{number}"], languages=frozenset({"ug"})))
    talk = await held(desk, li)
    transfer = await offered(desk, li, talk, "skill:language_ug")
    assert (await stranger.post(f"/console/transfers/{transfer}/accept"))[0] == 404
    answered = await asyncio.gather(*(one.post(f"/console/transfers/{transfer}/accept") for one in team))
    assert Counter(status for status, _ in answered) == {200: 1, 409: 5}


async def test_a_reason_and_somebody_are_needed(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    talk = await held(desk, li)
    path = f"/console/conversations/{talk}/transfer"
    assert (await li.post(path, {"to": "skill:divorce", "reason": " "}))[0] == 400
    assert (await li.post(path, {"to": "skill:astrology", "reason": "好"}))[0] == 400
    assert (await li.post(path, {"to": f"staff:{desk.ids['li']}", "reason": "好"}))[0] == 409
    cadre = await desk.signed_in("chen", "cadre")
    assert (await li.post(path, {"to": f"staff:{desk.ids['chen']}", "reason": "好"}))[0] == 409
    assert (await cadre.post(path, {"to": "skill:divorce", "reason": "好"}))[0] == 403


async def test_whoever_is_kept_out_of_it_is_not_offered_it(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    await desk.signed_in("wang", "worker")
    talk = await held(desk, li)
    await keep_out(desk, "wang")
    status, _ = await li.post(
        f"/console/conversations/{talk}/transfer", {"to": f"staff:{desk.ids['wang']}", "reason": "好"}
    )
    assert status == 409
    assert await desk.house.rows("transfer") == []


async def test_a_supervisor_gives_it_to_somebody_and_the_holder_can_no_longer_answer(desk: Desk) -> None:
    li, lead = await desk.signed_in("li", "worker"), await desk.signed_in("zhou", "supervisor")
    wang = await desk.signed_in("wang", "worker")
    talk = await held(desk, li)
    path, given = f"/console/conversations/{talk}/reassign", {"to": f"staff:{desk.ids['wang']}", "reason": "她熟悉"}
    assert (await li.post(path, given))[0] == 403
    assert (await lead.post(path, given | {"reason": ""}))[0] == 400
    assert (await lead.post(path, given))[0] == 200
    assert await answers(li, talk, "one") == 409
    assert await answers(wang, talk, "two") == 200
    entry = next(row for row in await desk.house.rows("audit_entry") if row.action == "conversation.reassigned")
    assert entry.reason == f"from=staff:{desk.ids['li']} to=staff:{desk.ids['wang']}"
    async with desk.house.database.reading() as tx:
        assert await transfers.offer_of(tx, talk) is None


async def keep_out(desk: Desk, login: str) -> None:
    """She knows one of the parties: 回避."""
    contact = await desk.house.contact()
    row = {
        "id": new_id(),
        "staff_id": desk.ids[login],
        "contact_id": contact.id,
        "relation": "neighbour",
        "declared_by": desk.ids[login],
        "declared_at": clock.now(),
    }
    async with desk.house.database.transaction() as tx:
        await tx.insert(Recusal, row)
