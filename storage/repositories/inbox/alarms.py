"""Alarms as the console shows them: a reason's name, a conversation, a time."""

from datetime import datetime

from sqlalchemy import select, update

from storage.database import AnyRow, Transaction
from storage.models import Alarm, table

_alarm = table(Alarm).c


async def alarms(tx: Transaction, limit: int = 50) -> list[AnyRow]:
    """Alarms nobody has seen yet, the newest first: reason, conversation, time."""
    return list(
        await tx.rows(
            select(_alarm.id, _alarm.reason, _alarm.conversation_id, _alarm.raised_at, _alarm.silent)
            .where(_alarm.seen_at.is_(None))
            .order_by(_alarm.id.desc())
            .limit(limit)
        )
    )


async def alarms_of(tx: Transaction, conversation_id: str) -> list[AnyRow]:
    """All alarms of one conversation, the newest first."""
    return list(
        await tx.rows(
            select(table(Alarm)).where(_alarm.conversation_id == conversation_id).order_by(_alarm.id.desc()).limit(20)
        )
    )


async def see_alarms(tx: Transaction, conversation_id: str, staff_id: str, now: datetime) -> None:
    """Somebody looked at the alarms of a conversation."""
    await tx.execute(
        update(table(Alarm))
        .where(_alarm.conversation_id == conversation_id, _alarm.seen_at.is_(None))
        .values(seen_at=now, seen_by=staff_id)
    )


async def see_alarm(tx: Transaction, alarm_id: str, staff_id: str, now: datetime) -> None:
    """Somebody looked at one alarm."""
    await tx.execute(
        update(table(Alarm))
        .where(_alarm.id == alarm_id, _alarm.seen_at.is_(None))
        .values(seen_at=now, seen_by=staff_id)
    )
