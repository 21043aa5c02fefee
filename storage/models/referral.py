"""Referrals: the units we refer women to, what was passed on to one of them, and the link by which it answers."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from storage.models.base import digest, id_field, moment, reference, sealed


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


class Referral(SQLModel, table=True):
    """What was passed on to one unit in one case, on what ground, and how it stands.

    `state`: draft, submitted (a second person decides), open (the unit may see it), accepted, refused, done, revoked,
    expired (nobody answered). Nothing leaves the house before `open`.
    """

    __table_args__ = (Index("ix_referral_state", "state", "answer_by"),)

    id: str = id_field()
    number: str = Field(unique=True, max_length=32)  # the case's number and a running one
    case_id: str = reference("case.id", index=True)
    contact_id: str = reference("contact.id", index=True)
    unit_id: str = reference("partner_unit.id", index=True)
    state: str = Field(default="draft", max_length=16)
    purpose_sealed: bytes | None = sealed()
    #: JSON [[name, label, text], …]: exactly what the unit is shown, as it was when it was agreed to.
    shared_sealed: bytes | None = sealed()
    #: The names of the same, separated by spaces.
    shared_names: str = Field(default="", max_length=255)
    #: consent, or the name of a legal basis (bot/sharing.yaml); empty while nobody has said.
    basis: str = Field(default="", max_length=16)
    consent_way: str = Field(default="", max_length=16)
    consent_giver: str = Field(default="", max_length=16)
    consent_version: str = Field(default="", max_length=16)
    consent_names: str = Field(default="", max_length=255)
    consented_at: datetime | None = moment(nullable=True)
    reason_sealed: bytes | None = sealed()
    submitted_by: str | None = reference("staff.id", nullable=True)
    decided_by: str | None = reference("staff.id", nullable=True)
    decided_at: datetime | None = moment(nullable=True)
    created_by: str = reference("staff.id")
    created_at: datetime = moment()
    opened_at: datetime | None = moment(nullable=True)
    answer_by: datetime | None = moment(nullable=True)
    answered_at: datetime | None = moment(nullable=True)
    closed_at: datetime | None = moment(nullable=True)
    #: When staff were first reminded that no answer had come.
    chased_at: datetime | None = moment(nullable=True)
    version: int = 0


class ReferralLink(SQLModel, table=True):
    """A one-time link to a referral: opened with a code told apart, bound to the first browser that opens it.

    Token, code and the browser's own token stand here as keyed hashes only.
    """

    __tablename__ = "referral_link"

    id: str = id_field()
    referral_id: str = reference("referral.id", index=True)
    token_digest: bytes = digest(unique=True)
    code_digest: bytes = digest()
    browser_digest: bytes | None = digest(nullable=True)
    #: Wrong codes; five shut it for good.
    failures: int = 0
    created_by: str = reference("staff.id")
    created_at: datetime = moment()
    expires_at: datetime = moment()
    opened_at: datetime | None = moment(nullable=True)
    revoked_at: datetime | None = moment(nullable=True)
