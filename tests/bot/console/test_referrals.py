"""Referrals on the console: nothing leaves without her consent to exactly that, or a law and a second person."""

import io
import re
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from docx import Document
from docx.oxml.ns import qn

from bot import clock, sharing
from bot.clock import Frozen
from bot.config import Service
from nlp.citations import problem_of
from storage.models import Area, new_id
from storage.repositories import erasure, export, referrals, rights
from tests.bot.console.conftest import Desk
from tests.support.console import StaffClient
from tests.support.referrals import (
    AGREED,
    CASE,
    PHONE,
    PICKED,
    SUMMARY,
    UnitBrowser,
    add_unit,
    draft,
    link_of,
    passed_on,
    take_down,
)
from workers import referrals as chasing
from workers import retention

STATUTES = Path(__file__).resolve().parents[4] / "shared" / "laws"


async def page(client: StaffClient, path: str, method: str = "GET") -> str:
    """A page as people see it."""
    headers = {"Accept": "text/html", "X-CSRF-Token": client.csrf}
    async with client.session.request(method, client.url + path, headers=headers) as got:
        assert got.status == 200, path
        return await got.text()


def pairs(html: str, begin: str) -> list[tuple[str, str]]:
    """Labels and texts of the list of what is shared."""
    part = html[html.index(begin) :].partition("</dl>")[0]
    found: list[tuple[str, str]] = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", part, re.S)
    return found


async def test_staff_pick_field_by_field_and_see_exactly_what_the_unit_will_see(desk: Desk) -> None:
    li = await desk.signed_in("li", "supervisor")
    unit_id, case = await add_unit(li), await take_down(li)
    form = await page(li, f"/console/cases/{case['id']}/referrals/new")
    assert PHONE not in form
    assert "138****5678" in form
    assert SUMMARY in form
    assert not re.search(r'name="share_\w+" value="1" checked', form), "nothing is picked by itself"
    more = {"share_phone": "1", "share_hours": "1", "text_hours": CASE["hours"], "share_contact": "1"}
    referral_id = await draft(li, case["id"], unit_id, **more, text_contact="打电话", text_phone="13000000000")
    here = f"/console/referrals/{referral_id}"
    assert PHONE not in await page(li, here)
    shown = pairs(await page(li, f"{here}/preview", "POST"), 'class="pairs shared"')
    assert ("安全的电话", PHONE) in shown, "the number of the file, not what was posted"
    assert (await li.post(f"{here}/consent", AGREED))[0] == 200
    link = await link_of(li, referral_id)
    async with UnitBrowser(desk.url) as unit:
        assert pairs((await unit.open(link)).text, 'class="shared"') == shown
    actions = [row.action for row in await desk.house.rows("audit_entry")]
    assert "referral.previewed" in actions


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"unit": ""}, "unit"),
        ({"purpose": " "}, "purpose"),
        ({"share_name": "", "share_summary": ""}, "shared"),
        ({"text_summary": " "}, "text_summary"),
        ({"share_phone": "1"}, "text_hours"),
        ({"share_address": "1"}, "text_address"),
    ],
)
async def test_a_draft_that_would_betray_or_say_nothing_is_refused(
    desk: Desk, change: dict[str, str], field: str
) -> None:
    li = await desk.signed_in("li", "supervisor")
    unit_id, case = await add_unit(li), await take_down(li)
    status, answer = await li.post(f"/console/cases/{case['id']}/referrals", PICKED | {"unit": unit_id} | change)
    assert status == 400
    assert field in answer["fields"]
    assert await desk.house.rows("referral") == []


async def test_consent_is_kept_with_its_way_giver_wording_time_and_fields(desk: Desk, frozen: Frozen) -> None:
    li = await desk.signed_in("li", "supervisor")
    unit_id, case = await add_unit(li), await take_down(li)
    referral_id = await draft(li, case["id"], unit_id)
    here = f"/console/referrals/{referral_id}"
    html = await page(li, here)
    assert "清河县人民法院" in html
    assert "（电话 0319-1234567）" in html
    assert "怎么称呼她、情况。" in html
    assert (await li.post(f"{here}/link"))[0] == 409, "nothing leaves a draft"
    assert (await li.post(f"{here}/slip"))[0] == 409
    for wrong in ({"agreed": ""}, {"way": "x"}, {"giver": ""}, {"at": "2026-03-04T09:30"}, {"at": "gestern"}):
        assert (await li.post(f"{here}/consent", AGREED | wrong))[0] == 400, wrong
    assert (await li.post(f"{here}/consent", AGREED))[0] == 200
    (row,) = await desk.house.rows("referral")
    assert (row.state, row.basis, row.consent_way, row.consent_giver) == ("open", "consent", "phone", "survivor")
    assert row.consent_version == sharing.consent_version()
    assert row.consent_names == row.shared_names == "name summary"
    assert row.consented_at < row.opened_at < row.answer_by
    assert SUMMARY.encode() not in row.shared_sealed
    assert (await li.post(f"{here}/edit", PICKED | {"unit": unit_id}))[0] == 409, "what is out is not changed"


