"""Cases: one case, one file (一案一档); who is in it, and everything that happened to it.

`contact_id` is whose file it is: the one who came to us, whether she is the one who is hurt or tells it for
another. Her key seals everything in it. Reporter and survivor are kept apart as rows of `case_person`.
"""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from storage.models.base import digest, id_field, moment, reference, sealed


class Case(SQLModel, table=True):
    """A matter staff work on. `number` is what she is told: year-month-day and a running number.

    `status`: open (受理), working (办理中), waiting (等别人), reopened, closed; all but the last are being worked on.
    """

    __table_args__ = (
        Index("ix_case_work", "status", "next_at"),
        Index("ix_case_assignee", "assignee_id", "status"),
    )

    id: str = id_field()
    number: str = Field(unique=True, max_length=24)
    contact_id: str = reference("contact.id", index=True)
    #: The conversation it was opened in; others of hers point here by `conversation.case_id`.
    conversation_id: str | None = Field(default=None, max_length=26, index=True)
    area_id: str | None = reference("area.id", nullable=True)
    #: Where it came from: a channel's name, phone, walk_in.
    origin: str = Field(default="", max_length=32)
    category: str = Field(default="", max_length=32)
    #: What the federation counts it under (domain facts JL-03): family, person, property, labour …
    rights_group: str = Field(default="", max_length=16)
    risk: int = 0
    #: When a sign of violence first appeared in it: from then on it is never mediated.
    violence_at: datetime | None = moment(nullable=True)
    status: str = Field(default="open", max_length=16)
    assignee_id: str | None = reference("staff.id", nullable=True)
    #: Who took it down (接听人); None: the bot.
    taken_by: str | None = reference("staff.id", nullable=True)
    next_action: str = Field(default="", max_length=32)
    next_at: datetime | None = moment(nullable=True)
    next_sealed: bytes | None = sealed()
    #: When she was promised an answer (承诺反馈时间).
    promised_at: datetime | None = moment(nullable=True)
    #: JSON by question of the form (domain facts JL-10): hurt, summary, area, contact, hours, done, evidence …
    fields_sealed: bytes | None = sealed()
    consent_version: str = Field(default="", max_length=16)
    #: chat, spoken, paper, urgent (without consent, to save life).
    consent_way: str = Field(default="", max_length=16)
    consented_at: datetime | None = moment(nullable=True)
    opened_at: datetime = moment(index=True)
    closed_at: datetime | None = moment(nullable=True, index=True)
    outcome: str = Field(default="", max_length=32)
    #: How she sees the outcome: satisfied, partly, unsatisfied, unasked; and in her words.
    satisfaction: str = Field(default="", max_length=16)
    view_sealed: bytes | None = sealed()
    reopened_at: datetime | None = moment(nullable=True)
    #: Counts every change, so that two people do not overwrite each other.
    version: int = 0


class CaseEvent(SQLModel, table=True):
    """One entry of a case's timeline: `subject` is what it is about (`referral:ID`), `code` what became of it."""

    __tablename__ = "case_event"

    id: str = id_field()
    case_id: str = reference("case.id", index=True)
    at: datetime = moment()
    kind: str = Field(max_length=32)
    staff_id: str | None = reference("staff.id", nullable=True)
    subject: str = Field(default="", max_length=64)
    code: str = Field(default="", max_length=32)
    body_sealed: bytes | None = sealed()


class CasePerson(SQLModel, table=True):
    """Somebody in a case. `role`: survivor, reporter, child, other_side, witness.

    `is_contact`: this is the one who came to us; a survivor who came herself is one row. The other side has no
    look-up hash: nobody is to be found by having been complained about (product.md, promise 6).
    """

    __tablename__ = "case_person"

    id: str = id_field()
    case_id: str = reference("case.id", index=True)
    role: str = Field(max_length=16)
    is_contact: bool = False
    #: What this person is to the survivor: husband, ex, parent, child, neighbour …
    relation: str = Field(default="", max_length=16)
    name_sealed: bytes | None = sealed()
    phone_sealed: bytes | None = sealed()
    #: Of survivor and reporter only: finds the same woman in another case.
    phone_digest: bytes | None = digest(nullable=True, index=True)
    name_digest: bytes | None = digest(nullable=True, index=True)
    #: The name alone, for whoever searches by it.
    called_digest: bytes | None = digest(nullable=True, index=True)
    #: JSON {birth_year, id_number, address, circumstances, note}
    fields_sealed: bytes | None = sealed()
    created_at: datetime = moment()
