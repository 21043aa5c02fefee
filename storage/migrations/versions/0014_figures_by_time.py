"""Conversations are found by the time they began and by the time they ended: the dashboard counts by period."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_conversation_opened_at", "conversation", ["opened_at"])
    op.create_index("ix_conversation_closed_at", "conversation", ["closed_at"])