async def test_a_changed_draft_has_to_be_agreed_to_anew(desk: Desk) -> None:
    li = await desk.signed_in("li", "supervisor")
    unit_id, case = await add_unit(li), await take_down(li)
    referral_id = await draft(li, case["id"], unit_id)
    async with desk.house.database.transaction() as tx:
        referral = await referrals.find(tx, referral_id, None)
        await referrals.consent(
            tx, referral, way="phone", giver="survivor", version="2026-11", names=referral.names,
            consented_at=clock.now(), staff_id=desk.ids["li"], now=clock.now(),
        )  # fmt: skip
    more = PICKED | {"unit": unit_id, "share_wish": "1", "text_wish": "想申请保护令"}
    assert (await li.post(f"/console/referrals/{referral_id}/edit", more))[0] == 200
    (row,) = await desk.house.rows("referral")
    assert (row.basis, row.consented_at, row.consent_names) == ("", None, "")
    assert row.shared_names == "name summary wish"


async def test_without_consent_a_law_a_reason_and_a_second_person_are_needed(desk: Desk) -> None:
    li, boss = await desk.signed_in("li", "supervisor"), await desk.signed_in("zhang", "supervisor")
    police, court = await add_unit(li, "清河县公安局", "police"), await add_unit(li)
    case = await take_down(li)
    referral_id = await draft(li, case["id"], court)
    here = f"/console/referrals/{referral_id}"
    asked = {"basis": "minor", "reason": "孩子身上有伤"}
    status, answer = await li.post(f"{here}/submit", asked)
    assert status == 400, "the law names police, civil affairs, education; a court is none"
    assert "basis" in answer["fields"]
    assert (await li.post(f"{here}/edit", PICKED | {"unit": police}))[0] == 200
    assert (await li.post(f"{here}/submit", {"basis": "minor", "reason": ""}))[0] == 400
    assert (await li.post(f"{here}/submit", {"basis": "nothing", "reason": "因为"}))[0] == 400
    assert (await li.post(f"{here}/submit", asked))[0] == 200
    assert (await li.post(f"{here}/link"))[0] == 409, "nothing leaves before"
    assert (await li.post(f"{here}/approve"))[0] == 409, "never one's own"
    assert (await boss.post(f"{here}/return", {"reason": "先问孩子是不是安全"}))[0] == 200
    assert (await boss.post(f"{here}/approve"))[0] == 409
    assert (await li.post(f"{here}/submit", asked))[0] == 200
    assert (await boss.post(f"{here}/approve"))[0] == 200
    (row,) = await desk.house.rows("referral")
    assert (row.state, row.basis, row.decided_by) == ("open", "minor", desk.ids["zhang"])
    assert "孩子身上有伤".encode() not in row.reason_sealed
    html = await page(li, here)
    assert "《中华人民共和国未成年人保护法》第十一条" in html
    assert "孩子身上有伤" in html
    codes = [one.code for one in await desk.house.rows("case_event", subject=f"referral:{referral_id}")]
    assert codes == ["drafted", "changed", "submitted", "returned", "submitted", "approved"]
    reasons = [one.reason for one in await desk.house.rows("audit_entry") if one.action.startswith("referral.")]
    assert not any("孩子" in reason for reason in reasons), "free text stays out of the audit log"


async def test_who_does_not_lead_approves_nothing(desk: Desk) -> None:
    li, boss = await desk.signed_in("li", "worker"), await desk.signed_in("zhang", "supervisor")
    police, case = await add_unit(boss, "清河县公安局", "police"), await take_down(li)
    referral_id = await draft(li, case["id"], police)
    here = f"/console/referrals/{referral_id}"
    assert (await li.post(f"{here}/submit", {"basis": "life", "reason": "电话里听到打斗"}))[0] == 200
    assert (await li.post(f"{here}/approve"))[0] == 403
    assert (await boss.post(f"{here}/approve"))[0] == 200


async def test_a_child_does_not_consent_by_herself(desk: Desk) -> None:
    li = await desk.signed_in("li", "supervisor")
    unit_id, case = await add_unit(li), await take_down(li)
    (person,) = [row for row in await desk.house.rows("case_person") if row.role == "survivor"]
    contact = (await desk.house.rows("contact", id=(await desk.house.rows("case"))[0].contact_id))[0]
    key = desk.house.database.keys.contact_key(contact.id, contact.wrapped_key)
    born = {"birth_year": str(clock.now().year - 12)}
    await desk.house.change("case_person", person.id, fields_sealed=key.seal_json("case_person.fields", born))
    referral_id = await draft(li, case["id"], unit_id)
    here = f"/console/referrals/{referral_id}"
    assert (await li.post(f"{here}/consent", AGREED))[0] == 409
    assert (await li.post(f"{here}/consent", AGREED | {"giver": "guardian"}))[0] == 200


