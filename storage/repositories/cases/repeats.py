"""The same woman in another case: found by keyed hashes, decided by staff, never joined silently.

Compared are survivors and reporters only, by telephone and by name with year of birth. The other side is left out:
a list of people complained about is what product.md, promise 6, forbids.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select, update

from bot.errors import NotFound
from storage.database import Transaction
from storage.models import Case, CaseLink, CasePerson, new_id, table
from storage.repositories.cases.events import add_event
from storage.repositories.cases.views import CaseFile
from storage.repositories.inbox.scope import Scope, cases_within

_link = table(CaseLink).c
_case = table(Case).c
_person = table(CasePerson).c


@dataclass(frozen=True, slots=True)
class RepeatView:
    """Another case that may be hers, or is; without number where whoever asks may not see it."""

    id: str
    reason: str
    state: str
    case_id: str
    number: str
    status: str


async def look_for(tx: Transaction, case_id: str, contact_id: str, now: datetime) -> None:
    """Note cases of other contacts with her telephone, or with her name and year of birth."""
    mine = table(CasePerson).alias("mine").c
    rows = await tx.rows(
        select(_person.case_id, (_person.phone_digest == mine.phone_digest).label("by_phone"))
        .join(table(Case), _case.id == _person.case_id)
        .where(
            mine.case_id == case_id,
            _person.case_id != case_id,
            _case.contact_id != contact_id,
            or_(_person.phone_digest == mine.phone_digest, _person.name_digest == mine.name_digest),
        )
    )
    for other, by_phone in {row.case_id: bool(row.by_phone) for row in rows}.items():
        first, second = sorted((case_id, other))
        await tx.insert_if_new(
            CaseLink,
            {
                "id": new_id(),
                "case_id": first,
                "other_case_id": second,
                "reason": "phone" if by_phone else "name",
                "state": "suspected",
                "found_at": now,
            },
        )


async def repeats_of(tx: Transaction, case: CaseFile, scope: Scope) -> list[RepeatView]:
    """Cases that may be hers and are not refused; those outside `scope` by nothing but their being there."""
    rows = await tx.rows(
        select(_link.id, _link.reason, _link.state, _case.id.label("case_id"), _case.number, _case.status)
        .join(
            table(Case),
            or_(
                and_(_link.case_id == case.id, _case.id == _link.other_case_id),
                and_(_link.other_case_id == case.id, _case.id == _link.case_id),
            ),
        )
        .where(_link.state != "refused")
        .order_by(_link.id)
    )
    seen = {
        row.id
        for row in await tx.rows(
            select(_case.id).where(_case.id.in_([row.case_id for row in rows]), cases_within(scope))
        )
    }
    return [
        RepeatView(row.id, row.reason, row.state, row.case_id, row.number, row.status)
        if row.case_id in seen
        else RepeatView(row.id, row.reason, row.state, "", "", "")
        for row in rows
    ]


async def decide(
    tx: Transaction, case: CaseFile, link_id: str, staff_id: str, now: datetime, *, is_same: bool, scope: Scope
) -> None:
    """Staff say whether it is one woman. Raises NotFound, also where she may not see the other case."""
    found = next((one for one in await repeats_of(tx, case, scope) if one.id == link_id and one.case_id), None)
    if found is None:
        raise NotFound
    await tx.execute(
        update(table(CaseLink))
        .where(_link.id == link_id)
        .values(state="confirmed" if is_same else "refused", decided_by=staff_id, decided_at=now)
    )
    code = "same" if is_same else "not_same"
    for here, there in ((case.id, found.case_id), (found.case_id, case.id)):
        await add_event(tx, case.key, here, "repeat", now=now, staff_id=staff_id, subject=f"case:{there}", code=code)
