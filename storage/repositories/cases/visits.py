"""Follow-up visits (回访): planned for a day, looked at before it, done with a result; what is due and for whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, literal_column, select, union_all, update

from bot.errors import NotFound, WrongState
from storage.database import Transaction
from storage.models import Case, CaseVisit, Staff, new_id, table
from storage.repositories.cases.events import add_event
from storage.repositories.cases.views import CaseFile
from storage.repositories.inbox.scope import Scope, cases_within

#: Ways in which we begin; not when she asked us not to.
WE_BEGIN = frozenset({"phone", "visit", "message"})

_visit = table(CaseVisit).c
_case = table(Case).c
_staff = table(Staff).c


@dataclass(frozen=True, slots=True)
class VisitView:
    """One visit of a case, opened."""

    id: str
    due_at: datetime
    way: str
    state: str
    result: str
    note: str
    done_by: str | None
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class DueVisit:
    """A planned visit in a list: nothing of what it is about."""

    id: str
    due_at: datetime
    way: str
    case_id: str
    number: str
    category: str
    risk: int
    assignee_id: str | None


@dataclass(frozen=True, slots=True)
class Reminded:
    """Somebody with a userid in WeCom, and how many things of hers are due."""

    staff_id: str
    userid: str
    number: int


async def visits_of(tx: Transaction, case: CaseFile) -> list[VisitView]:
    """All visits of a case, by their day."""
    rows = await tx.rows(select(table(CaseVisit)).where(_visit.case_id == case.id).order_by(_visit.due_at, _visit.id))
    return [
        VisitView(
            row.id,
            row.due_at,
            row.way,
            row.state,
            row.result,
            case.key.open("case_visit.note", row.note_sealed),
            row.done_by,
            row.done_at,
        )
        for row in rows
    ]


async def plan_visits(
    tx: Transaction, case: CaseFile, staff_id: str, now: datetime, *, days: Sequence[datetime], way: str
) -> None:
    """Plan visits on these days. Raises WrongState for a closed case, or where she asked us not to begin."""
    check_may_begin(case, way)
    if not case.is_open:
        raise WrongState("这个个案已经办结；要接着办，请先「重新办理」")
    for day in days:
        visit_id = new_id()
        await tx.insert(
            CaseVisit,
            {
                "id": visit_id,
                "case_id": case.id,
                "due_at": day,
                "way": way,
                "planned_by": staff_id,
                "created_at": now,
            },
        )
    await add_event(tx, case.key, case.id, "visit_planned", now=now, staff_id=staff_id, code=way)


def check_may_begin(case: CaseFile, way: str) -> None:
    """Raises WrongState where we would begin and she asked us not to, or where her 安全词 lock is on."""
    if way not in WE_BEGIN:
        return
    if case.locked:
        raise WrongState("她发过安全词：不能打电话、上门、发消息，等她发解锁词")
    if case.wishes.get("do_not_initiate"):
        raise WrongState("她要求不要主动联系。可以约她自己来，由她定时间")


async def finish_visit(
    tx: Transaction, case: CaseFile, visit_id: str, staff_id: str, now: datetime, *, result: str, note: str
) -> None:
    """Record what came of a visit; result `dropped` when it is not needed. Raises NotFound when it is not planned."""
    changed = await tx.execute(
        update(table(CaseVisit))
        .where(_visit.id == visit_id, _visit.case_id == case.id, _visit.state == "planned")
        .values(
            state="dropped" if result == "dropped" else "done",
            result=result,
            note_sealed=case.key.seal("case_visit.note", note) if note else None,
            done_by=staff_id,
            done_at=now,
        )
    )
    if not changed.rowcount:
        raise NotFound
    await add_event(
        tx,
        case.key,
        case.id,
        "visit",
        now=now,
        staff_id=staff_id,
        subject=f"visit:{visit_id}",
        code=result,
        body=note,
    )


async def due_visits(
    tx: Transaction, scope: Scope, before: datetime, assignee_id: str = "", limit: int = 100
) -> list[DueVisit]:
    """Planned visits of open cases due before then, the oldest first."""
    query = (
        select(
            _visit.id,
            _visit.due_at,
            _visit.way,
            _visit.case_id,
            _case.number,
            _case.category,
            _case.risk,
            _case.assignee_id,
        )
        .join(table(Case), _case.id == _visit.case_id)
        .where(_visit.state == "planned", _visit.due_at < before, _case.status != "closed", cases_within(scope))
        .order_by(_visit.due_at, _visit.id)
        .limit(limit)
    )
    if assignee_id:
        query = query.where(_case.assignee_id == assignee_id)
    return [DueVisit(*row) for row in await tx.rows(query)]


async def to_remind(tx: Transaction, before: datetime) -> list[Reminded]:
    """Who has visits or next actions due before then and can be told in WeCom."""
    open_case = (_case.status != "closed", _case.assignee_id.is_not(None))
    due = union_all(
        select(_case.assignee_id.label("staff_id"), literal_column("1").label("one"))
        .join(table(CaseVisit), _visit.case_id == _case.id)
        .where(*open_case, _visit.state == "planned", _visit.due_at < before),
        select(_case.assignee_id, literal_column("1")).where(*open_case, _case.next_at < before),
    ).subquery()
    rows = await tx.rows(
        select(_staff.id, _staff.wecom_sealed, func.count())
        .join(due, due.c.staff_id == _staff.id)
        .where(_staff.active, _staff.wecom_sealed.is_not(None))
        .group_by(_staff.id, _staff.wecom_sealed)
        .order_by(_staff.id)
    )
    return [Reminded(row[0], tx.keys.house.open("staff.wecom", row[1]), int(row[2])) for row in rows]
