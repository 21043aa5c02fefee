"""Which conversations somebody may see: those of her area and below, and those whose area nobody knows yet."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, or_, select

from storage.database import Transaction
from storage.models import Area, Conversation, table

_area = table(Area).c
_conversation = table(Conversation).c


async def areas_under(tx: Transaction, area_id: str | None) -> frozenset[str] | None:
    """The area and everything below it; None (no limit) for staff of the whole county."""
    if area_id is None:
        return None
    rows = await tx.rows(select(_area.id, _area.parent_id))
    children: dict[str | None, list[str]] = {}
    for row in rows:
        children.setdefault(row.parent_id, []).append(row.id)
    found, todo = set(), [area_id]
    while todo:
        current = todo.pop()
        found.add(current)
        todo += children.get(current, [])
    return frozenset(found)


def within(scope: Collection[str] | None) -> ColumnElement[bool]:
    """Conversations of these areas, and those whose area nobody knows yet."""
    if scope is None:
        return _conversation.id.is_not(None)
    return or_(_conversation.area_id.is_(None), _conversation.area_id.in_(scope))
