"""Two browsers: the desk passes a case on, the court opens it on a telephone and answers, the desk sees it."""

import re

import pytest

from tests.browser.conftest import Window
from tests.browser.referring import open_link, pass_on
from tests.support.living import Living
from tests.support.referrals import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("living"), pytest.mark.timeout(240)]


async def test_a_case_is_passed_on_answered_and_taken_back(window: Window, living: Living) -> None:
    desk, told = await pass_on(window, living)
    unit = await window.open(told.link, 390, 844)
    assert "保护令" not in await unit.inner_text("body")
    await open_link(unit, told)
    text = await unit.inner_text("main")
    assert PHONE in text
    assert "王某某" not in text, "nobody picked the other side"
    assert await unit.evaluate("document.documentElement.scrollWidth") <= 390
    await unit.locator("#text").fill("<img src=x onerror=document.title='executed'>已收")
    await unit.get_by_role("button", name="接收，我们来办").click()
    await unit.get_by_role("button", name="办完了").wait_for()
    assert await unit.title() == "事项办理"
    await desk.goto(f"{living.url}{told.referral}")
    assert "对方接收了" in await desk.inner_text("h1")
    assert "<img src=x onerror" in await desk.inner_text(".timeline")
    assert "executed" not in await desk.title()
    async with desk.expect_download() as started:
        await desk.get_by_role("button", name="打印转介单").click()
    assert re.fullmatch(r"材料-\d{8}-\d+-1\.docx", (await started.value).suggested_filename)
    desk.on("dialog", lambda dialog: dialog.accept())
    await desk.locator("#why-revoke").fill("她改主意了")
    await desk.get_by_role("button", name="收回", exact=True).click()
    await desk.locator("h1", has_text="已收回").wait_for()
    await unit.reload()
    assert PHONE not in await unit.inner_text("body")
    # The browser itself reports the refusal it was told to expect.
    for tab in window.tabs:
        tab.complaints[:] = [one for one in tab.complaints if "404" not in one]


async def test_an_application_is_downloaded_under_a_neutral_name(window: Window, living: Living) -> None:
    desk, told = await pass_on(window, living)
    await desk.goto(f"{living.url}{told.case}/papers/protection_order")
    await desk.locator("[name='requests.violence']").check()
    async with desk.expect_download() as started:
        await desk.get_by_role("button", name="生成，下载").click()
    assert re.fullmatch(r"材料-\d{8}-\d+\.docx", (await started.value).suggested_filename)
