"""Who is kept out of a woman's matters, and who is let in for a time."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from storage.models.base import id_field, moment, reference, sealed


class Recusal(SQLModel, table=True):
    """回避: a member of staff who knows one of the parties sees nothing of this woman's until a supervisor lifts it.

    It holds for everything of the contact, also what she writes later; case or conversation say where it was set.
    """

    __table_args__ = (Index("ix_recusal_staff", "staff_id", "lifted_at"),)

    id: str = id_field()
    staff_id: str = reference("staff.id")
    contact_id: str = reference("contact.id", index=True)
    case_id: str | None = Field(default=None, max_length=26)
    conversation_id: str | None = Field(default=None, max_length=26)
    #: What the relation is: relative, friend, neighbour, colleague, interest, other.
    relation: str = Field(max_length=16)
    reason_sealed: bytes | None = sealed()  # by her key
    declared_by: str = reference("staff.id")  # herself, or a supervisor
    declared_at: datetime = moment()
    lifted_by: str | None = reference("staff.id", nullable=True)
    lifted_at: datetime | None = moment(nullable=True)
    lifted_because_sealed: bytes | None = sealed()


class AccessGrant(SQLModel, table=True):
    """One case or one conversation, opened to one colleague until a moment; afterwards it is closed by itself."""

    __tablename__ = "access_grant"
    __table_args__ = (Index("ix_access_grant_staff", "staff_id", "until"),)

    id: str = id_field()
    staff_id: str = reference("staff.id")
    contact_id: str = reference("contact.id", index=True)
    case_id: str | None = Field(default=None, max_length=26)
    conversation_id: str | None = Field(default=None, max_length=26)
    reason_sealed: bytes | None = sealed()  # by her key
    granted_by: str = reference("staff.id")
    granted_at: datetime = moment()
    until: datetime = moment()
    revoked_by: str | None = reference("staff.id", nullable=True)
    revoked_at: datetime | None = moment(nullable=True)
