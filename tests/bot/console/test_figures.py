"""Dashboard and monthly report, as programs and spreadsheets see them: how many, never who."""

import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from openpyxl import load_workbook

from bot import clock
from bot.console import periods
from bot.console.periods import Days
from bot.messages import Kind
from storage.models import Area, Case, Conversation, PartnerUnit, Referral, new_id
from storage.repositories import erasure
from tests.bot.console.conftest import Desk
from tests.support.house import House

OCTOBER = datetime(2025, 10, 14, 1, 30, tzinfo=UTC)  # half past nine in Shanghai
PAGE = "/console/figures?month=2025-10"


async def visits(house: House, number: int, moment: datetime = OCTOBER, **values: Any) -> None:
    """So many conversations of one woman that began at a moment and are over."""
    contact, identity = await house.contact(), await house.identity()
    row = {
        "contact_id": contact.id,
        "identity_id": identity.id,
        "channel": "wechat_oa",
        "state": "closed",
        "category": "divorce",
        "outcome": "answered",
        "opened_at": moment,
        "closed_at": moment,
    }
    async with house.database.transaction() as tx:
        await tx.insert(Conversation, [{"id": new_id()} | row | values for _ in range(number)])


async def area(house: House, code: str, level: str, parent: str | None = None) -> str:
    """An area; its id."""
    area_id = new_id()
    async with house.database.transaction() as tx:
        await tx.insert(Area, {"id": area_id, "parent_id": parent, "code": code, "name": f"名{code}", "level": level})
    return area_id


def of(answer: dict[str, Any], by: str) -> dict[str, list[int | None]]:
    """The lines of one table by label."""
    return {line["label"]: line["values"] for line in answer["by"][by]}


async def test_visits_are_counted_by_kind_place_and_hour_beside_the_month_and_the_year_before(desk: Desk) -> None:
    house = desk.house
    await house.say("菜单")
    county = await area(house, "1", "county")
    town = await area(house, "11", "township", county)
    village, other = await area(house, "1101", "village", town), await area(house, "12", "township", county)
    await visits(house, 30, area_id=village)
    await visits(house, 20, area_id=other, category="labour", channel="sms", outcome="referred")
    await visits(house, 12, category="", risk=2)
    await visits(house, 15, datetime(2025, 9, 30, 15, 59, tzinfo=UTC))
    await visits(house, 25, datetime(2024, 10, 1, 0, 0, tzinfo=UTC))
    await visits(house, 40, datetime(2025, 10, 31, 16, 0, tzinfo=UTC))  # is November in Shanghai
    lead = await desk.signed_in("zhao", "supervisor")
    status, answer = await lead.get(PAGE)
    assert status == 200
    assert answer["totals"] == [62, 15, 25]
    assert of(answer, "group")["婚姻家庭权益"] == [30, 15, 25]
    assert of(answer, "group")["其他（综合）"] == [12, 0, 0]
    assert of(answer, "channel") == {"微信公众号": [42, 15, 25], "短信": [20, 0, 0]}
    assert of(answer, "town") == {"名11": [30, 0, 0], "名12": [20, 0, 0], "不知道在哪里": [12, 15, 25]}
    assert of(answer, "risk") == {"危险": [12, 0, 0], "一般": [50, 15, 25]}
    assert {label: values[0] for label, values in of(answer, "hour").items() if values[0]} == {"9": 62}


async def test_fewer_than_ten_are_hidden_with_a_second_number(desk: Desk) -> None:
    await desk.house.say("菜单")
    await visits(desk.house, 3)
    await visits(desk.house, 20, channel="sms")
    await visits(desk.house, 40, channel="webchat")
    auditor = await desk.signed_in("qian", "auditor")
    _, answer = await auditor.get(PAGE)
    assert answer["totals"][0] == 63
    assert {label: values[0] for label, values in of(answer, "channel").items()} == {
        "微信公众号": None,
        "短信": None,
        "悄悄话室": 40,
    }


