"""What staff take, when they are on duty, transfers, who was told of unclaimed danger; when an answer is due."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("conversation") as batch:
        batch.add_column(sa.Column("language", sa.String(length=8), nullable=False, server_default=""))
        batch.add_column(sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("conversation") as batch:
        batch.alter_column("language", server_default=None)
    op.execute(
        "UPDATE conversation SET language = substr(waiting_reason, 10, 8)"
        " WHERE substr(waiting_reason, 1, 9) = 'language_'"
    )
    still_open = sa.text("state IN ('waiting', 'held')")
    op.create_index(
        "ix_conversation_open",
        "conversation",
        ["state", "risk", "urgent", "waiting_since"],
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    op.create_index(
        "ix_conversation_holder_id",
        "conversation",
        ["holder_id"],
        sqlite_where=sa.text("holder_id IS NOT NULL"),
        postgresql_where=sa.text("holder_id IS NOT NULL"),
    )
    op.create_table(
        "staff_desk",
        sa.Column("staff_id", sa.String(length=26), nullable=False),
        sa.Column("skills", sa.String(length=255), nullable=False),
        sa.Column("languages", sa.String(length=64), nullable=False),
        sa.Column("load_limit", sa.Integer(), nullable=True),
        sa.Column("presence", sa.String(length=8), nullable=False),
        sa.Column("presence_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_desk_staff_id_staff")),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_staff_desk")),
    )
    op.create_table(
        "shift",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("staff_id", sa.String(length=26), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("begin_minute", sa.Integer(), nullable=False),
        sa.Column("end_minute", sa.Integer(), nullable=False),
        sa.Column("off", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_shift_staff_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift")),
    )
    op.create_index("ix_shift_day", "shift", ["day"])
    op.create_table(
        "transfer",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("conversation_id", sa.String(length=26), nullable=False),
        sa.Column("from_id", sa.String(length=26), nullable=False),
        sa.Column("to_id", sa.String(length=26), nullable=True),
        sa.Column("skill", sa.String(length=32), nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.String(length=26), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_transfer_conversation_id_conversation")
        ),
        sa.ForeignKeyConstraint(["from_id"], ["staff.id"], name=op.f("fk_transfer_from_id_staff")),
        sa.ForeignKeyConstraint(["to_id"], ["staff.id"], name=op.f("fk_transfer_to_id_staff")),
        sa.ForeignKeyConstraint(["answered_by"], ["staff.id"], name=op.f("fk_transfer_answered_by_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer")),
    )
    op.create_index("ix_transfer_conversation_id", "transfer", ["conversation_id"])
    offered = sa.text("state = 'offered'")
    op.create_index("ix_transfer_open", "transfer", ["state"], sqlite_where=offered, postgresql_where=offered)
    op.create_table(
        "escalation",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("conversation_id", sa.String(length=26), nullable=False),
        sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.String(length=26), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_escalation_conversation_id_conversation")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_escalation_staff_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation")),
        sa.UniqueConstraint(
            "conversation_id", "waiting_since", "step", "staff_id", name=op.f("uq_escalation_conversation_id")
        ),
    )
