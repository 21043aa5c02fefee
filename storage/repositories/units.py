"""The register of partner units: who handles what, where; kept by hand or from a spreadsheet."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from bot.errors import NotFound, WrongState
from storage.database import AnyRow, Transaction
from storage.models import Area, PartnerUnit, new_id, table

_unit = table(PartnerUnit).c


@dataclass(frozen=True, slots=True)
class UnitView:
    """A partner unit, opened. `categories` empty: all of them; `area_id` None: the whole county."""

    id: str
    name: str
    kind: str
    categories: tuple[str, ...]
    area_id: str | None
    contact_name: str
    phone: str
    hours: str
    answer_days: int
    note: str
    active: bool


async def list_all(tx: Transaction, *, only_active: bool = False) -> list[UnitView]:
    """All units, those in use first, by kind and name."""
    query = select(table(PartnerUnit)).order_by(_unit.active.desc(), _unit.kind, _unit.name)
    if only_active:
        query = query.where(_unit.active)
    return [_view(tx, row) for row in await tx.rows(query)]


async def find(tx: Transaction, unit_id: str) -> UnitView:
    """One unit. Raises NotFound."""
    row = await tx.first(select(table(PartnerUnit)).where(_unit.id == unit_id))
    if row is None:
        raise NotFound
    return _view(tx, row)


async def suited(tx: Transaction, category: str, area_id: str | None) -> list[UnitView]:
    """Units in use, those that handle this category in this area (or around it) first."""
    around = await _around(tx, area_id)

    def rank(unit: UnitView) -> tuple[bool, bool]:
        handles = not unit.categories or category in unit.categories
        near = unit.area_id is None or unit.area_id in around
        return not (handles and near), not near

    return sorted(await list_all(tx, only_active=True), key=rank)


def handles(unit: UnitView, category: str) -> bool:
    """Whether a unit takes matters of this category."""
    return not unit.categories or category in unit.categories


async def add(tx: Transaction, unit: UnitView, now: datetime) -> str:
    """A new unit; its id (the one in `unit` counts for nothing). Raises WrongState when the name is taken."""
    unit_id = new_id()
    row = {"id": unit_id, "name": unit.name, "active": unit.active, "created_at": now, **_values(tx, unit, now)}
    if not await tx.insert_if_new(PartnerUnit, row):
        raise WrongState("已经有同名的单位，请改那一条")
    return unit_id


async def change(tx: Transaction, unit: UnitView, now: datetime) -> None:
    """Keep what is known of a unit now. Raises NotFound, and WrongState when another has this name."""
    other = await tx.first(select(_unit.id).where(_unit.name == unit.name, _unit.id != unit.id))
    if other is not None:
        raise WrongState("已经有同名的单位，请换一个名称")
    changed = await tx.execute(
        update(table(PartnerUnit)).where(_unit.id == unit.id).values(name=unit.name, **_values(tx, unit, now))
    )
    if not changed.rowcount:
        raise NotFound


async def set_active(tx: Transaction, unit_id: str, active: bool, now: datetime) -> None:
    """Refer nobody there any more, or again. Raises NotFound."""
    changed = await tx.execute(
        update(table(PartnerUnit)).where(_unit.id == unit_id).values(active=active, changed_at=now)
    )
    if not changed.rowcount:
        raise NotFound


async def take_over(tx: Transaction, given: Iterable[UnitView], now: datetime) -> tuple[int, int]:
    """Units of a spreadsheet: new names are added, known ones changed; how many of each."""
    known = {row.name: row.id for row in await tx.rows(select(_unit.name, _unit.id))}
    added = changed = 0
    for unit in given:
        if unit.name in known:
            await tx.execute(
                update(table(PartnerUnit)).where(_unit.id == known[unit.name]).values(**_values(tx, unit, now))
            )
            changed += 1
        else:
            known[unit.name] = await add(tx, unit, now)
            added += 1
    return added, changed


async def _around(tx: Transaction, area_id: str | None) -> set[str]:
    """An area and those it lies in."""
    parents = {row.id: row.parent_id for row in await tx.rows(select(table(Area).c.id, table(Area).c.parent_id))}
    found: set[str] = set()
    while area_id is not None and area_id not in found:
        found.add(area_id)
        area_id = parents.get(area_id)
    return found


def _values(tx: Transaction, unit: UnitView, now: datetime) -> dict[str, Any]:
    house = tx.keys.house
    return {
        "kind": unit.kind,
        "categories": " ".join(unit.categories),
        "area_id": unit.area_id,
        "contact_name_sealed": house.seal("partner_unit.contact_name", unit.contact_name),
        "phone_sealed": house.seal("partner_unit.phone", unit.phone),
        "hours": unit.hours,
        "answer_days": unit.answer_days,
        "note_sealed": house.seal("partner_unit.note", unit.note),
        "changed_at": now,
    }


def _view(tx: Transaction, row: AnyRow) -> UnitView:
    house = tx.keys.house
    return UnitView(
        row.id,
        row.name,
        row.kind,
        tuple(row.categories.split()),
        row.area_id,
        house.open("partner_unit.contact_name", row.contact_name_sealed),
        house.open("partner_unit.phone", row.phone_sealed),
        row.hours,
        row.answer_days,
        house.open("partner_unit.note", row.note_sealed),
        row.active,
    )
