"""Every role at every address with somebody else's object: refused, all of it; with her own: not.

The addresses come from PAGES, the objects from tests/support/everything.py. A page added later is tried by itself; a
part whose table nobody has named fails here and says what to add.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from aiohttp.web_routedef import StaticDef
from aiohttp.web_urldispatcher import StaticResource

from bot import clock
from bot.console import PAGES, Page
from bot.console.access import SETS
from bot.console.guards import GUARDS, OPEN
from bot.console.visit import COOKIE
from nlp.retrieval import Library
from storage.database import Database
from storage.models import Area, metadata, new_id
from storage.repositories import staff
from storage.repositories.staff import ROLES
from tests.bot.console.conftest import make_app
from tests.support.databases import SQLiteShelf, keyring
from tests.support.everything import People, add_everything, address
from tests.support.house import House, open_house
from tests.support.wechat import FakeWeChat

#: What is not of the console: platforms that sign, women, partner units and calendars with a secret link, monitoring.
OUTSIDE = ("/webhook/", "/calendar/", "/chat", "/referral/", "/n/", "/healthz", "/readyz", "/metrics", "/simulator")
#: What a page needs to find the object on itself; the others answer 400 to an empty form, which is no refusal.
FORMS = {
    "/console/conversations/{talk}/person/reveal": {"field": "address", "reason": "matrix"},
    "/console/cases/{case}/people/{person}/reveal": {"field": "phone", "reason": "matrix"},
}
#: Answers 404 for a reason of its own, so that nothing is learned from it here.
OWN_REASONS = {
    "/console/cases/{case}/conversations": "the conversation belongs to the case already",
    "/console/transfers/{transfer}/accept": "it was offered to somebody else",
    "/console/transfers/{transfer}/return": "it was offered to somebody else",
}
REFUSED = {401, 403, 404}


@dataclass(slots=True)
class Hand:
    """One member of staff at work."""

    cookie: str
    csrf: str
    staff_id: str


@dataclass(slots=True)
class Matrix:
    """The console, everybody who works there, and the objects of two townships."""

    house: House
    url: str
    session: ClientSession
    areas: tuple[str, str]
    ids: dict[str, str] = field(default_factory=dict)

    async def hire(self, role: str, area_id: str | None = None) -> Hand:
        """Somebody signed in, without the slow password."""
        async with self.house.database.transaction() as tx:
            staff_id = await staff.add(
                tx,
                login=f"{role}{new_id()[-8:]}",
                name=role,
                role=role,
                password_hash="x",
                now=clock.now(),
                area_id=area_id,
            )
            cookie, csrf = await staff.open_session(tx, staff_id, clock.now())
        return Hand(cookie, csrf, staff_id)

    async def ask(self, page: Page, ids: dict[str, str], hand: Hand | None) -> int:
        """The status of one request; a stream is left as soon as it begins."""
        headers = {"Accept": "application/json"}
        if hand is not None:
            headers |= {"X-CSRF-Token": hand.csrf, "Cookie": f"{COOKIE}={hand.cookie}"}
        body = FORMS.get(page.path, {}) if page.method == "POST" else None
        async with self.session.request(
            page.method, self.url + address(page.path, ids), headers=headers, json=body, allow_redirects=False
        ) as got:
            return got.status

    async def everything(self, area_id: str) -> dict[str, str]:
        """A woman of a township with one of everything."""
        colleague, author = await self.hire("worker"), await self.hire("supervisor")
        ids = await add_everything(
            self.house,
            lambda place, most: f"字{new_id()[-6:]}",
            People(author.staff_id, colleague.staff_id),
            area_id=area_id,
        )
        for name in ("conversation", "case"):
            await self.house.change(name, ids[name], area_id=area_id)
        return ids


@pytest.fixture
async def matrix(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, wechat: FakeWeChat, library: Library
) -> AsyncIterator[Matrix]:
    database = Database(SQLiteShelf(tmp_path_factory.mktemp("matrix")).fresh(tmp_path), keyring())
    await database.open()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        house = await stack.enter_async_context(open_house(database, wechat, library))
        server = TestServer(make_app(house, library))
        await server.start_server()
        stack.push_async_callback(server.close)
        session = await stack.enter_async_context(ClientSession())
        areas = (new_id(), new_id())
        async with database.transaction() as tx:
            for number, area_id in enumerate(areas):
                await tx.insert(
                    Area, {"id": area_id, "code": f"0{number}", "name": f"乡{number}", "level": "township"}
                )
        yield Matrix(house, str(server.make_url("")).rstrip("/"), session, areas)


def guarded() -> list[Page]:
    """Pages whose address names something of a woman's."""
    return [page for page in PAGES if page.roles is not None and any(f"{{{part}}}" in page.path for part in GUARDS)]


