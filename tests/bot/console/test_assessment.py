"""Danger assessment and safety plan at the desk: completed, kept, never lowered, and never sent unasked."""

import json
import zipfile
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest

from bot import clock
from bot.clock import Frozen
from nlp.assessment import checklist
from storage.models import Area, new_id
from storage.repositories import erasure, rights
from tests.bot.console.conftest import Desk
from tests.support.console import StaffClient
from workers import retention

QUIET = {f"answer_{item.name}": "no" for item in checklist().items}
HTML = {"Accept": "text/html"}


async def page_of(client: StaffClient, desk: Desk, path: str) -> str:
    async with client.session.get(desk.url + path, headers=HTML) as got:
        assert got.status == 200
        return await got.text()


async def seen(client: StaffClient, page: str) -> str:
    """Which state of the last assessment a page made now would come from."""
    past = (await client.get(f"{page}/assessment"))[1]
    return past[0]["seen"] if past else "none"


async def save(client: StaffClient, page: str, **answers: str) -> tuple[int, Any]:
    return await client.post(f"{page}/assessment", {"seen": await seen(client, page), **answers})


async def audited(desk: Desk) -> list[str]:
    return [row.action for row in await desk.house.rows("audit_entry")]


async def held(desk: Desk, client: StaffClient, text: str = "转人工") -> str:
    talk = await desk.waiting(text)
    assert (await client.post(f"/console/conversations/{talk}/claim"))[0] == 200
    return f"/console/conversations/{talk}"


async def test_staff_complete_what_she_began_and_each_answer_keeps_who_said_it(desk: Desk) -> None:
    await desk.house.say("危险评估")
    await desk.house.say("开始")
    await desk.house.say("2")
    await desk.house.say("2")
    li = await desk.signed_in("li", "worker")
    page = await held(desk, li)
    status, begun = await li.get(f"{page}/assessment")
    assert (status, len(begun), begun[0]["finished"], begun[0]["open"]) == (200, 1, False, 20)
    answers = QUIET | {"answer_stalking": "yes", "source_stalking": "staff", "answer_drugs": "unknown"}
    status, saved = await save(li, page, **answers)
    assert (status, saved["level"]) == (200, "serious")
    (only,) = (await li.get(f"{page}/assessment"))[1]
    assert (only["id"], only["finished"], only["reasons"], only["open"]) == (saved["id"], True, ["跟踪纠缠"], 1)
    assert only["answers"]["strangling"] == begun[0]["answers"]["strangling"], "hers stays as she said it"
    assert only["answers"]["stalking"]["source"] == "staff"
    html = await page_of(li, desk, f"{page}/assessment")
    assert "建议：要当心" in html
    assert "因为：跟踪纠缠" in html
    assert "还有 1 项不知道" in html
    assert "工作人员看到的，" in html
    assert "分数" not in html
    assert {"assessment.viewed", "assessment.saved"} <= set(await audited(desk))


