"""Notes and drafts of staff, calls, allowances; who is typing; what is called back."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_ID = sa.String(length=26)
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "conversation_note",
        sa.Column("id", _ID, nullable=False),
        sa.Column("contact_id", _ID, nullable=False),
        sa.Column("conversation_id", _ID, nullable=False),
        sa.Column("staff_id", _ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("said_at", _MOMENT, nullable=False),
        sa.Column("said_order", sa.BigInteger(), nullable=False),
        sa.Column("said_rank", sa.Integer(), nullable=False),
        *_refers("conversation_note", contact_id="contact", conversation_id="conversation", staff_id="staff"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation_note")),
    )
    op.create_index(op.f("ix_conversation_note_contact_id"), "conversation_note", ["contact_id"])
    op.create_index("ix_conversation_note_talk", "conversation_note", ["conversation_id", "said_at"])
    op.create_table(
        "draft",
        sa.Column("id", _ID, nullable=False),
        sa.Column("contact_id", _ID, nullable=False),
        sa.Column("conversation_id", _ID, nullable=False),
        sa.Column("staff_id", _ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("saved_at", _MOMENT, nullable=False),
        *_refers("draft", contact_id="contact", conversation_id="conversation", staff_id="staff"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
        sa.UniqueConstraint("conversation_id", "staff_id", "kind", name=op.f("uq_draft_conversation_id")),
    )
    op.create_index(op.f("ix_draft_contact_id"), "draft", ["contact_id"])
    op.create_index(op.f("ix_draft_saved_at"), "draft", ["saved_at"])
    op.create_table(
        "contact_call",
        sa.Column("id", _ID, nullable=False),
        sa.Column("contact_id", _ID, nullable=False),
        sa.Column("conversation_id", _ID, nullable=False),
        sa.Column("staff_id", _ID, nullable=False),
        sa.Column("allowance_id", _ID, nullable=True),
        sa.Column("begun_at", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.Column("result", sa.String(length=16), nullable=False),
        *_refers("contact_call", contact_id="contact", conversation_id="conversation", staff_id="staff"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_call")),
    )
    op.create_index(op.f("ix_contact_call_contact_id"), "contact_call", ["contact_id"])
    op.create_index(op.f("ix_contact_call_conversation_id"), "contact_call", ["conversation_id"])
    op.create_index(op.f("ix_contact_call_begun_at"), "contact_call", ["begun_at"])
    _create_allowances()
    op.add_column("outbox", sa.Column("allowance_id", _ID, nullable=True))
    op.add_column("outbox", sa.Column("recall", sa.String(length=16), nullable=False, server_default=""))
    op.add_column("outbox", sa.Column("recall_sentence", sa.String(length=255), nullable=False, server_default=""))
    op.create_index(
        "ix_outbox_recall",
        "outbox",
        ["id"],
        sqlite_where=sa.text("recall = 'asked'"),
        postgresql_where=sa.text("recall = 'asked'"),
    )
    op.add_column("identity", sa.Column("typing_at", _MOMENT, nullable=True))
    op.add_column("conversation", sa.Column("staff_typing_at", _MOMENT, nullable=True))
    op.add_column("conversation", sa.Column("typing_shown_at", _MOMENT, nullable=True))


def _create_allowances() -> None:
    op.create_table(
        "contact_allowance",
        sa.Column("id", _ID, nullable=False),
        sa.Column("contact_id", _ID, nullable=False),
        sa.Column("conversation_id", _ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("given_by", _ID, nullable=False),
        sa.Column("given_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("used_by", _ID, nullable=True),
        sa.Column("used_at", _MOMENT, nullable=True),
        *_refers(
            "contact_allowance",
            contact_id="contact",
            conversation_id="conversation",
            given_by="staff",
            used_by="staff",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_allowance")),
    )
    op.create_index(op.f("ix_contact_allowance_contact_id"), "contact_allowance", ["contact_id"])
    op.create_index(op.f("ix_contact_allowance_conversation_id"), "contact_allowance", ["conversation_id"])
    op.create_index(op.f("ix_contact_allowance_given_at"), "contact_allowance", ["given_at"])


def _refers(name: str, **columns: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{name}_{column}_{target}"))
        for column, target in columns.items()
    ]
