"""The area tree: county, townships, villages."""

from dataclasses import dataclass

from sqlalchemy import select

from storage.database import Transaction
from storage.models import Area, table

_area = table(Area).c


@dataclass(frozen=True, slots=True)
class AreaView:
    """One area; `parent_id` is empty at the top."""

    id: str
    name: str
    parent_id: str


async def all_areas(tx: Transaction) -> list[AreaView]:
    """Every area, in the order of the codes."""
    rows = await tx.rows(select(_area.id, _area.name, _area.parent_id).order_by(_area.code))
    return [AreaView(row.id, row.name, row.parent_id or "") for row in rows]


async def codes(tx: Transaction) -> dict[str, str]:
    """The code of every area, as links and posters name it."""
    return {row.id: row.code for row in await tx.rows(select(_area.id, _area.code))}
