"""Taking a case down: a call or a walk-in typed in, and the form changed later."""

from typing import Any

from aiohttp import web

from bot import clock
from bot.console.cases import drafts
from bot.console.cases import form as case_form
from bot.console.visit import BadForm, Visit
from storage.repositories import accounts, cases
from storage.repositories.cases import drafts as stored_drafts


async def ask_new(visit: Visit) -> web.StreamResponse:
    """An empty form, for somebody on the phone or at the desk."""
    async with visit.house.database.reading() as tx:
        draft, kept_at = await drafts.find(visit, tx, "new", tx.keys.house)
    return await _form_page(visit, {"origin": "phone", "risk": "0"} | draft, {}, kept_at=kept_at)


async def create(visit: Visit) -> web.StreamResponse:
    """Keep it: a contact without an address, and her case, which whoever typed it works on."""
    async with visit.house.database.transaction() as tx:
        form, problems = case_form.read(visit.form, dict(await accounts.areas(tx)), visit.zone)
        if not problems:
            opened = await cases.take_down(tx, form, visit.me.id, clock.now(), zone=visit.zone)
            await stored_drafts.forget(tx, visit.me.id, "new")
            await visit.record(tx, "case.opened", f"case:{opened.id}")
    if problems:
        return await _again(visit, problems)
    if visit.wants_json:
        return visit.json({"id": opened.id, "number": opened.number}, 201)
    return visit.go(f"/console/cases/{opened.id}")


async def ask_change(visit: Visit) -> web.StreamResponse:
    """The form of a case, to be changed."""
    async with visit.house.database.transaction() as tx:
        case = await cases.find(tx, visit.part("case"), await visit.scope(tx))
        draft, kept_at = await drafts.find(visit, tx, f"edit:{case.id}", case.key)
        await visit.record(tx, "case.read", f"case:{case.id}")
    shown = case_form.shown(case, visit.zone)
    if draft:  # a box that was unticked is not among what was kept
        shown = {"version": shown["version"]} | draft
    return await _form_page(visit, shown, {}, case=case, kept_at=kept_at)


async def change(visit: Visit) -> web.StreamResponse:
    """Keep what the form says now."""
    async with visit.house.database.transaction() as tx:
        case = await cases.find(tx, visit.part("case"), await visit.scope(tx), for_update=True)
        form, problems = case_form.read(visit.form, dict(await accounts.areas(tx)), visit.zone, case)
        if not problems:
            version = int(visit.form["version"]) if visit.form.get("version", "").isdigit() else case.version
            await cases.change_form(tx, case, form, visit.me.id, clock.now(), version=version)
            await stored_drafts.forget(tx, visit.me.id, f"edit:{case.id}")
            await visit.record(tx, "case.updated", f"case:{case.id}")
    if problems:
        return await _again(visit, problems, case=case)
    return visit.json({}) if visit.wants_json else visit.go(f"/console/cases/{case.id}")


async def _again(visit: Visit, problems: dict[str, str], **values: Any) -> web.StreamResponse:
    if visit.wants_json:
        raise BadForm(problems)
    return await _form_page(visit, visit.form, problems, status=400, **values)


async def _form_page(
    visit: Visit,
    form: dict[str, str],
    problems: dict[str, str],
    *,
    status: int = 200,
    case: Any = None,
    kept_at: Any = None,
) -> web.StreamResponse:
    async with visit.house.database.reading() as tx:
        areas = await accounts.areas(tx)
    return visit.page(
        "case_edit.html",
        status=status,
        form=dict(form),
        problems=dict(problems),
        areas=areas,
        case=case,
        kept_at=kept_at,
        notice=case_form.spoken_notice(),
        typed_origins=case_form.TYPED_ORIGINS,
    )
