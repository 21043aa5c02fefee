"""Casework in a real browser: typed in by keyboard, not lost behind the lock, worked on from one page."""

from playwright.async_api import expect

from tests.browser import casework
from tests.browser.conftest import Window
from tests.support.living import Living


async def test_a_call_is_typed_in_by_keyboard_and_nothing_is_lost_behind_the_lock(
    window: Window, living: Living
) -> None:
    page = await window.sign_in("worker", living.passwords["worker"])
    await casework.type_in(page, living.url)
    await expect(page.locator("[data-draft-state]")).to_have_text("草稿已存，锁屏、关掉页面都不会丢")
    await page.get_by_role("button", name="锁屏").click()
    await page.locator(".lock-screen").wait_for()
    await expect(page.locator("body")).not_to_contain_text(casework.SUMMARY)
    await page.locator("[name=password]").fill(living.passwords["worker"])
    await page.keyboard.press("Enter")
    await expect(page.locator("#summary")).to_have_value(casework.SUMMARY)
    await expect(page.locator("#category")).to_have_value("divorce")
    await page.locator("#summary").focus()
    await casework.save(page)
    await expect(page.locator(".case-main")).to_contain_text(casework.SUMMARY)
    await expect(page.locator(".case-aside")).to_contain_text("138****5678")
    await casework.work_on(page)
    await page.goto(living.url + "/console/cases/new")
    await expect(page.locator("#summary")).to_have_value("")


async def test_violence_heard_of_in_a_call_stops_the_mediation_before_her_eyes(
    window: Window, living: Living
) -> None:
    page = await window.sign_in("worker", living.passwords["worker"])
    await casework.type_in(page, living.url)
    await casework.save(page)
    await casework.work_on(page)
    page.on("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="听说有过暴力").click()
    await expect(page.locator(".mediation")).to_contain_text("调解已停止")
    await expect(page.get_by_text("提出调解", exact=True)).to_have_count(0)
