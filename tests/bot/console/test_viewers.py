"""Who may see one matter: whoever knows a party is kept out of all that is hers; a colleague is let in for a time."""

from datetime import timedelta

from bot import clock
from bot.clock import Frozen
from storage.models import Area, new_id
from tests.bot.console.conftest import Desk
from tests.support.console import StaffClient
from tests.support.house import MEI

KNOWS = {"relation": "relative", "reason": "她丈夫是我表哥"}


async def areas(desk: Desk) -> tuple[str, str]:
    """Two townships."""
    here, there = new_id(), new_id()
    async with desk.house.database.transaction() as tx:
        for area_id, code in ((here, "01"), (there, "02")):
            await tx.insert(Area, {"id": area_id, "code": code, "name": code, "level": "township"})
    return here, there


async def sees(client: StaffClient, talk: str) -> bool:
    """Whether the conversation is there for her, in the queue as well as by its address."""
    listed = talk in {one["id"] for one in (await client.get("/console/queue"))[1]}
    opened = (await client.get(f"/console/conversations/{talk}"))[0] == 200
    assert listed == opened
    return opened


async def test_whoever_says_she_knows_a_party_sees_nothing_of_her_any_more(desk: Desk) -> None:
    li, wang = await desk.signed_in("li", "worker"), await desk.signed_in("wang", "worker")
    talk, other = await desk.waiting("他现在拿刀要杀我"), await desk.waiting(sender=MEI)
    assert (await li.post(f"/console/conversations/{talk}/claim"))[0] == 200
    assert (await li.post(f"/console/conversations/{talk}/recusals", KNOWS))[0] == 200
    assert (await desk.house.conversation()).state == "waiting", "what she held goes back into the queue"
    (case,) = await desk.house.rows("case")
    assert not await sees(li, talk)
    assert await sees(li, other)
    assert await sees(wang, talk)
    for path in ("claim", "messages", "hand-back", "close", "form", "person/reveal", "recusals"):
        assert (await li.post(f"/console/conversations/{talk}/{path}", KNOWS))[0] == 404, path
    for path in ("person", "events", "viewers"):
        assert (await li.get(f"/console/conversations/{talk}/{path}"))[0] == 404
    assert (await li.get(f"/console/cases/{case.id}/viewers"))[0] == 404
    assert (await wang.get(f"/console/cases/{case.id}/viewers"))[0] == 200
    assert (await li.get(f"/console/search?q={case.number}"))[1] == []
    (alarm, *_) = await desk.house.rows("alarm", conversation_id=talk)
    assert (await li.post(f"/console/alarms/{alarm.id}/seen"))[0] == 404
    assert (await li.get("/console/alarms/state"))[1]["count"] == 0


async def test_what_she_writes_later_is_kept_from_her_too(desk: Desk) -> None:
    li, wang = await desk.signed_in("li", "worker"), await desk.signed_in("wang", "worker")
    talk = await desk.waiting()
    assert (await li.post(f"/console/conversations/{talk}/recusals", KNOWS))[0] == 200
    assert (await wang.post(f"/console/conversations/{talk}/claim"))[0] == 200
    assert (await wang.post(f"/console/conversations/{talk}/close", {"outcome": "answered"}))[0] == 200
    again = await desk.waiting()
    assert again != talk
    assert not await sees(li, again)
    assert await sees(wang, again)


async def test_only_a_supervisor_sets_it_for_others_and_lifts_it_and_never_her_own(desk: Desk) -> None:
    li, wang = await desk.signed_in("li", "worker"), await desk.signed_in("wang", "worker")
    boss, other = await desk.signed_in("zhao", "supervisor"), await desk.signed_in("qian", "supervisor")
    talk = await desk.waiting()
    path = f"/console/conversations/{talk}/recusals"
    assert (await wang.post(path, {"staff": desk.ids["li"], **KNOWS}))[0] == 403
    assert (await boss.post(path, {"staff": desk.ids["li"], **KNOWS}))[0] == 200
    assert (await boss.post(path, {"staff": desk.ids["li"], **KNOWS}))[0] == 409
    assert (await boss.post(path, {"staff": desk.ids["li"], "relation": "relative", "reason": ""}))[0] == 400
    assert not await sees(li, talk)
    (row,) = await desk.house.rows("recusal")
    assert "表哥".encode() not in row.reason_sealed
    assert (await wang.post(f"{path}/{row.id}/lift", {"reason": "不是亲戚"}))[0] == 403
    assert (await boss.post(f"{path}/{row.id}/lift", {"reason": "不是亲戚"}))[0] == 200
    assert await sees(li, talk)
    status, answer = await boss.post(path, KNOWS)
    assert status == 200
    assert (await boss.post(f"{path}/{answer['id']}/lift", {"reason": "我想看"}))[0] == 404
    assert (await other.post(f"{path}/{answer['id']}/lift", {"reason": "弄错了人"}))[0] == 200
    entries = [row.action for row in await desk.house.rows("audit_entry")]
    assert entries.count("recusal.declared") == 2
    assert entries.count("recusal.lifted") == 2
    assert not any("表哥" in row.reason for row in await desk.house.rows("audit_entry"))


