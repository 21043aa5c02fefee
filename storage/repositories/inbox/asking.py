"""Where a conversation stands for whoever wants to ask her something, and leaving the bot in it with a question."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, literal, select

from bot.errors import NotFound
from storage.database import Transaction
from storage.models import Conversation, table
from storage.repositories.inbox.holding import release

_conversation = table(Conversation).c


@dataclass(frozen=True, slots=True)
class Standing:
    """Whose case it belongs to, who holds it, when she last wrote."""

    case_id: str | None
    holder_id: str | None
    last_inbound_at: datetime | None


async def standing(tx: Transaction, conversation_id: str) -> Standing:
    """Where a conversation stands. Raises NotFound."""
    row = await tx.first(
        select(_conversation.case_id, _conversation.holder_id, _conversation.last_inbound_at).where(
            _conversation.id == conversation_id
        )
    )
    if row is None:
        raise NotFound
    return Standing(row.case_id, row.holder_id, row.last_inbound_at)


async def hand_to_flow(
    tx: Transaction, conversation_id: str, staff_id: str, flow: str, step: str, *, now: datetime, until: datetime
) -> None:
    """Give it back into the queue with the bot waiting in `step` of `flow`. Raises StaleConversation unless held."""
    await release(
        tx,
        conversation_id,
        staff_id,
        state="waiting",
        waiting_since=func.coalesce(_conversation.waiting_since, literal(now, _conversation.waiting_since.type)),
        waiting_reason="invited",
        flow=flow,
        step=step,
        flow_sealed=None,
        flow_expires_at=until,
    )
