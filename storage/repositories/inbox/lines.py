"""What was said in one conversation, both sides in one order, a page at a time.

Some women write for years: a page holds the last hundred lines, and the hundred before a line on demand.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, Table, literal, select, tuple_

from bot.messages import OutboundClass
from storage.database import AnyRow, Transaction
from storage.encryption import DataKey
from storage.models import Attachment, InboundMessage, Note, Outbox, table

_inbound = table(InboundMessage).c
_outbox = table(Outbox).c
_attachment = table(Attachment).c

#: What is shown in one order: hers, ours, and what staff write for each other.
_SIDES = (table(InboundMessage), table(Outbox), table(Note))
#: Lines on one page.
PAGE = 100
#: Where a line stands: the platform's time and number, hers before its answers, id.
Place = tuple[datetime, int, int, str]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing said or done in a conversation, in order."""

    id: str
    #: her, bot, staff, or note (of staff for each other: she never sees it)
    who: str
    kind: str
    at: datetime
    text: str
    staff_id: str | None = None
    state: str = ""
    error: str = ""
    key: str = ""
    #: Its content has expired.
    gone: bool = False
    place: dict[str, Any] = field(default_factory=dict)
    attachments: tuple[AnyRow, ...] = ()
    #: Of an outbox row: what kind of failure, whether it was called back, when the platform took it.
    code: str = ""
    recall: str = ""
    recall_sentence: str = ""
    sent_at: datetime | None = None
    not_before: datetime | None = None


async def lines(
    tx: Transaction, key: DataKey, conversation_id: str, before: str = "", most: int = PAGE
) -> tuple[list[Line], bool]:
    """The last `most` lines, or those before the line `before`, the oldest first; and whether there are older ones.

    Hers by the platform's time and number, answers right after what they answer. An unknown `before` is no limit.
    """
    end = await _place_of(tx, conversation_id, before) if before else None
    placed: list[tuple[Place, AnyRow, Table]] = []
    for one in _SIDES:
        for row in await tx.rows(_newest(one, conversation_id, end, most + 1)):
            rank = 0 if one is table(InboundMessage) else row.said_rank
            placed.append(((row.said_at, row.said_order, rank, row.id), row, one))
    placed.sort(key=lambda one: one[0])
    shown = placed[-most:]
    files = await _files(tx, [row.id for _, row, one in shown if one is table(InboundMessage)])
    return [_open(key, row, one, files) for _, row, one in shown], len(placed) > most


def _open(key: DataKey, row: AnyRow, one: Table, files: dict[str, list[AnyRow]]) -> Line:
    if one is table(InboundMessage):
        return _hers(key, row, tuple(files.get(row.id, ())))
    return _note(key, row) if one is table(Note) else _answer(key, row)


def _newest(one: Table, conversation_id: str, end: Place | None, most: int) -> Any:
    query = select(one).where(one.c.conversation_id == conversation_id)
    if end is not None:
        bound = tuple_(
            literal(end[0], one.c.said_at.type),
            literal(end[1], one.c.said_order.type),
            literal(end[2]),
            literal(end[3]),
        )
        # The first condition says nothing new, but it is the one the index knows.
        query = query.where(
            one.c.said_at <= end[0], tuple_(one.c.said_at, one.c.said_order, _rank(one), one.c.id) < bound
        )
    return query.order_by(
        one.c.said_at.desc(),
        one.c.said_order.desc(),
        *([_rank(one).desc()] if "said_rank" in one.c else []),
        one.c.id.desc(),
    ).limit(most)


def _rank(one: Table) -> ColumnElement[int]:
    return one.c.said_rank if "said_rank" in one.c else literal(0, Integer)


async def _place_of(tx: Transaction, conversation_id: str, line_id: str) -> Place | None:
    for one in _SIDES:
        row = await tx.first(
            select(one.c.said_at, one.c.said_order, _rank(one)).where(
                one.c.id == line_id, one.c.conversation_id == conversation_id
            )
        )
        if row is not None:
            return row[0], row[1], row[2], line_id
    return None


async def _files(tx: Transaction, inbound_ids: Sequence[str]) -> dict[str, list[AnyRow]]:
    found: dict[str, list[AnyRow]] = {}
    if not inbound_ids:
        return found
    for row in await tx.rows(
        select(
            _attachment.id, _attachment.inbound_id, _attachment.kind, _attachment.state, _attachment.content_type
        ).where(_attachment.inbound_id.in_(inbound_ids))
    ):
        found.setdefault(row.inbound_id, []).append(row)
    return found


def _hers(key: DataKey, row: AnyRow, files: tuple[AnyRow, ...]) -> Line:
    content = json.loads(key.open("inbound.content", row.content_sealed) or "{}")
    return Line(
        id=row.id,
        who="her",
        kind=row.kind,
        at=row.said_at,
        text=content.get("text", ""),
        key=content.get("key", ""),
        gone=row.content_sealed is None,
        place=content.get("location") or {},
        attachments=files,
    )


def _answer(key: DataKey, row: AnyRow) -> Line:
    return Line(
        id=row.id,
        who="staff" if row.outbound_class == OutboundClass.STAFF else "bot",
        kind="text",
        at=row.said_at,
        text=key.open("outbox.text", row.text_sealed),
        staff_id=row.staff_id,
        state=row.state,
        error=row.error_sentence,
        code=row.error_code,
        recall=row.recall,
        recall_sentence=row.recall_sentence,
        sent_at=row.finished_at,
        not_before=row.not_before,
    )


def _note(key: DataKey, row: AnyRow) -> Line:
    return Line(
        id=row.id,
        who="note",
        kind=row.kind,
        at=row.said_at,
        text=key.open("conversation_note.text", row.text_sealed),
        staff_id=row.staff_id,
        gone=row.text_sealed is None,
    )
