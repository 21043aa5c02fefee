"""Danger assessments, one row each time the questions were gone through, and versions of her safety plan.

What was answered and planned is sealed with her key. What it amounts to is worked out by whoever calls: storage
keeps it and raises the conversation and the case it belongs to.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from storage.database import AnyRow, Transaction
from storage.encryption import DataKey
from storage.models import Alarm, Case, Contact, Conversation, DangerAssessment, SafetyPlan, new_id, table

_assessment = table(DangerAssessment).c
_plan = table(SafetyPlan).c
_contact = table(Contact).c
_conversation = table(Conversation).c
_case = table(Case).c


@dataclass(frozen=True, slots=True)
class AssessmentView:
    """One time the questions were gone through; `content` is {checklist, answers, level, reasons}."""

    id: str
    started_at: datetime
    changed_at: datetime
    finished_at: datetime | None
    staff_id: str | None
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlanView:
    """One version of her safety plan: her words by section."""

    id: str
    number: int
    changed_at: datetime
    staff_id: str | None
    content: dict[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something belongs: her, and the conversation and case it came up in."""

    contact_id: str
    conversation_id: str | None = None
    case_id: str | None = None


async def hold(tx: Transaction, contact_id: str) -> None:
    """Let nobody else write her assessment or plan until the commit: what was read is still so when it is changed."""
    await tx.rows(select(_contact.id).where(_contact.id == contact_id).with_for_update(key_share=True))


async def history(tx: Transaction, key: DataKey, contact_id: str, limit: int = 20) -> list[AssessmentView]:
    """Her assessments that still have content, the newest first."""
    rows = await tx.rows(
        select(table(DangerAssessment))
        .where(_assessment.contact_id == contact_id, _assessment.content_sealed.is_not(None))
        .order_by(_assessment.id.desc())
        .limit(limit)
    )
    return [_view(row, key) for row in rows]


async def newest(tx: Transaction, key: DataKey, contact_id: str) -> AssessmentView | None:
    """Her last assessment, finished or not; None when there is none."""
    found = await history(tx, key, contact_id, 1)
    return found[0] if found else None


async def keep(
    tx: Transaction,
    key: DataKey,
    place: Place,
    content: dict[str, Any],
    *,
    now: datetime,
    finished: bool,
    staff_id: str | None = None,
    open_id: str = "",
) -> str:
    """Write down answers: into the unfinished assessment `open_id` if it still is, else as a new one; its id."""
    values = {
        "content_sealed": key.seal_json("danger_assessment.content", content),
        "changed_at": now,
        "finished_at": now if finished else None,
        "staff_id": staff_id,
    }
    if open_id:
        changed = await tx.execute(
            update(table(DangerAssessment))
            .where(
                _assessment.id == open_id,
                _assessment.contact_id == place.contact_id,
                _assessment.finished_at.is_(None),
                _assessment.content_sealed.is_not(None),
            )
            .values(**values)
        )
        if changed.rowcount:
            return open_id
    assessment_id = new_id()
    await tx.insert(
        DangerAssessment,
        {
            "id": assessment_id,
            "contact_id": place.contact_id,
            "conversation_id": place.conversation_id,
            "case_id": place.case_id,
            "started_at": now,
            **values,
        },
    )
    return assessment_id


async def raise_risk(tx: Transaction, place: Place, risk: int, *, alarm: bool, now: datetime) -> None:
    """Mark conversation and case at least this dangerous, and alarm staff; nothing is ever lowered."""
    if place.conversation_id:
        row = await tx.first(
            select(_conversation.risk).where(_conversation.id == place.conversation_id).with_for_update()
        )
        if row is not None:
            await tx.execute(
                update(table(Conversation))
                .where(_conversation.id == place.conversation_id)
                .values(risk=max(row.risk, risk), version=_conversation.version + 1)
            )
    if place.case_id:
        await tx.execute(update(table(Case)).where(_case.id == place.case_id, _case.risk < risk).values(risk=risk))
    if alarm:
        await tx.insert(
            Alarm,
            {
                "id": new_id(),
                "conversation_id": place.conversation_id,
                "reason": "assessment",
                "detail": "",
                "silent": False,
                "raised_at": now,
            },
        )
        tx.wake("alarms")


async def plans(tx: Transaction, key: DataKey, contact_id: str, limit: int = 20) -> list[PlanView]:
    """Versions of her safety plan that still have content, the newest first."""
    rows = await tx.rows(
        select(table(SafetyPlan))
        .where(_plan.contact_id == contact_id, _plan.content_sealed.is_not(None))
        .order_by(_plan.number.desc())
        .limit(limit)
    )
    return [
        PlanView(
            row.id,
            row.number,
            row.changed_at,
            row.staff_id,
            key.open_json("safety_plan.content", row.content_sealed, {}),
        )
        for row in rows
    ]


async def keep_plan(
    tx: Transaction,
    key: DataKey,
    place: Place,
    content: dict[str, str],
    *,
    now: datetime,
    staff_id: str | None = None,
    open_id: str = "",
) -> str:
    """Keep her safety plan as a new version, or go on with the version `open_id` while it is the newest; its id."""
    await hold(tx, place.contact_id)
    last = await tx.first(
        select(_plan.id, _plan.number)
        .where(_plan.contact_id == place.contact_id)
        .order_by(_plan.number.desc())
        .limit(1)
    )
    values = {
        "content_sealed": key.seal_json("safety_plan.content", content),
        "changed_at": now,
        "staff_id": staff_id,
    }
    if open_id and last is not None and last.id == open_id:
        await tx.execute(update(table(SafetyPlan)).where(_plan.id == open_id).values(**values))
        return open_id
    plan_id = new_id()
    await tx.insert(
        SafetyPlan,
        {
            "id": plan_id,
            "contact_id": place.contact_id,
            "number": (last.number if last is not None else 0) + 1,
            "conversation_id": place.conversation_id,
            "case_id": place.case_id,
            "created_at": now,
            **values,
        },
    )
    return plan_id


async def count_plans(tx: Transaction, contact_id: str) -> int:
    """The number of the version in use; 0 without one."""
    row = await tx.first(select(func.max(_plan.number)).where(_plan.contact_id == contact_id))
    return int(row[0] or 0) if row is not None else 0


async def forget_plan(tx: Transaction, contact_id: str) -> None:
    """She wants nothing of it kept with us: every version is emptied at once."""
    await tx.execute(update(table(SafetyPlan)).where(_plan.contact_id == contact_id).values(content_sealed=None))


def _view(row: AnyRow, key: DataKey) -> AssessmentView:
    return AssessmentView(
        row.id,
        row.started_at,
        row.changed_at,
        row.finished_at,
        row.staff_id,
        key.open_json("danger_assessment.content", row.content_sealed, {}),
    )
