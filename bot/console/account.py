"""One's own account: password, second factor with a QR code, signed-in browsers, the locked screen."""

import asyncio
import hmac
from typing import Any

import pyotp
import segno
from aiohttp import web

from bot import clock
from bot.console.passwords import SHORTEST_PASSWORD, hash_password, is_right
from bot.console.stream import stream
from bot.console.visit import BadForm, Visit
from storage.repositories import accounts, audit, inbox, staff

#: One code is good in its own half minute and the ones beside it: clocks differ.
CODE_WINDOW = 1
_MANY_TRIES = "试错太多次，请半小时后再试，或者请管理员重设密码。"
_NOT_IT = "密码不对。"


async def show(visit: Visit) -> web.StreamResponse:
    """Password, second factor, browsers."""
    return await _page(visit)


async def change_password(visit: Visit) -> web.StreamResponse:
    """A new password, after the old one; all other browsers are signed out."""
    new = visit.form.get("new", "")
    if len(new) < SHORTEST_PASSWORD:
        raise BadForm({"new": f"新密码至少 {SHORTEST_PASSWORD} 位"})
    if new != visit.form.get("again", new):
        raise BadForm({"again": "两次写的新密码不一样"})
    await _check_password(visit)
    digest = await asyncio.to_thread(hash_password, new)
    assert visit.session is not None
    async with visit.house.database.transaction() as tx:
        await accounts.set_own_password(tx, visit.me.id, digest, visit.session.id, clock.now())
        await visit.record(tx, "staff.password_changed", f"staff:{visit.me.id}")
    return await _page(visit, done="密码改好了，别的电脑上的登录都已退出。")


async def begin_totp(visit: Visit) -> web.StreamResponse:
    """A new secret as a QR code; it counts once a code made from it was given."""
    secret = pyotp.random_base32()
    async with visit.house.database.transaction() as tx:
        await accounts.begin_totp(tx, visit.me.id, secret)
    if visit.wants_json:
        return visit.json({"secret": secret, "uri": _uri(visit, secret)})
    return await _page(visit, secret=secret)


async def confirm_totp(visit: Visit) -> web.StreamResponse:
    """The first code fits: from now on sign-in asks for one. Recovery codes are shown once."""
    async with visit.house.database.reading() as tx:
        secret = await accounts.pending_totp(tx, visit.me.id)
    step = step_of(secret, visit.form.get("code", "")) if secret else 0
    if not step:
        if visit.wants_json or not secret:
            raise BadForm({"code": "验证码不对，请看手机上现在的六位数字"})
        return await _page(visit, secret=secret, problem="验证码不对，请看手机上现在的六位数字。")
    async with visit.house.database.transaction() as tx:
        codes = await accounts.confirm_totp(tx, visit.me.id, secret, step)
        await visit.record(tx, "staff.totp_set", f"staff:{visit.me.id}")
    return visit.json({"recovery": codes}) if visit.wants_json else await _page(visit, codes=codes)


async def remove_totp(visit: Visit) -> web.StreamResponse:
    """No second factor any more, after the password."""
    await _check_password(visit)
    async with visit.house.database.transaction() as tx:
        await accounts.remove_totp(tx, visit.me.id)
        await visit.record(tx, "staff.totp_removed", f"staff:{visit.me.id}")
    return await _page(visit, done="动态验证码已停用。")


async def revoke_session(visit: Visit) -> web.StreamResponse:
    """Sign one of one's own browsers out."""
    async with visit.house.database.transaction() as tx:
        await accounts.revoke_session(tx, visit.me.id, visit.part("session"), clock.now())
        await visit.record(tx, "staff.session_revoked", f"staff:{visit.me.id}")
    return visit.json({}) if visit.wants_json else visit.go("/console/me")


async def lock(visit: Visit) -> web.StreamResponse:
    """Nobody has touched anything for a while, or she leaves her desk: the password is needed to go on."""
    assert visit.session is not None
    async with visit.house.database.transaction() as tx:
        await accounts.lock_session(tx, visit.session.id, clock.now())
    return visit.json({}) if visit.wants_json else visit.page("lock.html", back="/console", problem="")


