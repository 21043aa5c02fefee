"""Accounts of staff: second factor, recovery codes, passwords, browsers, the locked screen, what admins may do."""

import re
from datetime import timedelta

import pyotp
import pytest

from bot import clock
from bot.clock import Frozen
from bot.console import PAGES
from storage.repositories import audit
from tests.bot.console.conftest import Desk
from tests.support.console import StaffClient
from tests.support.house import LINA

NEW = "一句很长的新密码 2026"


async def html(client: StaffClient, path: str) -> tuple[int, str]:
    """A page as a browser gets it."""
    async with client.session.get(client.url + path, headers={"Accept": "text/html"}) as got:
        return got.status, await got.text()


async def actions(desk: Desk) -> list[str]:
    return [row.action for row in await desk.house.rows("audit_entry")]


async def test_a_second_factor_is_set_up_confirmed_and_asked_for(desk: Desk) -> None:
    password = await desk.hire("li", "worker")
    li = await desk.client()
    assert await li.sign_in("li", password) == 200
    secret = (await li.post("/console/me/totp"))[1]["secret"]
    other = await desk.client()
    assert await other.sign_in("li", password) == 200, "not before it is confirmed"
    assert (await li.post("/console/me/totp/confirm", {"code": "000000"}))[0] == 400
    status, answer = await li.post("/console/me/totp/confirm", {"code": pyotp.TOTP(secret).now()})
    assert status == 200
    codes = answer["recovery"]
    assert len(set(codes)) == 8
    third = await desk.client()
    assert await third.sign_in("li", password) == 401
    assert await third.sign_in("li", password, totp=pyotp.TOTP(secret).at(clock.now(), counter_offset=1)) == 200, (
        "the next code"
    )
    assert await (await desk.client()).sign_in("li", password, totp=codes[0].upper()) == 200
    assert await (await desk.client()).sign_in("li", password, totp=codes[0]) == 401, "each only once"
    assert (await li.get("/console/me"))[1]["recovery_left"] == 7
    (row,) = await desk.house.rows("staff")
    assert secret.encode() not in row.totp_sealed
    assert codes[1].encode() not in row.recovery_sealed
    assert {"staff.totp_set", "staff.recovery_used"} <= set(await actions(desk))
    assert (await li.post("/console/me/totp/remove", {"password": "not this one"}))[0] == 400
    assert (await li.post("/console/me/totp/remove", {"password": password}))[0] == 200
    assert await (await desk.client()).sign_in("li", password) == 200


async def test_the_qr_code_is_part_of_the_page_and_codes_are_shown_once(desk: Desk) -> None:
    li = await desk.signed_in("li", "worker")
    headers = {"Accept": "text/html", "X-CSRF-Token": li.csrf}
    async with li.session.post(desk.url + "/console/me/totp", headers=headers) as got:
        page = await got.text()
        assert got.headers["Cache-Control"] == "no-store"
    assert 'src="data:image/png;base64,' in page
    secret = re.search(r'<code class="secret">([A-Z2-7]+)</code>', page)[1]  # type: ignore[index]
    async with li.session.post(
        desk.url + "/console/me/totp/confirm", data={"code": pyotp.TOTP(secret).now()}, headers=headers
    ) as got:
        page = await got.text()
    code = re.search(r"<code>([a-z2-9-]{11})</code>", page)[1]  # type: ignore[index]
    assert code not in (await html(li, "/console/me"))[1]
    assert secret not in (await html(li, "/console/me"))[1]


async def test_ones_own_password_is_changed_after_the_old_one_and_other_browsers_go(desk: Desk) -> None:
    password = await desk.hire("li", "worker")
    li, other = await desk.client(), await desk.client()
    assert await li.sign_in("li", password) == 200
    assert await other.sign_in("li", password) == 200
    change = "/console/me/password"
    assert (await li.post(change, {"password": password, "new": "short"}))[0] == 400
    assert (await li.post(change, {"password": "not this one", "new": NEW}))[0] == 400
    assert (await li.post(change, {"password": password, "new": NEW, "again": NEW + "x"}))[0] == 400
    assert (await li.post(change, {"password": password, "new": NEW}))[0] == 200
    assert (await li.get("/console/queue"))[0] == 200
    assert (await other.get("/console/queue"))[0] == 401
    assert await other.sign_in("li", password) == 401
    assert await other.sign_in("li", NEW) == 200


