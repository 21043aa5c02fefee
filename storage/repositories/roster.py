"""The duty roster as rows: who is on duty every week, and what is different on single dates."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import and_, delete, func, or_, select

from bot.errors import NotFound
from storage.database import Transaction
from storage.models import Shift, Staff, new_id, table

_shift = table(Shift).c
_staff = table(Staff).c


@dataclass(frozen=True, slots=True)
class ShiftView:
    """One row: every week on `weekday` (ISO) or on `day`; minutes of the local day; `off` takes a weekly one away."""

    staff_id: str
    level: int
    begin_minute: int
    end_minute: int
    weekday: int | None = None
    day: date | None = None
    off: bool = False
    id: str = ""


async def shifts(tx: Transaction, since: date) -> list[ShiftView]:
    """All weekly rows, and those of dates from `since` on; of staff who are active."""
    rows = await tx.rows(
        select(table(Shift))
        .join(table(Staff), _staff.id == _shift.staff_id)
        .where(_staff.active, or_(_shift.day.is_(None), _shift.day >= since))
        .order_by(_shift.weekday, _shift.day, _shift.begin_minute, _shift.level, _shift.id)
    )
    return [
        ShiftView(row.staff_id, row.level, row.begin_minute, row.end_minute, row.weekday, row.day, row.off, row.id)
        for row in rows
    ]


async def version(tx: Transaction) -> str:
    """Changes whenever the roster does."""
    row = await tx.first(
        select(func.count(), func.max(_shift.id), func.count().filter(_staff.active))
        .select_from(table(Shift))
        .join(table(Staff), _staff.id == _shift.staff_id)
    )
    return f"{row[0]}.{row[1]}.{row[2]}" if row else ""


async def add(tx: Transaction, rows: Iterable[ShiftView], now: datetime) -> None:
    """Keep these rows."""
    values = [
        {
            "id": new_id(),
            "staff_id": one.staff_id,
            "level": one.level,
            "weekday": one.weekday,
            "day": one.day,
            "begin_minute": one.begin_minute,
            "end_minute": one.end_minute,
            "off": one.off,
            "created_at": now,
        }
        for one in rows
    ]
    if values:
        await tx.insert(Shift, values)


async def replace(tx: Transaction, rows: Iterable[ShiftView], today: date, now: datetime) -> None:
    """These rows instead of all weekly ones and all from `today` on; what was stays."""
    await tx.execute(delete(table(Shift)).where(or_(_shift.day.is_(None), _shift.day >= today)))
    await add(tx, rows, now)


async def remove(tx: Transaction, shift_id: str) -> None:
    """One row less. Raises NotFound."""
    gone = await tx.execute(delete(table(Shift)).where(_shift.id == shift_id))
    if not gone.rowcount:
        raise NotFound


async def remove_past(tx: Transaction, before: date) -> int:
    """Let go of single dates long over; how many."""
    gone = await tx.execute(delete(table(Shift)).where(and_(_shift.day.is_not(None), _shift.day < before)))
    return int(gone.rowcount)