async def unlock(visit: Visit) -> web.StreamResponse:
    """The password brings the screen back."""
    back = visit.form.get("back", "/console")
    if not back.startswith("/console"):
        back = "/console"
    try:
        await _check_password(visit)
    except BadForm as error:
        if visit.wants_json:
            raise
        return visit.page("lock.html", status=400, back=back, problem=error.problems["password"])
    assert visit.session is not None
    async with visit.house.database.transaction() as tx:
        await accounts.unlock_session(tx, visit.session.id, clock.now())
    return visit.json({}) if visit.wants_json else visit.go(back)


async def stay(visit: Visit) -> web.StreamResponse:
    """Somebody is at the desk, typing or reading: the screen stays open."""
    return visit.json({})


async def alarm_state(visit: Visit) -> web.StreamResponse:
    """What a locked screen may know: how many alarms nobody has seen, how many of danger, and the newest one's id."""
    async with visit.house.database.reading() as tx:
        return visit.json(await inbox.alarm_state(tx, await visit.scope(tx)))


async def watch_alarms(visit: Visit) -> web.StreamResponse:
    """Tell any page, a locked one too, that there is an alarm."""
    return await stream(visit, "alarms", None)


def step_of(secret: str, code: str) -> int:
    """The half minute a six-digit code belongs to, of those that count now; 0 when it belongs to none of them."""
    given, totp, now = code.strip().replace(" ", ""), pyotp.TOTP(secret), clock.now()
    steps = [totp.timecode(now) + beside for beside in range(-CODE_WINDOW, CODE_WINDOW + 1)]
    return next((step for step in steps if hmac.compare_digest(totp.generate_otp(step).encode(), given.encode())), 0)


async def _check_password(visit: Visit) -> None:
    """Raises BadForm unless her password was given; wrong ones count like failed sign-ins."""
    database, me, now = visit.house.database, visit.me, clock.now()
    async with database.reading() as tx:
        locked = await staff.locked_until(tx, me.login, visit.address, now)
    if locked is not None:
        raise BadForm({"password": _MANY_TRIES})
    if await is_right(me.password_hash, visit.form.get("password", "")[:1024]):
        async with database.transaction() as tx:
            await staff.forget_failures(tx, me.login, visit.address)
        return
    async with database.transaction() as tx:
        if await staff.note_failure(tx, me.login, visit.address, now):
            await audit.append(
                tx,
                staff_id=me.id,
                action="staff.locked",
                subject=f"staff:{me.id}",
                address=visit.address,
                now=now,
            )
    raise BadForm({"password": _NOT_IT})


async def _page(visit: Visit, **more: Any) -> web.StreamResponse:
    assert visit.session is not None
    async with visit.house.database.transaction() as tx:
        sessions = await accounts.sessions_of(tx, visit.me.id, clock.now())
        me = await staff.find_by_id(tx, visit.me.id)
        left = await accounts.recovery_left(tx, visit.me.id)
    if visit.wants_json:
        return visit.json(
            {
                "totp": bool(me.totp_secret),
                "recovery_left": left,
                "sessions": [
                    {"id": one.id, "address": one.address, "mine": one.id == visit.session.id} for one in sessions
                ],
            }
        )
    secret = more.pop("secret", "")
    values = {"done": "", "problem": "", "codes": [], "secret": secret} | more
    return visit.page(
        "me.html",
        sessions=sessions,
        current=visit.session.id,
        has_totp=bool(me.totp_secret),
        recovery_left=left,
        qr=_qr(_uri(visit, secret)) if secret else "",
        shortest=SHORTEST_PASSWORD,
        **values,
    )


def _uri(visit: Visit, secret: str) -> str:
    return pyotp.TOTP(secret).provisioning_uri(name=visit.me.login, issuer_name=visit.house.settings.service.name)


def _qr(uri: str) -> str:
    """The QR code as a data address a page may show without asking anybody."""
    address: str = segno.make(uri, micro=False).png_data_uri(scale=5, border=3)
    return address
