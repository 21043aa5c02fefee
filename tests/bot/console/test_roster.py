"""The duty roster as supervisors keep it: rows, swaps, a file that is right or told where it is wrong."""

import io
from datetime import date
from typing import Any

import xlsxwriter
from aiohttp import FormData
from openpyxl import load_workbook

from storage.repositories import desks
from tests.bot.console.conftest import Desk
from tests.support.console import StaffClient

WEEK = "/console/roster?day=2026-03-03"
HEADS = ["哪天", "谁", "级别", "从", "到", "安排"]


async def keep(lead: StaffClient, **form: str) -> tuple[int, Any]:
    given = {"day": "周二", "level": "1", "begin": "08:30", "end": "17:30"} | form
    return await lead.post("/console/roster", given)


async def send_file(lead: StaffClient, content: bytes, name: str) -> tuple[int, Any]:
    form = FormData()
    form.add_field("csrf", lead.csrf)
    form.add_field("file", content, filename=name, content_type="application/octet-stream")
    headers = {"Accept": "application/json", "X-CSRF-Token": lead.csrf}
    async with lead.session.post(f"{lead.url}/console/roster/import", data=form, headers=headers) as response:
        return response.status, await response.json()


def day_of(week: dict[str, Any], day: str) -> dict[str, Any]:
    return next(one for one in week["days"] if one["day"] == day)


async def test_a_supervisor_keeps_it_and_a_worker_reads_it(desk: Desk) -> None:
    lead, li = await desk.signed_in("zhou", "supervisor"), await desk.signed_in("li", "worker")
    who = desk.ids["li"]
    assert (await keep(li, who=who))[0] == 403
    status, refused = await keep(lead, who="nobody", day="someday", begin="8 o'clock")
    assert (status, len(refused["fields"])) == (400, 3)
    assert (await keep(lead, who=who, end="12:00"))[0] == 200
    tuesday = day_of((await li.get(WEEK))[1], "2026-03-03")
    assert tuesday["watches"] == [{"staff": who, "level": 1, "begin": "08:30", "end": "12:00"}]
    assert tuesday["gaps"] == ["14:30-17:30"]
    assert day_of((await li.get("/console/roster?day=2026-10-01"))[1], "2026-10-01")["gaps"] == []
    (row,) = await desk.house.rows("shift")
    assert (await lead.post(f"/console/roster/{row.id}/remove"))[0] == 200
    assert (await lead.post(f"/console/roster/{row.id}/remove"))[0] == 404
    actions = [row.action for row in await desk.house.rows("audit_entry")]
    assert actions.count("roster.changed") == 2


async def test_a_swap_changes_one_date_and_nothing_else(desk: Desk) -> None:
    lead = await desk.signed_in("zhou", "supervisor")
    await desk.signed_in("li", "worker")
    await desk.signed_in("wang", "worker")
    li, wang = desk.ids["li"], desk.ids["wang"]
    await keep(lead, who=li)
    given = {"day": "2099-03-03", "from": li, "to": wang}  # a Tuesday, in the future
    assert (await lead.post("/console/roster/swap", given | {"to": li}))[0] == 400
    assert (await lead.post("/console/roster/swap", given | {"day": "2099-03-04"}))[0] == 409
    assert (await lead.post("/console/roster/swap", given))[0] == 200
    week = (await lead.get("/console/roster?day=2099-03-03"))[1]
    assert [one["staff"] for one in day_of(week, "2099-03-03")["watches"]] == [wang]
    later = (await lead.get("/console/roster?day=2099-03-10"))[1]
    assert [one["staff"] for one in day_of(later, "2099-03-10")["watches"]] == [li]
    assert (await lead.post("/console/roster/swap", {"day": "2099-03-03", "from": wang, "to": li}))[0] == 200
    back = (await lead.get("/console/roster?day=2099-03-03"))[1]
    assert [one["staff"] for one in day_of(back, "2099-03-03")["watches"]] == [li]