async def test_she_sees_her_browsers_and_signs_one_out_but_nobody_elses(desk: Desk) -> None:
    password = await desk.hire("li", "worker")
    li, other, wang = await desk.client(), await desk.client(), await desk.signed_in("wang", "worker")
    assert await li.sign_in("li", password) == 200
    assert await other.sign_in("li", password) == 200
    sessions = (await li.get("/console/me"))[1]["sessions"]
    assert [one["mine"] for one in sessions].count(True) == 1
    theirs = next(one["id"] for one in sessions if not one["mine"])
    assert (await wang.post(f"/console/me/sessions/{theirs}/revoke"))[0] == 404
    assert (await li.post(f"/console/me/sessions/{theirs}/revoke"))[0] == 200
    assert (await other.get("/console/queue"))[0] == 401


async def test_an_idle_screen_locks_and_shows_nothing_but_the_alarm(desk: Desk, frozen: Frozen) -> None:
    password = await desk.hire("li", "worker")
    li = await desk.client()
    assert await li.sign_in("li", password) == 200
    talk = await desk.waiting("老公昨晚又打我，我该怎么办")
    before = (await li.get("/console/alarms/state"))[1]
    minutes = desk.house.settings.security.lock_minutes
    for _ in range(4):  # a page that renews itself and waits for alarms does not keep it open
        frozen.advance(timedelta(minutes=minutes / 3))
        status, _ = await html(li, "/console/queue?part=1")
        await li.get("/console/alarms/state")
    assert status == 423
    for page in PAGES:
        if page.roles is None or "worker" not in page.roles or page.while_locked or page.path.endswith("events"):
            continue
        path = page.path.replace("{talk}", talk)
        if "{" not in path:
            assert (await (li.get if page.method == "GET" else li.post)(path))[0] == 423, path
    status, page_text = await html(li, f"/console/conversations/{talk}")
    assert status == 423
    assert "屏幕已锁" in page_text
    assert "老公" not in page_text
    assert talk not in page_text.replace(f"/console/conversations/{talk}", "")
    await desk.house.say("他拿刀砍我，救命")
    after = (await li.get("/console/alarms/state"))[1]
    assert set(after) == {"count", "danger", "newest"}
    assert after["newest"] > before["newest"]
    assert (await li.post("/console/unlock", {"password": "not this one"}))[0] == 400
    assert (await li.post("/console/unlock", {"password": password}))[0] == 200
    assert (await li.get(f"/console/conversations/{talk}"))[0] == 200


async def test_typing_keeps_the_screen_open_and_leaving_locks_it_at_once(desk: Desk, frozen: Frozen) -> None:
    li = await desk.signed_in("li", "worker")
    for _ in range(4):
        frozen.advance(timedelta(minutes=10))
        assert (await li.post("/console/stay"))[0] == 200
    assert (await li.get("/console/queue"))[0] == 200
    assert (await li.post("/console/lock"))[0] == 200
    assert (await li.get("/console/queue"))[0] == 423
    assert (await li.post("/console/sign-out"))[0] == 200


async def test_guessing_at_a_locked_screen_is_counted_like_signing_in(desk: Desk) -> None:
    password = await desk.hire("li", "worker")
    li = await desk.client()
    assert await li.sign_in("li", password) == 200
    await li.post("/console/lock")
    for _ in range(6):
        assert (await li.post("/console/unlock", {"password": "not this one"}))[0] == 400
    assert (await li.post("/console/unlock", {"password": password}))[0] == 400
    assert "staff.locked" in await actions(desk)


async def test_unlocking_leads_nowhere_but_into_the_console(desk: Desk) -> None:
    password = await desk.hire("li", "worker")
    li = await desk.client()
    assert await li.sign_in("li", password) == 200
    for back in ("https://evil.example/console", "//evil.example"):
        data = {"password": password, "back": back, "csrf": li.csrf}
        async with li.session.post(desk.url + "/console/unlock", data=data, allow_redirects=False) as got:
            assert got.headers["Location"] == "/console"


