"""Casework on the console: taken down by phone, worked on, closed with her view, opened again; everything audited."""

from datetime import timedelta
from typing import Any

import pytest

from bot import clock
from storage.models import Area, new_id
from tests.bot.console.conftest import Desk
from tests.support.console import StaffClient

FORM = {
    "origin": "phone",
    "consent_way": "spoken",
    "name": "小芳",
    "hurt": "self",
    "phone": "138 1234 5678",
    "contact": "phone",
    "sms_ok": "no",
    "hours": "工作日下午",
    "cover_story": "就说打错了",
    "category": "divorce",
    "risk": "1",
    "summary": "想离婚，怕孩子判给对方",
    "done_village": "1",
    "evidence_chats": "1",
    "circumstances_pregnant": "1",
    "other_name": "某人",
    "other_relation": "husband",
}


async def take_down(client: StaffClient, **values: Any) -> dict[str, str]:
    """A case typed in; its id and number."""
    status, answer = await client.post("/console/cases", FORM | values)
    assert status == 201, answer
    return dict(answer)


async def html(client: StaffClient, path: str) -> str:
    """A page as people see it."""
    async with client.session.get(client.url + path) as response:
        assert response.status == 200, path
        return await response.text()


async def actions(desk: Desk) -> list[str]:
    return [row.action for row in await desk.house.rows("audit_entry")]


async def test_a_call_becomes_a_case_of_a_contact_without_an_address(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    opened = await take_down(li)
    (case,) = await desk.house.rows("case")
    (contact,) = await desk.house.rows("contact", id=case.contact_id)
    assert await desk.house.rows("identity") == []
    key = desk.house.database.keys.contact_key(contact.id, contact.wrapped_key)
    fields = key.open_json("case.fields", case.fields_sealed)
    assert (fields["summary"], fields["done"], fields["evidence"]) == (FORM["summary"], ["village"], ["chats"])
    assert (case.origin, case.consent_way, case.rights_group) == ("phone", "spoken", "family")
    assert case.consent_version
    assert (case.assignee_id, case.taken_by, case.status) == (desk.ids["li"], desk.ids["li"], "working")
    wishes = key.open_json("contact.wishes", contact.wishes_sealed)
    assert (wishes["cover_story"], wishes["do_not_initiate"]) == ("就说打错了", False)
    people = {row.role: key.open("case_person.name", row.name_sealed) for row in await desk.house.rows("case_person")}
    assert people == {"survivor": "小芳", "other_side": "某人"}
    status, page = await li.get(f"/console/cases/{opened['id']}")
    assert (status, page["number"], page["origin"]) == (200, opened["number"], "phone")
    assert {"case.opened", "case.read"} <= set(await actions(desk))
    for name in ("case", "case_person", "contact", "audit_entry"):
        assert "小芳" not in str([tuple(row) for row in await desk.house.rows(name)])


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"consent_way": ""}, "consent_way"),
        ({"consent_way": "chat"}, "consent_way"),
        ({"summary": ""}, "summary"),
        ({"category": "恶霸"}, "category"),
        ({"origin": "wechat_oa"}, "origin"),
        ({"area": "nowhere"}, "area"),
        ({"promised": "昨天"}, "promised"),
        ({"promised": "2020-01-01"}, "promised"),
        ({"summary": "字" * 4001}, "summary"),
    ],
)
async def test_what_cannot_be_used_is_named_and_nothing_is_kept(
    desk: Desk, wrong: dict[str, str], field: str
) -> None:
    li = await desk.signed_in("li", "worker")
    status, answer = await li.post("/console/cases", FORM | wrong)
    assert (status, list(answer["fields"])) == (400, [field])
    assert await desk.house.rows("case") == []
    assert await desk.house.rows("contact") == []