async def test_a_new_one_begins_with_the_last_and_both_are_kept(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    page = await held(desk, li)
    assert (await save(li, page, answer_stalking="yes"))[0] == 200
    assert 'name="answer_stalking" value="yes" checked' in await page_of(li, desk, f"{page}/assessment")
    assert (await save(li, page, answer_stalking="yes", answer_alcohol="yes"))[0] == 200
    newest, first = (await li.get(f"{page}/assessment"))[1]
    assert (first["reasons"], newest["reasons"]) == (["跟踪纠缠"], ["跟踪纠缠", "常酗酒"])
    assert newest["answers"]["stalking"] == first["answers"]["stalking"], "not touched, so not dated anew"


async def test_what_is_grave_raises_conversation_case_and_alarm_once_and_nothing_lowers_them(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    page = await held(desk, li)
    assert (await li.post(f"{page}/form", {"summary": "要人陪"}))[0] == 200
    assert (await save(li, page, answer_strangling="yes"))[1]["level"] == "grave"
    assert await desk.house.alarms() == ["assessment"]
    assert [row.risk for row in await desk.house.rows("case")] == [2]
    assert (await desk.house.conversation()).risk == 2
    assert (await save(li, page, answer_strangling="yes", answer_alcohol="yes"))[0] == 200
    assert await desk.house.alarms() == ["assessment"], "it was as grave before"
    assert (await save(li, page, **QUIET))[1]["level"] == "heed"
    assert (await desk.house.conversation()).risk == 2
    assert "还没有说到要特别防备的事" in await page_of(li, desk, f"{page}/assessment")


async def test_a_page_older_than_her_last_answer_is_refused(desk: Desk) -> None:
    await desk.house.say("危险评估")
    await desk.house.say("开始")
    await desk.house.say("2")
    li = await desk.signed_in("li", "worker")
    page = f"/console/conversations/{(await desk.house.conversation()).id}"
    stamp = await seen(li, page)
    await desk.house.say("1")
    status, refused = await li.post(f"{page}/assessment", {"seen": stamp, **QUIET})
    assert (status, "又答了" in refused["error"]) == (409, True)
    assert (await li.get(f"{page}/assessment"))[1][0]["answers"]["weapon"]["answer"] == "yes"
    assert (await li.post(f"{page}/assessment", {"seen": await seen(li, page), "answer_weapon": "maybe"}))[0] == 400


async def test_invited_by_staff_the_bot_asks_and_staff_get_her_back(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    page = await held(desk, li)
    for _ in range(2):  # pressed twice is said once
        assert (await li.post(f"{page}/assessment/invite", {"key": "k1"}))[0] == 200
    texts = [row.outbound_class for row in await desk.house.rows("outbox")]
    assert texts.count("staff") == 1
    conversation = await desk.house.conversation()
    assert (conversation.state, conversation.waiting_reason, conversation.flow) == (
        "waiting",
        "invited",
        "assessment",
    )
    assert "掐过你的脖子" in (await desk.house.say("开始")).all
    await desk.house.say("有")
    assert (await desk.house.conversation()).waiting_reason == "assessment"
    other = await desk.signed_in("zhao", "worker")
    assert (await other.post(f"{page}/assessment/invite", {"key": "k2"}))[0] == 409, "only whoever holds her"


async def test_a_locked_woman_is_not_invited_and_gets_no_plan(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    page = await held(desk, li)
    assert (await li.post(f"{page}/plan", {"number": "0", "where": "姐姐家"}))[0] == 200
    await desk.house.change("contact", (await desk.house.contact()).id, locked_at=clock.now())
    assert (await li.post(f"{page}/assessment/invite", {"key": "k1"}))[0] == 409
    assert (await li.post(f"{page}/plan/send", {"key": "k1", "asked": "1"}))[0] == 409
    assert [row for row in await desk.house.rows("outbox") if row.outbound_class == "staff"] == []


async def test_a_plan_has_versions_and_a_page_that_gives_nothing_away(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    page = await held(desk, li)
    assert "还没有做过评估" in await page_of(li, desk, page)
    assert (await li.post(f"{page}/plan", {"number": "0"}))[0] == 400, "an empty one is none"
    assert (await li.post(f"{page}/plan", {"number": "0", "where": "先去<b>姐姐</b>家"}))[0] == 200
    assert (await li.post(f"{page}/plan", {"number": "0", "where": "别处"}))[0] == 409, "a colleague was faster"
    assert (await li.post(f"{page}/plan", {"number": "1", "where": "先去姐姐家", "phone": "借同事的"}))[0] == 200
    assert [one["number"] for one in (await li.get(f"{page}/plan"))[1]] == [2, 1]
    printed = await page_of(li, desk, f"{page}/plan/print")
    assert "<title>事项清单</title>" in printed
    assert "先去姐姐家" in printed
    for word in ("安全", "妇联", "12338", "暴", "保护令", "娘家"):
        assert word not in printed, word
    old = await page_of(li, desk, f"{page}/plan")
    assert "先去&lt;b&gt;姐姐&lt;/b&gt;家" in old
    assert (await li.post(f"{page}/plan/forget", {"sure": "删"}))[0] == 400
    assert (await li.post(f"{page}/plan/forget", {"sure": "事项清单"}))[0] == 200
    assert (await li.get(f"{page}/plan"))[1] == []
    assert {"plan.viewed", "plan.saved", "plan.printed", "plan.forgotten"} <= set(await audited(desk))


async def test_a_plan_is_sent_only_in_the_live_chat_and_only_when_she_asked(desk: Desk, frozen: Frozen) -> None:
    li = await desk.signed_in("li", "worker")
    page = await held(desk, li)
    assert (await li.post(f"{page}/plan/send", {"key": "k1", "asked": "1"}))[0] == 409, "there is none"
    assert (await li.post(f"{page}/plan", {"number": "0", "where": "先去姐姐家"}))[0] == 200
    assert (await li.post(f"{page}/plan/send", {"key": "k1"}))[0] == 400
    other = await desk.signed_in("zhao", "worker")
    assert (await other.post(f"{page}/plan/send", {"key": "k1", "asked": "1"}))[0] == 409
    frozen.advance(timedelta(minutes=11))
    status, refused = await li.post(f"{page}/plan/send", {"key": "k1", "asked": "1"})
    assert (status, "可能不是她" in refused["error"]) == (409, True)
    await desk.house.say("把清单发我吧")
    assert (await li.post(f"{page}/plan/send", {"key": "k1", "asked": "1"}))[0] == 200
    contact = await desk.house.contact()
    key = desk.house.database.keys.contact_key(contact.id, contact.wrapped_key)
    (sent,) = [row for row in await desk.house.rows("outbox") if row.outbound_class == "staff"]
    assert key.open("outbox.text", sent.text_sealed) == "事项清单\n去哪里：先去姐姐家"
    assert "plan.sent" in await audited(desk)


@pytest.mark.parametrize("path", ["assessment", "assessment/invite", "plan", "plan/send", "plan/forget"])
async def test_nothing_is_written_outside_ones_area(desk: Desk, path: str) -> None:
    li = await desk.signed_in("li", "worker")
    page = await held(desk, li)
    area = await _area(desk)
    await desk.house.change("conversation", page.rpartition("/")[2], area_id=area)
    stranger = await desk.signed_in("wang", "worker", area_id=await _area(desk))
    body = {"seen": "none", "number": "0", "where": "x", "key": "k", "asked": "1", "sure": "事项清单"}
    assert (await stranger.post(f"{page}/{path}", body))[0] == 404
    assert await desk.house.rows("safety_plan") == []
    assert await desk.house.rows("danger_assessment") == []


async def _area(desk: Desk) -> str:
    area_id = new_id()
    async with desk.house.database.transaction() as tx:
        await tx.insert(Area, {"id": area_id, "code": area_id, "name": "乡", "level": "township"})
    return area_id


async def test_her_copy_holds_her_answers_and_plan_but_not_what_staff_saw(desk: Desk) -> None:
    boss = await desk.signed_in("zhang", "supervisor")
    page = await held(desk, boss)
    answers = {"answer_stalking": "yes", "answer_drugs": "yes", "source_drugs": "staff"}
    assert (await save(boss, page, **answers))[0] == 200
    assert (await boss.post(f"{page}/plan", {"number": "0", "where": "先去姐姐家"}))[0] == 200
    headers = {"X-CSRF-Token": boss.csrf}
    async with boss.session.post(
        f"{desk.url}{page}/person/export", data={"reason": "当面核对"}, headers=headers
    ) as got:
        archive = zipfile.ZipFile(BytesIO(await got.read()))
    copy = json.loads(archive.read("data.json"))
    stalking = checklist().item("stalking")
    assert stalking is not None
    assert copy["assessments"][0]["answers"] == {stalking.ask: "有"}
    assert copy["plans"][0]["fields"] == {"去哪里": "先去姐姐家"}
    assert "事项清单" in archive.read("我的信息.html").decode()
    assert "吸毒" not in archive.read("data.json").decode()


async def test_both_are_sealed_forgotten_with_her_and_expire(desk: Desk, frozen: Frozen) -> None:
    li = await desk.signed_in("li", "worker")
    page = await held(desk, li)
    assert (await save(li, page, answer_alcohol="yes"))[0] == 200
    assert (await li.post(f"{page}/plan", {"number": "0", "where": "先去姐姐家"}))[0] == 200
    (kept,) = await desk.house.rows("safety_plan")
    (answered,) = await desk.house.rows("danger_assessment")
    assert "姐姐".encode() not in kept.content_sealed
    assert b"alcohol" not in answered.content_sealed
    assert {one["kind"] for one in await _holdings(desk)} >= {"assessments", "plans"}
    assert (await li.post(f"{page}/close", {"outcome": "answered"}))[0] == 200
    frozen.advance(timedelta(days=366))
    done = await retention.run(desk.house.database, desk.house.settings)
    assert (done["assessments"], done["plans"]) == (1, 1)
    assert (await desk.house.rows("safety_plan"))[0].content_sealed is None
    await desk.house.say("安全计划")
    await desk.house.say("1")
    await desk.house.say("隔壁王婶")
    assert (await desk.house.rows("safety_plan"))[-1].content_sealed is not None
    async with desk.house.database.transaction() as tx:
        await erasure.erase(tx, (await desk.house.contact()).id, clock.now())
    assert all(row.content_sealed is None for row in await desk.house.rows("safety_plan"))
    assert all(row.content_sealed is None for row in await desk.house.rows("danger_assessment"))


async def _holdings(desk: Desk) -> list[dict[str, Any]]:
    async with desk.house.database.reading() as tx:
        return [{"kind": one.kind} for one in await rights.holdings(tx, (await desk.house.contact()).id)]


async def test_a_case_without_a_conversation_has_both_and_notes_them_in_its_timeline(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    form = {"origin": "phone", "consent_way": "spoken", "name": "小芳", "hurt": "self", "category": "dv", "risk": "1"}
    status, made = await li.post("/console/cases", form | {"summary": "他打人", "phone": "138 1234 5678"})
    assert status == 201, made
    page = f"/console/cases/{(await desk.house.rows('case'))[0].id}"
    assert "还没有做过评估" in await page_of(li, desk, page)
    assert (await save(li, page, answer_weapon="yes", source_weapon="staff"))[1]["level"] == "grave"
    assert (await li.post(f"{page}/plan", {"number": "0", "where": "先去姐姐家"}))[0] == 200
    html = await page_of(li, desk, page)
    assert "建议：先顾性命" in html
    assert "填了危险评估" in html
    assert "写了安全计划" in html
    assert "先去姐姐家" not in html
    assert "请她自己答" not in await page_of(li, desk, f"{page}/assessment")
    assert (await desk.house.rows("case"))[0].risk == 2
    assert await desk.house.alarms() == ["assessment"]
