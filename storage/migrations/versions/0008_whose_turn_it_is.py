"""Whose turn it is among the rows that wait, without reading those that are gone."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_WAITING = "state IN ('queued', 'sending')"


def upgrade() -> None:
    op.create_index(
        "ix_outbox_turn",
        "outbox",
        ["identity_id", "priority", "id"],
        sqlite_where=sa.text(_WAITING),
        postgresql_where=sa.text(_WAITING),
    )
