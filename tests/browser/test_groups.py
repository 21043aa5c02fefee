"""WeCom in a real browser: a group hears what is for all, a customer is answered, a cadre keeps the groups."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Window
from tests.support.living import Living

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("living"), pytest.mark.timeout(240)]


async def write(screen: Page, text: str, *, at_bot: bool = True) -> None:
    """Somebody writes in the open scene."""
    if await screen.locator("#at_bot").is_visible():
        await screen.locator("#at_bot").set_checked(at_bot)
    await screen.locator("#text").fill(text)
    await screen.get_by_role("button", name="发送").click()
    await expect(screen.locator("#talk .line.her", has_text=text)).to_be_visible(timeout=10_000)


async def picture(page: Page, name: str) -> None:
    """A picture for whoever wants to look, where NIANGJIA_TEST_PICTURES names a folder."""
    folder = os.environ.get("NIANGJIA_TEST_PICTURES")
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png")


async def test_group_scene_and_the_register_of_groups(window: Window, living: Living) -> None:
    group = await window.open("/simulator/wecom#group")
    ours = group.locator("#talk .line.us")
    await write(group, "今晚谁家包饺子", at_bot=False)
    await write(group, "最近有什么活动可以报名")
    await expect(ours).to_have_count(1, timeout=15_000)
    await write(group, "老公昨晚又打我，我该怎么办")
    await expect(ours).to_have_count(2, timeout=15_000)
    private = await ours.nth(1).inner_text()
    assert "私下" in private
    assert "110" in private
    assert "打我" not in private
    await picture(group, "group-scene")

    cadre = await window.sign_in("cadre", living.passwords["cadre"])
    await cadre.get_by_role("link", name="群", exact=True).click()
    await cadre.get_by_label("名称", exact=True).fill("柳林姐妹群")
    await cadre.get_by_role("button", name="保存").click()
    await expect(cadre.get_by_text("柳林姐妹群")).to_be_visible()
    await picture(cadre, "group-register")

    worker = await window.sign_in("worker", living.passwords["worker"])
    await worker.locator(".queue .talk").first.get_by_role("link").first.click()
    await expect(worker.get_by_text("她是在群里说的")).to_be_visible()
    await picture(worker, "group-at-the-desk")


async def test_customer_scene_is_answered_through_the_list(window: Window) -> None:
    talk = await window.open("/simulator/wecom#kf")
    await write(talk, "两癌筛查怎么申请")
    await expect(talk.locator("#talk .line.us").first).to_contain_text("来源", timeout=20_000)
    await picture(talk, "kf-scene")
