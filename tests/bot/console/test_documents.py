"""Documents of a case on the console: filled with what she said, numbers hidden on the page, nothing kept unasked."""

import io
from urllib.parse import unquote

import pytest
from docx import Document
from docx.oxml.ns import qn

from bot.papers import GAP, KINDS
from storage.models import Area, new_id
from tests.bot.console.conftest import Desk
from tests.support.console import StaffClient
from tests.support.house import LINA
from tests.support.referrals import CASE, PHONE, SUMMARY, take_down

TYPED = {
    "applicant_name": "刘秀英",
    "respondent_name": "王大某",
    "relation": "spouse",
    "requests.violence": "1",
    "requests.contact": "1",
    "latest_what": "用皮带抽打后背",
    "court": "清河县人民法院",
}


async def made(client: StaffClient, case_id: str, kind: str, form: dict[str, str]) -> tuple[str, str]:
    """A document: its file name, and its text."""
    headers = {"X-CSRF-Token": client.csrf}
    path = f"{client.url}/console/cases/{case_id}/papers/{kind}"
    async with client.session.post(path, data=form, headers=headers) as got:
        assert got.status == 200, await got.text()
        assert got.headers["Cache-Control"] == "no-store"
        name = unquote(got.headers["Content-Disposition"].rpartition("''")[2])
        content = await got.read()
    paper = Document(io.BytesIO(content))
    return name, "\n".join(
        "".join(node.text or "" for node in line.iter(qn("w:t"))) for line in paper.element.body.iter(qn("w:p"))
    )


async def page(client: StaffClient, path: str) -> str:
    async with client.session.get(client.url + path, headers={"Accept": "text/html"}) as got:
        assert got.status == 200, path
        return await got.text()


async def test_the_form_shows_what_is_known_and_the_paper_holds_it_whole(desk: Desk) -> None:
    async with desk.house.database.transaction() as tx:
        await tx.insert(Area, {"id": new_id(), "code": "01", "name": "清河县", "level": "county"})
    li = await desk.signed_in("li", "worker")
    case = await take_down(li)
    html = await page(li, f"/console/cases/{case['id']}/papers/protection_order")
    assert PHONE not in html
    assert "138****5678" in html
    for known in (CASE["name"], SUMMARY, "报过警", "伤情照片", "清河县人民法院"):
        assert known in html, known
    assert '<option value="spouse" selected>' in html
    name, text = await made(li, case["id"], "protection_order", TYPED)
    assert name == f"材料-{case['number']}.docx"
    assert f"联系电话{PHONE}" in text
    assert "申请人：刘秀英，女" in text
    assert "经过：用皮带抽打后背" in text
    assert f"居民身份证号码{GAP}" in text
    _, text = await made(li, case["id"], "protection_order", TYPED | {"applicant_phone": "无"})
    assert PHONE not in text
    actions = [(row.action, row.reason) for row in await desk.house.rows("audit_entry")]
    assert actions.count(("paper.made", "protection_order")) == 2


async def test_what_is_typed_stays_on_paper_unless_it_is_to_be_kept(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    case = await take_down(li)
    typed = TYPED | {"applicant_address": "清河镇幸福里3号", "respondent_phone": "13900001111"}
    before = await desk.house.rows("case_person")
    await made(li, case["id"], "protection_order", typed)
    assert await desk.house.rows("case_person") == before
    await made(li, case["id"], "protection_order", typed | {"keep": "1"})
    contact = (await desk.house.rows("contact", id=(await desk.house.rows("case"))[0].contact_id))[0]
    key = desk.house.database.keys.contact_key(contact.id, contact.wrapped_key)
    people = {row.role: row for row in await desk.house.rows("case_person")}
    survivor, other = people["survivor"], people["other_side"]
    assert key.open("case_person.name", survivor.name_sealed) == "刘秀英"
    assert key.open("case_person.phone", survivor.phone_sealed) == PHONE
    assert key.open_json("case_person.fields", survivor.fields_sealed)["address"] == "清河镇幸福里3号"
    assert key.open("case_person.phone", other.phone_sealed) == "13900001111"
    assert other.phone_digest is None, "nobody is found by having been complained about"


async def test_choices_that_the_law_does_not_join_are_refused_with_what_was_typed(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    case = await take_down(li)
    path = f"/console/cases/{case['id']}/papers/protection_order"
    wrong = TYPED | {"relation": "ex_partner"}
    status, answer = await li.post(path, wrong)
    assert status == 400
    assert "requests" in answer["fields"]
    async with li.session.post(li.url + path, data=wrong | {"csrf": li.csrf}) as got:
        assert got.status == 400
        assert "用皮带抽打后背" in await got.text()


async def test_a_log_is_begun_with_her_own_words_of_danger_and_their_days(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    talk = await desk.waiting("我老公昨晚又拿刀威胁我", LINA)
    assert (await li.post(f"/console/conversations/{talk}/claim"))[0] == 200
    assert (await li.post(f"/console/conversations/{talk}/form", {"summary": "要保护令", "category": "dv"}))[0] == 200
    (case,) = await desk.house.rows("case")
    html = await page(li, f"/console/cases/{case.id}/papers/incident_log")
    assert "“我老公昨晚又拿刀威胁我”" in html
    rows = {"row0.what": "拿刀威胁", "row0.when": "3月2日晚", "row5.what": "推倒在地"}
    _, text = await made(li, case.id, "incident_log", rows)
    assert text.index("拿刀威胁") < text.index("推倒在地")
    assert GAP in text
    _, text = await made(li, case.id, "evidence_list", {"row0.item": "报警回执"})
    assert "报警回执" in text


@pytest.mark.parametrize("kind", KINDS)
async def test_nobody_makes_a_document_of_another_area(desk: Desk, kind: str) -> None:
    li = await desk.signed_in("li", "worker")
    case = await take_down(li)
    areas = [new_id(), new_id()]
    async with desk.house.database.transaction() as tx:
        for number, area_id in enumerate(areas):
            await tx.insert(Area, {"id": area_id, "code": f"x{number}", "name": "乡", "level": "township"})
    await desk.house.change("case", case["id"], area_id=areas[0])
    other = await desk.signed_in("wang", "worker", area_id=areas[1])
    path = f"/console/cases/{case['id']}/papers"
    assert (await other.get(path))[0] == 404
    assert (await other.get(f"{path}/{kind}"))[0] == 404
    assert (await other.post(f"{path}/{kind}", TYPED))[0] == 404


async def test_only_forms_there_are_can_be_made(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    case = await take_down(li)
    for kind in ("referral_slip", "nothing"):
        assert (await li.get(f"/console/cases/{case['id']}/papers/{kind}"))[0] == 404
        assert (await li.post(f"/console/cases/{case['id']}/papers/{kind}", {}))[0] == 404
