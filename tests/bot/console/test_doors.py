"""Who may come in: every page of the console refuses strangers, the wrong role, and what our own page did not ask."""

import re

import pyotp

from bot import clock
from bot.clock import Frozen
from bot.console import PAGES
from bot.console.visit import COOKIE
from tests.bot.console.conftest import Desk

NOWHERE = "0" * 26
#: What a stranger may open: sign-in, and nothing else.
OPEN = {("GET", "/console/sign-in"), ("POST", "/console/sign-in")}


def address(path: str) -> str:
    """A page's path with ids nobody has."""
    return re.sub(r"\{[a-z]+\}", NOWHERE, path)


async def test_only_sign_in_is_open_to_strangers(desk: Desk) -> None:
    assert {(page.method, page.path) for page in PAGES if page.roles is None} == OPEN
    stranger = await desk.client()
    for page in PAGES:
        if page.roles is None:
            continue
        ask = stranger.get if page.method == "GET" else stranger.post
        status, answer = await ask(address(page.path))
        assert status == 401, page.path
        assert set(answer) == {"error"}
        html = {"Accept": "text/html"}
        async with stranger.session.request(
            page.method, desk.url + address(page.path), headers=html, allow_redirects=False
        ) as got:
            assert got.status == (303 if page.method == "GET" else 401)


async def test_every_change_needs_the_token_of_our_own_page(desk: Desk) -> None:
    supervisor, admin = await desk.signed_in("zhang", "supervisor"), await desk.signed_in("guan", "admin")
    posts = [page for page in PAGES if page.method == "POST" and page.roles is not None]
    assert len(posts) >= 15
    for page in posts:
        client = supervisor if "supervisor" in (page.roles or ()) else admin
        genuine, client.csrf = client.csrf, ""
        assert (await client.post(address(page.path)))[0] == 403, f"{page.path} needs no token"
        client.csrf = genuine[:-1] + ("A" if genuine[-1] != "A" else "B")
        assert (await client.post(address(page.path)))[0] == 403
        client.csrf = genuine
    assert (await supervisor.get("/console/queue"))[0] == 200, "a refused request must not have signed her out"


async def test_another_sites_form_is_refused_even_with_the_token(desk: Desk) -> None:
    client = await desk.signed_in("li", "worker")
    talk = await desk.waiting()
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        more = {"Accept": "application/json", "X-CSRF-Token": client.csrf}
        async with client.session.post(
            f"{desk.url}/console/conversations/{talk}/claim", json={}, headers=headers | more
        ) as got:
            assert got.status == 403
    assert (await desk.house.conversation()).state == "waiting"


async def test_pages_come_with_strict_headers_and_the_cookie_is_out_of_reach(desk: Desk) -> None:
    password = await desk.hire("li", "worker")
    client = await desk.client()
    async with client.session.post(
        f"{desk.url}/console/sign-in", data={"login": "li", "password": password}, allow_redirects=False
    ) as got:
        cookie = got.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    async with client.session.get(f"{desk.url}/console/queue") as page:
        policy = page.headers["Content-Security-Policy"]
        text = await page.text()
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert not re.search(r"\son[a-z]+=|<script(?![^>]*\bsrc=)|style=|https?://", text)


async def test_sign_in_says_the_same_for_a_wrong_login_and_a_wrong_password(desk: Desk) -> None:
    password = await desk.hire("li", "worker")
    client = await desk.client()
    wrong = await client.post("/console/sign-in", {"login": "li", "password": "not this one"})
    nobody = await client.post("/console/sign-in", {"login": "nobody", "password": "not this one"})
    assert wrong == nobody
    assert wrong[0] == 401
    assert await client.sign_in("li", password) == 200
    (row,) = await desk.house.rows("staff")
    assert row.password_hash.startswith("$argon2id$")
    assert password not in row.password_hash
    assert "的名字".encode() not in row.name_sealed


async def test_six_failures_lock_the_account_for_this_address_while_live_sessions_stay(
    desk: Desk, frozen: Frozen
) -> None:
    working = await desk.signed_in("li", "worker")
    password = await desk.hire("wang", "worker")
    wang, other = await desk.client(), await desk.client()
    assert await wang.sign_in("wang", password) == 200
    for _ in range(6):
        assert await other.sign_in("wang", "wrong password") == 401
    assert await other.sign_in("wang", password) == 429, "the right password must not help any more"
    assert (await wang.get("/console/queue"))[0] == 200, "her own session must stay"
    assert (await working.get("/console/queue"))[0] == 200
    third = await desk.client()
    assert await third.sign_in("li", "wrong password") == 401, "other accounts are not locked"
    assert "staff.locked" in [row.action for row in await desk.house.rows("audit_entry")]
    frozen.advance(31 * 60)
    assert await other.sign_in("wang", password) == 200


async def test_second_factor_is_asked_of_whoever_has_one(desk: Desk) -> None:
    secret = pyotp.random_base32()
    password = await desk.hire("li", "worker", totp_secret=secret)
    client = await desk.client()
    assert await client.sign_in("li", password) == 401
    assert await client.sign_in("li", password, totp="000000") == 401
    assert await client.sign_in("li", password, totp=pyotp.TOTP(secret).now()) == 200
    (row,) = await desk.house.rows("staff")
    assert secret.encode() not in row.totp_sealed


async def test_a_code_is_good_once_and_no_earlier_one_after_it(desk: Desk, frozen: Frozen) -> None:
    secret = pyotp.random_base32()
    password = await desk.hire("li", "worker", totp_secret=secret)
    client, totp = await desk.client(), pyotp.TOTP(secret)
    before, code = totp.at(clock.now(), counter_offset=-1), totp.at(clock.now())
    assert await client.sign_in("li", password, totp=code) == 200
    assert await client.sign_in("li", password, totp=code) == 401
    assert await client.sign_in("li", password, totp=before) == 401
    frozen.advance(30)
    assert await client.sign_in("li", password, totp=totp.at(clock.now())) == 200


async def test_an_idle_session_ends_and_a_busy_one_goes_on(desk: Desk, frozen: Frozen) -> None:
    client = await desk.signed_in("li", "worker")
    security = desk.house.settings.security
    for _ in range(3):
        frozen.advance((security.lock_minutes - 1) * 60)
        assert (await client.get("/console/queue"))[0] == 200
    frozen.advance((security.session_idle_minutes + 1) * 60)
    assert (await client.get("/console/queue"))[0] == 401


async def test_signing_out_ends_the_session_not_only_the_cookie(desk: Desk) -> None:
    client = await desk.signed_in("li", "worker")
    token = next(cookie.value for cookie in client.session.cookie_jar if cookie.key == COOKIE)
    assert (await client.post("/console/sign-out"))[0] == 200
    stranger = await desk.client()
    headers = {"Accept": "application/json", "Cookie": f"{COOKIE}={token}"}
    async with stranger.session.get(f"{desk.url}/console/queue", headers=headers) as got:
        assert got.status == 401
    assert all(token.encode() not in bytes(row.token_digest) for row in await desk.house.rows("staff_session"))
