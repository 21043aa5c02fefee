"""The register of partner units (成员单位): who handles what, whom one calls; kept here or taken in from a file."""

from typing import Any

from aiohttp import web
from aiohttp.web_request import FileField

from bot import clock
from bot.console import words
from bot.console.access import REGISTER
from bot.console.unit_register import MOST_BYTES, Register, read_register, read_unit, write_register
from bot.console.visit import BadForm, Visit
from storage.repositories import accounts, units
from storage.repositories.units import UnitView

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def show_all(visit: Visit) -> web.StreamResponse:
    """All units, with a form for a new one and for a file."""
    return await _page(visit)


async def create(visit: Visit) -> web.StreamResponse:
    """A new unit."""
    async with visit.house.database.transaction() as tx:
        unit, problems = await _read(visit, tx)
        if not problems:
            unit_id = await units.add(tx, unit, clock.now())
            await visit.record(tx, "unit.added", f"partner_unit:{unit_id}")
    if problems:
        if visit.wants_json:
            raise BadForm(problems)
        return await _page(visit, status=400, form=visit.form, problems=problems)
    return visit.json({"id": unit_id}, 201) if visit.wants_json else visit.go(f"/console/units/{unit_id}")


async def show(visit: Visit) -> web.StreamResponse:
    """One unit, to be changed."""
    return await _unit_page(visit)


async def change(visit: Visit) -> web.StreamResponse:
    """Keep what the form says now."""
    unit_id = visit.part("unit")
    async with visit.house.database.transaction() as tx:
        await units.find(tx, unit_id)
        unit, problems = await _read(visit, tx, unit_id)
        if not problems:
            await units.change(tx, unit, clock.now())
            await visit.record(tx, "unit.changed", f"partner_unit:{unit_id}")
    if problems:
        if visit.wants_json:
            raise BadForm(problems)
        return await _unit_page(visit, status=400, form=visit.form, problems=problems)
    return _done(visit)


async def set_active(visit: Visit) -> web.StreamResponse:
    """Refer nobody there any more, or again; referrals there are stay."""
    unit_id, active = visit.part("unit"), visit.form.get("active") == "1"
    async with visit.house.database.transaction() as tx:
        await units.set_active(tx, unit_id, active, clock.now())
        await visit.record(tx, "unit.activated" if active else "unit.deactivated", f"partner_unit:{unit_id}")
    return _done(visit)


async def take_file(visit: Visit) -> web.StreamResponse:
    """Take in a spreadsheet: everything in it, or nothing and what is wrong in which row."""
    content = await _file(visit)
    async with visit.house.database.transaction() as tx:
        names = {name.rpartition(" › ")[2]: area_id for area_id, name in await accounts.areas(tx)}
        register = read_register(content, names)
        added = changed = 0
        if not register.problems:
            added, changed = await units.take_over(tx, register.units, clock.now())
            await visit.record(tx, "units.imported", "", f"{added} + {changed}")
    if visit.wants_json:
        wrong = [{"row": one.row, "column": one.column, "error": one.sentence} for one in register.problems]
        return visit.json({"added": added, "changed": changed, "problems": wrong}, 400 if wrong else 200)
    status = 400 if register.problems else 200
    return await _page(visit, status=status, register=register, taken=None if status == 400 else (added, changed))


async def give_file(visit: Visit) -> web.StreamResponse:
    """The register as a spreadsheet: to look at, to fill in, to take in again."""
    async with visit.house.database.transaction() as tx:
        listed = await units.list_all(tx)
        names = {area_id: name.rpartition(" › ")[2] for area_id, name in await accounts.areas(tx)}
        await visit.record(tx, "units.exported", "")
    return web.Response(
        body=write_register(listed, names),
        content_type=_XLSX,
        headers={"Content-Disposition": 'attachment; filename="units.xlsx"'},
    )


async def _page(visit: Visit, *, status: int = 200, **values: Any) -> web.StreamResponse:
    async with visit.house.database.reading() as tx:
        listed = await units.list_all(tx)
        areas = await accounts.areas(tx)
    if visit.wants_json:
        return visit.json([_json(unit) for unit in listed], status)
    values = {"form": {}, "problems": {}, "register": None, "taken": None} | values
    return visit.page(
        "units.html",
        status=status,
        units=listed,
        areas=areas,
        names=dict(areas),
        changes=_may_change(visit),
        **values,
    )


async def _unit_page(visit: Visit, *, status: int = 200, **values: Any) -> web.StreamResponse:
    async with visit.house.database.reading() as tx:
        unit = await units.find(tx, visit.part("unit"))
        areas = await accounts.areas(tx)
    if visit.wants_json:
        return visit.json(_json(unit), status)
    shown = {
        "name": unit.name,
        "kind": unit.kind,
        "area": unit.area_id or "",
        "contact_name": unit.contact_name,
        "phone": unit.phone,
        "hours": unit.hours,
        "answer_days": str(unit.answer_days),
        "note": unit.note,
    } | {f"category_{one}": "1" for one in unit.categories}
    values = {"form": shown, "problems": {}} | values
    return visit.page(
        "unit.html", status=status, unit=unit, areas=areas, names=dict(areas), changes=_may_change(visit), **values
    )


async def _read(visit: Visit, tx: Any, unit_id: str = "") -> tuple[UnitView, dict[str, str]]:
    """The form as a unit, and what is wrong with it by field."""
    form, register = visit.form, Register()
    areas = dict(await accounts.areas(tx))
    chosen = [word for key, word in words.group("rights_categories").items() if form.get(f"category_{key}")]
    cells = dict(form) | {
        "kind": words.name("unit_kinds", form.get("kind", "")),
        "categories": "、".join(chosen),
        "area": form.get("area", ""),
    }
    unit = read_unit(cells, {area_id: area_id for area_id in areas}, register, 0, unit_id)
    fields = {word: key for key, word in words.group("unit_fields").items()}
    return unit, {fields[one.column]: one.sentence for one in register.problems}


async def _file(visit: Visit) -> bytes:
    given = (await visit.request.post()).get("file")
    if not isinstance(given, FileField):
        raise BadForm({"file": words.name("unit_problems", "no_file")})
    return given.file.read(MOST_BYTES + 1)


def _may_change(visit: Visit) -> bool:
    return visit.me.role in REGISTER


def _json(unit: UnitView) -> dict[str, Any]:
    return {
        "id": unit.id,
        "name": unit.name,
        "kind": unit.kind,
        "categories": list(unit.categories),
        "area": unit.area_id,
        "answer_days": unit.answer_days,
        "active": unit.active,
    }


def _done(visit: Visit) -> web.Response:
    return visit.json({}) if visit.wants_json else visit.go(f"/console/units/{visit.part('unit')}")
