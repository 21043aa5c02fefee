"""Notices to many: what is written and approved, and a lean row for everybody who is to get it.

A recipient has one `Delivery` a campaign whatever addresses she has; deliveries are worked off in batches, so that
workers share out batches instead of fighting over rows (docs/decisions/0016-campaigns-have-deliveries.md).
"""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.models.base import digest, id_field, moment, reference


class Campaign(SQLModel, table=True):
    """A notice to many. Its text is public; who received it stands in `delivery`.

    `status`: draft, declined, submitted, approved, scheduled, sending, paused, stopped, done
    (storage.repositories.campaigns has the steps between them).
    """

    id: str = id_field()
    title: str = Field(max_length=64)
    text: str = Field(sa_type=Text)
    status: str = Field(default="draft", max_length=16)
    #: JSON: who it is for (storage.repositories.audiences.Audience); empty: everybody who wants notices.
    audience: str = Field(default="", sa_type=Text)
    #: Whose it is: the area of who wrote it.
    area_id: str | None = Field(default=None, max_length=26)
    #: The day of the year it belongs to, such as 2027-0308, and the campaign it was cloned from.
    occasion: str = Field(default="", max_length=32)
    cloned_from: str | None = Field(default=None, max_length=26)
    #: Who wrote it last; nobody yet where the program proposed it and no person has touched it.
    created_by: str | None = reference("staff.id", nullable=True)
    approved_by: str | None = reference("staff.id", nullable=True)
    created_at: datetime = moment()
    submitted_at: datetime | None = moment(nullable=True)
    approved_at: datetime | None = moment(nullable=True)
    #: Sending begins then; what has not gone out by `expires_at` is skipped: the day it is about is over.
    scheduled_at: datetime | None = moment(nullable=True)
    expires_at: datetime | None = moment(nullable=True)
    started_at: datetime | None = moment(nullable=True)
    #: The last contact planned, so that planning goes on where it was killed.
    planned_to: str = Field(default="", max_length=26)
    planned_at: datetime | None = moment(nullable=True)
    #: JSON: why how many do not get it, counted when it was planned.
    fallen: str = Field(default="", sa_type=Text)
    finished_at: datetime | None = moment(nullable=True)
    #: JSON: how many deliveries ended in which state, once the list of recipients has expired.
    result: str = Field(default="", max_length=255)


class OccasionPlan(SQLModel, table=True):
    """What became of one day of one year, such as 2027-womens-week: proposed or begun once, or not this year.

    The row stays whatever happens to the campaign, so that nothing is proposed twice.
    """

    __tablename__ = "occasion_plan"

    key: str = Field(primary_key=True, max_length=32)
    campaign_id: str | None = Field(default=None, max_length=26)
    planned_at: datetime = moment()
    declined_at: datetime | None = moment(nullable=True)
    declined_by: str | None = reference("staff.id", nullable=True)


class CampaignVariant(SQLModel, table=True):
    """How a campaign reads on one channel by one way (`mass`, `custom`, `subscribe` …; empty: the only one)."""

    __tablename__ = "campaign_variant"
    __table_args__ = (UniqueConstraint("campaign_id", "channel", "way"),)

    id: str = id_field()
    campaign_id: str = reference("campaign.id")
    #: Smaller is tried first when somebody can be reached in several ways.
    position: int = 0
    channel: str = Field(max_length=32)
    way: str = Field(default="", max_length=16)
    text: str = Field(sa_type=Text)
    #: JSON: what the way needs besides the text (template_id, page, fields).
    extra: str = Field(default="", sa_type=Text)


class CampaignReview(SQLModel, table=True):
    """What a second person said of a campaign: comment, returned, approved. Public like the campaign."""

    __tablename__ = "campaign_review"

    id: str = id_field()
    campaign_id: str = reference("campaign.id", index=True)
    staff_id: str = reference("staff.id")
    at: datetime = moment()
    verdict: str = Field(max_length=16)
    comment: str = Field(default="", sa_type=Text)


