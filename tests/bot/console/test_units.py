"""The register of partner units: kept by hand, taken in from a spreadsheet whole or not at all."""

import io
from typing import Any

import pytest
from aiohttp import FormData
from openpyxl import Workbook, load_workbook

from storage.models import Area, new_id
from tests.bot.console.conftest import Desk
from tests.support.console import StaffClient

HEADS = ("单位名称", "类型", "受理类别", "区域", "联系人", "办公电话", "办公时间", "几个工作日内答复", "说明")
COURT = ("清河县人民法院", "法院", "家庭暴力、离婚", "清河县", "王法官", "0319-1234567", "工作日", "3", "先打电话")


def sheet(*rows: tuple[Any, ...], heads: tuple[str, ...] = HEADS) -> bytes:
    """A spreadsheet as staff fill it in."""
    book, content = Workbook(), io.BytesIO()
    for row in (heads, *rows):
        book.active.append(row)
    book.save(content)
    return content.getvalue()


async def upload(desk: Desk, client: StaffClient, content: bytes, name: str = "单位.xlsx") -> tuple[int, Any]:
    form = FormData()
    form.add_field("file", content, filename=name)
    headers = {"Accept": "application/json", "X-CSRF-Token": client.csrf}
    async with client.session.post(f"{desk.url}/console/units/import", data=form, headers=headers) as got:
        return got.status, await got.json()


async def add_county(desk: Desk) -> str:
    area_id = new_id()
    async with desk.house.database.transaction() as tx:
        await tx.insert(Area, {"id": area_id, "code": "01", "name": "清河县", "level": "county"})
    return area_id


async def test_a_unit_is_kept_sealed_changed_and_put_out_of_use(desk: Desk) -> None:
    boss, worker = await desk.signed_in("zhang", "supervisor"), await desk.signed_in("li", "worker")
    form = {
        "name": "清河县公安局",
        "kind": "police",
        "category_dv": "1",
        "contact_name": "赵所长",
        "phone": "0319-7654321",
        "answer_days": "2",
    }
    assert (await worker.post("/console/units", form))[0] == 403
    status, answer = await boss.post("/console/units", form)
    assert status == 201
    (row,) = await desk.house.rows("partner_unit")
    assert "赵所长".encode() not in row.contact_name_sealed
    assert b"7654321" not in row.phone_sealed
    assert (row.categories, row.answer_days, row.active) == ("dv", 2, True)
    assert (await boss.post("/console/units", form))[0] == 409, "one name, one unit"
    page = f"/console/units/{answer['id']}"
    assert (await boss.post(page, form | {"kind": "", "answer_days": "无"}))[1]["fields"].keys() == {
        "kind",
        "answer_days",
    }
    assert (await boss.post(page, form | {"answer_days": ""}))[0] == 200
    assert (await boss.post(f"{page}/active", {"active": "0"}))[0] == 200
    (row,) = await desk.house.rows("partner_unit")
    assert (row.answer_days, row.active) == (5, False)
    async with worker.session.get(desk.url + page, headers={"Accept": "text/html"}) as got:
        html = await got.text()
    assert "赵所长" in html
    assert "添加" not in html
    assert "保存" not in html


@pytest.mark.parametrize("kind", ["xlsx", "utf-8-sig", "gb18030"])
async def test_a_spreadsheet_is_taken_in_and_given_back_the_same(desk: Desk, kind: str) -> None:
    county = await add_county(desk)
    boss = await desk.signed_in("zhang", "supervisor")
    lines = (HEADS, COURT, ("清河县民政局", "民政", "", "", "", "", "", "", ""))
    content = sheet(*lines[1:]) if kind == "xlsx" else "\n".join(",".join(line) for line in lines).encode(kind)
    assert await upload(desk, boss, content) == (200, {"added": 2, "changed": 0, "problems": []})
    assert await upload(desk, boss, content) == (200, {"added": 0, "changed": 2, "problems": []})
    court = next(row for row in await desk.house.rows("partner_unit") if row.kind == "court")
    assert (court.categories, court.area_id, court.answer_days) == ("dv divorce", county, 3)
    async with boss.session.get(f"{desk.url}/console/units.xlsx") as got:
        given = await got.read()
    book = load_workbook(io.BytesIO(given))
    assert tuple(cell.value for cell in book.worksheets[0][1]) == HEADS
    assert COURT in {tuple(cell.value or "" for cell in row) for row in book.worksheets[0].iter_rows(min_row=2)}
    assert "家庭暴力" in {cell.value for cell in book.worksheets[1]["B"]}
    assert await upload(desk, boss, given) == (200, {"added": 0, "changed": 2, "problems": []})


async def test_every_wrong_row_is_named_and_nothing_is_taken_in(desk: Desk) -> None:
    boss = await desk.signed_in("zhang", "supervisor")
    status, answer = await upload(
        desk,
        boss,
        sheet(
            ("甲单位", "公安", "", "", "", "", "", 3, ""),
            ("", "公安", "", "", "", "", "", "", ""),
            ("乙单位", "衙门", "打架", "月亮乡", "", "", "", "三天", "长" * 201),
            (None,) * 9,
            ("甲单位", "法院", "", "", "", "", "", "", ""),
        ),
    )
    assert (status, answer["added"]) == (400, 0)
    assert [(one["row"], one["column"]) for one in answer["problems"]] == [
        (3, "单位名称"),
        (4, "说明"),
        (4, "类型"),
        (4, "受理类别"),
        (4, "区域"),
        (4, "几个工作日内答复"),
        (6, "单位名称"),
    ]
    assert "第 2 行" in answer["problems"][-1]["error"]
    assert await desk.house.rows("partner_unit") == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 not really",
        b"\xff\xfe\x00\x81",
        "名称,电话\n甲,1".encode(),
        b"x" * (200 * 1024 + 1),
        sheet(),
        sheet(("甲",), heads=("单位",)),
    ],
    ids=["empty", "no archive", "no text", "other heads", "too big", "no rows", "no columns"],
)
async def test_what_is_no_register_is_refused_in_words(desk: Desk, content: bytes) -> None:
    boss = await desk.signed_in("zhang", "supervisor")
    status, answer = await upload(desk, boss, content)
    assert status == 400
    assert answer["problems"]
    assert all(one["error"] for one in answer["problems"])
    assert await desk.house.rows("partner_unit") == []
