"""The story this service exists for, in a real browser: she writes, is answered, and a person takes over."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Window
from tests.support.living import Living

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("living"), pytest.mark.timeout(240)]

FIRST = "三八节活动周来了"
NOTICE = f"{FIRST}\n3月1日至8日，各乡镇妇女之家有法律咨询，免费，电话 12338。"


async def write(phone: Page, text: str) -> str:
    """Write on the phone and wait for the next line from us; its text."""
    before = await phone.locator("#talk .line.us").count()
    await phone.locator("#text").fill(text)
    await phone.get_by_role("button", name="发送").click()
    line = phone.locator("#talk .line.us").nth(before)
    await expect(line).to_be_visible(timeout=15_000)
    return await line.inner_text()


async def test_she_writes_is_answered_at_once_and_a_worker_takes_over(window: Window, living: Living) -> None:
    phone = await window.open("/simulator#xiuying")
    desk = await window.sign_in("worker", living.passwords["worker"])
    await expect(desk.get_by_role("heading", name="等待接待")).to_be_visible()

    answer = await write(phone, "老公昨晚又打我，我该怎么办")
    assert "安全吗" in answer
    assert "110" in answer
    assert "保护令" in answer
    assert re.search(r"《[^》]*法》第[一二三四五六七八九十百]+条", answer), "no law, no article"
    assert "转人工" in answer
    await write(phone, "转人工")

    first = desk.locator(".queue .talk").first
    await expect(first).to_have_class(re.compile("risk-2"), timeout=10_000)
    assert await first.evaluate("node => getComputedStyle(node).borderLeftColor") == "rgb(201, 42, 42)"
    await first.get_by_role("button", name="接待").click()
    await expect(desk.locator("#f-category")).to_have_value("dv")
    await expect(desk.locator(".transcript")).to_contain_text("老公昨晚又打我，我该怎么办")

    await desk.locator("#reply").fill("我是值班员小李。你现在安全吗？方便说话吗？")
    await desk.get_by_role("button", name="发送").click()
    arrived = phone.locator("#talk .line.us", has_text="我是值班员小李")
    await expect(arrived).to_be_visible(timeout=15_000)
    await expect(arrived).to_contain_text("客服消息")
    await expect(desk.locator(".said.staff .state")).to_contain_text("已送达微信", timeout=15_000)

    her_words = "我在娘家，暂时安全"
    await phone.locator("#text").fill(her_words)
    await phone.keyboard.press("Enter")
    await expect(desk.locator(".transcript")).to_contain_text(her_words, timeout=15_000)
    assert await phone.locator("#talk .line.us", has_text="我是值班员小李").count() == 1


async def test_another_woman_signs_up_and_asks_for_a_programme(window: Window, living: Living) -> None:
    phone = await window.open("/simulator#guilan")
    assert "剪纸班" in await write(phone, "有什么活动可以报名")
    assert "人数" in await write(phone, "1")
    await write(phone, "2")
    assert "剪纸班" in await write(phone, "桂兰")
    answer = await write(phone, "两癌筛查怎么申请")
    assert "来源" in answer
    cadre = await window.sign_in("cadre", living.passwords["cadre"])
    await cadre.goto(f"{window.url}/console/activities")
    await cadre.locator("tr", has_text="剪纸班").get_by_role("link", name="名单").click()
    await expect(cadre.locator("tbody tr")).to_have_count(1)
    await expect(cadre.locator("tbody tr")).to_contain_text("桂兰")


async def test_a_notice_is_written_approved_previewed_and_arrives_once(window: Window, living: Living) -> None:
    phone = await window.open("/simulator#chunmei")
    await write(phone, "你好")
    await write(phone, "恢复通知")
    woman = await window.open("/simulator#xiaoyan")
    await write(woman, "恢复通知")
    openid = await phone.locator("#openid").inner_text()
    cadre = await window.sign_in("cadre", living.passwords["cadre"])
    await cadre.goto(f"{window.url}/console/my-phone")
    await cadre.get_by_label("编号（openid）").fill(openid)
    await cadre.get_by_role("button", name="保存").click()
    await cadre.get_by_role("link", name="写通知").click()
    await cadre.get_by_label(re.compile("名称")).fill("三八维权周")
    await cadre.locator("#text").fill(NOTICE)
    await cadre.get_by_role("button", name="保存草稿").click()
    await cadre.get_by_role("button", name="保存", exact=True).click()
    await cadre.get_by_role("button", name="发到我的手机看看").click()
    lines = phone.locator("#talk .line.us", has_text=FIRST)
    await expect(lines).to_have_count(1, timeout=20_000)
    await cadre.get_by_role("button", name="提交").click()
    await expect(cadre.get_by_text("自己写的不能自己批准")).to_be_visible()

    boss = await window.sign_in("zhuren", living.passwords["zhuren"])
    await boss.goto(f"{window.url}/console/campaigns")
    await boss.get_by_role("link", name="三八维权周").click()
    await boss.get_by_role("button", name="批准").click()
    await cadre.reload()
    cadre.on("dialog", lambda dialog: dialog.accept())
    await cadre.get_by_role("button", name="开始发送").click()
    await expect(woman.locator("#talk .line.us", has_text=FIRST)).to_have_count(1, timeout=30_000)
    await expect(cadre.locator("[data-live]")).to_contain_text("已发完", timeout=30_000)
    await expect(woman.locator("#talk .line.us", has_text=FIRST)).to_have_count(1)
    await expect(lines).to_have_count(1)  # a phone of staff gets previews, never the notice
    await cadre.reload()
    await expect(cadre.locator(".tag").first).to_have_text("已发完")


async def test_every_page_is_calm_and_fits_a_phone(window: Window, living: Living) -> None:
    boss = await window.sign_in("zhuren", living.passwords["zhuren"], width=390, height=844)
    pages = ("queue", "activities", "activities/new", "campaigns", "campaigns/new", "my-phone", "me", "audit")
    for path in pages:
        answer = await boss.goto(f"{window.url}/console/{path}")
        assert answer is not None
        assert answer.status == 200, path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        wide = await boss.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, f"{path} is {wide} pixels wide on a phone"
    phone = await window.open("/simulator", width=390, height=844)
    assert await phone.evaluate("document.documentElement.scrollWidth") <= 390
