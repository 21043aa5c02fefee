"""What staff write: to her only through the gate, among themselves never to her, and what becomes of a message."""

from datetime import timedelta
from typing import Any

import pytest

from bot import clock, gate
from bot.clock import Frozen
from tests.bot.console.conftest import Desk
from tests.support.console import StaffClient
from tests.support.house import LINA
from workers import outbox, typing

SECRET = "她说他今晚值班，别打家里电话"
NEUTRAL = "您好，您之前问的事，方便的时候回我一下。"


async def held(desk: Desk) -> tuple[StaffClient, str]:
    """A worker who holds a conversation; its address."""
    li = await desk.signed_in("li", "worker")
    page = f"/console/conversations/{await desk.waiting()}"
    assert (await li.post(f"{page}/claim"))[0] == 200
    return li, page


async def gone_silent(desk: Desk) -> None:
    """She wrote two hours ago: what is written now is no live chat any more."""
    identity = await desk.house.identity()
    await desk.house.change("identity", identity.id, last_inbound_at=clock.now() - timedelta(hours=2))


async def wish(li: StaffClient, page: str, **wishes: Any) -> None:
    assert (await li.post(f"{page}/wishes", {"source": "电话里她本人说的"} | wishes))[0] == 200


async def test_note_is_read_by_colleagues_before_anybody_holds_her_and_never_by_her(desk: Desk) -> None:
    li, wang = await desk.signed_in("li", "worker"), await desk.signed_in("wang", "worker")
    page = f"/console/conversations/{await desk.waiting()}"
    before = len(await desk.house.rows("outbox"))
    assert (await li.post(f"{page}/notes", {"text": SECRET}))[0] == 200
    assert (await li.post(f"{page}/notes", {"text": " "}))[0] == 400
    _, seen = await wang.get(page)
    assert [line["text"] for line in seen["messages"] if line["who"] == "note"] == [SECRET]
    assert (await li.post(f"{page}/claim"))[0] == 200
    assert (await li.post(f"{page}/notes", {"text": SECRET}))[0] == 200
    await outbox.deliver(desk.house.worker)
    assert len(await desk.house.rows("outbox")) == before, "a note is no row anything could send"
    assert SECRET not in str(desk.house.wechat.texts_to(LINA))
    boss = await desk.signed_in("boss", "supervisor")
    headers = {"X-CSRF-Token": boss.csrf}
    async with boss.session.post(
        f"{desk.url}{page}/person/export", data={"reason": "当面核对过"}, headers=headers
    ) as answer:
        assert answer.status == 200
        assert SECRET.encode() not in await answer.read()
    rows = await desk.house.rows("conversation_note")
    assert all(SECRET.encode() not in row.text_sealed for row in rows)


async def test_half_written_words_are_there_after_a_reload_and_gone_once_sent(desk: Desk) -> None:
    li, page = await held(desk)
    assert (await li.post(f"{page}/draft", {"kind": "message", "text": "写了一半"}))[0] == 200
    assert (await li.post(f"{page}/draft", {"kind": "else", "text": "x"}))[0] == 400
    async with li.session.get(desk.url + page) as answer:
        assert "写了一半</textarea>" in await answer.text()
    (row,) = await desk.house.rows("draft")
    assert "写了一半".encode() not in row.text_sealed
    assert (await li.post(f"{page}/messages", {"text": "写完了", "key": "k"}))[0] == 200
    assert await desk.house.rows("draft") == []


async def test_message_outside_her_hours_is_blocked_with_the_reason_or_waits(desk: Desk, frozen: Frozen) -> None:
    li, page = await held(desk)
    await wish(li, page, not_before="14:00", not_after="15:00")
    assert (await li.post(f"{page}/messages", {"text": "在吗", "key": "live"}))[0] == 200, "she is here"
    await gone_silent(desk)
    status, answer = await li.post(f"{page}/messages", {"text": NEUTRAL, "key": "late"})
    assert (status, answer["reason"], answer["can_be_overridden"]) == (409, "unsafe_time", True)
    assert "安全时段" in answer["error"]
    assert answer["wait_until"].startswith("2026-03-03T06:00")
    assert len(await desk.house.rows("outbox", outbound_class="staff")) == 1
    assert (await li.post(f"{page}/messages", {"text": NEUTRAL, "key": "late", "later": "1"}))[0] == 200
    await outbox.deliver(desk.house.worker)
    assert NEUTRAL not in desk.house.wechat.texts_to(LINA)
    frozen.advance(4 * 3600 + 1)
    await outbox.deliver(desk.house.worker)
    assert NEUTRAL in desk.house.wechat.texts_to(LINA)


