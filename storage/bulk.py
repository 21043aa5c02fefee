"""One statement for many rows, compiled once and handed to the driver without SQLAlchemy's work per row.

On the hot path that work (parameter dictionaries, a processor call a value) cost as much as the rest of a
message. The statement is still written in Core, its values still pass the columns' own types.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Dialect, Insert, Update
from sqlalchemy.ext.asyncio import AsyncConnection

_Processor = Callable[[Any], Any]


class Bulk:
    """A prepared INSERT or UPDATE; `run` executes it for rows that all have the keys `columns`."""

    def __init__(self, statement: Insert | Update, columns: Sequence[str]) -> None:
        self._statement = statement
        self._columns = list(columns)
        self._prepared: dict[str, tuple[str, list[tuple[str, Any, _Processor | None]]]] = {}

    async def run(self, connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
        """Execute for every row; nothing for no rows."""
        if not rows:
            return
        sql, plan = self._prepare(connection.dialect)
        values = [
            tuple(
                process(row.get(name, default)) if process else row.get(name, default)
                for name, default, process in plan
            )
            for row in rows
        ]
        await connection.exec_driver_sql(sql, values)

    def _prepare(self, dialect: Dialect) -> tuple[str, list[tuple[str, Any, _Processor | None]]]:
        prepared = self._prepared.get(dialect.name)
        if prepared is None:
            keys = self._columns if isinstance(self._statement, Insert) else None
            compiled: Any = self._statement.compile(dialect=dialect, column_keys=keys)
            defaults = {column.key: column.default.arg for column in getattr(compiled, "insert_prefetch", None) or ()}
            plan = [
                (name, defaults.get(name), _processor(compiled.binds[name].type, dialect))
                if name in defaults or name in self._columns
                else (name, compiled.binds[name].value, None)
                for name in compiled.positiontup
            ]
            prepared = self._prepared[dialect.name] = (str(compiled), plan)
        return prepared


def _processor(kind: Any, dialect: Dialect) -> _Processor | None:
    # Asked of the type as this dialect implements it: the decorator alone would answer for the general one.
    processor: _Processor | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return processor
