"""The audit log: append-only, every entry sealed to the one before by a checksum (safety.md, "The data")."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text

from bot.clock import from_timestamp
from storage.database import AnyRow, Transaction
from storage.models import AuditEntry, table

_entry = table(AuditEntry).c
_BEGINNING = "0" * 64
#: One writer at a time counts the next number on PostgreSQL; SQLite has one writer anyway.
_LOCK = 20260309


async def append(
    tx: Transaction,
    *,
    staff_id: str | None,
    action: str,
    now: datetime,
    subject: str = "",
    reason: str = "",
    address: str = "",
) -> None:
    """Record that somebody did `action` (`conversation.read`) to `subject` (`table:id`, never a name)."""
    if tx.dialect == "postgresql":
        await tx.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    last = await tx.first(select(_entry.number, _entry.checksum).order_by(_entry.number.desc()).limit(1))
    values: dict[str, Any] = {
        "number": last.number + 1 if last else 1,
        "at": _whole(now),
        "staff_id": staff_id,
        "action": action,
        "subject": subject,
        "reason": reason[:255],
        "address": address[:64],
        "previous": last.checksum if last else _BEGINNING,
    }
    await tx.insert(AuditEntry, values | {"checksum": _checksum(values)})


async def verify(tx: Transaction) -> list[str]:
    """What is wrong with the chain, in order: changed, missing or foreign entries; empty when it is whole."""
    problems: list[str] = []
    previous, expected = _BEGINNING, 1
    for row in await tx.rows(select(table(AuditEntry)).order_by(_entry.number)):
        if row.number != expected:
            problems.append(f"entries {expected} to {row.number - 1} are missing")
        elif row.previous != previous:
            problems.append(f"entry {row.number} does not follow the one before it")
        values = {name: getattr(row, name) for name in _SEALED}
        if _checksum(values) != row.checksum:
            problems.append(f"entry {row.number} was changed")
        previous, expected = row.checksum, row.number + 1
    return problems


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries somebody looks for; `staff_id` "-" means those of no person, `until` is excluded."""

    staff_id: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None
    subject: str = ""
    before: int | None = None


async def entries(tx: Transaction, wanted: Wanted, limit: int) -> list[AnyRow]:
    """The newest entries first."""
    query = select(table(AuditEntry)).order_by(_entry.number.desc()).limit(limit)
    if wanted.staff_id:
        query = query.where(
            _entry.staff_id.is_(None) if wanted.staff_id == "-" else _entry.staff_id == wanted.staff_id
        )
    for column, value in ((_entry.action, wanted.action), (_entry.subject, wanted.subject)):
        if value:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(_entry.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(_entry.at < wanted.until)
    if wanted.before is not None:
        query = query.where(_entry.number < wanted.before)
    return list(await tx.rows(query))


async def count(tx: Transaction) -> int:
    """How many entries there are."""
    row = await tx.first(select(func.count()).select_from(table(AuditEntry)))
    return int(row[0]) if row else 0


_SEALED = ("number", "at", "staff_id", "action", "subject", "reason", "address", "previous")


def _checksum(values: dict[str, Any]) -> str:
    plain = {name: value.timestamp() if isinstance(value, datetime) else value for name, value in values.items()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _whole(moment: datetime) -> datetime:
    """Whole seconds: what every database gives back exactly."""
    return from_timestamp(int(moment.timestamp()))
