"""A case is a file: who works on it, what comes next, who is in it; old cases keep everything they hold."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.steps import add_reference

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

#: As the categories of old cases are counted (Law on the Protection of Women's Rights and Interests, chapters 2–7).
_GROUPS = {
    "family": ("dv", "divorce", "custody", "property", "marriage_other", "elder"),
    "person": ("harassment", "minors"),
    "property": ("inheritance", "land"),
    "labour": ("labour",),
}
_VIOLENCE = ("dv", "harassment", "minors")


def upgrade() -> None:
    with op.batch_alter_table("case") as batch:
        for name, length in (
            ("origin", 32),
            ("rights_group", 16),
            ("next_action", 32),
            ("consent_way", 16),
            ("satisfaction", 16),
        ):
            batch.add_column(sa.Column(name, sa.String(length=length), nullable=False, server_default=""))
        for name in ("violence_at", "next_at", "promised_at", "reopened_at"):
            batch.add_column(sa.Column(name, sa.DateTime(timezone=True), nullable=True))
        for name in ("next_sealed", "view_sealed"):
            batch.add_column(sa.Column(name, sa.LargeBinary(), nullable=True))
        batch.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="0"))
    for name in ("assignee_id", "taken_by"):
        add_reference("case", name, "staff")
    op.create_index("ix_case_work", "case", ["status", "next_at"])
    op.create_index("ix_case_assignee", "case", ["assignee_id", "status"])
    with op.batch_alter_table("case_event") as batch:
        batch.add_column(sa.Column("subject", sa.String(length=64), nullable=False, server_default=""))
        batch.add_column(sa.Column("code", sa.String(length=32), nullable=False, server_default=""))
    op.create_table(
        "case_person",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("case_id", sa.String(length=26), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("is_contact", sa.Boolean(), nullable=False),
        sa.Column("relation", sa.String(length=16), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_digest", sa.LargeBinary(), nullable=True),
        sa.Column("name_digest", sa.LargeBinary(), nullable=True),
        sa.Column("fields_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_case_person_case_id_case")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_person")),
    )
    for column in ("case_id", "phone_digest", "name_digest"):
        op.create_index(op.f(f"ix_case_person_{column}"), "case_person", [column])
    _fill_old_cases()


def _fill_old_cases() -> None:
    """What old cases did not say, as far as their conversation knows it."""
    columns = ("conversation_id", "area_id", "origin", "category", "rights_group", "violence_at", "opened_at")
    case = sa.table("case", *map(sa.column, (*columns, "consent_way", "consented_at")))
    talk = sa.table("conversation", sa.column("id"), sa.column("area_id"), sa.column("channel"))
    of_talk = talk.c.id == case.c.conversation_id
    op.execute(
        case.update()
        .where(case.c.conversation_id.is_not(None))
        .values(
            origin=sa.func.coalesce(sa.select(talk.c.channel).where(of_talk).scalar_subquery(), ""),
            area_id=sa.func.coalesce(case.c.area_id, sa.select(talk.c.area_id).where(of_talk).scalar_subquery()),
        )
    )
    for group, categories in _GROUPS.items():
        op.execute(case.update().where(case.c.category.in_(categories)).values(rights_group=group))
    op.execute(case.update().where(case.c.rights_group == "").values(rights_group="other"))
    op.execute(case.update().where(case.c.category.in_(_VIOLENCE)).values(violence_at=case.c.opened_at))
    op.execute(case.update().where(case.c.consented_at.is_not(None)).values(consent_way="chat"))
