"""How a case stands: closed with an outcome."""

from datetime import datetime

from sqlalchemy import or_, select, update

from storage.database import Transaction
from storage.models import Case, Conversation, table
from storage.repositories.cases import violence

_case = table(Case).c
_conversation = table(Conversation).c


async def close_of_conversation(tx: Transaction, conversation_id: str, outcome: str, now: datetime) -> None:
    """Close the case of a conversation whose matter is settled; broadcasts are allowed again without another."""
    of_talk = select(_conversation.case_id).where(_conversation.id == conversation_id).scalar_subquery()
    case = await tx.first(
        select(_case.id, _case.contact_id).where(
            or_(_case.conversation_id == conversation_id, _case.id == of_talk), _case.status != "closed"
        )
    )
    if case is None:
        return
    await tx.execute(
        update(table(Case))
        .where(_case.id == case.id)
        .values(
            status="closed",
            closed_at=now,
            outcome=outcome,
            next_action="",
            next_at=None,
            next_sealed=None,
            version=_case.version + 1,
        )
    )
    await violence.keep_out_of_broadcasts(tx, case.contact_id)
