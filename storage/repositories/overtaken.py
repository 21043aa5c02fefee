"""Answers of the bot that a take-over has overtaken: given back before they are sent, then refused by the gate."""

from collections.abc import Sequence

from sqlalchemy import select, update

from bot.messages import OutboundClass
from storage.database import Transaction
from storage.models import Conversation, Identity, Outbox, table
from storage.repositories.outbox import DueRow

_outbox = table(Outbox).c
_identity = table(Identity).c
_conversation = table(Conversation).c


async def give_back(tx: Transaction, rows: Sequence[DueRow]) -> set[str]:
    """Which of these claimed rows the bot meant to say before a person took over a moment ago: given back.

    To be asked after `claim`: a take-over holds her address until its commit, so it is seen here or comes later.
    """
    answers = [due.id for due in rows if due.row.outbound_class == OutboundClass.ANSWER and due.row.conversation_id]
    if not answers:
        return set()
    found = await tx.rows(
        select(_outbox.id, _outbox.identity_id)
        .join(table(Conversation), _conversation.id == _outbox.conversation_id)
        .where(_outbox.id.in_(answers), _outbox.crisis.is_(False), _conversation.held_at >= _outbox.created_at)
    )
    for row in found:
        await tx.execute(
            update(table(Outbox))
            .where(_outbox.id == row.id)
            .values(state="queued", claimed_by="", claimed_at=None, attempts=_outbox.attempts - 1)
        )
        await tx.execute(
            update(table(Identity))
            .where(_identity.id == row.identity_id)
            .values(window_used=_identity.window_used - 1)
        )
    return {row.id for row in found}
