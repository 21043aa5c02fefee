"""Rooms of the web chat and the passes of its open pages."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chat_room",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("receipt_digest", sa.LargeBinary(), nullable=False),
        sa.Column("word_digest", sa.LargeBinary(), nullable=True),
        sa.Column("scene", sa.String(length=32), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_room")),
        sa.UniqueConstraint("receipt_digest", name=op.f("uq_chat_room_receipt_digest")),
    )
    op.create_table(
        "chat_pass",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("room_id", sa.String(length=26), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["room_id"], ["chat_room.id"], name=op.f("fk_chat_pass_room_id_chat_room")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_pass")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_chat_pass_token_digest")),
    )
    op.create_index(op.f("ix_chat_pass_room_id"), "chat_pass", ["room_id"])
    op.create_index(op.f("ix_chat_pass_used_at"), "chat_pass", ["used_at"])
