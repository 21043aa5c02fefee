"""The whisper room in a real browser, phone-sized: answered at once, helped by a person, left without a trace."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, Response, expect

from tests.browser.conftest import Window
from tests.support.living import Living

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("living"), pytest.mark.timeout(240)]

#: A page with a history of its own to come from: with an icon and without cookies.
ELSEWHERE = "/simulator"
HARMLESS = "https://www.weather.com.cn/"
XSS = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
STORED = """async () => [
    document.cookie, localStorage.length, sessionStorage.length,
    indexedDB.databases ? (await indexedDB.databases()).length : 0,
    'caches' in window ? (await caches.keys()).length : 0,
    navigator.serviceWorker ? (await navigator.serviceWorker.getRegistrations()).length : 0]"""
NOTHING = ["", 0, 0, 0, 0, 0]


async def enter(window: Window, path: str = "/chat", width: int = 390, height: int = 844) -> Page:
    """The room in a tab that came from somewhere else; the harmless site is played, there is no network."""
    page = await window.open(ELSEWHERE, width, height)
    await page.route(
        f"{HARMLESS}**", lambda route: route.fulfill(status=200, content_type="text/html", body="<h1>晴</h1>")
    )
    await page.goto(window.url + path)
    return page


async def write(page: Page, text: str) -> None:
    await page.locator("#text").fill(text)
    await page.get_by_role("button", name="发送", exact=True).click()


async def picture(page: Page) -> bytes:
    """A picture, as any page looks."""
    return await page.screenshot(type="png")


def forgive_the_exit(window: Window) -> None:
    """Leaving asks the harmless site for its page, and nothing else asked anybody."""
    asked = [one for tab in window.tabs for one in tab.complaints if one == f"asked somebody else: {HARMLESS}"]
    assert len(asked) == 1
    for tab in window.tabs:
        tab.complaints = [one for one in tab.complaints if one not in asked]


async def left_without_a_trace(window: Window, page: Page) -> None:
    """On the harmless site; Back leads past the room, and the room's site kept nothing."""
    await page.wait_for_url(HARMLESS)
    forgive_the_exit(window)
    await page.go_back()
    assert page.url == f"{window.url}{ELSEWHERE}"
    assert await page.evaluate(STORED) == NOTHING
    assert await page.context.cookies() == []


async def test_she_is_answered_helped_by_a_person_and_leaves_in_one_tap(window: Window, living: Living) -> None:
    page = await enter(window)
    for number in ("110", "120", "12338"):
        await expect(page.locator(".help a", has_text=re.compile(f"^{number}$"))).to_be_visible()
    await expect(page.get_by_role("link", name="快速离开")).to_be_in_viewport()
    await write(page, "老公打我")
    answer = page.locator(".said.us").nth(1)
    await expect(answer).to_contain_text("110", timeout=10_000)
    await expect(page.locator(".state").first).to_have_text("已收到")

    desk = await window.sign_in("worker", living.passwords["worker"])
    waiting = desk.locator(".queue .talk", has_text="悄悄话室").first
    await waiting.get_by_role("button", name="接待").click()
    await desk.locator("#reply").fill("我是值班员小李。你现在安全吗？")
    await desk.get_by_role("button", name="发送").click()
    await expect(page.locator(".said.staff")).to_contain_text("我是值班员小李", timeout=15_000)
    await expect(page.locator("#who")).to_have_text("值班员在和你说话")
    await expect(desk.locator(".said.staff .state")).to_have_text("她的网页已收到", timeout=15_000)
    await write(page, XSS)
    await expect(desk.locator(".transcript")).to_contain_text(XSS, timeout=15_000)
    await expect(page.locator(".said.her").last).to_have_text(XSS)
    assert await page.title() == "便民问答"
    assert await page.evaluate(STORED) == NOTHING
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.get_by_role("link", name="快速离开").click()
    await left_without_a_trace(window, page)


