"""What the federation offers: activities with their sessions and sign-ups."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Text
from sqlmodel import Field, SQLModel

from storage.models.base import id_field, moment, reference, sealed


class Activity(SQLModel, table=True):
    """Something one can sign up for. All of it is public."""

    id: str = id_field()
    title: str = Field(max_length=64)
    description: str = Field(default="", sa_type=Text)
    audience: str = Field(default="", max_length=128)
    fee: str = Field(default="免费", max_length=64)
    contact_phone: str = Field(default="", max_length=64)
    area_id: str | None = reference("area.id", nullable=True)
    status: str = Field(default="open", max_length=16)  # open, cancelled
    created_by: str | None = reference("staff.id", nullable=True)
    created_at: datetime = moment()


class ActivitySession(SQLModel, table=True):
    """One date of an activity. `taken` counts seats and never exceeds `capacity`: the database says so."""

    __tablename__ = "activity_session"
    __table_args__ = (
        CheckConstraint("taken >= 0 AND taken <= capacity", name="never_oversold"),
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
    )

    id: str = id_field()
    activity_id: str = reference("activity.id", index=True)
    place: str = Field(default="", max_length=128)
    starts_at: datetime = moment(index=True)
    ends_at: datetime = moment()
    signup_closes_at: datetime = moment()
    capacity: int
    taken: int = 0
    most_per_person: int = 5
    #: Counts up with every sign-up, so that the waiting list has an order.
    last_position: int = 0
    #: Counts up with every change of time or place: each is told once.
    changes: int = 0


class SignUp(SQLModel, table=True):
    """Somebody wants to come. `active_key` is unique while it stands: one sign-up a person and session."""

    __tablename__ = "sign_up"

    id: str = id_field()
    session_id: str = reference("activity_session.id", index=True)
    contact_id: str = reference("contact.id", index=True)
    identity_id: str = reference("identity.id")
    active_key: str | None = Field(default=None, unique=True, max_length=64, nullable=True)
    seats: int
    state: str = Field(max_length=16)  # confirmed, waiting, cancelled
    position: int
    name_sealed: bytes | None = sealed()
    phone_sealed: bytes | None = sealed()
    created_at: datetime = moment()
    cancelled_at: datetime | None = moment(nullable=True)
    promoted_at: datetime | None = moment(nullable=True)
    reminded_at: datetime | None = moment(nullable=True)