async def test_reporter_and_survivor_are_two_people(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    await take_down(li, hurt="other", survivor_name="她女儿", survivor_relation="child")
    rows = await desk.house.rows("case_person")
    assert {(row.role, row.is_contact) for row in rows} == {
        ("reporter", True),
        ("survivor", False),
        ("other_side", False),
    }


async def test_two_who_change_the_same_case_do_not_overwrite_each_other(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    opened = await take_down(li)
    edit = f"/console/cases/{opened['id']}/edit"
    version = str((await li.get(f"/console/cases/{opened['id']}"))[1]["version"])
    assert (await li.post(edit, FORM | {"version": version, "wish": "要法律援助"}))[0] == 200
    assert (await li.post(edit, FORM | {"version": version, "wish": "别的"}))[0] == 409


async def test_next_action_needs_a_day_and_shows_up_when_it_is_due(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    opened = await take_down(li)
    standing = f"/console/cases/{opened['id']}/standing"
    assert (await li.post(standing, {"status": "working", "next_action": "call_back"}))[0] == 400
    day = clock.local(clock.now() + timedelta(days=2), "Asia/Shanghai").date().isoformat()
    assert (await li.post(standing, {"status": "waiting", "next_action": "call_back", "next_at": day}))[0] == 200
    assert [line["id"] for line in (await li.get("/console/cases?whose=mine&due=week"))[1]] == [opened["id"]]
    assert (await li.get("/console/cases?whose=mine&due=overdue"))[1] == []
    await desk.house.change("case", opened["id"], next_at=clock.now() - timedelta(hours=1))
    assert [line["id"] for line in (await li.get("/console/cases?whose=mine&due=overdue"))[1]] == [opened["id"]]
    page = (await li.get(f"/console/cases/{opened['id']}"))[1]
    assert [event["kind"] for event in page["events"]] == ["opened", "status", "next"]
    assert "已过期" in await html(li, f"/console/cases/{opened['id']}")
    assert "已过期" in await html(li, "/console/cases")


@pytest.mark.parametrize(("asked", "found"), [("小芳", 1), (" 小 芳", 1), ("小", 0), ("芳", 0), ("某人", 0)])
async def test_a_case_is_found_by_her_whole_name_never_by_the_other_sides(desk: Desk, asked: str, found: int) -> None:
    li = await desk.signed_in("li", "worker")
    await take_down(li)
    assert len((await li.get(f"/console/cases?whose=all&q={asked}"))[1]) == found


async def test_a_case_is_found_by_its_whole_number_or_her_whole_phone(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    opened = await take_down(li)
    for asked, found in ((opened["number"], 1), ("13812345678", 1), ("1381234", 0), (opened["number"][:8], 0)):
        assert len((await li.get(f"/console/cases?q={asked}"))[1]) == found, asked


async def test_a_case_is_given_to_those_who_work_on_cases_only(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    await desk.hire("chen", "caseworker")
    await desk.hire("xuan", "cadre")
    opened = await take_down(li)
    assign = f"/console/cases/{opened['id']}/assign"
    assert (await li.post(assign, {"assignee": desk.ids["xuan"]}))[0] == 403
    assert (await li.post(assign, {"assignee": desk.ids["chen"]}))[0] == 200
    (case,) = await desk.house.rows("case")
    assert case.assignee_id == desk.ids["chen"]


async def test_notes_and_calls_stand_in_the_timeline_sealed(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    opened = await take_down(li)
    notes = f"/console/cases/{opened['id']}/notes"
    assert (await li.post(notes, {"body": ""}))[0] == 400
    assert (await li.post(notes, {"body": "约好周五来谈"}))[0] == 200
    assert (await li.post(notes, {"body": "", "result": "unreached"}))[0] == 200
    events = (await li.get(f"/console/cases/{opened['id']}"))[1]["events"]
    assert events[1:] == [{"kind": "note", "code": ""}, {"kind": "call", "code": "unreached"}]
    assert not any("周五".encode() in (row.body_sealed or b"") for row in await desk.house.rows("case_event"))


async def test_closing_takes_outcome_and_her_view_and_reopening_a_reason(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    opened = await take_down(li, category="dv")
    (contact,) = await desk.house.rows("contact")
    assert contact.violence_case_at is not None
    page = f"/console/cases/{opened['id']}"
    assert (await li.post(f"{page}/close", {"outcome": "silent", "satisfaction": "satisfied"}))[0] == 400
    assert (await li.post(f"{page}/close", {"outcome": "protected"}))[0] == 400
    said = {"outcome": "protected", "satisfaction": "partly", "view": "拿到保护令了，还是怕"}
    assert (await li.post(f"{page}/close", said))[0] == 200
    (case,) = await desk.house.rows("case")
    assert (case.status, case.outcome, case.satisfaction) == ("closed", "protected", "partly")
    assert said["view"] in await html(li, page)
    assert opened["number"] in await html(li, "/console/cases?whose=all&status=closed")
    assert (await desk.house.rows("contact"))[0].violence_case_at is None
    assert (await li.post(f"{page}/standing", {"status": "working"}))[0] == 409
    assert (await li.post(f"{page}/reopen", {"reason": ""}))[0] == 400
    assert (await li.post(f"{page}/reopen", {"reason": "他又来了"}))[0] == 200
    (case,) = await desk.house.rows("case")
    assert (case.status, case.closed_at, case.outcome) == ("reopened", None, "protected")
    assert case.reopened_at is not None
    assert (await desk.house.rows("contact"))[0].violence_case_at is not None
    assert {"case.closed", "case.reopened"} <= set(await actions(desk))


async def test_a_number_is_shown_for_a_reason_that_is_kept(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    opened = await take_down(li)
    person = next(row for row in await desk.house.rows("case_person") if row.role == "survivor")
    reveal = f"/console/cases/{opened['id']}/people/{person.id}/reveal"
    assert (await li.post(reveal))[0] == 400
    assert (await li.post(reveal, {"reason": "约了回电"}))[1] == {"value": FORM["phone"]}
    entry = (await desk.house.rows("audit_entry"))[-1]
    assert (entry.action, entry.subject) == ("identifier.revealed", f"case:{opened['id']}")
    shown = await html(li, f"/console/cases/{opened['id']}")
    assert "5678" in shown
    assert FORM["phone"] not in shown


async def test_people_are_added_changed_and_taken_out_but_never_she(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    opened = await take_down(li)
    people = f"/console/cases/{opened['id']}/people"
    assert (await li.post(people, {"role": "judge"}))[0] == 400
    child = {"role": "child", "relation": "child", "name": "大宝", "birth_year": "2019", "phone": "13900000000"}
    assert (await li.post(people, child))[0] == 200
    rows = {row.role: row for row in await desk.house.rows("case_person")}
    assert rows["child"].phone_digest is None
    one = f"{people}/{rows['child'].id}"
    assert (await li.post(one, child | {"name": "小宝", "phone": ""}))[0] == 200
    assert (await li.post(f"{one}/reveal", {"reason": "看看"}))[1] == {"value": "13900000000"}, "empty leaves it"
    assert (await li.post(f"{people}/{rows['survivor'].id}/remove"))[0] == 404
    assert (await li.post(f"{one}/remove"))[0] == 200
    assert {row.role for row in await desk.house.rows("case_person")} == {"survivor", "other_side"}


async def test_several_conversations_of_one_woman_stand_in_one_timeline(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    first = await desk.waiting()
    assert (await li.post(f"/console/conversations/{first}/claim"))[0] == 200
    assert (await li.post(f"/console/conversations/{first}/form", {"summary": "要离婚", "category": "divorce"}))[
        0
    ] == 200
    (case,) = await desk.house.rows("case")
    assert case.origin == "wechat_oa"
    await desk.house.change("conversation", first, state="closed", holder_id=None, closed_at=clock.now())
    await desk.house.change("identity", (await desk.house.identity()).id, conversation_id=None)
    second = await desk.waiting("我又来了，转人工")
    assert second != first
    page = f"/console/cases/{case.id}"
    assert "我又来了" not in await html(li, page)
    assert (await li.post(f"{page}/conversations", {"talk": second}))[0] == 200
    assert (await li.post(f"{page}/conversations", {"talk": second}))[0] == 404
    assert "我又来了" in await html(li, page)
    assert (await desk.house.conversation()).case_id == case.id


async def test_a_case_of_another_area_is_not_there(desk: Desk) -> None:
    areas = [new_id(), new_id()]
    async with desk.house.database.transaction() as tx:
        for number, area_id in enumerate(areas):
            row = {"id": area_id, "code": f"0{number}", "name": f"第{number}镇", "level": "township"}
            await tx.insert(Area, row)
    li = await desk.signed_in("li", "worker", area_id=areas[0])
    wu = await desk.signed_in("wu", "worker", area_id=areas[1])
    opened = await take_down(li, area=areas[0])
    page = f"/console/cases/{opened['id']}"
    assert (await wu.get(page))[0] == 404
    assert (await wu.get("/console/cases?whose=all"))[1] == []
    for act in ("notes", "close", "reopen", "standing", "assign", "edit", "people", "conversations"):
        assert (await wu.post(f"{page}/{act}", FORM | {"body": "x", "reason": "因为", "role": "child"}))[0] in (
            400,
            404,
        )
    assert len(await desk.house.rows("case_event")) == 1
