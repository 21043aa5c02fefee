"""What all tables share: identifiers, times, names of constraints."""

import itertools
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, LargeBinary, MetaData, Table, TypeDecorator
from sqlalchemy.types import TypeEngine, UserDefinedType
from sqlmodel import Field, SQLModel

SQLModel.metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def table(model: type[SQLModel]) -> Table:
    """The SQLAlchemy table of a model: repositories speak Core, the ORM is too slow for the hot path."""
    return model.__table__  # type: ignore[attr-defined,no-any-return]


_counter = itertools.count()


def new_id() -> str:
    """A new 26-digit hexadecimal id: made anywhere without asking the database, in the order of time.

    48 bits of milliseconds, 16 bits that count up, 40 random bits. Ids are names, not secrets.
    """
    return f"{time.time_ns() // 1_000_000:012x}{next(_counter) & 0xFFFF:04x}{random.getrandbits(40):010x}"


class _IsoMoment(UserDefinedType[datetime]):
    """A moment as text in SQLite: ISO 8601 in UTC with microseconds, which sorts like time."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "DATETIME"

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], str | None]:
        def process(value: datetime | None) -> str | None:
            if value is None:
                return None
            if value.tzinfo is not UTC:
                if value.tzinfo is None:
                    raise ValueError("a time without zone reached the database")
                value = value.astimezone(UTC)
            return value.isoformat(" ", "microseconds")

        return process

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str | None], datetime | None]:
        parse = datetime.fromisoformat
        return lambda value: None if value is None else parse(value)


_ISO_MOMENT = _IsoMoment()


class UTCDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes on every database.

    SQLAlchemy's own type hands them back naive from SQLite, and a decorator that mends it costs a microsecond
    a value, at some seventeen values a message.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return _ISO_MOMENT if dialect.name == "sqlite" else DateTime(timezone=True)


class _PlainBytes(UserDefinedType[bytes]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "BLOB"


_PLAIN_BYTES = _PlainBytes()


class SealedBytes(TypeDecorator[bytes]):
    """Bytes handed to the driver as they are; LargeBinary wraps every value once more for nothing."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return _PLAIN_BYTES if dialect.name == "sqlite" else LargeBinary()


def id_field() -> Any:
    """The primary key of most tables."""
    return Field(default_factory=new_id, primary_key=True, max_length=26)


def reference(target: str, *, nullable: bool = False, index: bool = False) -> Any:
    """A foreign key to `table.column`."""
    if nullable:
        return Field(default=None, foreign_key=target, nullable=True, index=index, max_length=26)
    return Field(foreign_key=target, index=index, max_length=26)


def moment(*, nullable: bool = False, index: bool = False) -> Any:
    """A point in time."""
    if nullable:
        return Field(default=None, sa_type=UTCDateTime, nullable=True, index=index)
    return Field(sa_type=UTCDateTime, index=index)


def sealed(*, nullable: bool = True) -> Any:
    """Bytes made by storage.encryption: never readable in the database."""
    if nullable:
        return Field(default=None, sa_type=SealedBytes, nullable=True)
    return Field(sa_type=SealedBytes)


def digest(*, unique: bool = False, index: bool = False, nullable: bool = False) -> Any:
    """A keyed look-up hash of 16 bytes."""
    if nullable:
        return Field(default=None, sa_type=SealedBytes, nullable=True, unique=unique, index=index)
    return Field(sa_type=SealedBytes, unique=unique, index=index)