async def test_first_line_of_what_staff_begin_gives_nothing_away(desk: Desk) -> None:
    li, page = await held(desk)
    await gone_silent(desk)
    status, answer = await li.post(f"{page}/messages", {"text": "您的离婚诉讼有消息了\n请回电", "key": "a"})
    assert status == 400
    assert "「离婚」" in answer["error"]
    assert NEUTRAL in answer["error"], "it says what would do"
    assert (await li.post(f"{page}/messages", {"text": f"{NEUTRAL}\n离婚的事有消息了", "key": "b"}))[0] == 200


async def test_allowance_lets_one_message_through_and_only_one(desk: Desk) -> None:
    li, page = await held(desk)
    boss = await desk.signed_in("boss", "supervisor")
    await wish(li, page, day_7="on")
    await gone_silent(desk)
    assert (await li.post(f"{page}/allowances", {"kind": "message", "reason": "必须马上"}))[0] == 403
    assert (await boss.post(f"{page}/allowances", {"kind": "message", "reason": ""}))[0] == 400
    assert (await boss.post(f"{page}/allowances", {"kind": "message", "reason": "法院刚来电话要她今天去"}))[0] == 200
    assert (await li.post(f"{page}/messages", {"text": NEUTRAL, "key": "a"}))[0] == 200
    assert (await li.post(f"{page}/messages", {"text": NEUTRAL, "key": "b"}))[0] == 409
    await outbox.deliver(desk.house.worker)
    assert desk.house.wechat.texts_to(LINA).count(NEUTRAL) == 1, "the sender's gate knows the allowance too"
    (allowance,) = await desk.house.rows("contact_allowance")
    assert allowance.used_by == desk.ids["li"]
    assert "法院".encode() not in allowance.reason_sealed
    audited = {(row.action, row.staff_id) for row in await desk.house.rows("audit_entry")}
    assert {("contact.allowed", desk.ids["boss"]), ("conversation.replied", desk.ids["li"])} <= audited


@pytest.mark.parametrize("barrier", ["locked", "do_not_initiate"])
async def test_nobody_can_lift_a_lock_or_do_not_initiate(desk: Desk, barrier: str) -> None:
    li, page = await held(desk)
    boss = await desk.signed_in("boss", "supervisor")
    await desk.house.say("我的电话13800138000")
    await wish(li, page, day_7="on")
    await gone_silent(desk)
    for kind in ("message", "call"):
        assert (await boss.post(f"{page}/allowances", {"kind": kind, "reason": "必须马上联系"}))[0] == 200
    if barrier == "locked":
        contact = await desk.house.contact()
        await desk.house.change("contact", contact.id, locked_at=contact.created_at)
    else:
        await wish(li, page, do_not_initiate="on")
    for kind in ("message", "call"):
        assert (await boss.post(f"{page}/allowances", {"kind": kind, "reason": "必须马上联系"}))[0] == 409
    for path, body in (("messages", {"text": NEUTRAL, "key": "a"}), ("calls", {})):
        status, answer = await li.post(f"{page}/{path}", body)
        assert (status, answer["reason"], answer["can_be_overridden"]) == (409, barrier, False)


async def test_call_shows_number_and_cover_story_only_when_the_gate_allows_it(desk: Desk) -> None:
    li, page = await held(desk)
    assert (await li.post(f"{page}/calls"))[0] == 409, "she left no number"
    assert (await li.post(f"{page}/form", {"category": "divorce", "phone": "13800138000"}))[0] == 200
    await wish(li, page, channel_wechat_oa="on", cover_story="社区通知领体检单")
    status, answer = await li.post(f"{page}/calls")
    assert (status, answer["reason"]) == (409, "other_channel")
    assert "13800138000" not in str(answer)
    await wish(li, page, channel_phone="on", cover_story="社区通知领体检单")
    status, call = await li.post(f"{page}/calls")
    assert status == 200
    assert (call["numbers"]["phone"], call["cover_story"]) == ("13800138000", "社区通知领体检单")
    async with li.session.get(f"{desk.url}{page}?part=1") as shown:
        text = await shown.text()
    assert text.index("别人接：社区通知领体检单") < text.index("tel:13800138000")
    wang = await desk.signed_in("wang", "worker")
    result = {"result": "talked", "note": "她说明天再打"}
    assert (await wang.post(f"{page}/calls/{call['id']}/result", result))[0] == 404
    assert (await li.post(f"{page}/calls/{call['id']}/result", {"result": "?"}))[0] == 400
    assert (await li.post(f"{page}/calls/{call['id']}/result", result))[0] == 200
    _, seen = await li.get(page)
    assert "她说明天再打" in [line for line in seen["messages"] if line["who"] == "note"][-1]["text"]
    async with li.session.get(f"{desk.url}{page}?part=1") as shown:
        assert "13800138000" not in await shown.text(), "the number is put away"
    actions = [row.action for row in await desk.house.rows("audit_entry")]
    assert "contact.called" in actions
    assert "contact.call_ended" in actions


