"""What is done in a case beside talking: visits, mediation, files, drafts; cases that may be one woman's."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.models.base import id_field, moment, reference, sealed
from storage.models.talk import partial_index


class CaseVisit(SQLModel, table=True):
    """A follow-up (回访): planned for a day and in a way, done with a result, or dropped."""

    __tablename__ = "case_visit"
    __table_args__ = (partial_index("ix_case_visit_due", "due_at", where="state = 'planned'"),)

    id: str = id_field()
    case_id: str = reference("case.id", index=True)
    due_at: datetime = moment()
    way: str = Field(max_length=16)  # phone, visit, office, message
    state: str = Field(default="planned", max_length=16)  # planned, done, dropped
    result: str = Field(default="", max_length=16)
    note_sealed: bytes | None = sealed()
    planned_by: str | None = reference("staff.id", nullable=True)
    created_at: datetime = moment()
    done_by: str | None = reference("staff.id", nullable=True)
    done_at: datetime | None = moment(nullable=True)


class CaseMediation(SQLModel, table=True):
    """One mediation: proposed, running once both agreed, then settled, failed, refused, or stopped by violence."""

    __tablename__ = "case_mediation"

    id: str = id_field()
    case_id: str = reference("case.id", index=True)
    state: str = Field(default="proposed", max_length=16)
    subject_sealed: bytes | None = sealed()
    mediator_sealed: bytes | None = sealed()
    her_consent_at: datetime | None = moment(nullable=True)
    other_consent_at: datetime | None = moment(nullable=True)
    proposed_by: str | None = reference("staff.id", nullable=True)
    created_at: datetime = moment()
    #: written or oral (People's Mediation Law, article 28).
    form: str = Field(default="", max_length=16)
    agreement_sealed: bytes | None = sealed()
    effective_at: datetime | None = moment(nullable=True)
    #: Judicial confirmation: empty, applied, confirmed, refused.
    confirmation: str = Field(default="", max_length=16)
    confirmation_at: datetime | None = moment(nullable=True)
    ended_at: datetime | None = moment(nullable=True)
    ended_why: str = Field(default="", max_length=16)  # her, other, no_agreement, violence


class MediationSession(SQLModel, table=True):
    """One sitting of a mediation."""

    __tablename__ = "mediation_session"

    id: str = id_field()
    mediation_id: str = reference("case_mediation.id", index=True)
    case_id: str = reference("case.id")
    held_at: datetime = moment()
    note_sealed: bytes | None = sealed()
    staff_id: str | None = reference("staff.id", nullable=True)
    created_at: datetime = moment()


class CaseDocument(SQLModel, table=True):
    """A file staff put into a case: a photo of an injury, a record, a signed paper."""

    __tablename__ = "case_document"

    id: str = id_field()
    case_id: str = reference("case.id", index=True)
    kind: str = Field(max_length=16)
    name_sealed: bytes | None = sealed()
    content_sealed: bytes | None = sealed()
    content_type: str = Field(max_length=64)
    size: int
    staff_id: str | None = reference("staff.id", nullable=True)
    created_at: datetime = moment()
    removed_at: datetime | None = moment(nullable=True)


class CaseLink(SQLModel, table=True):
    """Two cases of different contacts that may be one woman's: suspected, confirmed or refused by staff."""

    __tablename__ = "case_link"
    __table_args__ = (UniqueConstraint("case_id", "other_case_id"),)

    id: str = id_field()
    #: The smaller id first, so that a pair is found once.
    case_id: str = reference("case.id")
    other_case_id: str = reference("case.id", index=True)
    reason: str = Field(max_length=16)  # phone, name
    state: str = Field(default="suspected", max_length=16)
    found_at: datetime = moment()
    decided_by: str | None = reference("staff.id", nullable=True)
    decided_at: datetime | None = moment(nullable=True)


class CaseDraft(SQLModel, table=True):
    """What somebody was typing and had not saved: sealed by the key of the case, for a new one by the house."""

    __tablename__ = "case_draft"
    __table_args__ = (UniqueConstraint("staff_id", "form"),)

    id: str = id_field()
    staff_id: str = reference("staff.id")
    form: str = Field(max_length=40)
    case_id: str | None = reference("case.id", nullable=True)
    content_sealed: bytes | None = sealed()
    saved_at: datetime = moment()
