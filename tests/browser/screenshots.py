"""Pictures of every console page and of the simulator with demo data, on a desk and on a phone.

`python -m tests.browser.screenshots FOLDER` starts the service in development, plays a short story and writes
PNG files named page-width.png: for the README, and to be looked at.
"""

import argparse
import asyncio
import contextlib
import tempfile
from pathlib import Path

from playwright.async_api import Page, async_playwright

from tests.browser import casework, referring
from tests.browser.conftest import ARGUMENTS, CHROMIUM, Window
from tests.support.living import Living

SIZES = {"desk": (1366, 768), "phone": (390, 844)}
STORY = {
    "guilan": ("有什么活动可以报名", "1", "2", "桂兰", "恢复通知", "两癌筛查怎么申请"),
    "chunmei": ("我想离婚，孩子能判给我吗", "转人工"),
    "xiaoyan": ("公司知道我怀孕了要辞退我", "恢复通知", "前男友天天堵在我家门口，我好怕"),
    "xiuying": ("老公昨晚又打我，我该怎么办", "转人工"),
}


async def play(window: Window, living: Living) -> tuple[str, str, str]:
    """Let women write, a worker take over, a cadre announce; paths of the conversation, list and notice."""
    phone = await window.open("/simulator")
    for name, texts in STORY.items():
        for text in texts:
            await phone.request.post(f"{living.url}/simulator/phones/{name}/messages", data={"text": text})
    await phone.request.post(f"{living.url}/simulator/phones/xiuying/messages", data={"type": "image"})
    desk = await window.sign_in("worker", living.passwords["worker"])
    await desk.locator(".queue .talk").first.get_by_role("button", name="接待").click()
    await desk.locator("#reply").fill("我是值班员小李。你现在安全吗？方便说话吗？")
    await desk.get_by_role("button", name="发送").click()
    await desk.locator(".said.staff .state", has_text="已送达").wait_for()
    talk = desk.url.removeprefix(living.url)
    await desk.locator("summary", has_text="转给同事").click()
    await desk.locator("#transfer-to").select_option(index=1)
    await desk.locator("#transfer-reason").fill("她要申请保护令，你熟，请接着做")
    await desk.get_by_role("button", name="请对方接").click()
    await keep_roster(window, living)
    cadre = await window.sign_in("cadre", living.passwords["cadre"])
    await cadre.goto(f"{living.url}/console/activities")
    await cadre.locator("tr", has_text="剪纸班").get_by_role("link", name="名单").click()
    signed = cadre.url.removeprefix(living.url)
    await cadre.goto(f"{living.url}/console/campaigns/new")
    await cadre.locator("#title").fill("三八维权周")
    await cadre.locator("#text").fill("三八节活动周来了\n3月1日至8日，各乡镇妇女之家有法律咨询，免费，电话 12338。")
    await cadre.get_by_role("button", name="保存草稿").click()
    await cadre.get_by_role("button", name="保存", exact=True).click()
    await cadre.get_by_role("button", name="提交").click()
    await cadre.wait_for_load_state()
    return talk, signed, cadre.url.removeprefix(living.url)


async def keep_roster(window: Window, living: Living) -> None:
    """The supervisor puts a week on the duty roster."""
    boss = await window.sign_in("zhuren", living.passwords["zhuren"])
    await boss.goto(f"{living.url}/console/roster")
    rows = [(f"周{day}", "值班员小李", "08:30", "17:30", "值班") for day in "一二三四"]
    rows += [(f"周{day}", "办案人老周", "17:30", "08:30", "备班") for day in "一三五"]
    rows += [(f"周{day}", "权益部王主任", "00:00", "24:00", "带班") for day in "一二三四五六日"]
    for day, who, begin, end, level in rows:
        await boss.locator("#shift-day").fill(day)
        await boss.locator("#shift-who").select_option(label=who)
        await boss.locator("#shift-begin").fill(begin)
        await boss.locator("#shift-end").fill(end)
        await boss.locator("#shift-level").select_option(label=level)
        await boss.get_by_role("button", name="加上").click()
        await boss.wait_for_load_state()


