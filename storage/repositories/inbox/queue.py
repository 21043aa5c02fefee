"""Who waits and who is held, the most urgent first."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select

from storage.database import Transaction
from storage.models import Alarm, Conversation, Identity, table
from storage.repositories.inbox.alarms import concerns
from storage.repositories.inbox.scope import Scope, within

_conversation = table(Conversation).c
_identity = table(Identity).c
_alarm = table(Alarm).c


@dataclass(frozen=True, slots=True)
class QueueLine:
    """A conversation in the queue: nothing of what was said."""

    id: str
    channel: str
    state: str
    risk: int
    urgent: bool
    category: str
    waiting_reason: str
    waiting_since: datetime | None
    last_inbound_at: datetime | None
    holder_id: str | None
    danger_since: datetime | None
    unfollowed: bool
    version: int


async def queue(tx: Transaction, scope: Scope) -> list[QueueLine]:
    """Conversations that wait or are held, the most urgent first."""
    rows = await tx.rows(
        select(
            _conversation.id,
            _conversation.channel,
            _conversation.state,
            _conversation.risk,
            _conversation.urgent,
            _conversation.category,
            _conversation.waiting_reason,
            _conversation.waiting_since,
            _conversation.last_inbound_at,
            _conversation.holder_id,
            _conversation.danger_since,
            _identity.unfollowed_at.is_not(None).label("unfollowed"),
            _conversation.version,
        )
        .join(table(Identity), _identity.id == _conversation.identity_id)
        .where(_conversation.state.in_(("waiting", "held")), within(scope))
        .order_by(
            case((_conversation.state == "waiting", 0), (_conversation.danger_since.is_not(None), 0), else_=1),
            _conversation.risk.desc(),
            _conversation.urgent.desc(),
            _conversation.waiting_since,
            _conversation.id,
        )
        .limit(200)
    )
    return [QueueLine(*row) for row in rows]


async def queue_version(tx: Transaction, scope: Scope) -> str:
    """Changes whenever a queue page is out of date."""
    row = await tx.first(
        select(func.count(), func.coalesce(func.sum(_conversation.version), 0)).where(
            _conversation.state.in_(("waiting", "held")), within(scope)
        )
    )
    alarms = await tx.first(
        select(func.count(), func.max(_alarm.id))
        .select_from(table(Alarm))
        .outerjoin(table(Conversation), _conversation.id == _alarm.conversation_id)
        .where(_alarm.seen_at.is_(None), concerns(scope))
    )
    assert row is not None
    assert alarms is not None
    return f"{row[0]}.{row[1]}.{alarms[0]}.{alarms[1] or ''}"
