"""Notices through the console's doors: composed, reviewed, whose they are, links, packs, what they did."""

import io
from datetime import timedelta
from typing import Any

import pytest
from openpyxl import load_workbook

from bot import clock
from storage.models import Area
from tests.bot.console.conftest import Desk
from tests.support.console import StaffClient
from tests.support.house import LINA, MEI
from tests.support.rows import queue
from workers.jobs import send_campaigns

TEXT = "三八节活动周来了\n3月8日在文化广场，免费，电话 {电话}。{链接}"
NOTICE = {"title": "三八维权周", "text": TEXT, "link": "https://www.example.gov.cn/notice"}
AREAS = ("0101", "0102")


def area_id(number: int) -> str:
    """The id of one of two townships."""
    return f"{number:026d}"


async def townships(desk: Desk) -> None:
    """Two of them."""
    async with desk.house.database.transaction() as tx:
        for number, code in enumerate(AREAS):
            row = {"id": area_id(number), "code": code, "name": f"乡{number}", "level": "township"}
            await tx.insert(Area, {"parent_id": None} | row)


async def written(client: StaffClient, **values: str) -> str:
    """A draft; its page."""
    status, made = await client.post("/console/campaigns", NOTICE | values)
    assert status == 201, made
    return f"/console/campaigns/{made['id']}"


async def approved(desk: Desk, **values: str) -> tuple[StaffClient, StaffClient, str]:
    """Cadre, supervisor and the page of a notice one wrote and the other approved."""
    cadre, boss = await desk.signed_in("chen", "cadre"), await desk.signed_in("wang", "supervisor")
    page = await written(cadre, **values)
    assert (await cadre.post(f"{page}/submit"))[0] == 200
    assert (await boss.post(f"{page}/approve"))[0] == 200
    return cadre, boss, page


async def test_what_is_sent_is_filled_in_and_what_was_typed_is_kept(desk: Desk) -> None:
    await desk.house.say("恢复通知")
    cadre, _, page = await approved(desk)
    assert (await cadre.post(f"{page}/start"))[0] == 200
    await send_campaigns(desk.house.worker)
    (link,) = await desk.house.rows("campaign_link")
    (got,) = desk.house.wechat.texts_to(LINA)
    assert got.endswith(f"电话 12338。{desk.house.settings.public_url}/n/{link.code}")
    (draft,) = await desk.house.rows("campaign_draft")
    assert "{电话}" in draft.written


async def test_each_channel_is_shown_with_what_is_wrong_with_it_and_nothing_is_kept(desk: Desk) -> None:
    cadre = await desk.signed_in("chen", "cadre")
    status, shown = await cadre.post("/console/campaigns/check", {"text": "离婚讲座\n{姓名}在〔地点〕"})
    assert status == 200
    said = "".join(shown[0]["problems"])
    assert all(word in said for word in ("离婚", "{姓名}", "〔地点〕"))
    assert await desk.house.rows("campaign") == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"text": "好消息\n{姓名}您好"}, "text"),
        ({"link": "javascript:alert(1)"}, "link"),
        ({"scheduled_at": "morgen"}, "scheduled_at"),
        ({"scheduled_at": "2027-03-08T09:00", "expires_at": "2027-03-07T09:00"}, "expires_at"),
        (
            {"use.wechat_oa.subscribe": "1", "fields.wechat_oa.subscribe": "thing1=反家暴讲座"},
            "text.wechat_oa.subscribe",
        ),
        ({"use.wechat_oa.custom": "1", "text.wechat_oa.custom": "反家暴讲座\n电话 12338"}, "text.wechat_oa.custom"),
    ],
)
async def test_a_draft_that_cannot_go_out_is_refused_by_field(desk: Desk, change: dict[str, str], field: str) -> None:
    cadre = await desk.signed_in("chen", "cadre")
    status, answer = await cadre.post("/console/campaigns", NOTICE | change)
    assert status == 400
    assert set(answer["fields"]) == {field}


async def test_a_gap_may_be_kept_and_not_handed_in(desk: Desk) -> None:
    cadre = await desk.signed_in("chen", "cadre")
    page = await written(cadre, text="活动来了\n在〔地点〕，电话 12338")
    status, answer = await cadre.post(f"{page}/submit")
    assert status == 409
    assert "〔地点〕" in answer["error"]
    assert (await cadre.post(f"{page}/edit", NOTICE))[0] == 200
    assert (await cadre.post(f"{page}/submit"))[0] == 200