async def take(window: Window, living: Living, folder: Path, only: frozenset[str] = frozenset()) -> None:
    """All pages in both sizes, or only those of these names."""
    talk, signed, notice = await play(window, living)
    pages = {
        "queue": "/console/queue",
        "conversation": talk,
        "activities": "/console/activities",
        "knowledge": "/console/knowledge",
        "article": "/console/knowledge/dv-protection-order",
        "article-edit": "/console/knowledge/dv-protection-order/edit",
        "learning": "/console/learning",
        "questions": "/console/questions",
        "activity-new": "/console/activities/new",
        "sign-ups": signed,
        "campaigns": "/console/campaigns",
        "campaign": notice,
        "campaign-edit": notice + "/edit",
        "my-phone": "/console/my-phone",
        "audit": "/console/audit",
        "me": "/console/me",
        "person": talk + "/person",
        "roster": "/console/roster",
    }
    _, told = await referring.pass_on(window, living)
    pages |= {
        "case": told.case,
        "referrals": "/console/referrals",
        "referral": told.referral,
        "referral-new": told.case + "/referrals/new",
        "units": "/console/units",
        "protection-order": told.case + "/papers/protection_order",
        "incident-log": told.case + "/papers/incident_log",
    }
    desk = await window.sign_in("worker", living.passwords["worker"])
    await casework.type_in(desk, living.url)
    taken = (await casework.save(desk)).removeprefix(living.url)
    await casework.work_on(desk)
    pages |= {
        "cases": "/console/cases?whose=all",
        "case-new": "/console/cases/new",
        "case-work": taken,
        "case-edit": taken + "/edit",
        "visits": "/console/visits?whose=all",
    }
    for size, (width, height) in SIZES.items():
        door = await window.open("/console/sign-in", width, height)
        await save(door, folder / f"sign-in-{size}.png")
        boss = await window.sign_in("zhuren", living.passwords["zhuren"], width, height)
        worker = await window.sign_in("worker", living.passwords["worker"], width, height)
        for name, path in pages.items():
            if only and name not in only:
                continue
            page = worker if name == "conversation" else boss
            await page.goto(living.url + path)
            await save(page, folder / f"{name}-{size}.png")
        if only:
            continue
        phone = await window.open("/simulator#xiuying", width, height)
        await phone.locator("#talk .line.us").first.wait_for()
        await save(phone, folder / f"simulator-{size}.png")
        await phone.locator("button", has_text="桂兰").click()
        await save(phone, folder / f"sign-up-{size}.png")

    unit = await window.open(told.link, *SIZES["phone"])
    await save(unit, folder / "unit-code-phone.png")
    await referring.open_link(unit, told)
    await save(unit, folder / "unit-phone.png")


async def save(page: Page, path: Path) -> None:
    """One picture, once everything is there."""
    with contextlib.suppress(TimeoutError):
        await page.wait_for_load_state("load")
    await page.wait_for_timeout(400)
    await page.screenshot(path=path)


async def photograph(folder: Path, only: frozenset[str] = frozenset()) -> list[str]:
    """Start everything, take all pictures; what the pages complained about."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="niangjia-pictures-") as place:
        living = Living(Path(place))
        await asyncio.to_thread(living.__enter__)
        try:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
                window = Window(browser, living.url)
                await take(window, living, folder, only)
                await window.close()
                await browser.close()
        finally:
            await asyncio.to_thread(living.stop)
    return window.complaints()


def main() -> None:
    """Read the folder and go."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="names of pages, with commas between; all without it")
    given = parser.parse_args()
    for complaint in asyncio.run(photograph(given.folder, frozenset(filter(None, given.only.split(","))))):
        print(complaint)


if __name__ == "__main__":
    main()
