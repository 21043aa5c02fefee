"""Survivors and reporters are found by their whole name, as a keyed hash.

Names typed in before are found once their entry is saved again: only her key opens them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("case_person", sa.Column("called_digest", sa.LargeBinary(), nullable=True))
    op.create_index("ix_case_person_called_digest", "case_person", ["called_digest"])
