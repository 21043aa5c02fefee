"""Alarms as the console shows them: a reason's name, a conversation, a time."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, update

from bot.errors import NotFound
from storage.database import AnyRow, Transaction
from storage.models import Alarm, Conversation, table
from storage.repositories.inbox.scope import ANSWERING, Scope, within

_alarm = table(Alarm).c
_conversation = table(Conversation).c
#: Reasons that go on sounding until somebody has looked.
_DANGER = ("danger", "danger_again", "handed_back", "unclaimed", "crisis_failed")


async def alarms(tx: Transaction, scope: Scope, limit: int = 50) -> list[AnyRow]:
    """Alarms nobody has seen yet in what she may see, the newest first: reason, conversation, time."""
    return list(
        await tx.rows(
            select(_alarm.id, _alarm.reason, _alarm.conversation_id, _alarm.raised_at, _alarm.silent)
            .outerjoin(table(Conversation), _conversation.id == _alarm.conversation_id)
            .where(_alarm.seen_at.is_(None), concerns(scope))
            .order_by(_alarm.id.desc())
            .limit(limit)
        )
    )


async def alarm_state(tx: Transaction, scope: Scope) -> dict[str, Any]:
    """What a locked screen may tell: how many alarms nobody has seen, how many of danger, the newest id."""
    row = await tx.first(
        select(
            func.count(),
            func.count().filter(_alarm.reason.in_(_DANGER)),
            func.max(_alarm.id),
        )
        .select_from(table(Alarm))
        .outerjoin(table(Conversation), _conversation.id == _alarm.conversation_id)
        .where(_alarm.seen_at.is_(None), concerns(scope))
    )
    assert row is not None
    return {"count": row[0], "danger": row[1], "newest": row[2] or ""}


async def alarms_of(tx: Transaction, conversation_id: str) -> list[AnyRow]:
    """All alarms of one conversation, the newest first."""
    return list(
        await tx.rows(
            select(table(Alarm)).where(_alarm.conversation_id == conversation_id).order_by(_alarm.id.desc()).limit(20)
        )
    )


def concerns(scope: Scope) -> ColumnElement[bool]:
    """Alarms of conversations she may see, and those of none; a condition beside an outer join of conversations."""
    answers = scope is None or scope.role in ANSWERING
    return or_(and_(_alarm.conversation_id.is_(None), literal(answers)), within(scope))


async def check_alarm(tx: Transaction, alarm_id: str, scope: Scope) -> None:
    """Raises NotFound for an alarm that does not exist or is not hers to see."""
    row = await tx.first(
        select(_alarm.id)
        .outerjoin(table(Conversation), _conversation.id == _alarm.conversation_id)
        .where(_alarm.id == alarm_id, concerns(scope))
    )
    if row is None:
        raise NotFound


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
