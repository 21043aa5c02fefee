"""What one of staff takes at the desk, for administrators: fields, languages, how many at a time, her own phone."""

from dataclasses import replace

from aiohttp import web

from bot.console import words
from bot.console.visit import BadForm, Visit
from bot.errors import WrongState
from storage.repositories import desks, staff
from storage.repositories.inbox import ANSWERING

_MOST = 50


async def change(visit: Visit) -> web.StreamResponse:
    """Keep what a colleague takes."""
    staff_id, form = visit.part("staff"), visit.form
    limit, phone = form.get("load_limit", "").strip(), form.get("phone", "").strip().replace(" ", "")
    problems = {}
    if limit and not (limit.isdecimal() and int(limit) <= _MOST):
        problems["load_limit"] = words.name("profile_problems", "load_limit").format(most=_MOST)
    if phone and not (phone.isdecimal() and phone.isascii() and len(phone) == 11):
        problems["phone"] = words.name("profile_problems", "phone")
    if problems:
        raise BadForm(problems)
    async with visit.house.database.transaction() as tx:
        person = await staff.find_by_id(tx, staff_id)
        if person.role not in ANSWERING:
            raise WrongState(words.name("profile_problems", "role"))
        before = await desks.profile_of(tx, staff_id)
        profile = replace(
            before,
            skills=frozenset(one for one in words.group("categories") if form.get(f"skill_{one}")),
            languages=frozenset(one for one in words.group("languages") if form.get(f"language_{one}")),
            load_limit=int(limit) if limit else None,
            phone=phone,
        )
        await desks.change_profile(tx, profile)
        await visit.record(tx, "staff.desk_changed", f"staff:{staff_id}")
    return visit.done({}, f"/console/staff/{staff_id}")
