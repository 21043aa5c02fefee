"""The sign of violence in a case, and the broadcasts an open one keeps away from her phone (safety.md)."""

from datetime import datetime

from sqlalchemy import case, func, select, update

from storage.database import Transaction
from storage.encryption import DataKey
from storage.models import Case, Contact, table
from storage.repositories.cases import mediation
from storage.repositories.cases.events import add_event

_case = table(Case).c
_contact = table(Contact).c


async def note(tx: Transaction, key: DataKey, case_id: str, now: datetime) -> bool:
    """A sign of violence has appeared in a case; True when it is the first one. It never goes away again.

    Whatever mediation goes on is stopped: the timeline and the page of the case say so.
    """
    changed = await tx.execute(
        update(table(Case)).where(_case.id == case_id, _case.violence_at.is_(None)).values(violence_at=now)
    )
    if not changed.rowcount:
        return False
    for mediation_id in await mediation.stop_for_violence(tx, case_id, now):
        subject = f"mediation:{mediation_id}"
        await add_event(tx, key, case_id, "mediation", now=now, subject=subject, code="stopped")
    return True


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
