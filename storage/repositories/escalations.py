"""Danger that waits for somebody to take it: which, whom it may be told to, and who was told already."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from storage.database import Transaction
from storage.models import Alarm, Conversation, Escalation, Staff, StaffDesk, new_id, table
from storage.repositories.inbox.scope import ANSWERING, look, within

_conversation = table(Conversation).c
_alarm = table(Alarm).c
_staff = table(Staff).c
_desk = table(StaffDesk).c
_DANGER = 2
#: Alarms that say since when a wait is one in danger.
_BEGINS = ("danger", "handed_back")


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """A conversation in danger that nobody holds, and since when."""

    conversation_id: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who may see the conversation, and how she is reached away from her desk."""

    id: str
    role: str
    wecom: str
    phone: str


async def unclaimed(tx: Transaction, before: datetime) -> Sequence[Unclaimed]:
    """Danger nobody has taken since `before`; a wait counts as danger from its first alarm of danger."""
    begun = (
        select(func.min(_alarm.raised_at))
        .where(
            _alarm.conversation_id == _conversation.id,
            _alarm.reason.in_(_BEGINS),
            _alarm.raised_at >= _conversation.waiting_since,
        )
        .scalar_subquery()
    )
    since = func.coalesce(begun, _conversation.waiting_since, type_=_conversation.waiting_since.type)
    rows = await tx.rows(
        select(_conversation.id, since.label("since")).where(
            _conversation.state == "waiting", _conversation.risk >= _DANGER, _conversation.waiting_since <= before
        )
    )
    return [Unclaimed(row.id, row.since) for row in rows if row.since <= before]


async def members(tx: Transaction, conversation_id: str, now: datetime) -> Sequence[Member]:
    """Everybody who answers women and may see this conversation; nobody who is kept out of it."""
    rows = await tx.rows(
        select(_staff.id, _staff.role, _staff.area_id, _staff.wecom_sealed, _desk.phone_sealed)
        .outerjoin(table(StaffDesk), _desk.staff_id == _staff.id)
        .where(_staff.active, _staff.role.in_(ANSWERING))
        .order_by(_staff.id)
    )
    found = []
    for row in rows:
        sight = await look(tx, row.id, row.role, row.area_id, now)
        seen = await tx.first(select(_conversation.id).where(_conversation.id == conversation_id, within(sight)))
        if seen is not None:
            wecom = tx.keys.house.open("staff.wecom", row.wecom_sealed)
            phone = tx.keys.house.open("staff_desk.phone", row.phone_sealed)
            found.append(Member(row.id, row.role, wecom, phone))
    return found


async def note(tx: Transaction, danger: Unclaimed, level: int, staff_id: str, now: datetime) -> bool:
    """She is told now; False when she was told of this wait at this level before."""
    return await tx.insert_if_new(
        Escalation,
        {
            "id": new_id(),
            "conversation_id": danger.conversation_id,
            "waiting_since": danger.since,
            "step": level,
            "staff_id": staff_id,
            "told_at": now,
        },
    )
