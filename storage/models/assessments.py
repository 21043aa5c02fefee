"""What a woman and staff found out about her danger, and what she plans: one row each time, sealed with her key."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import SQLModel

from storage.models.base import id_field, moment, reference, sealed


class DangerAssessment(SQLModel, table=True):
    """One time the questions were gone through. A later one is another row; none is changed once it is finished."""

    __tablename__ = "danger_assessment"

    id: str = id_field()
    contact_id: str = reference("contact.id", index=True)
    conversation_id: str | None = reference("conversation.id", nullable=True)
    case_id: str | None = reference("case.id", nullable=True)
    #: Who finished it; empty while the bot asks her, or when she finished it herself.
    staff_id: str | None = reference("staff.id", nullable=True)
    #: JSON {checklist, answers, level, reasons}: which questions, what was answered by whom, what it came to.
    content_sealed: bytes | None = sealed()
    started_at: datetime = moment()
    changed_at: datetime = moment(index=True)
    finished_at: datetime | None = moment(nullable=True)


class SafetyPlan(SQLModel, table=True):
    """One version of her safety plan; the highest number is the one in use."""

    __tablename__ = "safety_plan"
    __table_args__ = (UniqueConstraint("contact_id", "number"),)

    id: str = id_field()
    contact_id: str = reference("contact.id")
    number: int = 1
    conversation_id: str | None = reference("conversation.id", nullable=True)
    case_id: str | None = reference("case.id", nullable=True)
    #: Who wrote it; empty when she wrote it herself in the chat.
    staff_id: str | None = reference("staff.id", nullable=True)
    #: JSON: her words by section.
    content_sealed: bytes | None = sealed()
    created_at: datetime = moment()
    changed_at: datetime = moment(index=True)
