"""Intent models trained in the console."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "language_model",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("scores", sa.Text(), nullable=False),
        sa.Column("begun_by", sa.String(length=26), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.String(length=26), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["begun_by"], ["staff.id"], name=op.f("fk_language_model_begun_by_staff")),
        sa.ForeignKeyConstraint(["published_by"], ["staff.id"], name=op.f("fk_language_model_published_by_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_language_model")),
    )
