"""Staff, for administrators: who may sign in, as what and where; passwords made anew, shown once."""

import asyncio
import re
import secrets

from aiohttp import web

from bot import clock
from bot.console import words
from bot.console.passwords import hash_password
from bot.console.visit import BadForm, Visit
from bot.errors import WrongState
from storage.repositories import accounts, desks, staff

_LOGIN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{1,31}$")
_LONGEST_NAME = 20


async def show_all(visit: Visit) -> web.StreamResponse:
    """Everybody, with role and area."""
    async with visit.house.database.reading() as tx:
        everybody = await staff.list_all(tx)
        areas = await accounts.areas(tx)
    if visit.wants_json:
        return visit.json(
            [{"id": one.id, "login": one.login, "role": one.role, "active": one.active} for one in everybody]
        )
    return visit.page("people.html", everybody=everybody, areas=areas, names=dict(areas), form={}, problems={})


async def add(visit: Visit) -> web.StreamResponse:
    """Somebody new; her first password is shown once."""
    form = visit.form
    async with visit.house.database.reading() as tx:
        areas = await accounts.areas(tx)
        everybody = await staff.list_all(tx)
    problems = _problems(form, areas)
    if not _LOGIN.match(form.get("login", "")):
        problems["login"] = "登录名用 2 到 32 个字母、数字、点或横线"
    elif any(one.login == form["login"] for one in everybody):
        problems["login"] = "这个登录名已经有人用了"
    if problems:
        if visit.wants_json:
            raise BadForm(problems)
        return visit.page(
            "people.html",
            status=400,
            everybody=everybody,
            areas=areas,
            names=dict(areas),
            form=form,
            problems=problems,
        )
    password = secrets.token_urlsafe(9)
    digest = await asyncio.to_thread(hash_password, password)
    async with visit.house.database.transaction() as tx:
        staff_id = await staff.add(
            tx,
            login=form["login"],
            name=form.get("name", "").strip() or form["login"],
            role=form["role"],
            password_hash=digest,
            area_id=form.get("area") or None,
            now=clock.now(),
        )
        await visit.record(tx, "staff.added", f"staff:{staff_id}", form["role"])
    if visit.wants_json:
        return visit.json({"id": staff_id, "password": password}, 201)
    return await _page(visit, staff_id, password=password)


async def show(visit: Visit) -> web.StreamResponse:
    """One colleague and her signed-in browsers."""
    return await _page(visit, visit.part("staff"))


async def change(visit: Visit) -> web.StreamResponse:
    """Name, role, area."""
    staff_id, form = visit.part("staff"), visit.form
    async with visit.house.database.transaction() as tx:
        before = await staff.find_by_id(tx, staff_id)
        areas = await accounts.areas(tx)
        problems = _problems(form, areas)
        if problems:
            raise BadForm(problems)
        if staff_id == visit.me.id and form["role"] != before.role:
            raise WrongState("自己的岗位请另一位管理员来改")
        await accounts.change(
            tx,
            staff_id,
            name=form.get("name", "").strip() or before.login,
            role=form["role"],
            area_id=form.get("area") or None,
        )
        await visit.record(tx, "staff.changed", f"staff:{staff_id}", f"{before.role} → {form['role']}")
    return _done(visit)


async def set_active(visit: Visit) -> web.StreamResponse:
    """Keep somebody out, or let her in again."""
    staff_id, active = visit.part("staff"), visit.form.get("active") == "1"
    if staff_id == visit.me.id:
        raise WrongState("不能停用自己，请另一位管理员来做")
    async with visit.house.database.transaction() as tx:
        await accounts.set_active(tx, staff_id, active, clock.now())
        await visit.record(tx, "staff.activated" if active else "staff.deactivated", f"staff:{staff_id}")
    return _done(visit)


async def reset_password(visit: Visit) -> web.StreamResponse:
    """A new password, shown once; all her browsers are signed out."""
    staff_id = visit.part("staff")
    password = secrets.token_urlsafe(9)
    digest = await asyncio.to_thread(hash_password, password)
    async with visit.house.database.transaction() as tx:
        person = await staff.find_by_id(tx, staff_id)
        await staff.set_password(tx, person.login, digest, clock.now())
        await visit.record(tx, "staff.password_reset", f"staff:{staff_id}")
    if visit.wants_json:
        return visit.json({"password": password})
    return await _page(visit, staff_id, password=password)


async def reset_totp(visit: Visit) -> web.StreamResponse:
    """Her phone is lost: sign-in asks for no code until she sets one up again."""
    staff_id = visit.part("staff")
    async with visit.house.database.transaction() as tx:
        await staff.find_by_id(tx, staff_id)
        await accounts.remove_totp(tx, staff_id)
        await visit.record(tx, "staff.totp_reset", f"staff:{staff_id}")
    return _done(visit)


async def revoke_session(visit: Visit) -> web.StreamResponse:
    """Sign one of her browsers out."""
    async with visit.house.database.transaction() as tx:
        await accounts.revoke_session(tx, visit.part("staff"), visit.part("session"), clock.now())
        await visit.record(tx, "staff.session_revoked", f"staff:{visit.part('staff')}")
    return _done(visit)


async def _page(visit: Visit, staff_id: str, password: str = "") -> web.StreamResponse:
    async with visit.house.database.reading() as tx:
        person = await staff.find_by_id(tx, staff_id)
        sessions = await accounts.sessions_of(tx, staff_id, clock.now())
        areas = await accounts.areas(tx)
        profile = await desks.profile_of(tx, staff_id)
    if visit.wants_json:
        return visit.json(
            {
                "login": person.login,
                "role": person.role,
                "active": person.active,
                "totp": bool(person.totp_secret),
                "sessions": [{"id": one.id, "address": one.address} for one in sessions],
            }
        )
    return visit.page(
        "staff_member.html",
        person=person,
        sessions=sessions,
        areas=areas,
        password=password,
        profile=profile,
        mine=staff_id == visit.me.id,
    )


def _problems(form: dict[str, str], areas: list[tuple[str, str]]) -> dict[str, str]:
    problems = {}
    if form.get("role") not in words.group("roles") or form["role"] not in staff.ROLES:
        problems["role"] = "请选择岗位"
    if form.get("area") and form["area"] not in dict(areas):
        problems["area"] = "请从列表里选择区域"
    if len(form.get("name", "").strip()) > _LONGEST_NAME:
        problems["name"] = f"姓名最多 {_LONGEST_NAME} 字"
    return problems


def _done(visit: Visit) -> web.Response:
    return visit.json({}) if visit.wants_json else visit.go(f"/console/staff/{visit.part('staff')}")