async def test_every_route_of_the_application_has_a_rule(matrix: Matrix, library: Library) -> None:
    named = {(page.method, page.path) for page in PAGES}
    for route in make_app(matrix.house, library).router.routes():
        assert route.resource is not None
        path = route.resource.canonical
        if isinstance(route.resource, StaticResource | StaticDef) or path.startswith(OUTSIDE):
            continue
        method = "GET" if route.method == "HEAD" else route.method
        assert (method, path) in named, (
            f"{method} {path} is mounted beside the door: put it into PAGES with its roles"
        )
    known = set(SETS.values())
    for page in PAGES:
        if page.roles is None:
            assert page.path == "/console/sign-in"
            continue
        assert page.roles, page.path
        assert page.roles <= SETS["staff"], f"{page.path}: {page.roles - SETS['staff']} is no role"
        assert page.roles in known or any(page.roles == one | other for one in known for other in known), page.path


async def test_whoever_has_no_right_to_a_page_is_refused_whatever_the_object(matrix: Matrix) -> None:
    ids = await matrix.everything(matrix.areas[0])
    hands = {role: await matrix.hire(role) for role in ROLES}
    tried = 0
    for page in PAGES:
        if page.roles is None:
            continue
        assert await matrix.ask(page, ids, None) == 401, page.path
        for role in set(ROLES) - page.roles:
            status = await matrix.ask(page, ids, hands[role])
            assert status == 403, f"{role} got {status} from {page.method} {page.path}"
            tried += 1
    assert tried > 200


async def test_right_role_is_refused_the_object_of_others(matrix: Matrix) -> None:
    here, there = matrix.areas
    ids = await matrix.everything(here)
    for role in sorted(ROLES):
        far, late = await matrix.hire(role, there), await matrix.hire(role, there)
        knows = await matrix.hire(role, here)
        await _keep_out(matrix, knows, ids)
        await _let_in(matrix, knows, ids, timedelta(days=1))
        await _let_in(matrix, late, ids, -timedelta(seconds=1))
        for page in guarded():
            if role not in (page.roles or ()):
                continue
            for why, hand in (
                ("another area", far),
                ("回避, in spite of a grant", knows),
                ("an expired grant", late),
            ):
                status = await matrix.ask(page, ids, hand)
                assert status == 404, f"{role}, {why}: {status} from {page.method} {page.path}"


async def test_right_role_is_not_refused_what_is_hers(matrix: Matrix) -> None:
    here, there = matrix.areas
    for page in guarded():
        if page.path in OWN_REASONS:
            continue
        ids = await matrix.everything(here)
        for role in sorted(page.roles or ()):
            near, lent = await matrix.hire(role, here), await matrix.hire(role, there)
            await _let_in(matrix, lent, ids, timedelta(days=1))
            for hand in (near, lent) if page.method == "GET" else (near,):
                status = await matrix.ask(page, ids, hand)
                assert status not in REFUSED | {500}, f"{role}: {status} from {page.method} {page.path}"
            if page.method == "POST":
                break


def test_every_part_of_an_address_is_decided_about() -> None:
    assert not set(GUARDS) & set(OPEN)
    assert all(len(reason) > 10 for reason in OPEN.values())


async def _keep_out(matrix: Matrix, hand: Hand, ids: dict[str, str]) -> None:
    await _insert(matrix, "recusal", hand, ids, relation="friend", declared_by=hand.staff_id, declared_at=clock.now())


async def _let_in(matrix: Matrix, hand: Hand, ids: dict[str, str], until: timedelta) -> None:
    await _insert(
        matrix,
        "access_grant",
        hand,
        ids,
        conversation_id=ids["conversation"],
        case_id=ids["case"],
        granted_by=hand.staff_id,
        granted_at=clock.now(),
        until=clock.now() + until,
    )


async def _insert(matrix: Matrix, name: str, hand: Hand, ids: dict[str, str], **values: object) -> None:
    row = {"id": new_id(), "staff_id": hand.staff_id, "contact_id": ids["contact"]} | values
    async with matrix.house.database.transaction() as tx:
        await tx.execute(metadata.tables[name].insert().values(**row))
