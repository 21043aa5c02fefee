"""Notices to many leave the outbox: variants, reviews, batches of deliveries, reports, what she allowed."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_ID = sa.String(length=26)
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("contact", sa.Column("language", sa.String(length=8), nullable=False, server_default=""))
    op.add_column("campaign", sa.Column("audience", sa.Text(), nullable=False, server_default=""))
    op.add_column("campaign", sa.Column("area_id", _ID, nullable=True))
    op.add_column("campaign", sa.Column("occasion", sa.String(length=32), nullable=False, server_default=""))
    op.add_column("campaign", sa.Column("cloned_from", _ID, nullable=True))
    op.add_column("campaign", sa.Column("scheduled_at", _MOMENT, nullable=True))
    op.add_column("campaign", sa.Column("expires_at", _MOMENT, nullable=True))
    op.add_column("campaign", sa.Column("fallen", sa.Text(), nullable=False, server_default=""))
    _create_texts()
    _create_deliveries()
    _create_platform_side()
    _move_recipients()


def _create_texts() -> None:
    op.create_table(
        "campaign_review",
        sa.Column("id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("staff_id", _ID, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_review_campaign_id_campaign")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_campaign_review_staff_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_review")),
    )
    op.create_index(op.f("ix_campaign_review_campaign_id"), "campaign_review", ["campaign_id"])
    op.create_table(
        "campaign_variant",
        sa.Column("id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("way", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("extra", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_variant_campaign_id_campaign")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_variant")),
        sa.UniqueConstraint("campaign_id", "channel", "way", name=op.f("uq_campaign_variant_campaign_id")),
    )


def _create_deliveries() -> None:
    op.create_table(
        "delivery_batch",
        sa.Column("id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("way", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("not_before", _MOMENT, nullable=False),
        sa.Column("claimed_by", sa.String(length=64), nullable=False),
        sa.Column("claimed_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_delivery_batch_campaign_id_campaign")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_batch")),
    )
    op.create_index(op.f("ix_delivery_batch_campaign_id"), "delivery_batch", ["campaign_id"])
    _partial_index("ix_delivery_batch_due", "delivery_batch", ["state", "not_before"], "state <> 'done'")
    op.create_table(
        "delivery",
        sa.Column("id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("batch_id", _ID, nullable=False),
        sa.Column("recipient", sa.String(length=64), nullable=False),
        sa.Column("contact_id", _ID, nullable=True),
        sa.Column("identity_id", _ID, nullable=True),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("way", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("not_before", _MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_at", _MOMENT, nullable=True),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("error_code", sa.String(length=32), nullable=False),
        sa.Column("error_sentence", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["delivery_batch.id"], name=op.f("fk_delivery_batch_id_delivery_batch")
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_delivery_campaign_id_campaign")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_delivery_contact_id_contact")),
        sa.ForeignKeyConstraint(["identity_id"], ["identity.id"], name=op.f("fk_delivery_identity_id_identity")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("campaign_id", "recipient", name=op.f("uq_delivery_campaign_id")),
    )
    op.create_index("ix_delivery_batch_id", "delivery", ["batch_id", "state"])
    op.create_index("ix_delivery_contact_id", "delivery", ["contact_id", "claimed_at"])
    _partial_index("ix_delivery_platform_id", "delivery", ["platform_id"], "platform_id <> ''")


def _create_platform_side() -> None:
    op.create_table(
        "platform_report",
        sa.Column("id", _ID, nullable=False),
        sa.Column("dedupe_digest", sa.LargeBinary(), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("row_id", _ID, nullable=False),
        sa.Column("platform_id", sa.String(length=64), nullable=False),
        sa.Column("address_digest", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("sentence", sa.String(length=255), nullable=False),
        sa.Column("sent_count", sa.BigInteger(), nullable=False),
        sa.Column("submitted_at", _MOMENT, nullable=True),
        sa.Column("received_at", _MOMENT, nullable=False),
        sa.Column("applied_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_report")),
        sa.UniqueConstraint("dedupe_digest", name=op.f("uq_platform_report_dedupe_digest")),
    )
    _partial_index("ix_platform_report_waiting", "platform_report", ["id"], "applied_at IS NULL")
    op.create_table(
        "notice_grant",
        sa.Column("identity_id", _ID, nullable=False),
        sa.Column("template_id", sa.String(length=64), nullable=False),
        sa.Column("left", sa.Integer(), nullable=False),
        sa.Column("changed_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["identity_id"], ["identity.id"], name=op.f("fk_notice_grant_identity_id_identity")),
        sa.PrimaryKeyConstraint("identity_id", "template_id", name=op.f("pk_notice_grant")),
    )
    op.create_table(
        "topic_subscription",
        sa.Column("contact_id", _ID, nullable=False),
        sa.Column("topic", sa.String(length=32), nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_topic_subscription_contact_id_contact")
        ),
        sa.PrimaryKeyConstraint("contact_id", "topic", name=op.f("pk_topic_subscription")),
    )


def _move_recipients() -> None:
    """Who got, or waits for, a notice: from the outbox to deliveries, one batch a campaign and channel."""
    op.execute(
        "INSERT INTO delivery_batch (id, campaign_id, channel, way, state, size, attempt, not_before, claimed_by)"
        " SELECT min(o.id), o.campaign_id, i.channel, CASE i.channel WHEN 'wechat_oa' THEN 'custom' ELSE '' END,"
        " CASE max(CASE o.state WHEN 'queued' THEN 1 ELSE 0 END) WHEN 1 THEN 'waiting' ELSE 'done' END,"
        " count(*), 0, min(o.not_before), '' FROM outbox o JOIN identity i ON i.id = o.identity_id"
        " WHERE o.campaign_id IS NOT NULL GROUP BY o.campaign_id, i.channel"
    )
    # What is on its way while the service is being updated belongs to a worker that is gone.
    op.execute(
        "INSERT INTO delivery (id, campaign_id, batch_id, recipient, contact_id, identity_id, channel, way, state,"
        " not_before, attempts, claimed_at, finished_at, platform_id, error_code, error_sentence)"
        " SELECT o.id, o.campaign_id, b.id, o.contact_id, o.contact_id, o.identity_id, i.channel, b.way,"
        " CASE o.state WHEN 'sending' THEN 'unknown' ELSE o.state END, o.not_before, o.attempts, o.claimed_at,"
        " o.finished_at, o.platform_id, o.error_code, o.error_sentence"
        " FROM outbox o JOIN identity i ON i.id = o.identity_id"
        " JOIN delivery_batch b ON b.campaign_id = o.campaign_id AND b.channel = i.channel"
        " WHERE o.campaign_id IS NOT NULL"
    )
    op.execute("DELETE FROM outbox WHERE campaign_id IS NOT NULL")
    op.drop_index("ix_outbox_campaign_id", table_name="outbox")
    with op.batch_alter_table("outbox") as batch:
        batch.drop_constraint(op.f("fk_outbox_campaign_id_campaign"), type_="foreignkey")
        batch.drop_column("campaign_id")


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
