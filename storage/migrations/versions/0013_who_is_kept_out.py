"""Who is kept out of a woman's matters (回避), and who is let in for a time."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recusal",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("staff_id", sa.String(length=26), nullable=False),
        sa.Column("contact_id", sa.String(length=26), nullable=False),
        sa.Column("case_id", sa.String(length=26), nullable=True),
        sa.Column("conversation_id", sa.String(length=26), nullable=True),
        sa.Column("relation", sa.String(length=16), nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("declared_by", sa.String(length=26), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_by", sa.String(length=26), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_because_sealed", sa.LargeBinary(), nullable=True),
        *_references("recusal", "staff_id", "declared_by", "lifted_by"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recusal")),
    )
    op.create_index("ix_recusal_staff", "recusal", ["staff_id", "lifted_at"])
    op.create_index(op.f("ix_recusal_contact_id"), "recusal", ["contact_id"])
    op.create_table(
        "access_grant",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("staff_id", sa.String(length=26), nullable=False),
        sa.Column("contact_id", sa.String(length=26), nullable=False),
        sa.Column("case_id", sa.String(length=26), nullable=True),
        sa.Column("conversation_id", sa.String(length=26), nullable=True),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("granted_by", sa.String(length=26), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_by", sa.String(length=26), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        *_references("access_grant", "staff_id", "granted_by", "revoked_by"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_grant")),
    )
    op.create_index("ix_access_grant_staff", "access_grant", ["staff_id", "until"])
    op.create_index(op.f("ix_access_grant_contact_id"), "access_grant", ["contact_id"])


def _references(name: str, *columns: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f(f"fk_{name}_contact_id_contact")),
        *(
            sa.ForeignKeyConstraint([column], ["staff.id"], name=op.f(f"fk_{name}_{column}_staff"))
            for column in columns
        ),
    ]
