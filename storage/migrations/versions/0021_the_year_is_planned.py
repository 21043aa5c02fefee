"""Days of the year are planned: a notice may be proposed before anybody wrote it, and never twice."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "occasion_plan",
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("campaign_id", sa.String(length=26), nullable=True),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("declined_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("declined_by", sa.String(length=26), nullable=True),
        sa.ForeignKeyConstraint(["declined_by"], ["staff.id"], name=op.f("fk_occasion_plan_declined_by_staff")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_occasion_plan")),
    )
    if op.get_bind().dialect.name == "sqlite":
        _let_go_of_not_null()
    else:
        op.alter_column("campaign", "created_by", existing_type=sa.String(length=26), nullable=True)


def _let_go_of_not_null() -> None:
    """Copying the table would break what refers to it; SQLite's own way for constraints is to rewrite its schema.

    https://www.sqlite.org/lang_altertable.html, "Making Other Kinds Of Table Schema Changes".
    """
    connection = op.get_bind()
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    connection.exec_driver_sql(
        "UPDATE sqlite_master SET sql = replace(sql, 'created_by VARCHAR(26) NOT NULL', 'created_by VARCHAR(26)')"
        " WHERE type = 'table' AND name = 'campaign'"
    )
    connection.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=OFF")
