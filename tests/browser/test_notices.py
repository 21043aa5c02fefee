"""A notice composed, reviewed, sent and looked at, in two browsers, and on a phone."""

import os
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser import noticing
from tests.browser.conftest import Window
from tests.browser.test_keyboard import violations
from tests.support.living import Living

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("living"), pytest.mark.timeout(240)]


async def picture(page: Page, name: str) -> None:
    """Pictures for the manual and for whoever wants to look, where NIANGJIA_TEST_PICTURES names a folder."""
    folder = os.environ.get("NIANGJIA_TEST_PICTURES")
    if folder:
        for width, height in ((1366, 768), (390, 844)):
            await page.set_viewport_size({"width": width, "height": height})
            await page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)
        await page.set_viewport_size({"width": 1366, "height": 768})


async def fits(page: Page) -> None:
    """Nothing sticks out of a phone's screen, and everybody can read it."""
    assert await violations(page, page.url) == []
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390, page.url
    await page.set_viewport_size({"width": 1366, "height": 768})


async def test_a_notice_goes_from_the_first_word_to_its_result(window: Window, living: Living) -> None:
    phone = await window.open("/simulator#guilan")
    await phone.request.post(f"{living.url}/simulator/phones/guilan/messages", data={"text": "恢复通知"})
    story = await noticing.compose(window, living)
    await picture(story.cadre, "notice-compose")
    await fits(story.cadre)
    await noticing.choose(story)
    await picture(story.cadre, "notice-audience")
    await fits(story.cadre)
    await noticing.review(story, living)
    await story.boss.goto(living.url + story.path)
    await picture(story.boss, "notice-approve")
    await fits(story.boss)
    await noticing.send(story, living)
    received = phone.locator("#talk .line.us", has_text="三八节活动周来了")
    await expect(received).to_have_count(1, timeout=20_000)
    code = re.search(r"/n/[A-Za-z0-9_-]{8}", await received.inner_text())
    assert code is not None
    opened = await phone.request.get(living.url + code[0], max_redirects=0)
    assert opened.status == 302
    await noticing.spread(story, living)
    await picture(story.boss, "notice-pack")
    await fits(story.boss)
    for name in ("posters", "posters?print=1"):
        await story.boss.goto(f"{living.url}{story.path}/{name}")
        await expect(story.boss.locator("h1")).to_be_visible()
        await fits(story.boss)
    assert await story.boss.locator(".poster img").evaluate("image => image.naturalWidth") > 50
    await picture(story.boss, "notice-poster")
    await story.boss.goto(living.url + story.path)
    await expect(story.boss.locator(".steps [aria-current]")).to_have_text("已发完")
    await expect(story.boss.locator(".figures-row")).to_contain_text(re.compile(r"1\s*链接打开次数"))
    await picture(story.boss, "notice-result")
    await fits(story.boss)
    async with story.boss.expect_download() as started:
        await story.boss.get_by_role("link", name="导出表格").click()
    assert (await started.value).suggested_filename.endswith(".xlsx")
