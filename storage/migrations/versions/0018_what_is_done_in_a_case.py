"""Follow-up visits, mediation, files of staff, drafts, and cases that may be one woman's."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def _id(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length=26), nullable=nullable)


def _word(name: str, length: int = 16) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length=length), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _sealed(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary(), nullable=True)


def _make(table: str, *columns: sa.Column[Any], refers: dict[str, str], unique: tuple[str, ...] = ()) -> None:
    keys = [
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}_{target}"))
        for column, target in refers.items()
    ]
    uniques = [sa.UniqueConstraint(*unique, name=op.f(f"uq_{table}_{unique[0]}"))] if unique else []
    op.create_table(table, *columns, *keys, *uniques, sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")))


def upgrade() -> None:
    _make(
        "case_visit",
        *(_id("id"), _id("case_id"), _moment("due_at"), _word("way"), _word("state"), _word("result")),
        *(_sealed("note_sealed"), _id("planned_by", nullable=True), _moment("created_at")),
        *(_id("done_by", nullable=True), _moment("done_at", nullable=True)),
        refers={"case_id": "case", "planned_by": "staff", "done_by": "staff"},
    )
    planned = sa.text("state = 'planned'")
    op.create_index("ix_case_visit_due", "case_visit", ["due_at"], sqlite_where=planned, postgresql_where=planned)
    _make(
        "case_mediation",
        *(_id("id"), _id("case_id"), _word("state"), _sealed("subject_sealed"), _sealed("mediator_sealed")),
        *(_moment(f"{who}_consent_at", nullable=True) for who in ("her", "other")),
        *(_id("proposed_by", nullable=True), _moment("created_at"), _word("form"), _sealed("agreement_sealed")),
        *(_moment("effective_at", nullable=True), _word("confirmation"), _moment("confirmation_at", nullable=True)),
        *(_moment("ended_at", nullable=True), _word("ended_why")),
        refers={"case_id": "case", "proposed_by": "staff"},
    )
    _make(
        "mediation_session",
        *(_id("id"), _id("mediation_id"), _id("case_id"), _moment("held_at"), _sealed("note_sealed")),
        *(_id("staff_id", nullable=True), _moment("created_at")),
        refers={"mediation_id": "case_mediation", "case_id": "case", "staff_id": "staff"},
    )
    _make(
        "case_document",
        *(_id("id"), _id("case_id"), _word("kind"), _sealed("name_sealed"), _sealed("content_sealed")),
        *(_word("content_type", 64), sa.Column("size", sa.Integer(), nullable=False)),
        *(_id("staff_id", nullable=True), _moment("created_at"), _moment("removed_at", nullable=True)),
        refers={"case_id": "case", "staff_id": "staff"},
    )
    _make(
        "case_link",
        *(_id("id"), _id("case_id"), _id("other_case_id"), _word("reason"), _word("state"), _moment("found_at")),
        *(_id("decided_by", nullable=True), _moment("decided_at", nullable=True)),
        refers={"case_id": "case", "other_case_id": "case", "decided_by": "staff"},
        unique=("case_id", "other_case_id"),
    )
    _make(
        "case_draft",
        *(_id("id"), _id("staff_id"), _word("form", 40), _id("case_id", nullable=True)),
        *(_sealed("content_sealed"), _moment("saved_at")),
        refers={"staff_id": "staff", "case_id": "case"},
        unique=("staff_id", "form"),
    )
    for table, column in (
        ("case_visit", "case_id"),
        ("case_mediation", "case_id"),
        ("mediation_session", "mediation_id"),
        ("case_document", "case_id"),
        ("case_link", "other_case_id"),
    ):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
