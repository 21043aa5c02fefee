"""Everything that happened in a case in one order: its own events, and what was said in its conversations."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select, update

from bot.errors import NotFound
from storage.database import Transaction
from storage.models import CaseEvent, Conversation, table
from storage.repositories.cases.events import add_event
from storage.repositories.cases.views import CaseFile
from storage.repositories.inbox.scope import Scope, within

_event = table(CaseEvent).c
_conversation = table(Conversation).c


@dataclass(frozen=True, slots=True)
class EventView:
    """One entry of the timeline, opened."""

    id: str
    at: datetime
    kind: str
    staff_id: str | None
    subject: str
    code: str
    body: str


@dataclass(frozen=True, slots=True)
class TalkLine:
    """A conversation of hers, and whether it belongs to this case."""

    id: str
    channel: str
    state: str
    category: str
    opened_at: datetime
    closed_at: datetime | None
    linked: bool


async def events_of(tx: Transaction, case: CaseFile) -> list[EventView]:
    """Its own events, the first one first."""
    rows = await tx.rows(select(table(CaseEvent)).where(_event.case_id == case.id).order_by(_event.at, _event.id))
    return [
        EventView(
            row.id,
            row.at,
            row.kind,
            row.staff_id,
            row.subject,
            row.code,
            case.key.open("case_event.body", row.body_sealed),
        )
        for row in rows
    ]


async def talks_of(tx: Transaction, case: CaseFile, scope: Scope) -> list[TalkLine]:
    """Her conversations within `scope`: those of this case, and those of no case yet, the newest first."""
    linked = or_(_conversation.case_id == case.id, _conversation.id == case.conversation_id)
    rows = await tx.rows(
        select(
            _conversation.id,
            _conversation.channel,
            _conversation.state,
            _conversation.category,
            _conversation.opened_at,
            _conversation.closed_at,
            linked.label("linked"),
        )
        .where(
            _conversation.contact_id == case.contact_id, or_(linked, _conversation.case_id.is_(None)), within(scope)
        )
        .order_by(_conversation.opened_at.desc())
    )
    return [
        TalkLine(row.id, row.channel, row.state, row.category, row.opened_at, row.closed_at, bool(row.linked))
        for row in rows
    ]


async def link_talk(
    tx: Transaction, case: CaseFile, talk_id: str, staff_id: str, now: datetime, *, scope: Scope
) -> None:
    """Put a conversation of hers into this case. Raises NotFound for another woman's or another case's."""
    changed = await tx.execute(
        update(table(Conversation))
        .where(
            _conversation.id == talk_id,
            _conversation.contact_id == case.contact_id,
            _conversation.case_id.is_(None),
            within(scope),
        )
        .values(case_id=case.id, version=_conversation.version + 1)
    )
    if not changed.rowcount:
        raise NotFound
    await add_event(tx, case.key, case.id, "linked", now=now, staff_id=staff_id, subject=f"conversation:{talk_id}")