async def test_nobody_sees_a_referral_of_another_area(desk: Desk) -> None:
    li = await desk.signed_in("li", "supervisor")
    unit_id, case = await add_unit(li), await take_down(li)
    referral_id = await passed_on(li, case["id"], unit_id)
    areas = [new_id(), new_id()]
    async with desk.house.database.transaction() as tx:
        for number, area_id in enumerate(areas):
            await tx.insert(Area, {"id": area_id, "code": f"x{number}", "name": "乡", "level": "township"})
    await desk.house.change("case", case["id"], area_id=areas[0])
    other = await desk.signed_in("wang", "supervisor", area_id=areas[1])
    assert (await other.get("/console/referrals?state=all"))[1] == []
    for path in ("", "/edit"):
        assert (await other.get(f"/console/referrals/{referral_id}{path}"))[0] == 404
    for path in ("consent", "submit", "approve", "return", "link", "answer", "revoke", "slip", "preview", "edit"):
        assert (await other.post(f"/console/referrals/{referral_id}/{path}", {"reason": "看看"}))[0] == 404, path
    assert (await other.post(f"/console/cases/{case['id']}/referrals", PICKED | {"unit": unit_id}))[0] == 404


async def test_the_slip_holds_what_is_shared_and_not_a_word_more(desk: Desk) -> None:
    li = await desk.signed_in("li", "supervisor")
    unit_id, case = await add_unit(li), await take_down(li)
    referral_id = await passed_on(li, case["id"], unit_id)
    headers = {"Accept": "application/json", "X-CSRF-Token": li.csrf}
    async with li.session.post(f"{desk.url}/console/referrals/{referral_id}/slip", headers=headers) as got:
        assert got.status == 200
        assert got.headers["Cache-Control"] == "no-store"
        name = got.headers["Content-Disposition"]
        content = await got.read()
    assert f"{case['number']}-1.docx" in name
    assert not re.search("秀英|%E7%A7%80", name)
    paper = Document(io.BytesIO(content))
    text = "\n".join(node.text or "" for node in paper.element.body.iter(qn("w:t")))
    for told in (
        SUMMARY,
        CASE["name"],
        "清河县人民法院：",
        "取得" if "取得" in text else "受到伤害的本人同意（电话里）",
    ):
        assert told in text, told
    for kept in (PHONE, "王某", CASE["hours"], CASE["cover_story"], CASE["wish"], "伤情照片"):
        assert kept not in text, kept


async def test_what_a_unit_tells_by_phone_is_kept_as_told(desk: Desk) -> None:
    li = await desk.signed_in("li", "supervisor")
    unit_id, case = await add_unit(li), await take_down(li)
    referral_id = await passed_on(li, case["id"], unit_id)
    here = f"/console/referrals/{referral_id}"
    assert (await li.post(f"{here}/answer", {"kind": "accepted", "text": ""}))[0] == 400
    assert (await li.post(f"{here}/answer", {"kind": "accepted", "text": "王庭长来电，已收"}))[0] == 200
    assert (await li.post(f"{here}/answer", {"kind": "done", "text": "裁定已作出"}))[0] == 200
    assert (await li.post(f"{here}/answer", {"kind": "note", "text": "补充"}))[0] == 409
    html = await page(li, here)
    assert "对方口头或书面说办完了" in html
    assert "裁定已作出" in html
    assert "转介" in await page(li, f"/console/cases/{case['id']}")


async def test_an_answer_is_due_after_working_days_and_the_overdue_stand_first(desk: Desk, frozen: Frozen) -> None:
    li = await desk.signed_in("li", "supervisor")
    unit_id, slow = await add_unit(li), await add_unit(li, "清河县妇幼保健院", "health", answer_days="60")
    case = await take_down(li)
    late = await passed_on(li, case["id"], unit_id)
    await passed_on(li, case["id"], slow)
    frozen.advance(timedelta(days=6))
    li = await desk.signed_in("chen", "supervisor")
    lines = (await li.get("/console/referrals"))[1]
    assert lines[0]["id"] == late
    assert [line["id"] for line in (await li.get("/console/referrals?state=overdue"))[1]] == [late]
    assert "有 1 件过了该答复的日期" in await page(li, "/console/referrals")
    await chasing.chase(desk.house.worker)
    await chasing.chase(desk.house.worker)
    codes = [one.code for one in await desk.house.rows("case_event", subject=f"referral:{late}")]
    assert codes.count("overdue") == 1
    assert await desk.house.rows("outbox") == [], "neither she nor the unit is written to"
    frozen.advance(timedelta(days=desk.house.settings.referral.unanswered_days))
    await chasing.chase(desk.house.worker)
    states = {row.id: row.state for row in await desk.house.rows("referral")}
    assert states[late] == "expired"
    assert sorted(states.values()) == ["expired", "open"]


