"""Codes by which a woman makes two channels one file."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identity_link",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("contact_id", sa.String(26), nullable=False),
        sa.Column("code_digest", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("identity_id", sa.String(26), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parts", sa.Boolean(), nullable=False),
        sa.Column("was_contact_id", sa.String(26), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_identity_link_contact_id_contact"),
        sa.ForeignKeyConstraint(["identity_id"], ["identity.id"], name="fk_identity_link_identity_id_identity"),
        sa.PrimaryKeyConstraint("id", name="pk_identity_link"),
        sa.UniqueConstraint("code_digest", name="uq_identity_link_code_digest"),
    )
    op.create_index("ix_identity_link_contact_id", "identity_link", ["contact_id"])
