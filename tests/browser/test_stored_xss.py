"""Stored scripts: every text staff see is a known attack, every page is opened in a real browser, nothing runs.

The texts come from stored_xss.txt, the rows from tests/support/everything.py, the pages from PAGES: what is added
later is opened too. Noticed are calls of the functions attacks call, violations of the content policy, dialogs,
requests to anybody else, and markup that came out of a text.
"""

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import BrowserContext, Error, Page, async_playwright

from bot import clock
from bot.console import PAGES
from bot.console.visit import COOKIE
from nlp.retrieval import Library
from storage.database import Database
from storage.models import Area, new_id
from storage.repositories import staff
from tests.bot.console.conftest import make_app
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.support.databases import SQLiteShelf, keyring
from tests.support.everything import People, add_everything, address
from tests.support.house import House, open_house
from tests.support.services import absent
from tests.support.wechat import FakeWeChat

ATTACKS = (Path(__file__).parent / "stored_xss.txt").read_text(encoding="utf-8").splitlines()
#: So many women with one of everything: each text column holds each attack that fits, spread over them.
WOMEN = 4
#: Whoever may open the most first; the others for what she may not.
ROLES = ("supervisor", "admin", "cadre", "auditor")
#: Not pages: streams, and files that browsers save.
NOT_PAGES = ("/events", ".xlsx", ".ics", "{attachment}", "/alarms/state")
WATCH = """
window.ran = [];
for (const name of ["alert", "confirm", "prompt", "print", "open"])
  window[name] = (...all) => window.ran.push(name + all);
document.addEventListener("securitypolicyviolation", (event) =>
  window.ran.push(`policy: ${event.violatedDirective} ${event.blockedURI}`));
"""
LOOK = """() => {
  const own = location.origin + "/console/static/";
  const code = /^\\s*(javascript|vbscript|data:text)/i;
  const bad = [...document.querySelectorAll("*")].filter((one) =>
    ["IFRAME", "OBJECT", "EMBED", "BASE", "MATH", "STYLE"].includes(one.tagName.toUpperCase())
    || (one.tagName.toUpperCase() === "SCRIPT" && !(one.src || "").startsWith(own))
    || (one.tagName === "META" && one.httpEquiv)
    || [...one.attributes].some((a) => /^on/i.test(a.name) || (a.name !== "value" && code.test(a.value))));
  return [...window.ran, ...bad.map((one) => "markup: " + one.outerHTML.slice(0, 200))];
}"""


class Filler:
    """Says attacks: as many as fit into a text, going on where the last text of this column ended."""

    def __init__(self) -> None:
        self.next: dict[str, int] = {}

    def say(self, place: str, most: int) -> str:
        """The text of one column."""
        number = self.next.get(place, 0)
        said = f"{new_id()[-6:]} "
        for _ in range(-(-len(ATTACKS) // WOMEN)):
            attack = ATTACKS[number % len(ATTACKS)]
            number += 1
            if len(said) + len(attack) < most:
                said += attack
        self.next[place] = number
        return said


@pytest.fixture
async def house(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, wechat: FakeWeChat, library: Library
) -> AsyncIterator[House]:
    if not CHROMIUM:
        absent("Chromium", "PATH so that it is found")
    database = Database(SQLiteShelf(tmp_path_factory.mktemp("xss")).fresh(tmp_path), keyring())
    await database.open()
    async with open_house(database, wechat, library) as opened:
        yield opened
    await database.close()


async def hire(house: House, role: str, name: str) -> tuple[str, str]:
    """Somebody signed in: her id and her cookie."""
    async with house.database.transaction() as tx:
        staff_id = await staff.add(
            tx, login=f"{role}{new_id()[-8:]}", name=name, role=role, password_hash="x", now=clock.now()
        )
        return staff_id, (await staff.open_session(tx, staff_id, clock.now()))[0]


async def test_nothing_stored_runs_on_any_page(house: House, library: Library) -> None:
    filler, cookies, filled = Filler(), {}, []
    for role in ROLES:
        author, cookies[role] = await hire(house, role, filler.say("staff.name", 200)[:200])
    for number in range(WOMEN):
        area_id = new_id()
        async with house.database.transaction() as tx:
            area = {"id": area_id, "code": f"x{number}", "name": filler.say("area.name", 64), "level": "township"}
            await tx.insert(Area, area)
        colleague, _ = await hire(house, "worker", "x")
        people = People(author, colleague)
        messages = tuple(ATTACKS[number::WOMEN])
        filled.append(await add_everything(house, filler.say, people, area_id=area_id, messages=messages))
    async with AsyncExitStack() as stack:
        server = TestServer(make_app(house, library))
        await server.start_server()
        stack.push_async_callback(server.close)
        url = str(server.make_url("")).rstrip("/")
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        stack.push_async_callback(browser.close)
        found: list[str] = []
        showing = 0
        for role in ROLES:
            context = await browser.new_context(locale="zh-CN")
            await context.add_cookies([{"name": COOKIE, "value": cookies[role], "url": f"{url}/console"}])
            page = await watched(context, url, found)
            if role == ROLES[0]:
                await notices_what_does_run(page, url)
                found.clear()
            for path in paths(role, filled):
                try:
                    answer = await page.goto(url + path, wait_until="load")
                except Error as error:
                    # A file that browsers save and never show.
                    if "Download is starting" not in error.message:
                        raise
                    continue
                if answer is None or answer.status != 200:
                    found.append(f"{path}: {answer and answer.status}")
                found += [f"{path}: {one}" for one in await page.evaluate(LOOK)]
                showing += await page.evaluate("() => document.documentElement.outerHTML.includes('alert(')")
            await context.close()
    assert found == []
    assert showing > 30, f"only {showing} pages showed any attack: the rows no longer reach the pages"


def paths(role: str, filled: list[dict[str, str]]) -> list[str]:
    """What this role is the first of ROLES to see: lists once, with an attack in the query; single things for all."""
    found = []
    for page, ids in itertools.product(PAGES, filled):
        first = next((one for one in ROLES if page.roles is None or one in page.roles), None)
        if page.method != "GET" or first != role or any(part in page.path for part in NOT_PAGES):
            continue
        if page.roles is None or page.path == "/console":
            continue
        if "{" in page.path:
            found.append(address(page.path, ids))
        elif ids is filled[0]:
            found += [page.path, f"{page.path}?q={quote(ATTACKS[46])}"]
    return found


async def watched(context: BrowserContext, url: str, found: list[str]) -> Page:
    """A tab that tells of dialogs, exceptions, refusals and requests to anybody else."""
    await context.add_init_script(WATCH)
    page = await context.new_page()
    page.on("request", lambda one: None if one.url.startswith((url, "data:")) else found.append(f"asked {one.url}"))
    page.on("console", lambda one: found.append(one.text) if "Content Security Policy" in one.text else None)
    page.on("dialog", lambda one: found.append(f"dialog {one.message}"))
    return page


async def notices_what_does_run(page: Page, url: str) -> None:
    """The watch itself: an attack put into a page by hand is seen."""
    await page.goto(f"{url}/console/me")
    await page.evaluate("() => document.body.insertAdjacentHTML('beforeend', '<img src=/x onerror=alert(1)>')")
    await page.wait_for_function("() => window.ran.length > 0")
    seen = await page.evaluate(LOOK)
    assert any(one.startswith("policy") for one in seen)
    assert any(one.startswith("markup") for one in seen)
