"""Sentences to staff by WeCom: whom an alarm or waiting work concerns, what is due, what became of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update

from storage.database import AnyRow, Transaction
from storage.models import Alarm, Conversation, Notice, Staff, new_id, table
from storage.repositories.inbox.scope import ANSWERING, Sight, look

_notice = table(Notice).c
_alarm = table(Alarm).c
_staff = table(Staff).c
_conversation = table(Conversation).c
#: Longer than any call with its time limits.
_LOST = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Member:
    """A member of staff who can be reached in WeCom, and what she may see."""

    id: str
    userid: str
    sight: Sight

    def sees(self, area_id: str | None, contact_id: str | None) -> bool:
        """Whether a conversation of this woman in this area concerns her: never when she is kept out of it."""
        if contact_id in self.sight.kept_from:
            return False
        return area_id is None or self.sight.areas is None or area_id in self.sight.areas


@dataclass(frozen=True, slots=True)
class DueNotice:
    """One sentence to send now."""

    id: str
    channel: str
    recipient: str
    text: str
    attempts: int
    created_at: datetime


async def members(tx: Transaction, now: datetime) -> list[Member]:
    """Who answers women and has told us her userid."""
    rows = await tx.rows(
        select(_staff.id, _staff.role, _staff.area_id, _staff.wecom_sealed).where(
            _staff.wecom_sealed.is_not(None), _staff.active, _staff.role.in_(ANSWERING)
        )
    )
    return [
        Member(
            row.id,
            tx.keys.house.open("staff.wecom", row.wecom_sealed),
            await look(tx, row.id, row.role, row.area_id, now),
        )
        for row in rows
    ]


async def userids(tx: Transaction, roles: Collection[str]) -> list[tuple[str, str]]:
    """Who stands in these roles and has told us her userid: her id and the userid."""
    rows = await tx.rows(
        select(_staff.id, _staff.wecom_sealed)
        .where(_staff.wecom_sealed.is_not(None), _staff.active, _staff.role.in_(roles))
        .order_by(_staff.id)
    )
    return [(row.id, tx.keys.house.open("staff.wecom", row.wecom_sealed)) for row in rows]


async def fresh_alarms(tx: Transaction, since: datetime) -> Sequence[AnyRow]:
    """Alarms raised since then that nobody has looked at: id, reason, conversation, its area and contact."""
    return await tx.rows(
        select(_alarm.id, _alarm.reason, _alarm.conversation_id, _conversation.area_id, _conversation.contact_id)
        .outerjoin(table(Conversation), _conversation.id == _alarm.conversation_id)
        .where(_alarm.seen_at.is_(None), _alarm.raised_at > since)
        .order_by(_alarm.id)
    )


async def waiting(tx: Transaction, before: datetime) -> Sequence[AnyRow]:
    """Conversations that have waited for a person since before then: id, area, contact, since when."""
    return await tx.rows(
        select(_conversation.id, _conversation.area_id, _conversation.contact_id, _conversation.waiting_since)
        .where(_conversation.state == "waiting", _conversation.waiting_since < before)
        .order_by(_conversation.waiting_since)
    )


async def queue(
    tx: Transaction, *, key: str, channel: str, recipient: str, text: str, now: datetime, staff_id: str | None = None
) -> bool:
    """Queue one sentence, once a key; True when it is new."""
    house = tx.keys.house
    return await tx.insert_if_new(
        Notice,
        {
            "id": new_id(),
            "idempotency_key": key,
            "channel": channel,
            "recipient_sealed": house.seal("notice.recipient", recipient),
            "staff_id": staff_id,
            "text_sealed": house.seal("notice.text", text),
            "created_at": now,
            "not_before": now,
        },
    )


async def claim(tx: Transaction, channel: str, *, now: datetime, worker: str, limit: int) -> list[DueNotice]:
    """Sentences of a channel due now, marked as being sent. One whose sender was lost goes again."""
    await tx.execute(
        update(table(Notice))
        .where(_notice.state == "sending", _notice.channel == channel, _notice.claimed_at < now - _LOST)
        .values(state="queued")
    )
    rows = await tx.rows(
        select(table(Notice))
        .where(_notice.state == "queued", _notice.channel == channel, _notice.not_before <= now)
        .order_by(_notice.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    for row in rows:
        await tx.execute(
            update(table(Notice))
            .where(_notice.id == row.id)
            .values(state="sending", claimed_by=worker, claimed_at=now, attempts=_notice.attempts + 1)
        )
    house = tx.keys.house
    return [
        DueNotice(
            row.id,
            row.channel,
            house.open("notice.recipient", row.recipient_sealed),
            house.open("notice.text", row.text_sealed),
            row.attempts + 1,
            row.created_at,
        )
        for row in rows
    ]


async def sent_since(tx: Transaction, channel: str, since: datetime) -> int:
    """How many sentences a channel has carried since then."""
    row = await tx.first(
        select(func.count()).where(
            _notice.channel == channel, _notice.claimed_at > since, _notice.state.in_(("sending", "sent"))
        )
    )
    return int(row[0]) if row else 0


async def finish(tx: Transaction, notice_id: str, **values: Any) -> None:
    """Record what became of one."""
    await tx.execute(update(table(Notice)).where(_notice.id == notice_id).values(**values))
