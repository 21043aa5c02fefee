"""Sign in and out: argon2, a second factor where one is set, six failures lock login and address for half an hour."""

from aiohttp import web

from bot import clock
from bot.console import words
from bot.console.account import step_of
from bot.console.passwords import is_right
from bot.console.visit import COOKIE, Visit
from storage.repositories import accounts, audit, staff
from storage.repositories.staff import StaffView

_WRONG = "登录名、密码或验证码不对。"
_LOCKED = "失败次数太多，这台电脑上的这个账号要等半小时再试，或请管理员重设密码。"


async def ask(visit: Visit) -> web.Response:
    """The form; whoever is signed in already goes on."""
    if visit.session is not None:
        return visit.go("/console")
    return visit.page("sign_in.html", problem="", login="")


async def sign_in(visit: Visit) -> web.Response:
    """Check login, password and code; open a session."""
    login, password = visit.form.get("login", "").strip()[:64], visit.form.get("password", "")[:1024]
    now = clock.now()
    database = visit.house.database
    async with database.reading() as tx:
        locked = await staff.locked_until(tx, login, visit.address, now)
        person = await staff.find_by_login(tx, login)
    if locked is not None:
        return _again(visit, login, _LOCKED, 429)
    right = await is_right(person.password_hash if person and person.active else None, password)
    if person is None or not right or not await _second_factor(visit, person):
        async with database.transaction() as tx:
            if await staff.note_failure(tx, login, visit.address, now):
                await audit.append(
                    tx,
                    staff_id=person.id if person else None,
                    action="staff.locked",
                    subject=f"staff:{person.id}" if person else "",
                    address=visit.address,
                    now=now,
                )
        return _again(visit, login, _WRONG, 401)
    async with database.transaction() as tx:
        await staff.forget_failures(tx, login, visit.address)
        token, csrf = await staff.open_session(
            tx,
            person.id,
            now,
            address=visit.address,
            browser=words.browser(visit.request.headers.get("User-Agent", "")),
        )
        await audit.append(
            tx, staff_id=person.id, action="staff.signed_in", subject="", address=visit.address, now=now
        )
    response = (
        visit.json({"csrf": csrf, "name": person.name, "role": person.role})
        if visit.wants_json
        else visit.go("/console")
    )
    response.set_cookie(
        COOKIE,
        token,
        path="/console",
        httponly=True,
        samesite="Strict",
        secure=visit.house.settings.security.secure_cookies,
    )
    return response


async def sign_out(visit: Visit) -> web.Response:
    """Close this browser's session."""
    assert visit.session is not None
    async with visit.house.database.transaction() as tx:
        await staff.close_session(tx, visit.session.id, clock.now())
        await visit.record(tx, "staff.signed_out", "")
    response = visit.json({}) if visit.wants_json else visit.go("/console/sign-in")
    response.del_cookie(COOKIE, path="/console")
    return response


def _again(visit: Visit, login: str, sentence: str, status: int) -> web.Response:
    if visit.wants_json:
        return visit.json({"error": sentence}, status)
    return visit.page("sign_in.html", status=status, problem=sentence, login=login)


async def _second_factor(visit: Visit, person: StaffView) -> bool:
    """A code of her phone or one of her recovery codes, either of them once; nothing where none is set."""
    if not person.totp_secret:
        return True
    code = visit.form.get("totp", "")[:32]
    step = step_of(person.totp_secret, code)
    async with visit.house.database.transaction() as tx:
        if step:
            return await accounts.use_totp(tx, person.id, step)
        if not await accounts.use_recovery(tx, person.id, code):
            return False
        await audit.append(
            tx,
            staff_id=person.id,
            action="staff.recovery_used",
            subject=f"staff:{person.id}",
            address=visit.address,
            now=clock.now(),
        )
    return True
