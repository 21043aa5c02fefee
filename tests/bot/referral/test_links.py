"""The one-time link: one browser, one referral, nothing more than what is shared, and nothing once it is over."""

import io
import random
import re
from datetime import timedelta

import pytest
from docx import Document
from docx.oxml.ns import qn

from bot import sharing
from bot.clock import Frozen
from storage.repositories.referrals.links import MOST_FAILURES
from tests.bot.console.conftest import Desk
from tests.support.console import StaffClient
from tests.support.referrals import CASE, PHONE, SUMMARY, UnitBrowser, add_unit, link_of, passed_on, take_down


async def opened(desk: Desk, **values: str) -> tuple[StaffClient, str, tuple[str, str]]:
    """Somebody at the desk, a referral that is open, its link."""
    li = await desk.signed_in("li", "supervisor")
    unit_id = await add_unit(li)
    case = await take_down(li)
    referral_id = await passed_on(li, case["id"], unit_id, **values)
    return li, referral_id, await link_of(li, referral_id)


async def test_only_what_is_shared_is_shown_and_only_after_the_code(desk: Desk, units: list[UnitBrowser]) -> None:
    _, _, link = await opened(desk)
    (unit, *_) = units
    before = await unit.get(link[0])
    assert before.status == 200
    for told in (SUMMARY, CASE["name"], "保护令", "人民法院"):
        assert told not in before.text
    page = await unit.open(link)
    assert SUMMARY in page.text
    assert CASE["name"] in page.text
    assert "受理人身安全保护令申请" in page.text
    for kept in (PHONE, "王某", CASE["hours"], CASE["cover_story"], CASE["wish"], "伤情照片", "li的名字", "丈夫，"):
        assert kept not in page.text, kept
    assert "工作台" not in page.text
    assert "<title>事项办理</title>" in page.text


async def test_answers_come_with_headers_that_keep_it_out_of_caches_frames_and_search(
    desk: Desk, units: list[UnitBrowser]
) -> None:
    _, _, link = await opened(desk)
    (unit, *_) = units
    for page in (await unit.get(link[0]), await unit.open(link), await unit.get("/referral/" + "A" * 43)):
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in page.headers["X-Robots-Tag"]
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script|style=|\son[a-z]+=|https?://", page.text)
    for cookie in unit.session.cookie_jar:
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == link[0]


async def test_the_first_browser_keeps_the_link_and_gives_the_code_again_each_visit(
    desk: Desk, units: list[UnitBrowser]
) -> None:
    li, referral_id, link = await opened(desk)
    first, second, _ = units
    assert SUMMARY in (await first.open(link)).text
    taken = await second.open(link)
    assert taken.status == 403
    assert "另一台设备" in taken.text
    assert SUMMARY not in taken.text
    assert SUMMARY in (await first.get(link[0])).text
    first.session.cookie_jar.clear(lambda cookie: cookie.key == "niangjia_unit_visit")
    assert SUMMARY not in (await first.get(link[0])).text
    assert SUMMARY in (await first.open(link)).text
    newer = await link_of(li, referral_id)
    assert (await first.get(link[0])).status == 404
    assert SUMMARY in (await second.open(newer)).text
    codes = [row.code for row in await desk.house.rows("case_event", subject=f"referral:{referral_id}")]
    assert codes.count("link_taken") == 1
    assert codes.count("link_opened") == 2


async def test_five_wrong_codes_shut_a_link_for_the_right_one_too(
    desk: Desk, units: list[UnitBrowser], frozen: Frozen
) -> None:
    _, _, link = await opened(desk)
    (unit, *_) = units
    wrong = f"{(int(link[1]) + 1) % 10**6:06d}"
    for _ in range(MOST_FAILURES - 1):
        page = await unit.post(link[0], code=wrong)
        assert page.status == 403
        assert SUMMARY not in page.text
    assert (await unit.post(link[0], code=wrong)).status == 404
    assert (await unit.open(link)).status == 404


async def test_one_address_cannot_try_codes_without_end(desk: Desk, units: list[UnitBrowser]) -> None:
    (unit, *_) = units
    pace = desk.house.settings.referral.tries_per_minute
    statuses = [(await unit.post("/referral/" + "A" * 43, code="123456")).status for _ in range(pace + 2)]
    assert statuses == [404] * pace + [429] * 2


async def test_token_and_code_stand_nowhere_in_the_database(desk: Desk, units: list[UnitBrowser]) -> None:
    _, _, link = await opened(desk)
    await units[0].open(link)
    (row,) = await desk.house.rows("referral_link")
    token = link[0].rpartition("/")[2]
    assert len(token) * 6 >= 128
    for value in row:
        for secret in (token, link[1], *(cookie.value for cookie in units[0].session.cookie_jar)):
            assert secret not in str(value)
            assert not (isinstance(value, bytes) and secret.encode() in value)


@pytest.mark.parametrize("kind", ["refused", "done"])
async def test_after_its_last_answer_a_link_shows_nothing(desk: Desk, units: list[UnitBrowser], kind: str) -> None:
    li, referral_id, link = await opened(desk)
    (unit, *_) = units
    await unit.open(link)
    empty = await unit.post(f"{link[0]}/answer", kind="refused", text=" ")
    assert empty.status == 400
    assert "请写原因" in empty.text
    said = await unit.post(f"{link[0]}/answer", kind=kind, text="不归我们管，应找公安")
    assert said.status == 200
    assert SUMMARY not in said.text
    gone = await unit.get(link[0])
    assert gone.status == 404
    assert SUMMARY not in gone.text
    assert (await li.get(f"/console/referrals/{referral_id}"))[1]["state"] == kind
    async with li.session.get(f"{desk.url}/console/referrals/{referral_id}", headers={"Accept": "text/html"}) as got:
        assert "不归我们管，应找公安" in await got.text()
    fallen = [one["id"] for one in (await li.get("/console/referrals?state=fallen"))[1]]
    assert fallen == ([referral_id] if kind == "refused" else []), "a refusal is not lost among what is over"
    actions = [row.action for row in await desk.house.rows("audit_entry")]
    assert {"referral_link.opened", "referral_link.seen", f"referral_link.{kind}"} <= set(actions)


