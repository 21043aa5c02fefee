"""Referrals: the units we refer women to, what was passed on to one of them, and the link by which it answers."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from storage.models.base import id_field, moment, reference, sealed


class PartnerUnit(SQLModel, table=True):
    """A unit women are referred to (成员单位): what it handles, where, whom one calls, how fast it answers.

    `categories` are names separated by spaces, empty: all; `area_id` None: the whole county. Who one calls there is
    sealed by the house key.
    """

    __tablename__ = "partner_unit"

    id: str = id_field()
    name: str = Field(unique=True, max_length=64)
    kind: str = Field(max_length=24)
    categories: str = Field(default="", max_length=255)
    area_id: str | None = reference("area.id", nullable=True)
    contact_name_sealed: bytes | None = sealed()
    phone_sealed: bytes | None = sealed()
    hours: str = Field(default="", max_length=128)
    #: Working days within which it is expected to answer.
    answer_days: int = 5
    note_sealed: bytes | None = sealed()
    active: bool = True
    created_at: datetime = moment()
    changed_at: datetime = moment()
