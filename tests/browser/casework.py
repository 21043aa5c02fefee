"""A caller's case typed in without touching the mouse: told once for the test and for the pictures."""

from playwright.async_api import Page

SUMMARY = "她说想离婚，怕孩子判给对方，现在带着孩子住在娘家，问怎么要抚养费。"


async def type_in(page: Page, url: str) -> None:
    """Fill the form by keyboard alone, up to the story; nothing is saved yet."""
    await page.goto(url + "/console/cases/new")
    await page.locator("#origin").wait_for()
    press, write = page.keyboard.press, page.keyboard.insert_text
    await press("Tab")  # the origin has the focus; a call is chosen
    await press("ArrowDown")  # agreed by word
    await press("Tab")
    await write("小芳")
    await press("Tab")
    await press("ArrowDown")  # she herself
    for _ in range(3):  # nobody else to name
        await press("Tab")
    await write("138 1234 5678")
    await page.locator("#category").focus()
    await press("ArrowDown")
    await press("ArrowDown")  # divorce
    await page.locator("#summary").focus()
    await write(SUMMARY)


async def save(page: Page) -> str:
    """Ctrl+Enter keeps it; the path of the case."""
    await page.keyboard.press("Control+Enter")
    await page.locator(".case-page").wait_for()
    return page.url


async def work_on(page: Page) -> None:
    """A note, the usual visits, a mediation both still have to agree to."""
    await page.locator("#body").fill("告诉她先收好出生证、户口本复印件，可以申请法律援助。约好周五下午打电话。")
    await page.locator("#body").press("Control+Enter")
    await page.locator(".timeline", has_text="约好周五下午打电话").wait_for()
    await page.get_by_role("button", name="按惯例定").click()
    await page.locator(".visits li").first.wait_for()
    await page.get_by_text("提出调解", exact=True).click()
    await page.locator("#subject").fill("离婚后孩子每周见几次、抚养费给多少")
    await page.get_by_role("button", name="提出", exact=True).click()
    await page.locator(".mediation").wait_for()