async def test_figures_stay_when_she_is_forgotten(desk: Desk) -> None:
    await desk.house.say("菜单")
    await visits(desk.house, 30)
    lead = await desk.signed_in("zhao", "supervisor")
    _, before = await lead.get(PAGE)
    contact = await desk.house.contact()
    async with desk.house.database.transaction() as tx:
        await erasure.erase(tx, contact.id, clock.now())
    _, after = await lead.get(PAGE)
    assert before["totals"][0] == 30
    assert (after["totals"], after["by"]) == (before["totals"], before["by"])


async def test_staff_of_a_township_count_its_women_only(desk: Desk) -> None:
    house = desk.house
    await house.say("菜单")
    county = await area(house, "1", "county")
    here, there = await area(house, "11", "township", county), await area(house, "12", "township", county)
    village = await area(house, "1101", "village", here)
    await visits(house, 25, area_id=village)
    await visits(house, 50, area_id=there)
    await visits(house, 50)
    lead = await desk.signed_in("sun", "supervisor", area_id=here)
    _, answer = await lead.get(PAGE)
    assert answer["totals"][0] == 25
    assert "town" not in answer["by"]


async def test_typed_case_is_a_visit_and_following_an_account_is_none(desk: Desk) -> None:
    house = desk.house
    await house.say(kind=Kind.FOLLOW)
    contact = await house.contact()
    async with house.database.transaction() as tx:
        row = {"contact_id": contact.id, "category": "land", "origin": "phone", "opened_at": OCTOBER}
        await tx.insert(Case, [{"id": new_id(), "number": f"n{number}"} | row for number in range(11)])
    lead = await desk.signed_in("zhao", "supervisor")
    _, answer = await lead.get(PAGE)
    assert of(answer, "channel") == {"打来电话": [11, 0, 0]}
    assert answer["cases"][0]["opened"] == 11
    _, now = await lead.get("/console/figures")
    assert now["totals"][0] == 0, "she followed today and has said nothing"
    await house.say("你好")
    _, now = await lead.get("/console/figures")
    assert now["totals"][0] is None, "one woman: hidden"


async def test_referrals_are_counted_by_what_the_unit_answered(desk: Desk) -> None:
    await desk.house.say("菜单")
    contact, lead = await desk.house.contact(), await desk.signed_in("zhao", "supervisor")
    unit_id, case_id = new_id(), new_id()
    async with desk.house.database.transaction() as tx:
        unit = {"id": unit_id, "name": "县法院", "kind": "court", "created_at": OCTOBER, "changed_at": OCTOBER}
        await tx.insert(PartnerUnit, unit)
        await tx.insert(Case, {"id": case_id, "number": "n", "contact_id": contact.id, "opened_at": OCTOBER})
        row = {
            "case_id": case_id,
            "contact_id": contact.id,
            "unit_id": unit_id,
            "created_by": desk.ids["zhao"],
            "created_at": OCTOBER,
        }
        states = ["done"] * 12 + ["accepted"] * 15 + ["draft"] * 11
        await tx.insert(
            Referral,
            [
                {"id": new_id(), "number": f"n-{number}", "state": state, "opened_at": opened} | row
                for number, state in enumerate(states)
                for opened in [None if state == "draft" else OCTOBER]
            ],
        )
    _, answer = await lead.get(PAGE)
    assert of(answer, "referral") == {"对方接收了": [15, 0, 0], "办完了": [12, 0, 0]}
    async with lead.session.get(lead.url + PAGE) as response:
        assert "转介的答复" in await response.text()


async def test_answers_in_time_are_a_share_of_those_that_were_due_and_no_share_of_a_few(desk: Desk) -> None:
    await desk.house.say("菜单")
    due = OCTOBER + timedelta(minutes=30)
    await visits(desk.house, 9, due_at=due, answered_at=due)
    await visits(desk.house, 20)  # the bot was enough
    await visits(desk.house, 2, due_at=clock.now() + timedelta(days=1))  # not due yet
    lead = await desk.signed_in("zhao", "supervisor")
    _, answer = await lead.get(PAGE)
    assert answer["answered_in_time_percent"][0] is None, "nine are too few"
    await visits(desk.house, 2, due_at=due, answered_at=due + timedelta(seconds=1))
    await visits(desk.house, 1, due_at=due)  # nobody ever answered
    _, answer = await lead.get(PAGE)
    assert answer["answered_in_time_percent"] == [75, None, None]


