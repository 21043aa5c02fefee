"""How a case stands: who works on it, what comes next, closed with an outcome and her view, opened again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update

from bot.errors import StaleConversation, WrongState
from storage.database import Transaction
from storage.models import Case, CaseVisit, Conversation, table
from storage.repositories.cases import violence
from storage.repositories.cases.events import add_event
from storage.repositories.cases.views import CaseFile

CASES = table(Case)
_case = CASES.c
_conversation = table(Conversation).c
_visit = table(CaseVisit).c


@dataclass(frozen=True, slots=True)
class NextStep:
    """What comes next: a code, when, and a note; all empty: nothing is planned."""

    action: str = ""
    at: datetime | None = None
    note: str = ""


async def change(tx: Transaction, case: CaseFile, version: int, **values: Any) -> None:
    """Set columns of a case as it was when `version` was read. Raises StaleConversation when it has changed since."""
    changed = await tx.execute(
        update(table(Case))
        .where(_case.id == case.id, _case.version == version)
        .values(version=_case.version + 1, **values)
    )
    if not changed.rowcount:
        raise StaleConversation("同事刚改过这个个案，请刷新以后再改，你写的先复制下来")


async def set_standing(
    tx: Transaction, case: CaseFile, staff_id: str, now: datetime, *, status: str, step: NextStep
) -> None:
    """Where it stands and what comes next. Raises WrongState for a closed case."""
    if not case.is_open:
        raise WrongState("这个个案已经办结；要接着办，请先「重新办理」")
    await change(
        tx,
        case,
        case.version,
        status=status,
        next_action=step.action,
        next_at=step.at,
        next_sealed=case.key.seal("case.next", step.note) if step.note else None,
    )
    if status != case.status:
        await add_event(tx, case.key, case.id, "status", now=now, staff_id=staff_id, code=status)
    if (step.action, step.at, step.note) != (case.next_action, case.next_at, case.next_note):
        await add_event(tx, case.key, case.id, "next", now=now, staff_id=staff_id, code=step.action, body=step.note)


async def assign(tx: Transaction, case: CaseFile, staff_id: str, now: datetime, assignee_id: str | None) -> None:
    """Give a case to somebody, or to nobody; taken up, an open one is being worked on."""
    if assignee_id == case.assignee_id:
        return
    values: dict[str, Any] = {"assignee_id": assignee_id}
    if assignee_id is not None and case.status in ("open", "reopened"):
        values["status"] = "working"
    await change(tx, case, case.version, **values)
    subject = f"staff:{assignee_id}" if assignee_id else ""
    await add_event(tx, case.key, case.id, "assigned", now=now, staff_id=staff_id, subject=subject)


async def close(
    tx: Transaction,
    case: CaseFile,
    staff_id: str,
    now: datetime,
    *,
    outcome: str,
    note: str,
    satisfaction: str,
    view: str,
) -> None:
    """Close a case with its outcome and how she sees it. Raises WrongState when it is closed already."""
    if not case.is_open:
        raise WrongState("这个个案已经办结了")
    await change(
        tx,
        case,
        case.version,
        **_closed(outcome, now),
        satisfaction=satisfaction,
        view_sealed=case.key.seal("case.view", view) if view else None,
    )
    await add_event(tx, case.key, case.id, "closed", now=now, staff_id=staff_id, code=outcome, body=note)
    await violence.keep_out_of_broadcasts(tx, case.contact_id)


async def reopen(tx: Transaction, case: CaseFile, staff_id: str, now: datetime, reason: str) -> None:
    """Go on with a closed case. Raises WrongState when it is not closed."""
    if case.is_open:
        raise WrongState("这个个案还在办，不用重新打开")
    await change(tx, case, case.version, status="reopened", closed_at=None, reopened_at=now)
    await add_event(tx, case.key, case.id, "reopened", now=now, staff_id=staff_id, body=reason)
    await violence.keep_out_of_broadcasts(tx, case.contact_id)


async def close_of_conversation(tx: Transaction, conversation_id: str, outcome: str, now: datetime) -> bool:
    """Close the case of a conversation whose matter is settled; True when it was.

    A case somebody works on goes on: it has an assignee, a next action, or a visit to come.
    """
    of_talk = select(_conversation.case_id).where(_conversation.id == conversation_id).scalar_subquery()
    to_come = select(_visit.id).where(_visit.case_id == _case.id, _visit.state == "planned").exists()
    case = await tx.first(
        select(_case.id, _case.contact_id).where(
            or_(_case.conversation_id == conversation_id, _case.id == of_talk),
            _case.status == "open",
            _case.assignee_id.is_(None),
            _case.next_at.is_(None),
            ~to_come,
        )
    )
    if case is None:
        return False
    await tx.execute(
        update(table(Case)).where(_case.id == case.id).values(**_closed(outcome, now), version=_case.version + 1)
    )
    await violence.keep_out_of_broadcasts(tx, case.contact_id)
    return True


def _closed(outcome: str, now: datetime) -> dict[str, Any]:
    return {
        "status": "closed",
        "closed_at": now,
        "outcome": outcome,
        "next_action": "",
        "next_at": None,
        "next_sealed": None,
    }
