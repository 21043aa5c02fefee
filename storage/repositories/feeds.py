"""The calendar of one member of staff: the secret link to it, and on which days how much of hers is due."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from storage.database import Transaction
from storage.models import Case, CaseVisit, Staff, StaffFeed, table
from storage.repositories.inbox.scope import Scope, cases_within

_feed = table(StaffFeed).c
_staff = table(Staff).c
_case = table(Case).c
_visit = table(CaseVisit).c
_PURPOSE = "staff-feed"


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose calendar a link opens."""

    id: str
    role: str
    area_id: str | None


async def make(tx: Transaction, staff_id: str, now: datetime) -> str:
    """A new link instead of the one before: its token, which is nowhere else."""
    token = secrets.token_urlsafe(32)
    await revoke(tx, staff_id)
    digest = tx.keys.digest(_PURPOSE, token)
    await tx.insert(StaffFeed, {"staff_id": staff_id, "token_digest": digest, "created_at": now})
    return token


async def revoke(tx: Transaction, staff_id: str) -> None:
    """From now on the link opens nothing."""
    await tx.execute(delete(table(StaffFeed)).where(_feed.staff_id == staff_id))


async def made_at(tx: Transaction, staff_id: str) -> datetime | None:
    """Since when she has a link; None without one."""
    row = await tx.first(select(_feed.created_at).where(_feed.staff_id == staff_id))
    return row.created_at if row else None


async def find(tx: Transaction, token: str) -> Reader | None:
    """Whose link this is, while she works here."""
    row = await tx.first(
        select(_staff.id, _staff.role, _staff.area_id)
        .join(table(StaffFeed), _feed.staff_id == _staff.id)
        .where(_feed.token_digest == tx.keys.digest(_PURPOSE, token), _staff.active)
    )
    return Reader(*row) if row else None


async def due(tx: Transaction, scope: Scope, staff_id: str, begin: datetime, end: datetime) -> Sequence[datetime]:
    """When visits and next actions of her own open cases are due in [begin, end): moments, nothing else."""
    hers = (_case.assignee_id == staff_id, _case.status != "closed", cases_within(scope))
    visits = await tx.rows(
        select(_visit.due_at)
        .join(table(Case), _case.id == _visit.case_id)
        .where(*hers, _visit.state == "planned", _visit.due_at >= begin, _visit.due_at < end)
    )
    actions = await tx.rows(select(_case.next_at).where(*hers, _case.next_at >= begin, _case.next_at < end))
    return sorted([row[0] for row in visits] + [row[0] for row in actions])