@pytest.mark.parametrize(
    ("opened", "days", "due"),
    [
        ("2026-03-03", 1, "2026-03-04"),
        ("2026-03-06", 1, "2026-03-09"),
        ("2026-03-06", 5, "2026-03-13"),
        ("2026-04-30", 1, "2026-05-06"),
    ],
)
def test_working_days_leave_out_weekends_and_holidays(opened: str, days: int, due: str) -> None:
    service = Service()
    begin = datetime.fromisoformat(f"{opened}T10:00:00").replace(tzinfo=ZoneInfo(service.timezone))
    assert f"{sharing.answer_by(service, begin, days):%Y-%m-%d}" == due


async def test_after_she_is_erased_no_link_opens_and_nothing_shared_is_left(desk: Desk, frozen: Frozen) -> None:
    li = await desk.signed_in("li", "supervisor")
    unit_id, case = await add_unit(li), await take_down(li)
    referral_id = await passed_on(li, case["id"], unit_id)
    link = await link_of(li, referral_id)
    contact_id = (await desk.house.rows("case"))[0].contact_id
    async with desk.house.database.transaction() as tx:
        await erasure.erase(tx, contact_id, clock.now())
    async with UnitBrowser(desk.url) as unit:
        assert (await unit.open(link)).status == 404
    (row,) = await desk.house.rows("referral")
    assert (row.state, row.shared_sealed, row.purpose_sealed) == ("revoked", None, None)
    assert row.unit_id == unit_id, "whom it went to stays for the account"
    assert await desk.house.rows("referral_link") == []
    assert (await li.get(f"/console/referrals/{referral_id}"))[0] == 404


@pytest.mark.parametrize("basis", sorted(sharing.bases()))
def test_every_legal_basis_is_a_citation_that_exists(basis: str) -> None:
    found = sharing.bases()[basis]
    statutes = STATUTES if STATUTES.is_dir() else None
    assert [problem for one in found.citations if (problem := problem_of(one, statutes))] == []
    for one in found.citations:
        assert one.law in found.said
        assert one.article in found.said


def test_the_wording_names_receiver_purpose_kinds_and_that_she_may_refuse() -> None:
    text = sharing.consent_wording(
        sharing.consent_version(), unit="甲院", phone="1", purpose="办一件事", fields="情况"
    )
    assert "<" not in text
    for needed in ("甲院", "电话 1", "办一件事", "情况", "可以不同意", "收回", "你同意吗"):
        assert needed in text


async def test_her_copy_and_her_rights_say_what_went_to_whom_and_drafts_do_not_count(desk: Desk) -> None:
    li = await desk.signed_in("li", "supervisor")
    unit_id, case = await add_unit(li), await take_down(li)
    await draft(li, case["id"], unit_id)
    await passed_on(li, case["id"], unit_id)
    (row, *_) = await desk.house.rows("case")
    contact = (await desk.house.rows("contact", id=row.contact_id))[0]
    key = desk.house.database.keys.contact_key(contact.id, contact.wrapped_key)
    async with desk.house.database.reading() as tx:
        copy = await export.gather(tx, key, contact.id)
        held = {one.kind: one.number for one in await rights.holdings(tx, contact.id)}
    (passed,) = copy.sections["referrals"]
    assert passed["unit"] == "清河县人民法院"
    assert passed["opened_at"] is not None
    assert f"情况：{SUMMARY}" in passed["shared"]
    assert held["referrals"] == 1


async def test_links_that_are_over_go_and_a_closed_case_takes_its_referrals_content_along(
    desk: Desk, frozen: Frozen
) -> None:
    li = await desk.signed_in("li", "supervisor")
    unit_id, case = await add_unit(li), await take_down(li)
    referral_id = await passed_on(li, case["id"], unit_id)
    await link_of(li, referral_id)
    await desk.house.change("case", case["id"], status="closed", closed_at=clock.now())
    frozen.advance(timedelta(days=60))
    await retention.run(desk.house.database, desk.house.settings)
    assert await desk.house.rows("referral_link") == []
    assert (await desk.house.rows("referral"))[0].shared_sealed is not None
    frozen.advance(timedelta(days=1100))
    await retention.run(desk.house.database, desk.house.settings)
    (row,) = await desk.house.rows("referral")
    assert (row.shared_sealed, row.purpose_sealed, row.unit_id) == (None, None, unit_id)
