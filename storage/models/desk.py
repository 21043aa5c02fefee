"""The desk: what each of staff takes, who is on duty when, transfers, and who was told of unclaimed danger."""

from datetime import date, datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.models.base import digest, id_field, moment, reference, sealed
from storage.models.talk import partial_index


class StaffDesk(SQLModel, table=True):
    """How one of staff works at the desk; who has no row takes everything, with the house's limit."""

    __tablename__ = "staff_desk"

    staff_id: str = Field(primary_key=True, foreign_key="staff.id", max_length=26)
    skills: str = Field(default="", max_length=255)  # categories separated by spaces; empty: all
    languages: str = Field(default="", max_length=64)  # besides Chinese, codes separated by spaces
    load_limit: int | None = None  # conversations at a time; None: the house's
    #: What she says of herself: in, busy or away; nobody at her screen counts as away.
    presence: str = Field(default="in", max_length=8)
    presence_at: datetime | None = moment(nullable=True)
    phone_sealed: bytes | None = sealed()  # her own, for text messages when danger waits; by the house key
    duty_name_sealed: bytes | None = sealed()  # what she calls herself when she writes to a woman; by the house key


class StaffFeed(SQLModel, table=True):
    """The secret link by which the calendar program of one of staff reads her duties; one each."""

    __tablename__ = "staff_feed"

    staff_id: str = Field(primary_key=True, foreign_key="staff.id", max_length=26)
    token_digest: bytes = digest(unique=True)
    created_at: datetime = moment()


class Shift(SQLModel, table=True):
    """Who is on duty: every week (`weekday`), or on one date (`day`). Minutes of the local day; an end not after the
    beginning is on the next day. `off`: on this date the weekly shift that overlaps it does not take place.
    """

    __table_args__ = (Index("ix_shift_day", "day"),)

    id: str = id_field()
    staff_id: str = reference("staff.id")
    level: int = 1  # 1 at the desk, 2 second, 3 in charge
    weekday: int | None = None  # ISO, 1 Monday
    day: date | None = None
    begin_minute: int = 0
    end_minute: int = 0
    off: bool = False
    created_at: datetime = moment()


class Transfer(SQLModel, table=True):
    """A held conversation offered to a colleague or to a skill; its holder holds it until it is taken."""

    __table_args__ = (
        Index("ix_transfer_conversation_id", "conversation_id"),
        partial_index("ix_transfer_open", "state", where="state = 'offered'"),
    )

    id: str = id_field()
    conversation_id: str = reference("conversation.id")
    from_id: str = reference("staff.id")
    to_id: str | None = reference("staff.id", nullable=True)
    skill: str = Field(default="", max_length=32)  # a category, or language_xx
    reason_sealed: bytes | None = sealed()  # by her key
    state: str = Field(default="offered", max_length=12)  # offered, accepted, returned, withdrawn, expired, ended
    offered_at: datetime = moment()
    due_at: datetime = moment()
    answered_at: datetime | None = moment(nullable=True)
    answered_by: str | None = reference("staff.id", nullable=True)


class Escalation(SQLModel, table=True):
    """Somebody was told of danger nobody has taken: once a wait, step and member, whatever restarts in between."""

    __table_args__ = (UniqueConstraint("conversation_id", "waiting_since", "step", "staff_id"),)

    id: str = id_field()
    conversation_id: str = reference("conversation.id")
    waiting_since: datetime = moment()
    step: int = 1
    staff_id: str = reference("staff.id")
    told_at: datetime = moment()
