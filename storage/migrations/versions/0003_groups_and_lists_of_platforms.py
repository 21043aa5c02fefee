"""Groups the bot is in, who holds a talk on the platform's own side, how far platforms' lists are read."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("identity", sa.Column("group_id", sa.String(length=26), nullable=True))
    op.add_column("identity", sa.Column("held_elsewhere", sa.String(length=16), nullable=False, server_default=""))
    op.create_table(
        "channel_group",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("address_digest", sa.LargeBinary(), nullable=False),
        sa.Column("address_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("title_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("area_id", sa.String(length=26), nullable=True),
        sa.Column("keeper_id", sa.String(length=26), nullable=True),
        sa.Column("notices_allowed", sa.Boolean(), nullable=False),
        sa.Column("muted", sa.Boolean(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("minute_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("minute_answers", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["area_id"], ["area.id"], name=op.f("fk_channel_group_area_id_area")),
        sa.ForeignKeyConstraint(["keeper_id"], ["staff.id"], name=op.f("fk_channel_group_keeper_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_group")),
        sa.UniqueConstraint("address_digest", name=op.f("uq_channel_group_address_digest")),
    )
    op.create_table(
        "channel_cursor",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("cursor", sa.String(length=128), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("channel", "account", name=op.f("pk_channel_cursor")),
    )
