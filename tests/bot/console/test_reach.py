"""Where staff are reached, the group registry, and conversations nobody of staff may write into."""

from storage.models import Area, new_id
from tests.bot.console.conftest import Desk
from tests.support.transcripts import GROUP

SAID = {"group": GROUP, "mentioned": True}


async def test_staff_say_where_wecom_reaches_them(desk: Desk) -> None:
    wang = await desk.signed_in("wang", "worker")
    assert (await wang.post("/console/my-wecom", {"userid": "王秀兰 "}))[0] == 400
    assert (await wang.post("/console/my-wecom", {"userid": "wang-xiulan"}))[0] == 200
    assert (await wang.get("/console/my-wecom"))[1] == {"userid": "wang-xiulan"}
    (row,) = await desk.house.rows("staff", login="wang")
    assert b"wang-xiulan" not in row.wecom_sealed


async def test_cadre_keeps_the_register_of_groups(desk: Desk) -> None:
    await desk.house.say("你好", **SAID)
    area_id = new_id()
    async with desk.house.database.transaction() as tx:
        await tx.insert(Area, {"id": area_id, "code": "0101", "name": "柳林乡", "level": "township"})
    li = await desk.signed_in("li", "cadre")
    (group,) = (await li.get("/console/groups"))[1]
    assert (group["title"], group["area"], group["notices_allowed"]) == ("", "", False)
    assert GROUP not in str(group)
    form = {"title": "柳林姐妹群", "area": area_id, "keeper": desk.ids["li"], "notices_allowed": "1"}
    assert (await li.post(f"/console/groups/{group['id']}", form))[0] == 200
    (group,) = (await li.get("/console/groups"))[1]
    assert (group["title"], group["area"], group["keeper"]) == ("柳林姐妹群", area_id, desk.ids["li"])
    assert (await li.post(f"/console/groups/{group['id']}", form | {"area": "nowhere"}))[0] == 400
    assert (await li.post(f"/console/groups/{new_id()}", form))[0] == 404


async def test_group_of_another_area_is_not_hers(desk: Desk) -> None:
    await desk.house.say("你好", **SAID)
    mine, theirs = new_id(), new_id()
    async with desk.house.database.transaction() as tx:
        for area_id, code in ((mine, "01"), (theirs, "02")):
            await tx.insert(Area, {"id": area_id, "code": code, "name": code, "level": "township"})
    (group,) = await desk.house.rows("channel_group")
    await desk.house.change("channel_group", group.id, area_id=theirs)
    li = await desk.signed_in("li", "cadre", area_id=mine)
    assert (await li.get("/console/groups"))[1] == []
    assert (await li.post(f"/console/groups/{group.id}", {"title": "x"}))[0] == 404


async def test_nobody_writes_into_a_group_from_the_console(desk: Desk) -> None:
    await desk.house.say("他现在拿刀要杀我", **SAID)
    (talk,) = await desk.house.rows("conversation")
    wang = await desk.signed_in("wang", "worker")
    assert (await wang.post(f"/console/conversations/{talk.id}/claim", {}))[0] == 200
    status, _ = await wang.post(f"/console/conversations/{talk.id}/messages", {"text": "你在哪里", "key": "1"})
    assert status == 409
    assert await desk.house.rows("outbox", outbound_class="staff") == []


async def test_talk_a_member_holds_in_her_client_is_read_only(desk: Desk) -> None:
    talk_id = await desk.waiting()
    (identity,) = await desk.house.rows("identity")
    await desk.house.change("identity", identity.id, held_elsewhere="person")
    wang = await desk.signed_in("wang", "worker")
    assert (await wang.post(f"/console/conversations/{talk_id}/claim", {}))[0] == 200
    status, _ = await wang.post(f"/console/conversations/{talk_id}/messages", {"text": "你好", "key": "1"})
    assert status == 409
    async with wang.session.get(f"{desk.url}/console/conversations/{talk_id}") as page:
        assert "只能看，不能回" in await page.text()
