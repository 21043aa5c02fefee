"""What is done in a case: visits, mediation and its refusal, files, the same woman twice, drafts."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import FormData

from bot import clock
from bot.clock import Frozen
from storage.models import Area, metadata, new_id
from storage.repositories import erasure, export, rights
from tests.bot.console.conftest import Desk
from tests.bot.console.test_cases import FORM, html, take_down
from tests.support.console import StaffClient

ZONE = "Asia/Shanghai"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 400


def day(number: int) -> str:
    """The date so many days from today."""
    return clock.local(clock.now() + timedelta(days=number), ZONE).date().isoformat()


async def a_case(desk: Desk, **values: Any) -> tuple[StaffClient, str]:
    """Somebody at work, and the address of a case she took down."""
    li = await desk.signed_in("li", "worker")
    return li, f"/console/cases/{(await take_down(li, **values))['id']}"


async def test_visits_are_planned_by_risk_and_recorded(desk: Desk, frozen: Frozen) -> None:
    li, case = await a_case(desk, category="dv", risk="2")
    assert (await li.post(f"{case}/visits", {"way": "phone", "plan": "1"}))[0] == 200
    visits = await desk.house.rows("case_visit")
    assert [(row.due_at - clock.now()).days for row in visits] == [1, 3, 7, 30]
    assert [one["way"] for one in (await li.get("/console/visits"))[1]] == ["phone"] * 3, "a week ahead"
    assert "回访" in await html(li, "/console/visits")
    frozen.advance(timedelta(days=4))
    li = await desk.signed_in("wang", "worker")
    first = visits[0].id
    assert (await li.post(f"{case}/visits/{first}", {"result": "fine"}))[0] == 400
    said = {"result": "worse", "note": "他又来堵门"}
    assert (await li.post(f"{case}/visits/{first}", said))[0] == 200
    assert (await li.post(f"{case}/visits/{first}", said))[0] == 404, "once"
    assert "他又来堵门" in await html(li, case)
    assert (await li.post(f"{case}/visits/{visits[1].id}", {"result": "dropped"}))[0] == 200
    assert [row.state for row in await desk.house.rows("case_visit")] == ["done", "dropped", "planned", "planned"]


async def test_who_asked_not_to_be_contacted_is_not_visited_but_may_come(desk: Desk) -> None:
    li, case = await a_case(desk, contact="none")
    status, answer = await li.post(f"{case}/visits", {"way": "phone", "due": day(2)})
    assert status == 409
    assert "不要主动联系" in answer["error"]
    assert (await li.post(f"{case}/standing", {"next_action": "call_back", "next_at": day(2)}))[0] == 409
    assert (await li.post(f"{case}/visits", {"way": "office", "due": day(2)}))[0] == 200


async def test_while_her_safe_word_locks_nobody_plans_to_reach_her(desk: Desk) -> None:
    li, case = await a_case(desk)
    (contact,) = await desk.house.rows("contact")
    await desk.house.change("contact", contact.id, locked_at=clock.now())
    assert (await li.post(f"{case}/visits", {"way": "visit", "due": day(2)}))[0] == 409
    assert "安全词" in await html(li, case)


async def test_mediation_runs_when_both_agree_and_can_be_confirmed_for_thirty_days(
    desk: Desk, frozen: Frozen
) -> None:
    li, case = await a_case(desk)
    assert (await li.post(f"{case}/mediation", {"subject": "孩子每周见几次"}))[0] == 200
    assert (await li.post(f"{case}/mediation", {"subject": "又一个"}))[0] == 409
    (row,) = await desk.house.rows("case_mediation")
    one = f"{case}/mediation/{row.id}"
    session = {"held": day(0), "note": "都来了"}
    assert (await li.post(f"{one}/sessions", session))[0] == 409, "nobody has agreed yet"
    assert (await li.post(f"{one}/agree", {"who": "her", "answer": "yes"}))[0] == 200
    assert (await li.post(f"{one}/sessions", session))[0] == 409, "one is not both"
    assert (await li.post(f"{one}/agree", {"who": "other", "answer": "yes"}))[0] == 200
    assert (await li.post(f"{one}/sessions", session))[0] == 200
    assert (await li.post(f"{one}/sessions", session | {"held": day(3)}))[0] == 400, "not in the future"
    agreed = {"form": "written", "agreement": "每周六见一天", "effective": day(0)}
    assert (await li.post(f"{one}/end", agreed))[0] == 200
    page = await html(li, case)
    assert "每周六见一天" in page
    assert "第三十三条" in page
    assert (await li.post(f"{one}/confirmation", {"state": "confirmed"}))[0] == 409, "nobody has applied"
    frozen.advance(timedelta(days=31))
    li = await desk.signed_in("wang", "worker")
    status, answer = await li.post(f"{one}/confirmation", {"state": "applied"})
    assert status == 409
    assert "三十日" in answer["error"]
    await desk.house.change("case_mediation", row.id, effective_at=clock.now() - timedelta(days=29))
    assert (await li.post(f"{one}/confirmation", {"state": "applied"}))[0] == 200
    assert (await li.post(f"{one}/confirmation", {"state": "confirmed"}))[0] == 200


@pytest.mark.parametrize("who", ["her", "other"])
async def test_who_does_not_want_it_ends_it(desk: Desk, who: str) -> None:
    li, case = await a_case(desk)
    await li.post(f"{case}/mediation", {"subject": "彩礼"})
    (row,) = await desk.house.rows("case_mediation")
    assert (await li.post(f"{case}/mediation/{row.id}/agree", {"who": who, "answer": "no"}))[0] == 200
    (row,) = await desk.house.rows("case_mediation")
    assert (row.state, row.ended_why) == ("refused", who)
    assert (await li.post(f"{case}/mediation/{row.id}/agree", {"who": "her", "answer": "yes"}))[0] == 409


@pytest.mark.parametrize("category", ["dv", "harassment", "minors"])
async def test_violence_is_never_mediated_and_the_refusal_names_the_law(desk: Desk, category: str) -> None:
    li, case = await a_case(desk, category=category)
    status, answer = await li.post(f"{case}/mediation", {"subject": "和好"})
    assert status == 409
    assert "反家庭暴力法" in answer["error"]
    assert "提出调解" not in await html(li, case)
    edit = FORM | {"category": "divorce", "version": str((await li.get(case))[1]["version"])}
    assert (await li.post(f"{case}/edit", edit))[0] == 200
    assert (await li.post(f"{case}/mediation", {"subject": "和好"}))[0] == 409, "another category changes nothing"


async def test_a_sign_of_violence_stops_a_running_mediation(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    talk = await desk.waiting("想离婚怎么办")
    await li.post(f"/console/conversations/{talk}/claim")
    await li.post(f"/console/conversations/{talk}/form", {"summary": "离婚", "category": "divorce"})
    case_id = (await desk.house.rows("case"))[0].id
    case = f"/console/cases/{case_id}"
    await li.post(f"{case}/mediation", {"subject": "孩子"})
    (row,) = await desk.house.rows("case_mediation")
    for who in ("her", "other"):
        await li.post(f"{case}/mediation/{row.id}/agree", {"who": who, "answer": "yes"})
    await desk.house.say("他昨天晚上又打我，拿刀要砍我")
    (row,) = await desk.house.rows("case_mediation")
    assert (row.state, row.ended_why) == ("stopped", "violence")
    assert (await li.get(case))[1]["events"][-1] == {"kind": "mediation", "code": "stopped"}
    assert "调解已停止" in await html(li, case)
    assert (await li.post(f"{case}/mediation/{row.id}/sessions", {"held": day(0)}))[0] == 409


async def upload(
    li: StaffClient, case: str, content: bytes, kind: str = "injury", name: str = "伤.png"
) -> tuple[int, Any]:
    form = FormData(quote_fields=False)
    form.add_field("kind", kind)
    form.add_field("file", io.BytesIO(content), filename=name)
    headers = {"Accept": "application/json", "X-CSRF-Token": li.csrf}
    async with li.session.post(f"{li.url}{case}/files", data=form, headers=headers) as got:
        return got.status, await got.json()


async def test_files_are_kept_sealed_by_what_they_are_and_opened_on_record(desk: Desk) -> None:
    li, case = await a_case(desk)
    big = PNG + b"1" * 700_000
    status, answer = await upload(li, case, big)
    assert status == 200, answer
    (row,) = await desk.house.rows("case_document")
    assert (row.content_type, row.size) == ("image/png", len(big))
    assert b"PNG" not in row.content_sealed[:64]
    async with li.session.get(f"{desk.url}{case}/files/{row.id}") as response:
        assert await response.read() == big
        assert response.headers["Content-Type"] == "image/png"
    assert (await desk.house.rows("audit_entry"))[-1].action == "case.file_opened"
    for content, name in ((b"<html><script>alert(1)</script>", "伤.png"), (b"MZ\x90\x00", "a.pdf")):
        assert (await upload(li, case, content, name=name))[0] == 400, name
    assert (await upload(li, case, PNG, kind="joke"))[0] == 400
    assert (await upload(li, case, PNG + b"1" * (10 * 1024 * 1024)))[0] == 400
    await upload(li, case, b"%PDF-1.7 <script>", kind="court", name="裁定书.pdf")
    pdf = (await desk.house.rows("case_document"))[-1]
    async with li.session.get(f"{desk.url}{case}/files/{pdf.id}") as response:
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["Content-Disposition"].startswith("attachment")
    assert "裁定书.pdf" in await html(li, case)
    assert (await li.post(f"{case}/files/{row.id}/remove"))[0] == 200
    assert (await li.get(f"{case}/files/{row.id}"))[0] == 404
    assert (await desk.house.rows("case_document", id=row.id))[0].content_sealed is None


async def test_the_same_telephone_is_asked_about_and_never_joined_silently(desk: Desk) -> None:
    li, first = await a_case(desk)
    second = f"/console/cases/{(await take_down(li, category='labour', summary='欠薪'))['id']}"
    (link,) = await desk.house.rows("case_link")
    assert (link.state, link.reason) == ("suspected", "phone")
    assert len(await desk.house.rows("contact")) == 2
    for case in (first, second):
        assert "可能和个案" in await html(li, case)
    assert (await li.post(f"{second}/repeats/{link.id}", {"answer": "same"}))[0] == 200
    assert "是同一个人，两边对照着办" in await html(li, first)
    assert len(await desk.house.rows("contact")) == 2, "files are not joined"
    assert [event["kind"] for event in (await li.get(first))[1]["events"]][-1] == "repeat"


async def test_who_called_before_and_writes_now_is_noticed_too(desk: Desk) -> None:
    li, first = await a_case(desk)
    talk = await desk.waiting()
    await li.post(f"/console/conversations/{talk}/claim")
    form = {"summary": "又来问", "category": "labour", "phone": "13812345678"}
    assert (await li.post(f"/console/conversations/{talk}/form", form))[0] == 200
    (link,) = await desk.house.rows("case_link")
    assert (link.state, link.reason) == ("suspected", "phone")
    assert "可能和个案" in await html(li, first)


async def test_a_refused_pair_is_not_asked_about_again(desk: Desk) -> None:
    li, first = await a_case(desk)
    second = f"/console/cases/{(await take_down(li))['id']}"
    (link,) = await desk.house.rows("case_link")
    assert (await li.post(f"{second}/repeats/{link.id}", {"answer": "other"}))[0] == 200
    version = str((await li.get(second))[1]["version"])
    await li.post(f"{second}/edit", FORM | {"version": version})
    assert "可能和个案" not in await html(li, first)
    assert len(await desk.house.rows("case_link")) == 1


async def test_the_other_side_is_not_looked_for(desk: Desk) -> None:
    li, first = await a_case(desk, phone="13811111111")
    second = f"/console/cases/{(await take_down(li, phone='13822222222', name='小红'))['id']}"
    for case in (first, second):
        person = {"role": "other_side", "name": "某人", "phone": "13900000000", "birth_year": "1980"}
        assert (await li.post(f"{case}/people", person))[0] == 200
    assert await desk.house.rows("case_link") == []
    assert all(
        row.phone_digest is None and row.name_digest is None
        for row in await desk.house.rows("case_person")
        if row.role == "other_side"
    )


async def test_who_may_not_see_the_other_case_learns_no_more_than_to_ask(desk: Desk) -> None:
    areas = [new_id(), new_id()]
    async with desk.house.database.transaction() as tx:
        for number, area_id in enumerate(areas):
            row = {"id": area_id, "code": f"0{number}", "name": f"第{number}镇", "level": "township"}
            await tx.insert(Area, row)
    li = await desk.signed_in("li", "worker", area_id=areas[0])
    wu = await desk.signed_in("wu", "worker", area_id=areas[1])
    first, second = await take_down(li, area=areas[0]), await take_down(wu, area=areas[1])
    (link,) = await desk.house.rows("case_link")
    page = await html(wu, f"/console/cases/{second['id']}")
    assert "请主管核对" in page
    assert first["number"] not in page
    assert first["id"] not in page
    assert (await wu.post(f"/console/cases/{second['id']}/repeats/{link.id}", {"answer": "same"}))[0] == 404
    boss = await desk.signed_in("zhang", "supervisor")
    assert (await boss.post(f"/console/cases/{second['id']}/repeats/{link.id}", {"answer": "same"}))[0] == 200


async def test_another_case_of_hers_is_named_only_to_who_may_see_it(desk: Desk) -> None:
    areas = [new_id(), new_id()]
    async with desk.house.database.transaction() as tx:
        for number, area_id in enumerate(areas):
            row = {"id": area_id, "code": f"0{number}", "name": f"第{number}镇", "level": "township"}
            await tx.insert(Area, row)
    boss = await desk.signed_in("zhang", "supervisor")
    first, second = await take_down(boss, area=areas[0]), await take_down(boss, area=areas[1])
    rows = {row.id: row for row in await desk.house.rows("case")}
    await desk.house.change("case", second["id"], contact_id=rows[first["id"]].contact_id)
    cun = await desk.signed_in("cun", "local", area_id=areas[0])
    assert second["number"] in await html(boss, f"/console/cases/{first['id']}")
    assert second["number"] not in await html(cun, f"/console/cases/{first['id']}")


async def test_what_was_typed_is_there_again_sealed_and_hers_alone(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    typed = {"summary": "说到一半锁屏了", "done_police": "1", "csrf": li.csrf}
    assert (await li.post("/console/drafts", {"form": "new", "fields": json.dumps(typed)}))[0] == 200
    assert (await li.post("/console/drafts", {"form": "new", "fields": json.dumps(typed)}))[0] == 200
    (row,) = await desk.house.rows("case_draft")
    assert "锁屏".encode() not in row.content_sealed
    assert "说到一半锁屏了" in await html(li, "/console/cases/new")
    wang = await desk.signed_in("wang", "worker")
    assert "说到一半锁屏了" not in await html(wang, "/console/cases/new")
    await take_down(li)
    assert await desk.house.rows("case_draft") == []
    for form in ("", "x", "edit:", "note:../../x"):
        assert (await li.post("/console/drafts", {"form": form, "fields": "{}"}))[0] == 400


async def test_drafts_of_a_case_are_for_who_may_see_it(desk: Desk) -> None:
    li, case = await a_case(desk)
    form = f"note:{case.rpartition('/')[2]}"
    assert (await li.post("/console/drafts", {"form": form, "fields": json.dumps({"body": "她说"})}))[0] == 200
    assert "她说</textarea>" in await html(li, case)
    assert (await li.post(f"{case}/notes", {"body": "她说完了"}))[0] == 200
    assert await desk.house.rows("case_draft") == []
    cun = await desk.signed_in("cun", "local")
    assert (await cun.post("/console/drafts", {"form": form, "fields": json.dumps({"body": "x"})}))[0] == 404


async def a_full_case(desk: Desk) -> tuple[StaffClient, str, Any]:
    """A case with something in every table that belongs to one; its contact."""
    li, case = await a_case(desk)
    await li.post(f"{case}/visits", {"way": "phone", "due": day(2)})
    (visit,) = await desk.house.rows("case_visit")
    await li.post(f"{case}/visits/{visit.id}", {"result": "well", "note": "平安"})
    await li.post(f"{case}/mediation", {"subject": "孩子", "mediator": "某某"})
    (one,) = await desk.house.rows("case_mediation")
    for who in ("her", "other"):
        await li.post(f"{case}/mediation/{one.id}/agree", {"who": who, "answer": "yes"})
    await li.post(f"{case}/mediation/{one.id}/sessions", {"held": day(0), "note": "谈过"})
    agreed = {"form": "oral", "agreement": "周六见", "effective": day(0)}
    assert (await li.post(f"{case}/mediation/{one.id}/end", agreed))[0] == 200
    assert (await upload(li, case, PNG))[0] == 200
    form = f"note:{case.rpartition('/')[2]}"
    await li.post("/console/drafts", {"form": form, "fields": json.dumps({"body": "没写完"})})
    return li, case, (await desk.house.rows("contact"))[0]


#: Tables of a case that hold something sealed.
OF_A_CASE = ("case_event", "case_person", "case_visit", "case_mediation", "mediation_session", "case_document")


async def left(desk: Desk) -> set[str]:
    """Tables of a case that still hold something sealed, or a hash."""
    found = set()
    for name in ("case", "case_draft", *OF_A_CASE):
        for row in await desk.house.rows(name):
            columns = [one.name for one in metadata.tables[name].columns if one.name.endswith(("_sealed", "_digest"))]
            if any(getattr(row, column) not in (None, b"") for column in columns):
                found.add(name)
    return found


async def test_forgetting_her_empties_every_table_of_her_case(desk: Desk) -> None:
    _, case, contact = await a_full_case(desk)
    assert set(OF_A_CASE) - {"case_event"} <= await left(desk)
    async with desk.house.database.transaction() as tx:
        await erasure.erase(tx, contact.id, clock.now())
    assert await left(desk) == set()
    (row,) = await desk.house.rows("case", id=case.rpartition("/")[2])
    assert (row.status, row.outcome, row.category) == ("closed", "erased", "divorce")


async def test_her_copy_holds_what_her_case_holds(desk: Desk) -> None:
    _, _, contact = await a_full_case(desk)
    key = desk.house.database.keys.contact_key(contact.id, contact.wrapped_key)
    async with desk.house.database.reading() as tx:
        copy = await export.gather(tx, key, contact.id)
        held = {one.kind: one.number for one in await rights.holdings(tx, contact.id)}
    (case,) = copy.sections["cases"]
    assert [one["name"] for one in case["people"]] == ["小芳", "某人"]
    assert [one["result"] for one in case["visits"]] == ["well"]
    assert [one["agreement"] for one in case["mediations"]] == ["周六见"]
    assert list(copy.files.values()) == [PNG]
    assert (held["cases"], held["documents"]) == (1, 1)
