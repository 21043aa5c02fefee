"""What staff do, as programs see it: the JSON contract of the queue, conversations, activities and campaigns."""

import asyncio
import io
from collections import Counter
from datetime import timedelta

import pytest
from openpyxl import load_workbook

from bot import clock
from bot.messages import Kind, Media
from storage.models import Area
from tests.bot.console.conftest import Desk
from tests.support.house import LINA, MEI
from workers import campaigns as planning
from workers import media, outbox
from workers.jobs import send_campaigns

NOTICE = {"title": "三八维权周", "text": "三八节活动周预告\n3月8日上午九点，文化广场，免费，电话 12338。"}


async def test_queue_shows_the_most_urgent_first_and_nothing_of_what_was_said(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    calm = await desk.waiting("转人工", MEI)
    danger = await desk.waiting("老公昨晚又打我，我该怎么办")
    status, lines = await li.get("/console/queue")
    assert status == 200
    assert [line["id"] for line in lines] == [danger, calm]
    assert {"id", "channel", "risk", "urgent", "waiting_seconds", "holder"} <= set(lines[0])
    assert (lines[0]["risk"], lines[0]["holder"], lines[0]["channel"]) == (2, None, "wechat_oa")
    assert "老公" not in str(lines)


async def test_claimed_once_answered_once_closed(desk: Desk) -> None:
    li, wang = await desk.signed_in("li", "worker"), await desk.signed_in("wang", "worker")
    talk = await desk.waiting("老公昨晚又打我，我该怎么办")
    page = f"/console/conversations/{talk}"
    assert (await li.post(f"{page}/messages", {"text": "在", "key": "a"}))[0] == 409, "not before she holds it"
    assert (await li.post(f"{page}/claim"))[0] == 200
    assert (await li.post(f"{page}/claim"))[0] == 200, "claiming one's own again changes nothing"
    assert (await wang.post(f"{page}/claim"))[0] == 409
    assert (await wang.post(f"{page}/messages", {"text": "在", "key": "a"}))[0] == 409
    first = await li.post(f"{page}/messages", {"text": "现在安全吗？", "key": "one"})
    again = await li.post(f"{page}/messages", {"text": "现在安全吗？", "key": "one"})
    assert (first[0], again[0]) == (200, 200)
    assert first[1]["id"] == again[1]["id"]
    assert (first[1]["new"], again[1]["new"]) == (True, False)
    assert len(await desk.house.rows("outbox", outbound_class="staff")) == 1
    await outbox.deliver(desk.house.worker)
    assert desk.house.wechat.texts_to(LINA) == ["现在安全吗？"]
    status, seen = await li.get(page)
    assert status == 200
    assert [(line["who"], line["state"]) for line in seen["messages"]][-1] == ("staff", "sent")
    assert (await li.post(f"{page}/close", {"outcome": "no such outcome"}))[0] == 400
    assert (await li.post(f"{page}/close", {"outcome": "answered"}))[0] == 200
    assert (await desk.house.conversation()).state == "closed"
    assert (await li.post(f"{page}/claim"))[0] == 409


UNSENDABLE = [{"text": "", "key": "a"}, {"text": "字" * 2001, "key": "a"}, {"text": "好", "key": ""}]


@pytest.mark.parametrize("given", UNSENDABLE)
async def test_an_answer_that_cannot_be_sent_is_a_400_with_the_field(desk: Desk, given: dict[str, str]) -> None:
    li = await desk.signed_in("li", "worker")
    talk = await desk.waiting()
    assert (await li.post(f"/console/conversations/{talk}/claim"))[0] == 200
    status, answer = await li.post(f"/console/conversations/{talk}/messages", given)
    assert status == 400
    assert answer["fields"]
    assert await desk.house.rows("outbox", outbound_class="staff") == []


async def test_twenty_workers_race_for_fifty_conversations_and_each_gets_one_owner(desk: Desk) -> None:
    talks = [await desk.waiting("转人工", f"oRace{number:023d}") for number in range(50)]
    team = [await desk.signed_in(f"worker{number}", "worker") for number in range(20)]
    won: dict[str, list[int]] = {talk: [] for talk in talks}
    statuses: Counter[int] = Counter()

    async def grab(number: int) -> None:
        for place in range(50):
            talk = talks[place]
            status, _ = await team[number].post(f"/console/conversations/{talk}/claim")
            statuses[status] += 1
            if status == 200:
                won[talk].append(number)

    await asyncio.gather(*(grab(number) for number in range(20)))
    assert {len(owners) for owners in won.values()} == {1}
    assert statuses == {200: 50, 409: 950}
    rows = await desk.house.rows("conversation")
    assert {row.id: row.holder_id for row in rows} == {
        talk: desk.ids[f"worker{owners[0]}"] for talk, owners in won.items()
    }


async def test_other_areas_conversations_do_not_exist_for_her(desk: Desk) -> None:
    async with desk.house.database.transaction() as tx:
        for number, code in enumerate(("0101", "0102")):
            area = {"id": f"{number:026d}", "code": code, "name": code, "level": "township"}
            await tx.insert(Area, {"parent_id": None} | area)
    li = await desk.signed_in("li", "worker", area_id=f"{0:026d}")
    talk = await desk.waiting()
    await desk.house.change("conversation", talk, area_id=f"{1:026d}")
    assert (await li.get("/console/queue"))[1] == []
    page = f"/console/conversations/{talk}"
    assert (await li.get(page))[0] == 404
    for step in ("claim", "messages", "form"):
        assert (await li.post(f"{page}/{step}", {"text": "在", "key": "a"}))[0] == 404, step


async def test_reading_is_written_down(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    talk = await desk.waiting()
    await li.get(f"/console/conversations/{talk}")
    entry = (await desk.house.rows("audit_entry"))[-1]
    assert (entry.action, entry.subject) == ("conversation.read", f"conversation:{talk}")
    assert entry.staff_id == desk.ids["li"]


async def test_an_activity_is_made_and_its_list_exported_without_a_formula(desk: Desk) -> None:
    cadre = await desk.signed_in("chen", "cadre")
    start = clock.now() + timedelta(days=3)
    given = {
        "title": "剪纸班",
        "place": "文化站",
        "starts_at": start.isoformat(),
        "ends_at": (start + timedelta(hours=2)).isoformat(),
        "capacity": "20",
    }
    status, made = await cadre.post("/console/activities", given)
    assert (status, bool(made["id"])) == (201, True)
    (listed,) = (await cadre.get("/console/activities"))[1]
    for number, name in enumerate(("=1+1", "@SUM(A1)", "+86 秀英", "https://example.invalid", "桂兰")):
        sender = f"oSheet{number:022d}"
        for text in ("我想报名剪纸班", "2", name):
            await desk.house.say(text, sender)
    async with cadre.session.get(f"{desk.url}/console/sessions/{listed['session']}/sign-ups.xlsx") as got:
        assert got.status == 200
        book = load_workbook(io.BytesIO(await got.read()))
    assert book.active is not None
    cells = [cell for row in book.active.iter_rows() for cell in row if cell.value is not None]
    assert all(cell.data_type != "f" for cell in cells), "a name became a formula"
    assert {"=1+1", "@SUM(A1)", "桂兰"} <= {cell.value for cell in cells}
    assert all(cell.hyperlink is None for cell in cells)
    assert "sign_ups.exported" in [row.action for row in await desk.house.rows("audit_entry")]


@pytest.mark.parametrize("change", [{"title": ""}, {"capacity": "0"}, {"capacity": "many"}, {"ends_at": "never"}])
async def test_an_activity_that_makes_no_sense_is_refused_by_field(desk: Desk, change: dict[str, str]) -> None:
    cadre = await desk.signed_in("chen", "cadre")
    start = clock.now() + timedelta(days=3)
    given = {"title": "课", "place": "站", "capacity": "5", "starts_at": start.isoformat()}
    given["ends_at"] = (start + timedelta(hours=1)).isoformat()
    status, answer = await cadre.post("/console/activities", given | change)
    assert status == 400
    assert set(answer["fields"]) == set(change)
    assert await desk.house.rows("activity") == []


async def test_a_notice_is_written_by_one_approved_by_another_and_arrives_once(desk: Desk) -> None:
    cadre, boss = await desk.signed_in("chen", "cadre"), await desk.signed_in("wang", "supervisor")
    await desk.house.say("恢复通知")
    await desk.house.say("你好", MEI)
    status, made = await cadre.post("/console/campaigns", NOTICE)
    assert status == 201
    page = f"/console/campaigns/{made['id']}"
    assert (await cadre.post(f"{page}/start"))[0] == 409, "not before it is approved"
    assert (await cadre.post(f"{page}/submit"))[0] == 200
    assert (await cadre.post(f"{page}/approve"))[0] == 409, "never one's own"
    assert (await boss.post(f"{page}/approve"))[0] == 200
    assert (await cadre.post(f"{page}/start"))[0] == 200
    assert (await cadre.post(f"{page}/start"))[0] == 409
    for _ in range(2):  # a second look plans and sends nothing more
        await send_campaigns(desk.house.worker)
    assert desk.house.wechat.texts_to(LINA) == [NOTICE["text"]]
    assert desk.house.wechat.texts_to(MEI) == [], "she never agreed"
    await planning.plan_all(desk.house.worker)
    assert await cadre.get(page) == (200, {"status": "done", "sent": 1, "planned": 1})


async def test_a_supervisor_cannot_approve_what_she_wrote_herself(desk: Desk) -> None:
    boss = await desk.signed_in("wang", "supervisor")
    made = (await boss.post("/console/campaigns", NOTICE))[1]
    assert (await boss.post(f"/console/campaigns/{made['id']}/submit"))[0] == 200
    assert (await boss.post(f"/console/campaigns/{made['id']}/approve"))[0] == 409
    (row,) = await desk.house.rows("campaign")
    assert (row.status, row.approved_by) == ("submitted", None)


async def test_nobody_approves_a_text_she_has_changed_herself(desk: Desk) -> None:
    cadre, boss = await desk.signed_in("chen", "cadre"), await desk.signed_in("wang", "supervisor")
    made = (await cadre.post("/console/campaigns", NOTICE))[1]
    page = f"/console/campaigns/{made['id']}"
    assert (await boss.post(f"{page}/edit", {"title": "三八", "text": "换成我写的话"}))[0] == 200
    assert (await cadre.post(f"{page}/submit"))[0] == 200
    assert (await boss.post(f"{page}/approve"))[0] == 409


async def test_stopping_keeps_back_what_was_not_sent(desk: Desk) -> None:
    cadre, boss = await desk.signed_in("chen", "cadre"), await desk.signed_in("wang", "supervisor")
    for sender in (LINA, MEI):
        await desk.house.say("恢复通知", sender)
    made = (await cadre.post("/console/campaigns", NOTICE))[1]
    page = f"/console/campaigns/{made['id']}"
    for client, step in ((cadre, "submit"), (boss, "approve"), (cadre, "start")):
        assert (await client.post(f"{page}/{step}"))[0] == 200
    await planning.plan_all(desk.house.worker)
    assert (await boss.post(f"{page}/stop"))[0] == 200
    await send_campaigns(desk.house.worker)
    assert desk.house.wechat.accepted == []
    assert await cadre.get(page) == (200, {"status": "stopped", "skipped": 2, "planned": 2})


async def test_a_notices_first_line_must_not_tell_what_nobody_should_see(desk: Desk) -> None:
    cadre = await desk.signed_in("chen", "cadre")
    status, answer = await cadre.post("/console/campaigns", {"title": "讲座", "text": "反家庭暴力讲座\n周五"})
    assert status == 400
    assert "家庭暴力" in answer["fields"]["text"]


async def test_a_preview_goes_to_her_own_phone_alone(desk: Desk) -> None:
    cadre = await desk.signed_in("chen", "cadre")
    await desk.house.say("你好")
    await desk.house.say("恢复通知", MEI)
    made = (await cadre.post("/console/campaigns", NOTICE))[1]
    page = f"/console/campaigns/{made['id']}/preview"
    assert (await cadre.post(page))[0] == 409
    assert (await cadre.post("/console/my-phone", {"address": "o-nobody"}))[0] == 400
    assert (await cadre.post("/console/my-phone", {"address": LINA}))[0] == 200
    assert (await cadre.post(page))[0] == 200
    await outbox.deliver(desk.house.worker)
    assert desk.house.wechat.accepted == [(LINA, NOTICE["text"])]


FILES = [
    (b"\x89PNG\r\n\x1a\n" + b"0" * 40, "image/png", True),
    (b"\xff\xd8\xff" + b"0" * 40, "image/jpeg", True),
    (b"#!AMR" + b"0" * 40, "application/octet-stream", False),
    (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "application/octet-stream", False),
    (b"<html><script>alert(1)</script>", "application/octet-stream", False),
]


@pytest.mark.parametrize(("content", "content_type", "shown"), FILES)
async def test_a_file_is_shown_only_when_it_can_do_no_harm(
    desk: Desk, content: bytes, content_type: str, shown: bool
) -> None:
    li = await desk.signed_in("li", "worker")
    media_id = desk.house.wechat.platform.add_media(content, "image/png")  # whatever the platform calls it
    await desk.house.say(kind=Kind.IMAGE, media=Media(media_id))
    await media.fetch(desk.house.worker)
    (row,) = await desk.house.rows("attachment")
    assert row.state == "kept"
    assert content not in row.content_sealed
    async with li.session.get(f"{desk.url}/console/attachments/{row.id}") as got:
        assert got.status == 200
        assert await got.read() == content
    assert got.content_type == content_type
    assert ("Content-Disposition" in got.headers) is not shown
    assert got.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_voice_is_played_in_the_page_from_sealed_storage_and_opening_it_is_on_record(desk: Desk) -> None:
    li, sound = await desk.signed_in("li", "worker"), b"ID3\x04\x00" + b"she speaks " * 20
    media_id = desk.house.wechat.platform.add_media(sound, "audio/mp3")
    await desk.house.say(kind=Kind.VOICE, media=Media(media_id))
    await media.fetch(desk.house.worker)
    (row,) = await desk.house.rows("attachment")
    assert b"she speaks" not in row.content_sealed
    talk_id = (await desk.house.conversation()).id
    async with li.session.get(f"{desk.url}/console/conversations/{talk_id}") as page:
        assert f'<audio controls preload="none" src="/console/attachments/{row.id}">' in await page.text()
    async with li.session.get(f"{desk.url}/console/attachments/{row.id}") as got:
        assert (got.status, got.content_type, await got.read()) == (200, "audio/mpeg", sound)
    assert "Content-Disposition" not in got.headers
    assert "attachment.opened" in [one.action for one in await desk.house.rows("audit_entry")]