async def test_a_template_that_is_missing_stops_a_subscription_notice(desk: Desk) -> None:
    cadre = await desk.signed_in("chen", "cadre")
    page = await written(cadre, **{"use.wechat_oa.subscribe": "1"})
    status, answer = await cadre.post(f"{page}/submit")
    assert (status, "模板" in answer["error"]) == (409, True)
    given = {"template_id.wechat_oa.subscribe": "T1", "fields.wechat_oa.subscribe": "thing1=文化广场"}
    assert (await cadre.post(f"{page}/edit", NOTICE | {"use.wechat_oa.subscribe": "1"} | given))[0] == 200
    assert (await cadre.post(f"{page}/submit"))[0] == 200


async def test_a_second_person_returns_it_with_a_remark_and_approves_it_later(desk: Desk) -> None:
    cadre, boss = await desk.signed_in("chen", "cadre"), await desk.signed_in("wang", "supervisor")
    page = await written(cadre)
    assert (await cadre.post(f"{page}/submit"))[0] == 200
    assert (await boss.post(f"{page}/return"))[0] == 400, "not without a word"
    assert (await cadre.post(f"{page}/return", {"comment": "不行"}))[0] == 409, "never one's own"
    assert (await boss.post(f"{page}/return", {"comment": "写上地点"}))[0] == 200
    assert (await cadre.get(page))[1]["status"] == "draft"
    assert (await cadre.post(f"{page}/submit"))[0] == 200
    assert (await boss.post(f"{page}/approve", {"comment": "可以"}))[0] == 200
    said = [(row.verdict, row.comment) for row in await desk.house.rows("campaign_review")]
    assert said == [("returned", "写上地点"), ("approved", "可以")]


async def test_a_notice_with_a_time_waits_for_it_after_approval(desk: Desk) -> None:
    later = (clock.now() + timedelta(days=2)).isoformat()
    cadre, _, page = await approved(desk, scheduled_at=later)
    assert (await cadre.get(page))[1]["status"] == "scheduled"


async def test_sending_is_paused_goes_on_and_is_copied_for_another_year(desk: Desk) -> None:
    await desk.house.say("恢复通知")
    cadre, boss, page = await approved(desk)
    for step in ("start", "pause"):
        assert (await boss.post(f"{page}/{step}"))[0] == 200
    await send_campaigns(desk.house.worker)
    assert desk.house.wechat.texts_to(LINA) == []
    assert (await boss.post(f"{page}/resume"))[0] == 200
    await send_campaigns(desk.house.worker)
    assert len(desk.house.wechat.texts_to(LINA)) == 1
    status, made = await cadre.post(f"{page}/clone")
    assert status == 200
    assert (await cadre.get(f"/console/campaigns/{made['id']}"))[1]["status"] == "draft"
    codes = {row.code for row in await desk.house.rows("campaign_link")}
    assert len(codes) == 2, "a copy has a link of its own"


async def test_a_township_writes_for_its_own_people_and_sees_only_its_own(desk: Desk) -> None:
    await townships(desk)
    village = await desk.signed_in("gu", "local", area_id=area_id(0))
    other = await desk.signed_in("ma", "local", area_id=area_id(1))
    page = await written(village)
    assert (await village.get(f"{page}/audience"))[1]["areas"] == [area_id(0)]
    assert (await village.post(f"{page}/audience", {f"area.{area_id(1)}": "1"}))[0] == 200
    assert (await village.get(f"{page}/audience"))[1]["areas"] == [area_id(0)], "not hers to choose"
    assert (await village.post(f"{page}/submit"))[0] == 200
    assert (await other.get(page))[0] == 404
    assert (await other.post(f"{page}/edit", NOTICE))[0] == 404
    assert (await other.get("/console/campaigns"))[1] == []
    assert (await village.post(f"{page}/approve"))[0] == 403


async def test_the_audience_is_counted_with_the_reasons_of_those_left_out(desk: Desk) -> None:
    await desk.house.say("恢复通知")
    await desk.house.say("你好", MEI)
    cadre = await desk.signed_in("chen", "cadre")
    page = await written(cadre)
    assert (await cadre.get(f"{page}/count"))[1] == {
        "will_get": 1,
        "channels": {"wechat_oa": 1},
        "fallen": {"no_consent": 1},
    }
    status, none = await cadre.post(f"{page}/count", {"language.ug": "1"})
    assert (status, none["will_get"]) == (200, 0)


async def test_a_short_link_counts_and_leads_to_the_stored_address_only(desk: Desk) -> None:
    cadre = await desk.signed_in("chen", "cadre")
    await written(cadre)
    (link,) = await desk.house.rows("campaign_link")

    async def ask(path: str, method: str = "GET", **headers: str) -> Any:
        return await cadre.session.request(method, desk.url + path, headers=headers, allow_redirects=False)

    answer = await ask(f"/n/{link.code}?to=https://evil.example")
    assert (answer.status, answer.headers["Location"]) == (302, NOTICE["link"])
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    assert (await ask(f"/n/{link.code}", "HEAD")).status == 302
    assert (await ask(f"/n/{link.code}", **{"Sec-Purpose": "prefetch"})).status == 302
    assert (await ask("/n/AAAAAAAA")).status == 404
    assert (await ask("/n/..%2Fconsole")).status == 404
    (link,) = await desk.house.rows("campaign_link")
    assert link.clicks == 1, "only her own tap counts"


