"""A real Chromium that keeps account of everything a page complains about or asks of others."""

import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.support.living import Living
from tests.support.services import absent

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Tab:
    """One page and what went wrong in it: console errors, exceptions, requests to anybody else."""

    page: Page
    complaints: list[str] = field(default_factory=list)


class Window:
    """A browser with tabs that share nothing but the address they may talk to."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self.url = url
        self.tabs: list[Tab] = []
        self._contexts: list[BrowserContext] = []

    async def open(self, path: str, width: int = 1366, height: int = 768) -> Page:
        """A tab with cookies of its own."""
        context = await self._browser.new_context(
            viewport={"width": width, "height": height}, locale="zh-CN", timezone_id="Asia/Shanghai"
        )
        context.set_default_timeout(20_000)
        self._contexts.append(context)
        page = await context.new_page()
        tab = Tab(page)
        self.tabs.append(tab)
        page.on("console", lambda one: tab.complaints.append(one.text) if one.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        page.on("request", lambda one: self._note(tab, one.url))
        await page.goto(self.url + path)
        return page

    async def sign_in(self, login: str, password: str, width: int = 1366, height: int = 768) -> Page:
        """A tab with somebody at work in it."""
        page = await self.open("/console", width, height)
        await page.get_by_label("登录名").fill(login)
        await page.get_by_label("密码").fill(password)
        await page.get_by_role("button", name="登录").click()
        await page.wait_for_url(lambda url: "sign-in" not in url)
        return page

    def complaints(self) -> list[str]:
        """Everything all tabs complained about."""
        return [f"{urlsplit(tab.page.url).path}: {one}" for tab in self.tabs for one in tab.complaints]

    async def close(self) -> None:
        """Close all tabs."""
        for context in self._contexts:
            await context.close()

    def _note(self, tab: Tab, url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob") and not url.startswith(self.url + "/"):
            tab.complaints.append(f"asked somebody else: {url}")


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """The whole service as `make run` starts it, with its demo data."""
    with Living(tmp_path_factory.mktemp("living")) as house:
        yield house


@pytest.fixture
async def window(living: Living) -> AsyncIterator[Window]:
    """A browser; at the end nothing may have complained."""
    if not CHROMIUM:
        absent("Chromium", "PATH so that it is found")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        opened = Window(browser, living.url)
        yield opened
        await opened.close()
        await browser.close()
    assert opened.complaints() == []
