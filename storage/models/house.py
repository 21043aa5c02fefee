"""What keeps the house: wrapped keys, staff sessions and lock-outs, the audit chain."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from storage.models.base import SealedBytes, digest, id_field, moment, reference, sealed


class HouseKey(SQLModel, table=True):
    """The house and look-up keys, wrapped by the master key."""

    __tablename__ = "house_key"

    purpose: str = Field(primary_key=True, max_length=16)
    wrapped: bytes = sealed(nullable=False)
    created_at: datetime = moment()


class StaffSession(SQLModel, table=True):
    """One signed-in browser. The cookie holds a random token; only its digest stands here."""

    __tablename__ = "staff_session"

    id: str = id_field()
    token_digest: bytes = digest(unique=True)
    staff_id: str = reference("staff.id", index=True)
    csrf: str = Field(max_length=64)
    created_at: datetime = moment()
    seen_at: datetime = moment()
    #: When somebody last did something, which a page that renews itself does not; the screen locks by it.
    used_at: datetime = moment()
    locked_at: datetime | None = moment(nullable=True)
    address: str = Field(default="", max_length=64)
    browser: str = Field(default="", max_length=64)
    expires_at: datetime = moment()
    revoked_at: datetime | None = moment(nullable=True)


class SignInFailure(SQLModel, table=True):
    """Failed sign-ins of one login from one address; six lock that pair for half an hour."""

    __tablename__ = "sign_in_failure"

    key_digest: bytes = Field(sa_type=SealedBytes, primary_key=True)
    failures: int = 0
    first_at: datetime = moment()
    locked_until: datetime | None = moment(nullable=True)


class Notice(SQLModel, table=True):
    """One neutral sentence to a member of staff or a group robot: an alarm, work that waits. Never to a woman."""

    id: str = id_field()
    idempotency_key: str = Field(unique=True, max_length=96)
    channel: str = Field(max_length=32)
    recipient_sealed: bytes = sealed(nullable=False)  # userid or robot's name, by the house key
    staff_id: str | None = reference("staff.id", nullable=True)
    text_sealed: bytes = sealed(nullable=False)  # by the house key
    state: str = Field(default="queued", max_length=16, index=True)
    attempts: int = 0
    claimed_by: str = Field(default="", max_length=64)
    claimed_at: datetime | None = moment(nullable=True)
    not_before: datetime = moment()
    created_at: datetime = moment()
    finished_at: datetime | None = moment(nullable=True)
    error_code: str = Field(default="", max_length=32)
    error_sentence: str = Field(default="", max_length=255)


class AuditEntry(SQLModel, table=True):
    """Who did what to which record, when, from where and why. Append-only; each seals the one before."""

    __tablename__ = "audit_entry"

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = moment()
    staff_id: str | None = reference("staff.id", nullable=True)
    action: str = Field(max_length=64)
    subject: str = Field(default="", max_length=64)  # table:id, never a name
    reason: str = Field(default="", max_length=255)
    address: str = Field(default="", max_length=64)
    previous: str = Field(max_length=64)
    checksum: str = Field(max_length=64)
