"""Her own word, wishes to be forgotten; locked screens, recovery codes; results of notices whose lists expired."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasure_request",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("contact_id", sa.String(length=26), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_by", sa.String(length=26), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("postponed", sa.String(length=16), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(length=26), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["checked_by"], ["staff.id"], name=op.f("fk_erasure_request_checked_by_staff")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_erasure_request_contact_id_contact")),
        sa.ForeignKeyConstraint(["revoked_by"], ["staff.id"], name=op.f("fk_erasure_request_revoked_by_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure_request")),
    )
    for column in ("contact_id", "due_at", "done_at"):
        op.create_index(op.f(f"ix_erasure_request_{column}"), "erasure_request", [column])
    with op.batch_alter_table("contact") as batch:
        batch.add_column(sa.Column("own_word_digest", sa.LargeBinary(), nullable=True))
        batch.add_column(sa.Column("own_word_failures", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("staff") as batch:
        batch.add_column(sa.Column("totp_pending_sealed", sa.LargeBinary(), nullable=True))
        batch.add_column(sa.Column("recovery_sealed", sa.LargeBinary(), nullable=True))
    # Whoever is signed in signs in again: a browser that has no time of use could not be locked.
    op.execute("DELETE FROM staff_session")
    with op.batch_alter_table("staff_session") as batch:
        batch.add_column(sa.Column("used_at", sa.DateTime(timezone=True), nullable=False))
        batch.add_column(sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("address", sa.String(length=64), nullable=False, server_default=""))
        batch.add_column(sa.Column("browser", sa.String(length=64), nullable=False, server_default=""))
    with op.batch_alter_table("campaign") as batch:
        batch.add_column(sa.Column("result", sa.String(length=255), nullable=False, server_default=""))
