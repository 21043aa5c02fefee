"""A case taken down by phone, passed on to the court, opened by the court: the story of pictures and tests."""

import re
from dataclasses import dataclass

from playwright.async_api import Page

from tests.browser.conftest import Window
from tests.support.living import Living
from tests.support.referrals import CASE

SUMMARY = (
    "结婚八年，从2021年春节后开始挨打，喝了酒就打。上周三晚上用皮带抽后背，还掐脖子，女儿在场，邻居听到来敲门才停手。"
    "第二天去县医院看了，有诊断和照片。他说再去告就弄死她。她和女儿现在住在娘家。"
)


@dataclass(frozen=True, slots=True)
class Told:
    """Where things are: paths of the console, the unit's link and code."""

    case: str
    referral: str
    link: str
    code: str


async def take_down(desk: Page, living: Living) -> str:
    """A case typed in; its path."""
    csrf = await desk.locator("body").get_attribute("data-csrf") or ""
    answer = await desk.request.post(
        f"{living.url}/console/cases",
        headers={"Accept": "application/json", "X-CSRF-Token": csrf},
        data=CASE | {"summary": SUMMARY, "risk": "2", "other_name": "王某某"},
    )
    assert answer.status == 201, await answer.text()
    return f"/console/cases/{(await answer.json())['id']}"


async def draft(desk: Page, living: Living, case: str) -> str:
    """A draft for the court; its path."""
    await desk.goto(f"{living.url}{case}/referrals/new")
    court = desk.locator("#unit option", has_text="人民法院")
    await desk.locator("#unit").select_option(await court.get_attribute("value"))
    await desk.locator("#purpose").fill("受理人身安全保护令申请")
    for name in ("name", "phone", "contact", "hours", "category", "summary", "done", "evidence"):
        await desk.locator(f"[name=share_{name}]").check()
    await desk.get_by_role("button", name="存成草稿").click()
    await desk.wait_for_url(re.compile(r"/console/referrals/[0-9a-f]+$"))
    return desk.url.removeprefix(living.url)


async def agree(desk: Page) -> None:
    """Her consent, as the page of a draft asks for it."""
    await desk.locator("#way").select_option("phone")
    await desk.locator("#giver").select_option("survivor")
    await desk.locator("[name=agreed]").check()
    await desk.get_by_role("button", name="记下同意，转出").click()
    await desk.get_by_role("button", name="给一个新链接").wait_for()


async def pass_on(window: Window, living: Living) -> tuple[Page, Told]:
    """Everything up to the link."""
    desk = await window.sign_in("zhuren", living.passwords["zhuren"])
    case = await take_down(desk, living)
    referral = await draft(desk, living, case)
    await agree(desk)
    await desk.get_by_role("button", name="给一个新链接").click()
    link = await desk.locator(".link-once code").nth(0).inner_text()
    code = await desk.locator(".link-once code").nth(1).inner_text()
    return desk, Told(case, referral, "/referral/" + link.rpartition("/")[2], code)


async def open_link(page: Page, told: Told) -> None:
    """The unit gives the code."""
    await page.get_by_label("办理码").fill(told.code)
    await page.get_by_role("button", name="打开").click()
    await page.locator(".shared").wait_for()