async def test_posters_and_packs_are_there_once_it_is_approved(desk: Desk) -> None:
    await townships(desk)
    cadre = await desk.signed_in("zhou", "cadre")
    draft = await written(cadre)
    assert (await cadre.get(f"{draft}/posters"))[0] == 409
    _, boss, page = await approved(desk)
    assert (await boss.post(f"{page}/posters"))[0] == 400
    assert (await boss.post(f"{page}/posters", {f"area.{area_id(0)}": "1"}))[0] == 200
    (poster,) = (await boss.get(f"{page}/posters"))[1]
    assert poster["area"] == area_id(0)
    given = {"title": "城关姐妹群", "kind": "wechat", "area": area_id(0), "keeper": desk.ids["chen"]}
    status, group = await boss.post("/console/plain-groups", given)
    assert status == 200
    assert (await boss.get(f"{page}/forwarding"))[1] == [
        {"id": group["id"], "title": "城关姐妹群", "forwarded": False}
    ]
    assert (await boss.post(f"{page}/forwarding", {"group": "nobody"}))[0] == 404
    for _ in range(2):
        assert (await boss.post(f"{page}/forwarding", {"group": group["id"]}))[0] == 200
    assert (await boss.get(f"{page}/forwarding"))[1][0]["forwarded"] is True
    assert (await boss.post(f"{page}/forwarding", {"group": group["id"], "done": "0"}))[0] == 200
    assert (await boss.get(f"{page}/forwarding"))[1][0]["forwarded"] is False
    assert (await boss.post(f"/console/plain-groups/{group['id']}/remove"))[0] == 200
    assert (await boss.get(f"{page}/forwarding"))[1] == []


async def test_the_result_is_exported_without_small_numbers_and_written_down(desk: Desk) -> None:
    await desk.house.say("恢复通知")
    cadre, boss, page = await approved(desk)
    assert (await boss.post(f"{page}/start"))[0] == 200
    await send_campaigns(desk.house.worker)
    await desk.house.say("退订")
    async with cadre.session.get(f"{desk.url}{page}/result.xlsx") as got:
        assert got.status == 200
        book = load_workbook(io.BytesIO(await got.read()))
    assert book.active is not None
    lines = {str(row[0]): row[1] for row in book.active.iter_rows(values_only=True) if row and row[0]}
    assert lines["已安排"] == 1
    assert lines["收到后退订"] == "＊", "one woman is fewer than ten"
    assert "campaign.exported" in [row.action for row in await desk.house.rows("audit_entry")]
    async with cadre.session.get(desk.url + page) as got:
        shown = await got.text()
    assert "收到后退订" in shown
    assert "＊" in shown


async def test_a_channel_that_lets_nothing_through_is_named_before_approval(desk: Desk) -> None:
    await desk.house.say("恢复通知")
    cadre = await desk.signed_in("chen", "cadre")
    page = await written(cadre)

    async def shown() -> str:
        async with cadre.session.get(desk.url + page) as got:
            return await got.text()

    failed = {"state": "failed", "error_sentence": "微信说 AppSecret 不对"}
    for minute in (3, 2):
        await queue(desk.house, "在", finished_at=clock.now() - timedelta(minutes=minute), **failed)
    assert "AppSecret" not in await shown(), "two may be one woman's"
    await queue(desk.house, "在", finished_at=clock.now() - timedelta(minutes=1), **failed)
    assert "「微信公众号」最近几次都没有发成功：微信说 AppSecret 不对" in await shown()
    await queue(desk.house, "在", finished_at=clock.now(), state="sent")
    assert "AppSecret" not in await shown(), "it works again"


async def test_what_a_notice_brought_about_is_counted_once_a_woman(desk: Desk) -> None:
    women = [f"oNotice{number:021d}" for number in range(10)]
    for woman in women:
        await desk.house.say("恢复通知", woman)
    _, boss, page = await approved(desk)
    assert (await boss.post(f"{page}/start"))[0] == 200
    await send_campaigns(desk.house.worker)
    for woman in women:
        await desk.house.say("在哪里报名", woman)
        await desk.house.say("退订", woman)
    async with boss.session.get(f"{desk.url}{page}/result.xlsx") as got:
        book = load_workbook(io.BytesIO(await got.read()))
    assert book.active is not None
    lines = {str(row[0]): row[1] for row in book.active.iter_rows(values_only=True) if row and row[0]}
    assert (lines["收到后来消息"], lines["收到后退订"], lines["收到后报名"]) == (10, 10, 0)