async def test_a_unit_accepts_notes_and_is_done(desk: Desk, units: list[UnitBrowser]) -> None:
    _, referral_id, link = await opened(desk)
    (unit, *_) = units
    await unit.open(link)
    assert "已经接收" in (await unit.post(f"{link[0]}/answer", kind="accepted", text="")).text
    assert (await unit.post(f"{link[0]}/answer", kind="accepted", text="")).status == 409
    noted = await unit.post(f"{link[0]}/answer", kind="note", text="已约她周四来<b>谈</b>")
    assert "已约她周四来&lt;b&gt;谈&lt;/b&gt;" in noted.text
    assert (await unit.post(f"{link[0]}/answer", kind="done", text="已立案")).status == 200
    (row,) = await desk.house.rows("referral")
    assert (row.state, row.answered_at is not None, row.closed_at is not None) == ("done", True, True)
    events = await desk.house.rows("case_event", subject=f"referral:{referral_id}")
    assert [one.code for one in events][-3:] == ["accepted", "note", "done"]
    assert all("已立案".encode() not in (one.body_sealed or b"") for one in events)


async def test_a_link_taken_back_or_out_of_date_shows_nothing(
    desk: Desk, units: list[UnitBrowser], frozen: Frozen
) -> None:
    li, referral_id, link = await opened(desk)
    first, second, _ = units
    await first.open(link)
    assert (await li.post(f"/console/referrals/{referral_id}/revoke", {"reason": "她改主意了"}))[0] == 200
    for unit in (first, second):
        page = await unit.get(link[0])
        assert page.status == 404
        assert SUMMARY not in page.text
    assert (await first.post(f"{link[0]}/answer", kind="note", text="还在吗")).status == 404
    assert (await li.post(f"/console/referrals/{referral_id}/link"))[0] == 409

    unit_id = (await desk.house.rows("partner_unit"))[0].id
    another = await passed_on(li, (await desk.house.rows("case"))[0].id, unit_id)
    old = await link_of(li, another)
    await second.open(old)
    frozen.advance(timedelta(days=desk.house.settings.referral.link_days, minutes=1))
    assert (await second.get(old[0])).status == 404


async def test_another_sites_form_is_refused(desk: Desk, units: list[UnitBrowser]) -> None:
    _, _, link = await opened(desk)
    (unit, *_) = units
    await unit.open(link)
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        page = await unit.post(f"{link[0]}/answer", headers, kind="done", text="")
        assert page.status == 404
    assert (await desk.house.rows("referral"))[0].state == "open"


@pytest.mark.parametrize("token", ["x", "../console", "A" * 43, "%00" * 20, "A" * 65])
async def test_what_is_no_link_looks_like_one_that_is_over(desk: Desk, units: list[UnitBrowser], token: str) -> None:
    page = await units[0].get(f"/referral/{token}")
    assert page.status in (303, 404) or "请先登录" in page.text or "登录" in page.text
    assert SUMMARY not in page.text


async def test_one_unit_never_sees_the_referral_of_another(desk: Desk, units: list[UnitBrowser]) -> None:
    li, _, link = await opened(desk)
    other = await add_unit(li, "清河县公安局", "police")
    case = await take_down(li, name="小芳", summary="另一件事", phone="13900000000")
    another = await passed_on(li, case["id"], other, text_summary="另一件事")
    other_link = await link_of(li, another)
    first, second, third = units
    await first.open(link)
    page = await second.open(other_link)
    assert "另一件事" in page.text
    assert SUMMARY not in page.text
    cookies = {cookie.key: cookie.value for cookie in first.session.cookie_jar}
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    async with third.session.get(desk.url + other_link[0], headers={"Cookie": header}) as got:
        assert "另一件事" not in await got.text()


#: One word for every field of a case, found nowhere else.
CANARIES = {name: f"金丝雀{number:02d}号" for number, name in enumerate(sharing.labels())}


async def test_whatever_is_picked_page_and_slip_hold_it_and_no_other_field(desk: Desk) -> None:
    li = await desk.signed_in("li", "supervisor")
    unit_id = await add_unit(li)
    case = await take_down(li, name=CANARIES["name"], phone="13700009999", summary=CANARIES["summary"])
    chance = random.Random(20261125)
    for _ in range(6):
        picked = {name for name in CANARIES if name != "address" and chance.random() < 0.5} or {"summary"}
        if "phone" in picked:
            picked |= {"contact", "hours"}
        form = {f"text_{name}": text for name, text in CANARIES.items()}
        form |= {"share_name": "", "share_summary": ""} | {f"share_{name}": "1" for name in picked}
        referral_id = await passed_on(li, case["id"], unit_id, **form)
        async with UnitBrowser(desk.url) as unit:
            page = (await unit.open(await link_of(li, referral_id))).text
        headers = {"X-CSRF-Token": li.csrf}
        async with li.session.post(f"{desk.url}/console/referrals/{referral_id}/slip", headers=headers) as got:
            paper = Document(io.BytesIO(await got.read()))
        slip = "\n".join(node.text or "" for node in paper.element.body.iter(qn("w:t")))
        for name, canary in CANARIES.items():
            word = "13700009999" if name == "phone" else canary
            assert (word in page) == (name in picked), name
            assert (word in slip) == (name in picked), name
