"""Who there is: areas, staff, the women who write (contacts) and how they reach us (identities), places."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.models.base import digest, id_field, moment, reference, sealed


class Area(SQLModel, table=True):
    """A node of the area tree: county, township, village. `code` is what people type (e.g. 0101)."""

    id: str = id_field()
    parent_id: str | None = reference("area.id", nullable=True)
    code: str = Field(unique=True, max_length=32)
    name: str = Field(max_length=64)
    level: str = Field(max_length=16)  # county, township, village


class Staff(SQLModel, table=True):
    """Somebody who signs in to the console. `role` is one of repositories.staff.ROLES."""

    id: str = id_field()
    login: str = Field(unique=True, max_length=64)
    name_sealed: bytes | None = sealed()  # by the house key
    role: str = Field(max_length=16)
    area_id: str | None = reference("area.id", nullable=True)
    password_hash: str = Field(max_length=255)  # argon2id
    totp_sealed: bytes | None = sealed()  # base32 secret, by the house key
    totp_pending_sealed: bytes | None = sealed()  # a secret shown as QR code and not confirmed yet
    #: The half minute of the last code that was used: neither it nor an earlier one is good again (RFC 6238 5.2).
    totp_step: int = 0
    recovery_sealed: bytes | None = sealed()  # JSON: digests of the recovery codes nobody has used
    active: bool = True
    #: Her userid in WeCom, where alarms and reminders reach her: by the house key, and its look-up hash.
    wecom_sealed: bytes | None = sealed()
    wecom_digest: bytes | None = digest(nullable=True, unique=True, index=True)
    #: The contact that is her own phone, for campaign previews.
    preview_contact_id: str | None = reference("contact.id", nullable=True)
    created_at: datetime = moment()


class Contact(SQLModel, table=True):
    """One woman, whatever channels she uses. Everything of hers is sealed by the key wrapped here."""

    id: str = id_field()
    wrapped_key: bytes | None = sealed()  # None: erased
    area_id: str | None = reference("area.id", nullable=True)
    name_sealed: bytes | None = sealed()
    phone_sealed: bytes | None = sealed()
    phone_digest: bytes | None = digest(nullable=True, index=True)
    #: Safe contact: JSON {days, from, to, channels, cover_story, do_not_initiate, allow_broadcast}.
    wishes_sealed: bytes | None = sealed()
    safeword_digest: bytes | None = digest(nullable=True)
    unlock_digest: bytes | None = digest(nullable=True)
    #: 口令: the word that opens what we hold about her, and how often it was guessed wrong since it last fitted.
    own_word_digest: bytes | None = digest(nullable=True)
    own_word_failures: int = 0
    locked_at: datetime | None = moment(nullable=True)
    #: The language she writes in, by its code, where it is not Chinese.
    language: str = Field(default="", max_length=8)
    #: When she is reminded of what she signed up for: day, hour, none; empty: the day before.
    reminders: str = Field(default="", max_length=8)
    #: She agreed to receive notices.
    consented_at: datetime | None = moment(nullable=True)
    opted_out_at: datetime | None = moment(nullable=True)
    stopped_all_at: datetime | None = moment(nullable=True)
    #: An open violence case takes her out of every broadcast unless she asked to stay in.
    violence_case_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment()
    erased_at: datetime | None = moment(nullable=True)


class Identity(SQLModel, table=True):
    """One address of one contact on one channel account, with what the platform lets us send there."""

    __table_args__ = (UniqueConstraint("channel", "account", "address_digest"),)

    id: str = id_field()
    contact_id: str = reference("contact.id", index=True)
    channel: str = Field(max_length=32)
    account: str = Field(max_length=64)
    address_digest: bytes = digest()
    address_sealed: bytes = sealed(nullable=False)
    conversation_id: str | None = Field(default=None, max_length=26)  # the one going on, if any
    #: The group she speaks to us in; in private she is another identity.
    group_id: str | None = Field(default=None, max_length=26)
    #: Who holds the talk on the platform's own side: empty (we do), queue, person, ended.
    held_elsewhere: str = Field(default="", max_length=16)
    followed_at: datetime | None = moment(nullable=True)
    unfollowed_at: datetime | None = moment(nullable=True)
    last_inbound_at: datetime | None = moment(nullable=True)
    #: When she was last seen typing, where her page tells.
    typing_at: datetime | None = moment(nullable=True)
    #: The reply budget: which trigger opened the window, when, and how many sends it has used.
    window_trigger: str = Field(default="", max_length=16)
    window_opened_at: datetime | None = moment(nullable=True)
    window_used: int = 0
    created_at: datetime = moment()


class ServicePoint(SQLModel, table=True):
    """A place she can go to: 妇女之家, a station. Degrees; hours and phone as people read them."""

    __tablename__ = "service_point"

    id: str = id_field()
    area_id: str | None = reference("area.id", nullable=True)
    name: str = Field(max_length=128)
    kind: str = Field(max_length=32)
    address: str = Field(max_length=255)
    hours: str = Field(default="", max_length=128)
    phone: str = Field(default="", max_length=64)
    latitude: float | None = None
    longitude: float | None = None
    active: bool = True


class IdentityLink(SQLModel, table=True):
    """A code she was given to be known on another channel too, or her wish to part again, and what became of it.

    `used_at`: she said it; `done_at`: it was done. `was_contact_id` is the id of the file that went into hers.
    """

    __tablename__ = "identity_link"

    id: str = id_field()
    contact_id: str = reference("contact.id", index=True)
    code_digest: bytes | None = digest(nullable=True, unique=True)
    made_at: datetime = moment()
    expires_at: datetime = moment()
    #: Where she said the code, or what she wants out of her file.
    identity_id: str | None = reference("identity.id", nullable=True)
    used_at: datetime | None = moment(nullable=True)
    done_at: datetime | None = moment(nullable=True)
    parts: bool = False
    was_contact_id: str = Field(default="", max_length=26)
