"""Locked screens and erasure, as people see them in a real browser."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Window
from tests.support.living import Living

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("living"), pytest.mark.timeout(240)]


async def write(living: Living, page: Page, who: str, *texts: str) -> None:
    """Somebody writes from a simulated phone."""
    for text in texts:
        await page.request.post(f"{living.url}/simulator/phones/{who}/messages", data={"text": text})


async def test_a_locked_screen_shows_nothing_but_that_there_is_an_alarm(window: Window, living: Living) -> None:
    phone = await window.open("/simulator#xiaoyan")
    await write(living, phone, "xiaoyan", "婆婆嫌我生女儿，想离婚怎么办", "转人工")
    desk = await window.sign_in("worker", living.passwords["worker"])
    await desk.locator(".queue .talk a.open").first.click()
    await expect(desk.locator(".transcript")).to_contain_text("婆婆嫌我生女儿")
    same = await desk.context.new_page()
    await same.goto(f"{living.url}/console/queue")
    await desk.get_by_role("button", name="锁屏").click()
    await expect(desk.get_by_role("heading", name="屏幕已锁")).to_be_visible()
    await expect(same.get_by_role("heading", name="屏幕已锁")).to_be_visible()
    for page in (desk, same):
        assert "婆婆" not in await page.content(), "what stood on the page is gone from it"
        assert await page.locator(".queue, .transcript, header").count() == 0
    await desk.wait_for_timeout(3500)
    await expect(desk.get_by_text("有新的警报")).to_be_hidden()
    await write(living, phone, "xiaoyan", "他拿刀砍我，救命")
    await expect(desk.get_by_text("有新的警报")).to_be_visible(timeout=10_000)
    assert "刀" not in await desk.content()
    await desk.get_by_label("密码").fill(living.passwords["worker"])
    await desk.get_by_role("button", name="解锁").click()
    await expect(desk.locator(".transcript")).to_contain_text("他拿刀砍我")
    await expect(same.get_by_role("heading", name="等待接待")).to_be_visible()


async def test_a_second_factor_is_set_up_from_the_code_on_the_page(window: Window, living: Living) -> None:
    cadre = await window.sign_in("cadre", living.passwords["cadre"], width=390, height=844)
    await cadre.goto(f"{living.url}/console/me")
    await cadre.get_by_role("button", name="开通").click()
    picture = cadre.get_by_alt_text("开通动态验证码的二维码")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("image => image.naturalWidth") > 100
    await cadre.get_by_label("六位验证码").fill("000000")
    await cadre.get_by_role("button", name="开通").click()
    await expect(cadre.get_by_role("alert")).to_have_text(re.compile("验证码不对"))
    assert await cadre.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (390, 844)])
async def test_her_number_is_masked_until_a_reason_is_written(
    window: Window, living: Living, width: int, height: int
) -> None:
    phone = await window.open("/simulator#chunmei")
    await write(living, phone, "chunmei", "回电", "13800138000", "明天下午三点", "1", "删除我的信息")
    boss = await window.sign_in("zhuren", living.passwords["zhuren"], width, height)
    await boss.goto(f"{living.url}/console/queue")
    await boss.get_by_label("登记编号、电话或姓名").fill("138 0013 8000")
    await boss.get_by_role("button", name="查找").click()
    await boss.locator(".queue .talk a.open").first.click()
    await expect(boss.get_by_text("她要求删除自己的信息")).to_be_visible()
    await expect(boss.locator(".about")).to_contain_text("138****8000")
    assert "13800138000" not in await boss.locator(".about").inner_text()
    await boss.get_by_role("link", name="她的信息").click()
    row = boss.locator(".identifier").first
    await expect(row).to_contain_text("138****8000")
    await row.get_by_placeholder("为什么要看").fill("约了三点回电")
    await row.get_by_role("button", name="看完整的").click()
    await expect(boss.locator(".identifier").first).to_contain_text("13800138000")
    assert await boss.evaluate("document.documentElement.scrollWidth") <= width
