"""Notices as typed, short links that count, groups no bot is in, and who has forwarded."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def _id(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length=26), nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}_{target}"))


def upgrade() -> None:
    op.create_table(
        "campaign_draft",
        _id("campaign_id"),
        sa.Column("written", sa.Text(), nullable=False),
        _refers("campaign_draft", "campaign_id", "campaign"),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_campaign_draft")),
    )
    op.create_table(
        "campaign_link",
        _id("id"),
        _id("campaign_id"),
        sa.Column("code", sa.String(length=16), nullable=False),
        _id("area_id", nullable=True),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("clicks", sa.BigInteger(), nullable=False),
        _moment("created_at"),
        _refers("campaign_link", "campaign_id", "campaign"),
        _refers("campaign_link", "area_id", "area"),
        sa.UniqueConstraint("code", name=op.f("uq_campaign_link_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_link")),
    )
    op.create_index(op.f("ix_campaign_link_campaign_id"), "campaign_link", ["campaign_id"])
    op.create_table(
        "plain_group",
        _id("id"),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("title_sealed", sa.LargeBinary(), nullable=True),
        _id("area_id", nullable=True),
        _id("keeper_id", nullable=True),
        _moment("created_at"),
        _moment("removed_at", nullable=True),
        _refers("plain_group", "area_id", "area"),
        _refers("plain_group", "keeper_id", "staff"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plain_group")),
    )
    op.create_table(
        "forwarding",
        _id("id"),
        _id("campaign_id"),
        _id("group_id"),
        _id("staff_id"),
        _moment("at"),
        _refers("forwarding", "campaign_id", "campaign"),
        _refers("forwarding", "staff_id", "staff"),
        sa.UniqueConstraint("campaign_id", "group_id", name=op.f("uq_forwarding_campaign_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forwarding")),
    )
