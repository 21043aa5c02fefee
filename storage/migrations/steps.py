"""Steps migrations share."""

from alembic import op


def add_reference(table: str, column: str, target: str) -> None:
    """Add a nullable foreign key to `target`.id in place.

    Alembic's batch would make the table anew, and SQLite refuses to drop one that others refer to.
    """
    op.execute(
        f'ALTER TABLE "{table}" ADD COLUMN {column} VARCHAR(26)'
        f" CONSTRAINT fk_{table}_{column}_{target} REFERENCES {target} (id)"
    )
