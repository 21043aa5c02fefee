"""What is said: conversations, what came in, what goes out (the outbox), files, alarms.

The position (`said_at`, `said_order`, `said_rank`) puts inbound and outbound into one order: her messages by
the platform's time and number, the bot's answers right after the message they answer.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from storage.models.base import SealedBytes, digest, id_field, moment, reference, sealed


def partial_index(name: str, *columns: str, where: str) -> Any:
    """An index over the few rows that are still waiting: the many that are done cost nothing."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class Conversation(SQLModel, table=True):
    """One stretch of talk with one contact on one identity, from first word to close.

    `state`: bot (the bot answers), waiting (in the queue; the bot still answers), held (a person
    answers, the bot is silent), closed.
    """

    __table_args__ = (
        Index("ix_conversation_queue", "state", "risk", "waiting_since"),
        partial_index(
            "ix_conversation_open", "state", "risk", "urgent", "waiting_since", where="state IN ('waiting', 'held')"
        ),
        partial_index("ix_conversation_holder_id", "holder_id", where="holder_id IS NOT NULL"),
    )

    id: str = id_field()
    contact_id: str = reference("contact.id", index=True)
    identity_id: str = reference("identity.id")
    channel: str = Field(max_length=32)
    area_id: str | None = reference("area.id", nullable=True)
    state: str = Field(default="bot", max_length=8)
    holder_id: str | None = reference("staff.id", nullable=True)
    held_at: datetime | None = moment(nullable=True)
    waiting_since: datetime | None = moment(nullable=True)
    waiting_reason: str = Field(default="", max_length=64)
    due_at: datetime | None = moment(nullable=True)  # when a person's first answer is due; None: nobody has to
    answered_at: datetime | None = moment(nullable=True)  # a person's first answer
    risk: int = 0
    urgent: bool = False
    risk_kinds: str = Field(default="", max_length=128)  # names separated by spaces
    crisis_at: datetime | None = moment(nullable=True)  # when the crisis reply of this episode went out
    danger_since: datetime | None = moment(nullable=True)  # danger the person holding has not answered
    category: str = Field(default="", max_length=32)
    language: str = Field(default="", max_length=8)  # empty: Chinese
    learned_sealed: bytes | None = sealed()  # JSON: what the bot learned, for the form
    flow: str = Field(default="", max_length=64)
    step: str = Field(default="", max_length=64)
    flow_sealed: bytes | None = sealed()  # JSON
    flow_expires_at: datetime | None = moment(nullable=True)
    misunderstood: int = 0
    opened_at: datetime = moment(index=True)
    last_inbound_at: datetime | None = moment(nullable=True)
    last_outbound_at: datetime | None = moment(nullable=True)
    closed_at: datetime | None = moment(nullable=True, index=True)
    outcome: str = Field(default="", max_length=32)
    outcome_sealed: bytes | None = sealed()  # note of whoever closed it
    case_id: str | None = reference("case.id", nullable=True)
    #: When whoever holds it last typed, and when that was last shown to her.
    staff_typing_at: datetime | None = moment(nullable=True)
    typing_shown_at: datetime | None = moment(nullable=True)
    #: Counts every change, so that pages know they are stale.
    version: int = 0


class InboundMessage(SQLModel, table=True):
    """One message or event as it came. `handled_at` None: stored and acknowledged, not yet worked on."""

    __tablename__ = "inbound_message"
    __table_args__ = (
        Index("ix_inbound_message_talk", "conversation_id", "said_at"),
        partial_index("ix_inbound_message_waiting", "received_at", where="handled_at IS NULL"),
    )

    id: str = id_field()
    dedupe_digest: bytes = digest(unique=True)
    #: The request's nonce and body: the same nonce with another body is a forgery.
    nonce_digest: bytes | None = digest(nullable=True, unique=True)
    body_digest: bytes | None = digest(nullable=True)
    contact_id: str = reference("contact.id")
    identity_id: str = reference("identity.id")
    conversation_id: str | None = reference("conversation.id", nullable=True)
    kind: str = Field(max_length=16)
    #: JSON {text, key, location, media, extra}
    content_sealed: bytes | None = sealed()
    said_at: datetime = moment()
    said_order: int = Field(default=0, sa_type=BigInteger)
    received_at: datetime = moment()
    handled_at: datetime | None = moment(nullable=True)
    intent: str = Field(default="", max_length=16)
    category: str = Field(default="", max_length=32)
    risk: int = 0
    handler: str = Field(default="", max_length=32)
    failed: bool = False


