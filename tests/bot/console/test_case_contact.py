"""Safe contact on top of a case: the same verdict and the same block whether she ever wrote to us or not."""

from bot.clock import Frozen
from tests.bot.console.conftest import Desk
from tests.bot.console.test_cases import html, take_down

STORY = "社区通知领体检单"


async def test_case_of_a_conversation_shows_the_block_of_that_conversation(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    page = f"/console/conversations/{await desk.waiting()}"
    assert (await li.post(f"{page}/claim"))[0] == 200
    assert (await li.post(f"{page}/form", {"summary": "问一件事", "phone": "13800138000"}))[0] == 200
    (case,) = await desk.house.rows("case")
    wishes = {"source": "电话里她本人说的", "cover_story": STORY, "do_not_initiate": "1"}
    assert (await li.post(f"{page}/wishes", wishes))[0] == 200
    shown = await html(li, f"/console/cases/{case.id}")
    assert f'action="{page}/calls"' in shown
    assert f"别人接电话时说：{STORY}" in shown
    assert "不要主动联系她" in shown
    assert "13800138000" not in shown


async def test_case_taken_down_by_telephone_says_whether_she_may_be_called_now(desk: Desk, frozen: Frozen) -> None:
    li = await desk.signed_in("li", "worker")
    opened = await take_down(li, hours="", cover_story=STORY)
    page = f"/console/cases/{opened['id']}"
    shown = await html(li, page)
    assert "现在可以打电话" in shown
    assert STORY in shown
    assert "/calls" not in shown, "there is no conversation to write a call into"
    frozen.advance(13 * 3600)
    boss = await desk.signed_in("boss", "supervisor")
    shown = await html(boss, page)
    assert "现在不能打电话" in shown