async def test_report_has_head_tables_and_lines_to_sign_and_its_export_is_on_record(desk: Desk) -> None:
    await desk.house.say("菜单")
    await visits(desk.house, 3)
    await visits(desk.house, 20, category="labour")
    await visits(desk.house, 40, category="land")
    lead = await desk.signed_in("zhao", "supervisor")
    async with lead.session.get(f"{lead.url}/console/figures/report.xlsx?month=2025-10") as response:
        assert response.status == 200
        sheet = load_workbook(io.BytesIO(await response.read())).active
    assert sheet is not None
    cells = [[value for value in row if value is not None] for row in sheet.iter_rows(values_only=True)]
    texts = [value for row in cells for value in row]
    assert "统计时间：2025.10.01—2025.10.31" in texts
    assert "制表人：zhao的名字" in texts
    assert {"审核人：", "负责人（签章）："} <= set(texts)
    assert ["婚姻家庭权益", "＊", 0, 0, "", ""] in [[*row, *[""] * (6 - len(row))] for row in cells]
    assert ["财产权益", 40, 40] in cells, "by channel, with its total"
    assert 3 not in texts
    (entry,) = await desk.house.rows("audit_entry", action="figures.exported")
    assert entry.reason == "2025-10-01 – 2025-10-31"


async def test_pages_say_so_when_there_is_nothing_to_count(desk: Desk) -> None:
    lead = await desk.signed_in("zhao", "supervisor")
    for path in ("/console/figures", "/console/figures/report?month=2025-10"):
        async with lead.session.get(lead.url + path) as response:
            assert response.status == 200
            assert "没有人来访来电" in await response.text()


TODAY = date(2026, 3, 31)


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ({}, "2026-03-01", "2026-03-31"),
        ({"month": "2026-02"}, "2026-02-01", "2026-02-28"),
        ({"month": "2026-04"}, "2026-03-01", "2026-03-31"),
        ({"month": "13"}, "2026-03-01", "2026-03-31"),
        ({"from": "2026-02-10", "to": "2026-02-20"}, "2026-02-10", "2026-02-20"),
        ({"from": "2026-02-20", "to": "2026-02-10"}, "2026-02-10", "2026-02-20"),
        ({"from": "2026-02-20", "to": "2030-01-01"}, "2026-02-20", "2026-03-31"),
        ({"from": "1999-01-01", "to": "2026-03-31"}, "2025-03-31", "2026-03-31"),
        ({"from": "0001-01-01", "to": "0001-01-02"}, "2026-03-01", "2026-03-31"),
        ({"from": "yesterday"}, "2026-03-01", "2026-03-31"),
    ],
)
def test_period_asked_for_is_mended_rather_than_refused(query: dict[str, str], first: str, last: str) -> None:
    assert periods.asked(query, TODAY) == Days(date.fromisoformat(first), date.fromisoformat(last))


def test_months_are_compared_with_whole_months_and_days_with_the_same_days() -> None:
    february = periods.month_of(date(2024, 2, 5))
    assert february.earlier(1) == Days(date(2024, 1, 1), date(2024, 1, 31))
    assert february.earlier(12) == Days(date(2023, 2, 1), date(2023, 2, 28))
    assert Days(date(2026, 3, 10), date(2026, 3, 31)).earlier(1) == Days(date(2026, 2, 10), date(2026, 2, 28))
    assert periods.last_month(date(2026, 1, 15)) == periods.month_of(date(2025, 12, 1))
    begin = february.period("Asia/Shanghai").begin
    assert begin.astimezone(UTC) == datetime(2024, 1, 31, 16, tzinfo=UTC)
    assert february.period("Asia/Shanghai").end - begin == timedelta(days=29)
