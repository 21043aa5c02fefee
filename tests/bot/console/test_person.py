"""Her data as staff handle it: masked, erased after a check, exported, found by number, each with a trace."""

import io
import json
import zipfile
from datetime import timedelta

import pytest

from bot import clock
from bot.clock import Frozen
from bot.messages import Kind, Media
from storage.models import Area, new_id
from tests.bot.console.conftest import Desk
from tests.support.console import StaffClient
from tests.support.house import LINA, MEI
from workers import erasure as job
from workers import links, media

PHONE = "13800138000"
WHY = {"reason": "当面核对了身份证"}


async def recorded(desk: Desk, action: str) -> list[str]:
    """The reasons of all entries of one action."""
    return [row.reason for row in await desk.house.rows("audit_entry") if row.action == action]


async def with_phone(desk: Desk, li: StaffClient, phone: str = PHONE, sender: str = LINA) -> str:
    """A conversation held by `li` in whose form a number stands."""
    talk = await desk.waiting("转人工", sender)
    assert (await li.post(f"/console/conversations/{talk}/claim"))[0] == 200
    assert (await li.post(f"/console/conversations/{talk}/form", {"phone": phone, "summary": "要人陪"}))[0] == 200
    return talk


async def test_a_number_is_masked_until_somebody_says_why(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    talk = await with_phone(desk, li)
    page = f"/console/conversations/{talk}"
    for path in (page, f"{page}/person"):
        async with li.session.get(desk.url + path, headers={"Accept": "text/html"}) as got:
            html = await got.text()
        assert PHONE not in html, path
        assert "138****8000" in html, path
        assert PHONE not in str(await li.get(path))
    assert (await li.post(f"{page}/person/reveal", {"field": "phone", "reason": ""}))[0] == 400
    assert await recorded(desk, "identifier.revealed") == []
    status, answer = await li.post(f"{page}/person/reveal", {"field": "phone", "reason": "约了三点回电"})
    assert (status, answer["value"]) == (200, PHONE)
    assert await recorded(desk, "identifier.revealed") == ["电话：约了三点回电"]
    assert (await li.post(f"{page}/person/reveal", {"field": "nothing", "reason": "约了三点回电"}))[0] == 404


async def test_saving_the_form_keeps_a_number_nobody_touched(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    talk = await with_phone(desk, li)
    page = f"/console/conversations/{talk}"
    assert (await li.post(f"{page}/form", {"phone": "", "summary": "改了情况"}))[0] == 200
    assert (await li.post(f"{page}/person/reveal", {"field": "phone", **WHY}))[1]["value"] == PHONE
    assert (await li.post(f"{page}/form", {"phone": "无"}))[0] == 200
    status, seen = await li.get(page)
    assert (status, seen["learned"].get("phone", "")) == (200, "")


@pytest.mark.parametrize("asked", [PHONE, "138 0013 8000", "+86 138-0013-8000"])
async def test_found_by_the_whole_number_and_never_by_a_part(desk: Desk, asked: str) -> None:
    li = await desk.signed_in("li", "worker")
    talk = await with_phone(desk, li)
    await with_phone(desk, li, "13900139000", MEI)
    status, found = await li.get(f"/console/search?q={asked.replace('+', '%2B').replace(' ', '%20')}")
    assert (status, [one["id"] for one in found]) == (200, [talk])
    assert (await li.get(f"/console/search?q={PHONE[:8]}"))[1] == []
    number = found[0]["case"]
    assert [one["id"] for one in (await li.get(f"/console/search?q={number}"))[1]] == [talk]
    assert (await li.get(f"/console/search?q={number[:9]}"))[1] == []
    entries = [row for row in await desk.house.rows("audit_entry") if row.action == "person.searched"]
    assert len(entries) == 4
    assert not any(asked in row.reason + row.subject or number in row.reason + row.subject for row in entries)
    (row, *_) = [one for one in await desk.house.rows("contact") if one.phone_digest is not None]
    assert PHONE.encode() not in row.phone_digest + row.phone_sealed


async def test_nothing_is_found_outside_ones_area(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    talk = await with_phone(desk, li)
    areas = [new_id(), new_id()]
    async with desk.house.database.transaction() as tx:
        for number, area_id in enumerate(areas):
            await tx.insert(Area, {"id": area_id, "code": f"x{number}", "name": "乡", "level": "township"})
    await desk.house.change("conversation", talk, area_id=areas[0])
    other = await desk.signed_in("wang", "supervisor", area_id=areas[1])
    assert (await other.get(f"/console/search?q={PHONE}"))[1] == []
    for path in ("reveal", "erasure", "erasure/revoke", "own-word", "export"):
        status, _ = await other.post(f"/console/conversations/{talk}/person/{path}", {"field": "phone", **WHY})
        assert status == 404, path
    assert (await other.get(f"/console/conversations/{talk}/person"))[0] == 404


async def test_staff_check_start_and_take_back_an_erasure(desk: Desk, frozen: Frozen) -> None:
    li = await desk.signed_in("li", "worker")
    talk = await desk.waiting("删除我的信息")
    page = f"/console/conversations/{talk}"
    async with li.session.get(desk.url + page, headers={"Accept": "text/html"}) as got:
        assert "她要求删除自己的信息，等工作人员核对" in await got.text()
    assert (await li.post(f"{page}/person/erasure", {}))[0] == 400, "not without a reason"
    frozen.advance(timedelta(days=30))
    assert await job.erase_due(desk.house.worker) == 0, "nobody has checked it"
    li = await desk.signed_in("zhao", "worker")
    status, answer = await li.post(f"{page}/person/erasure", WHY)
    assert (status, answer["postponed"]) == (200, "")
    assert answer["due_at"] == (clock.now() + timedelta(days=7)).isoformat()
    async with li.session.get(desk.url + page, headers={"Accept": "text/html"}) as got:
        assert "之后的一天内全部删除" in await got.text()
    assert (await li.post(f"{page}/person/erasure/revoke", {"reason": "她打电话来说不删了"}))[0] == 200
    assert (await li.post(f"{page}/person/erasure/revoke", {"reason": "她打电话来说不删了"}))[0] == 409
    assert (await li.post(f"{page}/person/erasure", WHY))[0] == 200
    frozen.advance(timedelta(days=7, minutes=1))
    assert await job.erase_due(desk.house.worker) == 1
    li = await desk.signed_in("qian", "worker")
    assert (await li.get(page))[0] == 404
    assert await recorded(desk, "erasure.confirmed") == [WHY["reason"]] * 2
    assert await recorded(desk, "erasure.revoked") == ["她打电话来说不删了"]
    (wish, _) = await desk.house.rows("erasure_request")
    assert wish.revoked_by == desk.ids["zhao"]


async def test_a_word_shut_by_wrong_tries_is_cleared_after_a_check(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    for text in ("设置口令", "蓝花布鞋", "我的案子", "一二三", "四五六", "七八九"):
        await desk.house.say(text)
    talk = str((await desk.house.conversation()).id)
    page = f"/console/conversations/{talk}/person"
    assert (await li.get(page))[1]["word"] == "shut"
    assert (await li.post(f"{page}/own-word", WHY))[0] == 200
    assert (await li.get(page))[1]["word"] == "none"
    assert "3 到 12 个字" in (await desk.house.say("设置口令")).all


async def test_a_copy_of_her_data_is_whole_hers_alone_and_written_down(desk: Desk) -> None:
    li, boss = await desk.signed_in("li", "worker"), await desk.signed_in("wang", "supervisor")
    await desk.house.say("她的话不在里面", MEI)
    content = b"\x89PNG\r\n\x1a\n" + b"0" * 40
    await desk.house.say(kind=Kind.IMAGE, media=Media(desk.house.wechat.platform.add_media(content, "image/png")))
    await media.fetch(desk.house.worker)
    await desk.house.say("我想<b>离婚</b>怎么办")
    talk = await with_phone(desk, li)
    page = f"/console/conversations/{talk}/person/export"
    assert (await li.post(page, WHY))[0] == 403, "a supervisor's affair"
    headers = {"Accept": "application/json", "X-CSRF-Token": boss.csrf}
    async with boss.session.post(desk.url + page, json={"reason": ""}, headers=headers) as got:
        assert got.status == 400
    async with boss.session.post(desk.url + page, json=WHY, headers=headers) as got:
        assert got.status == 200
        assert got.content_type == "application/zip"
        assert got.headers["Cache-Control"] == "no-store"
        archive = zipfile.ZipFile(io.BytesIO(await got.read()))
    copy = json.loads(archive.read("data.json"))
    assert any(one.get("text") == "我想<b>离婚</b>怎么办" for one in copy["messages"] if one["from"] == "her")
    assert {one["from"] for one in copy["messages"]} >= {"her", "answer"}
    assert copy["cases"][0]["fields"]["phone"] == PHONE
    assert archive.read(copy["files"][0]["file"]) == content
    html = archive.read("我的信息.html").decode()
    assert "我想&lt;b&gt;离婚&lt;/b&gt;怎么办" in html
    assert "她的话不在里面" not in html
    assert PHONE in html
    assert await recorded(desk, "person.exported") == [WHY["reason"]]
    assert desk.house.wechat.accepted == [], "nothing of it goes through the chat"


async def test_staff_part_a_channel_that_is_not_hers(desk: Desk) -> None:
    await desk.house.say("绑定")
    code = "".join(one for one in (await desk.house.say("1")).all if one.isascii() and one.isdigit())[:10]
    li = await desk.signed_in("li", "worker")
    talk = await with_phone(desk, li)
    page = f"/console/conversations/{talk}/person"
    hers = (await desk.house.rows("identity"))[0].id
    assert (await li.post(f"{page}/channels", {"field": hers, **WHY}))[0] == 409, "it is her only one"
    await desk.house.say("绑定", MEI)
    await desk.house.say(code, MEI)
    await links.fulfil(desk.house.worker)
    bound = (await desk.house.rows("identity"))[1]
    assert bound.contact_id == (await desk.house.rows("identity"))[0].contact_id
    assert (await li.post(f"{page}/channels", {"field": new_id(), **WHY}))[0] == 404
    assert (await li.post(f"{page}/channels", {"field": bound.id, **WHY}))[0] == 200
    assert len({row.contact_id for row in await desk.house.rows("identity")}) == 2
    assert await recorded(desk, "channel.parted") == ["当面核对了身份证"]
