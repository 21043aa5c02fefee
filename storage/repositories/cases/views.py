"""Cases opened for reading."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from storage.database import Transaction
from storage.encryption import DataKey
from storage.models import Case, table

_case = table(Case).c


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case as its owner may hear of it: number, standing, day. Never its content."""

    id: str
    number: str
    status: str
    category: str
    opened_at: datetime


async def cases_of(tx: Transaction, contact_id: str) -> list[CaseView]:
    """All cases of one contact, the newest first."""
    rows = await tx.rows(
        select(_case.id, _case.number, _case.status, _case.category, _case.opened_at)
        .where(_case.contact_id == contact_id)
        .order_by(_case.opened_at.desc())
    )
    return [CaseView(*row) for row in rows]


async def fields_of(tx: Transaction, key: DataKey, case_id: str) -> tuple[str, dict[str, Any]]:
    """A case's number and what its form holds."""
    row = await tx.first(select(_case.number, _case.fields_sealed).where(_case.id == case_id))
    if row is None:
        return "", {}
    return row.number, key.open_json("case.fields", row.fields_sealed, {})
