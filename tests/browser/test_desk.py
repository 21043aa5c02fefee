"""The desk in a real browser: she writes in the web chat, a worker notes, takes over, writes, calls back."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Window
from tests.support.living import Living

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("living"), pytest.mark.timeout(240)]

NOTE = "她说他晚上九点以后在家，白天方便"


async def write(room: Page, text: str) -> None:
    await room.locator("#text").fill(text)
    await room.locator("#send").click()


async def test_worker_notes_takes_over_and_both_see_each_other_typing(
    window: Window, living: Living, tmp_path: Path
) -> None:
    room = await window.open("/chat", 390, 844)
    await write(room, "转人工")
    desk = await window.sign_in("worker", living.passwords["worker"])
    first = desk.locator(".queue .talk", has_text="悄悄话室").first
    await first.locator("a.open").click()
    await expect(desk.locator("#reply")).to_have_count(0)
    await desk.locator("#note-text").fill(NOTE)
    await desk.get_by_role("button", name="记备注").click()
    await expect(desk.locator(".said.note")).to_contain_text(NOTE)
    await desk.get_by_role("button", name="接待").click()
    await expect(desk.get_by_text("机器人已静默，由您接待")).to_be_visible()

    await room.locator("#text").press_sequentially("我现在", delay=30)
    await expect(desk.get_by_text("她正在输入")).to_be_visible(timeout=10_000)
    await desk.locator("#reply").press_sequentially("您好，我是小李", delay=30)
    await expect(room.locator(".dots")).to_be_visible(timeout=10_000)
    await write(room, "有点怕")
    await expect(desk.locator(".transcript")).to_contain_text("有点怕", timeout=10_000)
    await expect(desk.locator("#reply")).to_have_value("您好，我是小李")
    await expect(desk.locator("#reply")).to_be_focused()
    await desk.wait_for_timeout(1200)
    await desk.reload()
    await expect(desk.locator("#reply")).to_have_value("您好，我是小李")
    await desk.locator("#reply").press("Control+Enter")
    line = room.locator(".said.us.staff", has_text="您好，我是小李")
    await expect(line).to_be_visible(timeout=15_000)
    await expect(room.locator("body")).not_to_contain_text(NOTE)
    await desk.locator(".said.staff").get_by_role("button", name="撤回").click()
    await expect(line).to_have_count(0, timeout=15_000)
    await expect(desk.locator(".said.staff .state")).to_contain_text("已撤回", timeout=15_000)


async def test_safe_contact_is_written_down_and_a_call_shows_the_number_with_the_story(
    window: Window, living: Living
) -> None:
    desk = await window.sign_in("worker", living.passwords["worker"])
    phone = await window.open("/simulator#xiuying")
    await phone.locator("#text").fill("转人工")
    await phone.get_by_role("button", name="发送").click()
    await expect(desk.locator(".queue .talk", has_text="微信公众号").first).to_be_visible(timeout=15_000)
    await desk.locator(".queue .talk", has_text="微信公众号").first.get_by_role("button", name="接待").click()
    await desk.locator("#f-phone").fill("13800138000")
    await desk.get_by_role("button", name="保存登记").click()
    await desk.get_by_text("改安全联系").click()
    await desk.locator("#w-story").fill("社区通知领体检单")
    await desk.locator("#w-source").fill("刚才她在聊天里说的")
    await desk.locator(".safe-contact").get_by_role("button", name="保存").click()
    await expect(desk.locator(".safe-contact")).to_contain_text("别人接电话时说：社区通知领体检单")
    await desk.get_by_role("button", name="我要打电话").click()
    shown = desk.locator(".calling")
    if await desk.locator(".safe-contact .go", has_text="现在可以打电话").count():
        await expect(shown).to_contain_text(re.compile("社区通知领体检单.*13800138000", re.S))
        await desk.locator("#call-result").select_option("no_answer")
        await desk.get_by_role("button", name="记下，收起号码").click()
        await expect(shown).to_have_count(0)
        await expect(desk.locator(".said.note").last).to_contain_text("没人接")
    else:
        await expect(desk.locator(".safe-contact .problem").first).to_contain_text("免打扰时段")
        await expect(shown).to_have_count(0)
