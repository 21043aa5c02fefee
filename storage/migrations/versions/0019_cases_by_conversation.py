"""Cases are found by the conversation they were opened in, and counted by the day they were closed."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_case_conversation_id", "case", ["conversation_id"])
    op.create_index("ix_case_closed_at", "case", ["closed_at"])