async def test_waiting_message_is_cancelled_and_a_failed_one_goes_again_once(desk: Desk) -> None:
    li, page = await held(desk)
    _, one = await li.post(f"{page}/messages", {"text": "取消我", "key": "a"})
    assert (await li.post(f"{page}/messages/{one['id']}/recall"))[0] == 409, "WeChat takes nothing back"
    assert (await li.post(f"{page}/messages/{one['id']}/cancel"))[0] == 200
    await outbox.deliver(desk.house.worker)
    assert "取消我" not in desk.house.wechat.texts_to(LINA)
    _, two = await li.post(f"{page}/messages", {"text": "发出去", "key": "b"})
    await outbox.deliver(desk.house.worker)
    assert (await li.post(f"{page}/messages/{two['id']}/cancel"))[0] == 409
    assert (await li.post(f"{page}/messages/{two['id']}/again"))[0] == 409, "it arrived"
    await desk.house.change("outbox", two["id"], state="failed")
    first, second = [await li.post(f"{page}/messages/{two['id']}/again") for _ in range(2)]
    assert (first[0], second[0]) == (200, 200)
    assert first[1]["id"] == second[1]["id"]
    await outbox.deliver(desk.house.worker)
    assert desk.house.wechat.texts_to(LINA).count("发出去") == 2
    await desk.house.change("outbox", first[1]["id"], state="unknown")
    assert (await li.post(f"{page}/messages/{first[1]['id']}/again"))[0] == 400, "not without a warning"
    assert (await li.post(f"{page}/messages/{first[1]['id']}/again", {"sure": "on"}))[0] == 200


async def test_given_back_to_the_bot_she_is_told_if_staff_wish_and_the_bot_answers_again(desk: Desk) -> None:
    li, page = await held(desk)
    await desk.house.say("老公正在打我救命")
    assert (await li.post(f"{page}/to-bot", {"tell": "on"}))[0] == 409, "danger nobody has answered"
    assert (await li.post(f"{page}/messages", {"text": "我在，先打110", "key": "k"}))[0] == 200
    assert (await desk.house.say("你好")).texts == ()
    assert (await li.post(f"{page}/to-bot", {"tell": "on"}))[0] == 200
    assert (await desk.house.conversation()).state == "bot"
    await outbox.deliver(desk.house.worker)
    await outbox.deliver(desk.house.worker)
    assert "智能助手" in desk.house.wechat.texts_to(LINA)[-1]
    assert (await desk.house.say("菜单")).texts


async def test_wishes_are_kept_with_where_they_are_known_from(desk: Desk) -> None:
    li, page = await held(desk)
    assert (await li.post(f"{page}/wishes", {"day_1": "on"}))[0] == 400, "no source"
    assert (await li.post(f"{page}/wishes", {"not_before": "9", "source": "她说的话"}))[0] == 400
    await wish(li, page, day_1="on", day_3="on", not_before="09:00", not_after="11:30")
    contact = await desk.house.contact()
    key = desk.house.database.keys.contact_key(contact.id, contact.wrapped_key)
    stored = key.open_json("contact.wishes", contact.wishes_sealed, {})
    assert gate.read_wishes(stored).days == (1, 3)
    assert [(one["by"], one["text"]) for one in stored["source"]] == [(desk.ids["li"], "电话里她本人说的")]
    assert "wishes.changed" in [row.action for row in await desk.house.rows("audit_entry")]


async def test_she_sees_on_wechat_that_somebody_writes_to_her(desk: Desk, frozen: Frozen) -> None:
    li, page = await held(desk)
    wang = await desk.signed_in("wang", "worker")
    assert (await wang.post(f"{page}/typing"))[0] == 200
    await typing.show(desk.house.worker)
    assert desk.house.wechat.platform.typed == [], "only whoever holds her"
    assert (await li.post(f"{page}/typing"))[0] == 200
    await typing.show(desk.house.worker)
    await typing.show(desk.house.worker)
    assert desk.house.wechat.platform.typed == [LINA]
    frozen.advance(10)
    await li.post(f"{page}/typing")
    contact = await desk.house.contact()
    await desk.house.change("contact", contact.id, locked_at=contact.created_at)
    await typing.show(desk.house.worker)
    assert desk.house.wechat.platform.typed == [LINA], "nothing shows on a locked phone"
