"""Referrals to partner units, and the one-time links by which a unit answers."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "referral",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        *(sa.Column(name, sa.String(length=26), nullable=False) for name in ("case_id", "contact_id", "unit_id")),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("purpose_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("shared_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("shared_names", sa.String(length=255), nullable=False),
        *(
            sa.Column(name, sa.String(length=16), nullable=False)
            for name in ("basis", "consent_way", "consent_giver", "consent_version")
        ),
        sa.Column("consent_names", sa.String(length=255), nullable=False),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("submitted_by", sa.String(length=26), nullable=True),
        sa.Column("decided_by", sa.String(length=26), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(length=26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *(
            sa.Column(name, sa.DateTime(timezone=True), nullable=True)
            for name in ("opened_at", "answer_by", "answered_at", "closed_at", "chased_at")
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        *(
            sa.ForeignKeyConstraint([name], [f"{target}.id"], name=op.f(f"fk_referral_{name}_{target}"))
            for name, target in (
                ("case_id", "case"),
                ("contact_id", "contact"),
                ("unit_id", "partner_unit"),
                ("submitted_by", "staff"),
                ("decided_by", "staff"),
                ("created_by", "staff"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_referral")),
        sa.UniqueConstraint("number", name=op.f("uq_referral_number")),
    )
    for name in ("case_id", "contact_id", "unit_id"):
        op.create_index(op.f(f"ix_referral_{name}"), "referral", [name])
    op.create_index("ix_referral_state", "referral", ["state", "answer_by"])
    op.create_table(
        "referral_link",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("referral_id", sa.String(length=26), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("browser_digest", sa.LargeBinary(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name=op.f("fk_referral_link_referral_id_referral")),
        sa.ForeignKeyConstraint(["created_by"], ["staff.id"], name=op.f("fk_referral_link_created_by_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_referral_link")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_referral_link_token_digest")),
    )
    op.create_index(op.f("ix_referral_link_referral_id"), "referral_link", ["referral_id"])
