"""A notice from the first word to its result, as a cadre and her colleague go through it: for pictures and tests."""

import re
from dataclasses import dataclass, field

from playwright.async_api import Page, expect

from tests.browser.conftest import Window
from tests.support.living import Living

TEXT = (
    "三八节活动周来了，免费咨询等您来\n"
    "3月1日至8日，县文化广场每天上午九点到十一点半，有律师和妇联干部接待，说事、问政策都可以，不收费，不登记身份。\n"
    "可以带孩子，有无障碍通道。联系电话 {电话}。详情：{链接}"
)
SHORT = "三八节活动周，3月1日至8日县文化广场免费咨询，可带孩子。电话{电话}"


@dataclass(slots=True)
class Story:
    """Where the notice is, and who works on it."""

    cadre: Page
    boss: Page
    path: str
    #: Paths of pages worth a picture, by name.
    pages: dict[str, str] = field(default_factory=dict)


async def compose(window: Window, living: Living) -> Story:
    """Written, shown as each channel shows it, given an audience."""
    cadre = await window.sign_in("cadre", living.passwords["cadre"])
    await cadre.goto(f"{living.url}/console/campaigns/new")
    await cadre.locator("#title").fill("三八维权周")
    await cadre.locator("#text").fill(TEXT.replace("3月1日至8日", "〔时间〕"))
    await expect(cadre.locator("#preview .problems").first).to_contain_text("没填的地方〔时间〕")
    await cadre.locator("#text").fill(TEXT)
    await cadre.get_by_label("微信公众号 · 客服消息").check()
    bubble = cadre.locator("#preview .said-to-her").first
    await expect(bubble).to_contain_text("联系电话 12338")
    return Story(cadre, await window.sign_in("zhuren", living.passwords["zhuren"]), "")


async def choose(story: Story) -> None:
    """Kept, and counted for whoever has written lately."""
    cadre = story.cadre
    await cadre.get_by_role("button", name="保存草稿").click()
    await cadre.wait_for_url(re.compile(r"/audience$"))
    story.path = re.sub(r"^.*?(/console/.*)/audience$", r"\1", cadre.url)
    await expect(cadre.locator("#preview .big")).to_contain_text("人会收到")
    await cadre.get_by_label("最近多少天内来过消息").fill("30")
    await expect(cadre.locator("#preview:not([aria-busy]) .big")).to_contain_text("人会收到")


async def review(story: Story, living: Living) -> None:
    """Returned once with a remark, changed, approved by the second person."""
    cadre, boss = story.cadre, story.boss
    await cadre.get_by_role("button", name="保存").click()
    await cadre.get_by_role("button", name="提交，请同事批准").click()
    await expect(cadre.get_by_text("自己写的不能自己批准")).to_be_visible()
    await expect(cadre.get_by_role("button", name="批准", exact=True)).to_have_count(0)
    await boss.goto(living.url + story.path)
    await boss.locator("#comment").fill("请写上可以带孩子，再交给我。")
    await boss.get_by_role("button", name="退回修改").click()
    await expect(boss.locator(".reviews")).to_contain_text("退回修改")
    await cadre.goto(f"{living.url}{story.path}/edit")
    await expect(cadre.locator("#text")).to_have_value(re.compile("{链接}"))
    await cadre.get_by_role("button", name="保存草稿").click()
    await cadre.get_by_role("button", name="提交，请同事批准").click()
    await expect(cadre.get_by_text("等待另一位同事批准")).to_be_visible()


async def send(story: Story, living: Living) -> None:
    """Approved and begun; everything gone out."""
    boss = story.boss
    await boss.goto(living.url + story.path)
    await boss.get_by_role("button", name="批准", exact=True).click()
    boss.on("dialog", lambda dialog: dialog.accept())
    await boss.get_by_role("button", name="现在开始发送").click()
    await expect(boss.locator(".steps [aria-current]")).to_have_text(re.compile("发送中|已发完"))


async def spread(story: Story, living: Living) -> None:
    """A poster for one place, a group typed in, a pack ticked off."""
    boss = story.boss
    await boss.goto(f"{living.url}{story.path}/posters")
    await boss.locator("input[name^='area.']").first.check()
    await boss.get_by_role("button", name="做海报").click()
    await expect(boss.get_by_role("link", name="看和打印")).to_be_visible()
    await boss.goto(f"{living.url}/console/groups")
    await boss.locator("#plain-title").fill("城关镇姐妹群")
    await boss.locator("#plain-keeper").select_option(index=1)
    await boss.get_by_role("button", name="登记").click()
    await boss.goto(f"{living.url}{story.path}/forwarding")
    await boss.get_by_role("button", name="已转发", exact=True).click()
    await expect(boss.get_by_text("1 / 1 个群已转发")).to_be_visible()