async def test_an_admin_hires_moves_and_lets_go_and_nobody_else_does(desk: Desk) -> None:
    guan = await desk.signed_in("guan", "admin")
    status, made = await guan.post("/console/staff", {"login": "xin", "name": "小辛", "role": "worker"})
    assert status == 201
    assert (await guan.post("/console/staff", {"login": "xin", "role": "worker"}))[0] == 400
    assert (await guan.post("/console/staff", {"login": "坏", "role": "worker"}))[0] == 400
    assert (await guan.post("/console/staff", {"login": "neu", "role": "boss"}))[0] == 400
    xin = await desk.client()
    assert await xin.sign_in("xin", made["password"]) == 200
    talk = await desk.waiting()
    assert (await xin.post(f"/console/conversations/{talk}/claim"))[0] == 200
    page = f"/console/staff/{made['id']}"
    assert len((await guan.get(page))[1]["sessions"]) == 1
    assert (await guan.post(page, {"name": "小辛", "role": "supervisor"}))[0] == 200
    assert (await xin.get("/console/audit"))[0] == 200, "her new role counts at once"
    assert (await guan.post(f"{page}/active", {"active": "0"}))[0] == 200
    assert (await xin.get("/console/queue"))[0] == 401
    assert await xin.sign_in("xin", made["password"]) == 401
    row = await desk.house.conversation(LINA)
    assert (row.state, row.holder_id) == ("waiting", None), "what she held goes back into the queue"
    assert (await guan.post(f"{page}/active", {"active": "1"}))[0] == 200
    fresh = (await guan.post(f"{page}/password"))[1]["password"]
    assert await xin.sign_in("xin", made["password"]) == 401
    assert await xin.sign_in("xin", fresh) == 200
    sessions = (await guan.get(page))[1]["sessions"]
    assert (await guan.post(f"{page}/sessions/{sessions[0]['id']}/revoke"))[0] == 200
    assert (await xin.get("/console/queue"))[0] == 401
    assert {"staff.added", "staff.changed", "staff.deactivated", "staff.activated", "staff.password_reset"} <= set(
        await actions(desk)
    )


async def test_an_admin_cannot_shut_herself_out(desk: Desk) -> None:
    guan = await desk.signed_in("guan", "admin")
    me = f"/console/staff/{desk.ids['guan']}"
    assert (await guan.post(f"{me}/active", {"active": "0"}))[0] == 409
    assert (await guan.post(me, {"name": "管", "role": "worker"}))[0] == 409
    assert (await guan.get("/console/staff"))[0] == 200


async def test_a_lost_phone_is_taken_off_by_an_admin(desk: Desk) -> None:
    guan = await desk.signed_in("guan", "admin")
    password = await desk.hire("li", "worker", totp_secret=pyotp.random_base32())
    assert await (await desk.client()).sign_in("li", password) == 401
    assert (await guan.post(f"/console/staff/{desk.ids['li']}/totp"))[0] == 200
    assert await (await desk.client()).sign_in("li", password) == 200


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("what=staff.signed_in", {"staff.signed_in"}),
        ("subject=conversation:x", {"conversation.read"}),
        ("who=-", {"keys.rotated"}),
        ("since=2026-03-04", set()),
        ("until=2026-03-02", set()),
        ("since=2026-03-03&until=2026-03-03", {"staff.signed_in", "conversation.read", "keys.rotated"}),
    ],
)
async def test_the_audit_log_is_filtered_by_who_what_and_when(
    desk: Desk, frozen: Frozen, query: str, expected: set[str]
) -> None:
    boss = await desk.signed_in("wang", "supervisor")
    async with desk.house.database.transaction() as tx:
        now = clock.now()
        await audit.append(
            tx, staff_id=desk.ids["wang"], action="conversation.read", subject="conversation:x", now=now
        )
        await audit.append(tx, staff_id=None, action="keys.rotated", now=now)
    status, answer = await boss.get(f"/console/audit?{query}")
    assert status == 200
    assert answer["whole"] is True
    assert {one["action"] for one in answer["entries"]} == expected
