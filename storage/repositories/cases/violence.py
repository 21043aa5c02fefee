"""The sign of violence in a case, and the broadcasts an open one keeps away from her phone (safety.md)."""

from datetime import datetime

from sqlalchemy import case, func, select, update

from storage.database import Transaction
from storage.models import Case, Contact, table

_case = table(Case).c
_contact = table(Contact).c


async def note(tx: Transaction, case_id: str, now: datetime) -> bool:
    """A sign of violence has appeared in a case; True when it is the first one. It never goes away again."""
    changed = await tx.execute(
        update(table(Case)).where(_case.id == case_id, _case.violence_at.is_(None)).values(violence_at=now)
    )
    return bool(changed.rowcount)


async def keep_out_of_broadcasts(tx: Transaction, contact_id: str) -> None:
    """Set her flag as her cases are: one with violence that is not closed takes her out of every broadcast."""
    since = (
        select(func.min(_case.violence_at))
        .where(_case.contact_id == contact_id, _case.status != "closed", _case.violence_at.is_not(None))
        .scalar_subquery()
    )
    await tx.execute(
        update(table(Contact))
        .where(_contact.id == contact_id)
        .values(violence_case_at=case((since.is_(None), None), else_=func.coalesce(_contact.violence_case_at, since)))
    )