class Outbox(SQLModel, table=True):
    """One text to one person: waiting, on its way, or gone. Notices to many are `Delivery` rows instead."""

    __table_args__ = (
        partial_index("ix_outbox_due", "state", "priority", "not_before", where="state IN ('queued', 'sending')"),
        partial_index("ix_outbox_turn", "identity_id", "priority", "id", where="state IN ('queued', 'sending')"),
        Index("ix_outbox_talk", "conversation_id", "said_at"),
        partial_index("ix_outbox_recall", "id", where="recall = 'asked'"),
        partial_index("ix_outbox_contact_id", "contact_id", where="conversation_id IS NULL"),
    )

    id: str = id_field()
    idempotency_key: str = Field(unique=True, max_length=96)
    outbound_class: str = Field(max_length=16)
    priority: int = 0
    state: str = Field(default="queued", max_length=16)
    contact_id: str = reference("contact.id")
    identity_id: str = reference("identity.id")
    conversation_id: str | None = reference("conversation.id", nullable=True)
    in_reply_to: str | None = reference("inbound_message.id", nullable=True)
    staff_id: str | None = reference("staff.id", nullable=True)
    crisis: bool = False
    #: Sealed by her key.
    text_sealed: bytes | None = sealed()
    said_at: datetime = moment()
    said_order: int = Field(default=0, sa_type=BigInteger)
    said_rank: int = 1
    created_at: datetime = moment()
    not_before: datetime = moment()
    #: From then on it would say nothing of use: it is skipped.
    expires_at: datetime | None = moment(nullable=True)
    attempts: int = 0
    claimed_by: str = Field(default="", max_length=64)
    claimed_at: datetime | None = moment(nullable=True)
    finished_at: datetime | None = moment(nullable=True)
    platform_id: str = Field(default="", max_length=64)
    error_code: str = Field(default="", max_length=32)
    #: A Chinese sentence for staff: what happened and what to do. Never her words.
    error_sentence: str = Field(default="", max_length=255)
    #: What a supervisor let through although her wishes hold it back.
    allowance_id: str | None = Field(default=None, max_length=26)
    #: Calling it back: empty, asked, done, refused; and staff's sentence.
    recall: str = Field(default="", max_length=16, sa_column_kwargs={"server_default": ""})
    recall_sentence: str = Field(default="", max_length=255, sa_column_kwargs={"server_default": ""})


class Attachment(SQLModel, table=True):
    """A picture or voice she sent, fetched by a worker and kept sealed."""

    id: str = id_field()
    contact_id: str = reference("contact.id")
    inbound_id: str = reference("inbound_message.id", index=True)
    kind: str = Field(max_length=16)
    source_sealed: bytes = sealed(nullable=False)  # JSON {media_id, url, format}
    content_sealed: bytes | None = Field(default=None, sa_type=SealedBytes, nullable=True)
    content_type: str = Field(default="", max_length=64)
    size: int = 0
    state: str = Field(default="wanted", max_length=16)  # wanted, kept, lost
    attempts: int = 0
    not_before: datetime = moment()
    created_at: datetime = moment()


class Alarm(SQLModel, table=True):
    """Staff must look now. Content-free: a reason's name and the conversation's id."""

    id: str = id_field()
    conversation_id: str | None = reference("conversation.id", nullable=True, index=True)
    outbox_id: str | None = Field(default=None, max_length=26)
    reason: str = Field(max_length=64)
    detail: str = Field(default="", sa_type=Text)  # names of kinds of danger, never her words
    silent: bool = False
    raised_at: datetime = moment(index=True)
    seen_at: datetime | None = moment(nullable=True)
    seen_by: str | None = reference("staff.id", nullable=True)
