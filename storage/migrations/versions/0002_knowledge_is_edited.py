"""Articles are written and published in the console; what women thought of answers; examples for the classifier."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("article_version") as batch:
        batch.alter_column("imported_by", new_column_name="written_by")
        batch.add_column(sa.Column("state", sa.String(length=16), nullable=False, server_default="published"))
        batch.add_column(sa.Column("note", sa.String(length=255), nullable=False, server_default=""))
        batch.add_column(sa.Column("published_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("published_by", sa.String(length=26), nullable=True))
        batch.create_foreign_key(op.f("fk_article_version_published_by_staff"), "staff", ["published_by"], ["id"])
        batch.create_index("ix_article_version_state", ["state"])
    op.execute("UPDATE article_version SET published_at = imported_at")
    with op.batch_alter_table("unanswered_question") as batch:
        batch.add_column(sa.Column("reason", sa.String(length=16), nullable=False, server_default="unknown"))
        batch.add_column(sa.Column("article_id", sa.String(length=64), nullable=True))
        batch.add_column(sa.Column("intent", sa.String(length=16), nullable=False, server_default=""))
        batch.add_column(sa.Column("category", sa.String(length=32), nullable=False, server_default=""))
        batch.add_column(sa.Column("settled_by", sa.String(length=26), nullable=True))
        batch.add_column(sa.Column("outcome", sa.String(length=16), nullable=False, server_default=""))
        batch.create_foreign_key(op.f("fk_unanswered_question_settled_by_staff"), "staff", ["settled_by"], ["id"])
    op.create_table(
        "article_feedback",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("article_id", sa.String(length=64), nullable=False),
        sa.Column("contact_id", sa.String(length=26), nullable=False),
        sa.Column("useful", sa.Boolean(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_article_feedback_article_id_article")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_article_feedback_contact_id_contact")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_feedback")),
        sa.UniqueConstraint("article_id", "contact_id", name=op.f("uq_article_feedback_article_id")),
    )
    op.create_table(
        "example",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("text", sa.String(length=255), nullable=False),
        sa.Column("intent", sa.String(length=16), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("added_by", sa.String(length=26), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["added_by"], ["staff.id"], name=op.f("fk_example_added_by_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_example")),
        sa.UniqueConstraint("text", name=op.f("uq_example_text")),
    )