async def test_three_presses_of_shift_leave_and_two_or_slow_ones_do_not(window: Window) -> None:
    page = await enter(window)
    await write(page, "你好")
    await page.locator("#text").focus()
    for key in ("Shift", "Shift", "a", "Shift"):
        await page.keyboard.press(key)
    await page.wait_for_timeout(1600)
    for _ in range(2):
        await page.keyboard.press("Shift")
    await page.wait_for_timeout(1600)
    await page.evaluate("document.dispatchEvent(new CompositionEvent('compositionstart'))")
    for _ in range(4):
        await page.keyboard.press("Shift")
    await page.evaluate("document.dispatchEvent(new CompositionEvent('compositionend'))")
    assert page.url == f"{window.url}/chat"
    for _ in range(3):
        await page.keyboard.press("Shift")
    await left_without_a_trace(window, page)


async def test_receipt_and_word_bring_her_back(window: Window) -> None:
    page = await enter(window, "/chat?s=0101")
    await write(page, "有什么活动可以报名")
    await page.get_by_role("button", name="想下次接着说").click()
    digits = await page.locator("#digits").inner_text()
    assert re.fullmatch(r"(\d{4} ){3}\d{4}", digits)
    await page.locator("#word").fill("兰花草")
    await page.get_by_role("button", name="记好了").click()
    await expect(page.locator("#receipt")).to_be_hidden(timeout=10_000)
    assert digits not in await page.content()
    await page.reload()
    await expect(page.locator(".said.her")).to_have_count(0)
    await page.get_by_role("button", name="我来过").click()
    await page.locator("#number").fill(digits)
    await page.locator("#again").fill("兰花草")
    await page.get_by_role("button", name="接着说", exact=True).click()
    await expect(page.locator(".said.her")).to_have_text(["有什么活动可以报名"])


async def test_photo_is_seen_at_the_desk_and_polling_does_without_the_open_line(
    window: Window, living: Living
) -> None:
    page = await enter(window)
    await page.add_init_script("delete window.WebSocket")
    await page.reload()
    async with page.expect_file_chooser() as choosing:
        await page.get_by_role("button", name="发照片").click()
    await (await choosing.value).set_files({"name": "a.png", "mimeType": "image/png", "buffer": await picture(page)})
    await expect(page.locator(".state").first).to_have_text("已收到", timeout=10_000)
    await write(page, "转人工")
    await expect(page.locator(".state").nth(1)).to_have_text("已收到", timeout=10_000)
    desk = await window.sign_in("worker", living.passwords["worker"])
    await desk.locator(".queue .talk", has_text="悄悄话室").first.get_by_role("button", name="接待").click()
    shown = desk.locator(".transcript img")
    await expect(shown).to_be_visible()
    assert await shown.evaluate("one => one.decode().then(() => one.naturalWidth)") > 0
    await desk.locator("#reply").fill("我在，你慢慢说")
    await desk.get_by_role("button", name="发送").click()
    await expect(page.locator(".said.staff")).to_contain_text("我在，你慢慢说", timeout=15_000)
    await expect(desk.locator(".said.staff .state")).to_have_text("她的网页已收到", timeout=15_000)


async def test_page_weighs_little_and_asks_nobody_else(window: Window) -> None:
    page = await window.open(ELSEWHERE, 390, 844)
    weights: list[int] = []

    def weigh(one: Response) -> None:
        if urlsplit(one.url).path.startswith("/chat"):
            weights.append(int(one.headers.get("content-length", "0")))

    page.on("response", weigh)
    await page.goto(window.url + "/chat")
    await page.wait_for_load_state("load")
    assert len(weights) >= 3
    assert all(weights)
    assert sum(weights) < 60_000
    await expect(page.get_by_text("浏览器会记住你打开过这个网页")).to_be_in_viewport()
    await page.locator("summary").click()
    await expect(page.get_by_text("长按「便民问答」→ 删除")).to_be_visible()