class DeliveryBatch(SQLModel, table=True):
    """Deliveries of one campaign by one way, worked off together.

    `state`: open (being filled), waiting, working (claimed), done. `attempt` counts the requests of a way that
    takes many at once: batch and attempt make the key by which the platform knows a repeated request.
    """

    __tablename__ = "delivery_batch"
    __table_args__ = (
        Index(
            "ix_delivery_batch_due",
            "state",
            "not_before",
            sqlite_where=text("state <> 'done'"),
            postgresql_where=text("state <> 'done'"),
        ),
    )

    id: str = id_field()
    campaign_id: str = reference("campaign.id", index=True)
    channel: str = Field(max_length=32)
    way: str = Field(default="", max_length=16)
    state: str = Field(default="open", max_length=8)
    size: int = 0
    attempt: int = 0
    not_before: datetime = moment()
    claimed_by: str = Field(default="", max_length=64)
    #: Renewed with every part of the batch: one not renewed for long has lost its worker.
    claimed_at: datetime | None = moment(nullable=True)


class Delivery(SQLModel, table=True):
    """One campaign to one recipient: `recipient` is the contact's id, or the name of a group robot.

    The state is a DeliveryState. The text is the campaign's own.
    """

    __table_args__ = (
        UniqueConstraint("campaign_id", "recipient"),
        Index("ix_delivery_contact_id", "contact_id", "claimed_at"),
        Index("ix_delivery_batch_id", "batch_id", "state"),
        Index(
            "ix_delivery_platform_id",
            "platform_id",
            sqlite_where=text("platform_id <> ''"),
            postgresql_where=text("platform_id <> ''"),
        ),
    )

    id: str = id_field()
    campaign_id: str = reference("campaign.id")
    batch_id: str = reference("delivery_batch.id")
    recipient: str = Field(max_length=64)
    contact_id: str | None = reference("contact.id", nullable=True)
    identity_id: str | None = reference("identity.id", nullable=True)
    channel: str = Field(max_length=32)
    way: str = Field(default="", max_length=16)
    state: str = Field(default="queued", max_length=16)
    not_before: datetime = moment()
    attempts: int = 0
    claimed_at: datetime | None = moment(nullable=True)
    finished_at: datetime | None = moment(nullable=True)
    platform_id: str = Field(default="", max_length=64)
    error_code: str = Field(default="", max_length=32)
    #: A Chinese sentence for staff: what happened and what to do.
    error_sentence: str = Field(default="", max_length=255)


class PlatformReport(SQLModel, table=True):
    """What a platform reported of our messages, kept as it came and worked off in batches.

    Storms of thousands a second follow a send; each costs one narrow row here and nothing else at once.
    """

    __tablename__ = "platform_report"
    __table_args__ = (
        Index(
            "ix_platform_report_waiting",
            "id",
            sqlite_where=text("applied_at IS NULL"),
            postgresql_where=text("applied_at IS NULL"),
        ),
    )

    id: str = id_field()
    dedupe_digest: bytes = digest(unique=True)
    channel: str = Field(max_length=32)
    #: message (of one of our messages), mass (of a whole mass message), grant (she allows a notice, or no more).
    kind: str = Field(max_length=8)
    row_id: str = Field(default="", max_length=26)
    platform_id: str = Field(default="", max_length=64)
    address_digest: bytes | None = digest(nullable=True)
    state: str = Field(default="", max_length=16)
    code: str = Field(default="", max_length=64)
    sentence: str = Field(default="", max_length=255)
    #: Of a mass message: to how many it went.
    sent_count: int = Field(default=0, sa_type=BigInteger)
    submitted_at: datetime | None = moment(nullable=True)
    received_at: datetime = moment()
    applied_at: datetime | None = moment(nullable=True)


class NoticeGrant(SQLModel, table=True):
    """What she allowed on one address: `left` sends of one notice template (订阅通知); -1 without end."""

    __tablename__ = "notice_grant"

    identity_id: str = Field(foreign_key="identity.id", primary_key=True, max_length=26)
    template_id: str = Field(primary_key=True, max_length=64)
    left: int = 0
    changed_at: datetime = moment()


class TopicSubscription(SQLModel, table=True):
    """A topic she wants notices about."""

    __tablename__ = "topic_subscription"

    contact_id: str = Field(foreign_key="contact.id", primary_key=True, max_length=26)
    topic: str = Field(primary_key=True, max_length=32)
    since: datetime = moment()
