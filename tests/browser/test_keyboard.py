"""The desk by keyboard, and every page by the rules of WCAG 2.1 AA (axe-core) in a real browser."""

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from bot.console import PAGES
from tests.browser.conftest import Window
from tests.support.living import Living

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("living"), pytest.mark.timeout(300)]

#: What axe-core tests: WCAG 2.0 and 2.1, levels A and AA.
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
#: Answers that are no page.
NO_PAGE = ("/events", "/state", ".xlsx", ".ics", "/console/sign-in")


async def test_the_desk_is_worked_with_the_keyboard_alone(window: Window, living: Living) -> None:
    phone = await window.open("/simulator")
    for text in ("婆婆嫌我生女儿，想离婚怎么办", "转人工"):
        await phone.request.post(f"{living.url}/simulator/phones/xiaoyan/messages", data={"text": text})
    desk = await window.sign_in("worker", living.passwords["worker"])
    await expect(desk.locator("main a.open").first).to_be_visible()
    help_table = desk.get_by_role("dialog", name="键盘快捷键")
    await desk.keyboard.press("?")
    await expect(help_table).to_be_visible()
    await expect(help_table).to_contain_text("去「活动」")
    await desk.keyboard.press("Escape")
    await expect(help_table).to_be_hidden()
    await desk.keyboard.press("j")
    await desk.keyboard.press("Enter")
    await expect(desk.locator(".transcript")).to_contain_text("想离婚怎么办")
    await desk.keyboard.press("g")
    await desk.keyboard.press("a")
    await desk.wait_for_url("**/console/activities")
    await desk.keyboard.press("g")
    await desk.keyboard.press("q")
    await desk.wait_for_url("**/console/queue")
    await desk.keyboard.press("/")
    await desk.keyboard.type("ga")
    await expect(desk.locator("#q")).to_have_value("ga")


async def test_single_letters_can_be_switched_off(window: Window, living: Living) -> None:
    desk = await window.sign_in("worker", living.passwords["worker"])
    await desk.get_by_role("button", name="键盘快捷键").click()
    await desk.get_by_label("使用单个字母的快捷键").uncheck()
    await desk.keyboard.press("Escape")
    await desk.keyboard.press("g")
    await desk.keyboard.press("a")
    await desk.keyboard.press("?")
    await expect(desk.get_by_role("dialog", name="键盘快捷键")).to_be_visible()
    assert desk.url.endswith("/console/queue")


async def test_every_page_keeps_the_rules_of_accessibility(window: Window, living: Living) -> None:
    pages: dict[str, Page] = {}
    problems: list[str] = []
    for one in PAGES:
        if one.method != "GET" or "{" in one.path or one.path.endswith(NO_PAGE) or one.roles is None:
            continue
        # In the demo every login is named after its role.
        login = next((login for login in living.passwords if login in one.roles), "")
        if not login:
            continue
        if login not in pages:
            pages[login] = await window.sign_in(login, living.passwords[login])
        await pages[login].goto(living.url + one.path)
        problems += await violations(pages[login], one.path)
    assert problems == []


async def violations(page: Page, path: str) -> list[str]:
    """What axe-core finds on the page at hand, a line each."""
    found = await Axe().run(page, options=RULES)
    return [
        f"{path}: {one['id']}: {node['html'][:120]} {node.get('failureSummary', '')[:200]}"
        for one in found.response["violations"]
        for node in one["nodes"][:3]
    ]
