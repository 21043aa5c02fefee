"""Canned replies in a real browser: the list opens by a stroke, is walked by arrows, inserts and sends nothing."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Window
from tests.support.living import Living

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("living"), pytest.mark.timeout(120)]


async def test_reply_is_found_and_inserted_by_keyboard_and_not_sent(window: Window, living: Living) -> None:
    desk = await window.sign_in("worker", living.passwords["worker"])
    await desk.goto(f"{living.url}/console/replies")
    await desk.locator("#duty-name").fill("李老师")
    async with desk.expect_navigation():
        await desk.locator("form[action$=duty-name] button").click()
    for title, text in {"问安全": "我是{我}。现在方便说话吗？", "告诉时间": "工作日上午有人接听 {电话}。"}.items():
        await desk.locator("#title-new").fill(title)
        await desk.locator("#text-new").fill(text)
        async with desk.expect_navigation():
            await desk.locator("form[action$='/replies']").get_by_role("button", name="保存").click()
        await expect(desk.locator(".canned h2", has_text=title)).to_be_visible()
    room = await window.open("/chat", 390, 844)
    await room.locator("#text").fill("转人工")
    await room.locator("#send").click()
    await desk.goto(f"{living.url}/console/queue")
    await desk.locator(".queue .talk", has_text="悄悄话室").first.get_by_role("button", name="接待").click()
    sent = await desk.locator(".said.staff").count()
    reply = desk.locator("#reply")
    await reply.press_sequentially("您好\n/")
    await expect(desk.locator("#picker [role=option]")).to_have_count(2)
    await desk.locator("#picker-search").press("ArrowDown")
    await expect(desk.locator("#picker [aria-selected=true]")).to_contain_text("告诉时间")
    await desk.locator("#picker-search").press("ArrowUp")
    await desk.locator("#picker-search").fill("安全")
    await expect(desk.locator("#picker [role=option]")).to_have_count(1)
    await desk.locator("#picker-search").press("Enter")
    await expect(desk.locator("#picker")).to_be_hidden()
    await expect(reply).to_have_value("您好\n我是李老师。现在方便说话吗？")
    await expect(reply).to_be_focused()
    assert await desk.locator(".said.staff").count() == sent
    await expect(room.locator("body")).not_to_contain_text("李老师")
