"""Cases: one woman, one file; and everything that happened to it."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from storage.models.base import id_field, moment, reference, sealed


class Case(SQLModel, table=True):
    """A matter staff work on. `number` is what she is told: year-month-day and a running number."""

    id: str = id_field()
    number: str = Field(unique=True, max_length=24)
    contact_id: str = reference("contact.id", index=True)
    conversation_id: str | None = Field(default=None, max_length=26)
    area_id: str | None = reference("area.id", nullable=True)
    category: str = Field(default="", max_length=32)
    risk: int = 0
    status: str = Field(default="open", max_length=16)  # open, closed
    #: JSON by intake question: who_is_hurt, summary, area, safe_contact …
    fields_sealed: bytes | None = sealed()
    consent_version: str = Field(default="", max_length=16)
    consented_at: datetime | None = moment(nullable=True)
    opened_at: datetime = moment(index=True)
    closed_at: datetime | None = moment(nullable=True)
    outcome: str = Field(default="", max_length=32)


class CaseEvent(SQLModel, table=True):
    """One entry of a case's timeline."""

    __tablename__ = "case_event"

    id: str = id_field()
    case_id: str = reference("case.id", index=True)
    at: datetime = moment()
    kind: str = Field(max_length=32)
    staff_id: str | None = reference("staff.id", nullable=True)
    body_sealed: bytes | None = sealed()
