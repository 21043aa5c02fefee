"""What of a case's conversations helps to fill a document: her own words about danger, and the files she sent."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, or_, select

from storage.database import Transaction
from storage.models import Attachment, Conversation, InboundMessage, table
from storage.repositories.cases import CaseFile

_inbound = table(InboundMessage).c
_conversation = table(Conversation).c
_attachment = table(Attachment).c


@dataclass(frozen=True, slots=True)
class Said:
    """One message of hers that told of danger: when, and her words."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Sent:
    """One file she sent: when, and what kind."""

    at: datetime
    kind: str


async def said_of_danger(tx: Transaction, case: CaseFile, limit: int = 20) -> list[Said]:
    """Her messages in the conversations of a case that told of danger, the first one first."""
    rows = await tx.rows(
        select(_inbound.said_at, _inbound.content_sealed)
        .where(
            _inbound.conversation_id.in_(_talks(case)),
            _inbound.kind == "text",
            _inbound.risk > 0,
            _inbound.content_sealed.is_not(None),
        )
        .order_by(_inbound.said_at, _inbound.said_order)
        .limit(limit)
    )
    found = [
        (row.said_at, case.key.open_json("inbound.content", row.content_sealed, {}).get("text", "")) for row in rows
    ]
    return [Said(at, text) for at, text in found if text]


async def files_sent(tx: Transaction, case: CaseFile, limit: int = 50) -> list[Sent]:
    """Pictures, voices and videos she sent in the conversations of a case, the first one first."""
    rows = await tx.rows(
        select(_attachment.created_at, _attachment.kind)
        .join(table(InboundMessage), _inbound.id == _attachment.inbound_id)
        .where(_inbound.conversation_id.in_(_talks(case)), _attachment.state == "kept")
        .order_by(_attachment.id)
        .limit(limit)
    )
    return [Sent(row.created_at, row.kind) for row in rows]


def _talks(case: CaseFile) -> Select[tuple[str]]:
    return select(_conversation.id).where(
        or_(_conversation.case_id == case.id, _conversation.id == case.conversation_id)
    )
