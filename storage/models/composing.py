"""What staff write and do around a conversation: notes, drafts, calls, allowances."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.models.base import id_field, moment, reference, sealed


class Note(SQLModel, table=True):
    """What staff write for each other in a conversation. It is no outbox row: nothing can send it.

    `kind`: note, call (what became of a telephone call). The position puts it among what was said.
    """

    __tablename__ = "conversation_note"
    __table_args__ = (Index("ix_conversation_note_talk", "conversation_id", "said_at"),)

    id: str = id_field()
    contact_id: str = reference("contact.id", index=True)
    conversation_id: str = reference("conversation.id")
    staff_id: str = reference("staff.id")
    kind: str = Field(default="note", max_length=16)
    text_sealed: bytes | None = sealed()
    said_at: datetime = moment()
    said_order: int = Field(default=0, sa_type=BigInteger)
    said_rank: int = 9


class Draft(SQLModel, table=True):
    """Half-written words of one member of staff in one conversation, so that a reload loses nothing."""

    __tablename__ = "draft"
    __table_args__ = (UniqueConstraint("conversation_id", "staff_id", "kind"),)

    id: str = id_field()
    contact_id: str = reference("contact.id", index=True)
    conversation_id: str = reference("conversation.id")
    staff_id: str = reference("staff.id")
    kind: str = Field(max_length=16)  # message, note
    text_sealed: bytes | None = sealed()
    saved_at: datetime = moment(index=True)


class ContactCall(SQLModel, table=True):
    """One telephone call to her: when, by whom, what became of it."""

    __tablename__ = "contact_call"

    id: str = id_field()
    contact_id: str = reference("contact.id", index=True)
    conversation_id: str = reference("conversation.id", index=True)
    staff_id: str = reference("staff.id")
    #: The allowance it was made under, where the gate said no.
    allowance_id: str | None = Field(default=None, max_length=26)
    begun_at: datetime = moment(index=True)
    ended_at: datetime | None = moment(nullable=True)
    #: talked, no_answer, other_person, busy, wrong_number, not_made
    result: str = Field(default="", max_length=16)


class ContactAllowance(SQLModel, table=True):
    """A supervisor lets one message or one call through that her wishes would hold back, and says why."""

    __tablename__ = "contact_allowance"

    id: str = id_field()
    contact_id: str = reference("contact.id", index=True)
    conversation_id: str = reference("conversation.id", index=True)
    kind: str = Field(max_length=16)  # message, call
    reason_sealed: bytes | None = sealed()
    given_by: str = reference("staff.id")
    given_at: datetime = moment(index=True)
    expires_at: datetime = moment()
    used_by: str | None = reference("staff.id", nullable=True)
    used_at: datetime | None = moment(nullable=True)