async def test_a_colleague_is_let_in_until_a_day_and_then_no_more(desk: Desk, frozen: Frozen) -> None:
    here, there = await areas(desk)
    talk = await desk.waiting()
    await desk.house.change("conversation", talk, area_id=here)
    boss = await desk.signed_in("zhao", "supervisor")
    li = await desk.signed_in("li", "worker", area_id=there)
    assert not await sees(li, talk)
    path = f"/console/conversations/{talk}/grants"
    today = clock.local(clock.now(), "Asia/Shanghai").date()
    wish = {"staff": desk.ids["li"], "reason": "懂她的方言"}
    for until in ("", "2020-01-01", (today + timedelta(days=400)).isoformat()):
        assert (await boss.post(path, wish | {"until": until}))[0] == 400
    assert (await boss.post(path, wish | {"until": today.isoformat()}))[0] == 200
    assert await sees(li, talk)
    assert (await li.post(path, wish | {"until": today.isoformat()}))[0] == 403, "nobody lets others in but the head"
    async with boss.session.get(f"{desk.url}/console/conversations/{talk}/viewers") as page:
        assert "懂她的方言" in await page.text()
    frozen.advance(25 * 3600)
    password = await desk.hire("sun", "worker", area_id=there)  # sessions idle for a day are over
    fresh = await desk.client()
    assert await fresh.sign_in("sun", password) == 200
    await desk.house.change("access_grant", (await desk.house.rows("access_grant"))[0].id, staff_id=desk.ids["sun"])
    assert not await sees(fresh, talk), "a grant ends by itself"


async def test_a_grant_is_taken_back_and_never_given_to_whoever_is_kept_out(desk: Desk) -> None:
    here, there = await areas(desk)
    talk = await desk.waiting()
    await desk.house.change("conversation", talk, area_id=here)
    boss = await desk.signed_in("zhao", "supervisor")
    li = await desk.signed_in("li", "worker", area_id=there)
    await desk.hire("guan", "admin")
    base = f"/console/conversations/{talk}"
    until = (clock.local(clock.now(), "Asia/Shanghai").date() + timedelta(days=3)).isoformat()
    wish = {"staff": desk.ids["li"], "reason": "懂她的方言", "until": until}
    status, answer = await boss.post(f"{base}/grants", wish)
    assert status == 200
    assert await sees(li, talk)
    assert (await boss.post(f"{base}/grants/{answer['id']}/revoke"))[0] == 200
    assert not await sees(li, talk)
    assert (await boss.post(f"{base}/grants/{answer['id']}/revoke"))[0] == 404
    assert (await boss.post(f"{base}/grants", wish | {"staff": desk.ids["guan"]}))[0] == 409
    assert (await boss.post(f"{base}/recusals", {"staff": desk.ids["li"], **KNOWS}))[0] == 200
    assert (await boss.post(f"{base}/grants", wish))[0] == 409
    await desk.house.say("他现在拿刀要杀我")
    (case,) = await desk.house.rows("case")
    assert (await boss.post(f"/console/cases/{case.id}/assign", {"assignee": desk.ids["li"]}))[0] == 409
    assert (await boss.post(f"/console/cases/{case.id}/assign", {"assignee": desk.ids["zhao"]}))[0] == 200


async def test_local_cadre_sees_the_cases_of_her_area_and_what_is_hers_but_no_queue(desk: Desk) -> None:
    here, there = await areas(desk)
    await desk.house.say("他现在拿刀要杀我")
    (case,) = await desk.house.rows("case")
    await desk.house.change("case", case.id, area_id=here)
    local = await desk.signed_in("wu", "local", area_id=here)
    far = await desk.signed_in("zheng", "local", area_id=there)
    nowhere = await desk.signed_in("feng", "local")
    path = f"/console/cases/{case.id}/viewers"
    assert (await local.get(path))[0] == 200
    assert (await far.get(path))[0] == 404
    assert (await nowhere.get(path))[0] == 404, "without an area there are no cases of her area"
    assert (await local.get("/console/queue"))[0] == 403
    await desk.house.change("case", case.id, assignee_id=desk.ids["zheng"])
    assert (await far.get(path))[0] == 200, "what is assigned to her"
    await desk.house.change("case", case.id, area_id=None)
    assert (await local.get(path))[0] == 404, "an area nobody knows is not hers"