async def test_what_was_given_out_is_taken_in_again(desk: Desk) -> None:
    lead = await desk.signed_in("zhou", "supervisor")
    await desk.signed_in("li", "worker")
    await keep(lead, who=desk.ids["li"])
    await keep(lead, who=desk.ids["zhou"], level="3", begin="20:00", end="08:00")
    await keep(lead, who=desk.ids["li"], day="2099-03-03", plan="gone", begin="0:00", end="24:00")
    before = [row[1:-1] for row in await desk.house.rows("shift")]
    async with lead.session.get(f"{lead.url}/console/roster.xlsx") as response:
        content = await response.read()
    assert (await send_file(lead, content, "roster.xlsx")) == (200, {"rows": 3, "problems": []})
    assert sorted(map(str, before)) == sorted(str(row[1:-1]) for row in await desk.house.rows("shift"))
    book = load_workbook(io.BytesIO(content))
    assert [cell.value for cell in book.worksheets[0][1]] == HEADS


async def test_a_file_with_mistakes_changes_nothing_and_says_where_they_are(desk: Desk) -> None:
    lead = await desk.signed_in("zhou", "supervisor")
    await keep(lead, who=desk.ids["zhou"])
    lines = [
        HEADS,
        ["周八", "zhou", "值班", "8:30", "12:00", ""],
        ["周一", "无名", "站岗", "25:00", "12：00", "不值"],
    ]
    content = "\n".join(",".join(line) for line in lines).encode("gb18030")
    status, answer = await send_file(lead, content, "roster.csv")
    assert status == 400
    assert {(one["row"], one["column"]) for one in answer["problems"]} == {
        (2, "哪天"),
        (3, "谁"),
        (3, "级别"),
        (3, "从"),
        (3, "安排"),
    }
    assert len(await desk.house.rows("shift")) == 1
    for bad in (b"\xff\xfe\x00", b"PK\x03\x04 no archive", "哪天,谁\n".encode(), b""):
        assert (await send_file(lead, bad, "x"))[0] == 400


async def test_a_sheet_typed_with_real_dates_and_times_is_read(desk: Desk) -> None:
    lead = await desk.signed_in("zhou", "supervisor")
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True})
    sheet, day, hour = (
        book.add_worksheet(),
        book.add_format({"num_format": "yyyy-mm-dd"}),
        book.add_format({"num_format": "hh:mm"}),
    )
    sheet.write_row(0, 0, HEADS)
    sheet.write_datetime(1, 0, date(2099, 3, 3), day)  # type: ignore[arg-type]
    sheet.write_row(1, 1, ["zhou", "带班"])
    sheet.write_number(1, 3, 8.5 / 24, hour)
    sheet.write_number(1, 4, 17.5 / 24, hour)
    book.close()
    assert (await send_file(lead, content.getvalue(), "roster.xlsx"))[0] == 200
    (row,) = await desk.house.rows("shift")
    assert (row.day, row.level, row.begin_minute, row.end_minute) == (date(2099, 3, 3), 3, 510, 1050)


async def test_an_administrator_says_what_a_colleague_takes(desk: Desk) -> None:
    admin = await desk.signed_in("he", "admin")
    await desk.signed_in("li", "worker")
    page = f"/console/staff/{desk.ids['li']}/desk"
    status, refused = await admin.post(page, {"load_limit": "many", "phone": "12338"})
    assert (status, set(refused["fields"])) == (400, {"load_limit", "phone"})
    given = {"skill_dv": "1", "language_ug": "1", "load_limit": "3", "phone": "13800000001"}
    assert (await admin.post(page, given))[0] == 200
    async with desk.house.database.reading() as tx:
        profile = await desks.profile_of(tx, desk.ids["li"])
    assert (profile.skills, profile.languages, profile.load_limit) == ({"dv"}, {"ug"}, 3)
    assert profile.phone == "13800000001"
    assert b"13800000001" not in (await desk.house.rows("staff_desk"))[0].phone_sealed
    assert (await admin.post(f"/console/staff/{desk.ids['he']}/desk", given))[0] == 409
