"""How rows of one woman are found in tables of millions, which have an index by conversation and none by contact."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Table, and_, or_, select

from storage.database import Transaction
from storage.models import Conversation, table

_conversation = table(Conversation).c
#: Tables of millions of rows.
LARGE = frozenset({"inbound_message", "outbox"})


async def talks_of(tx: Transaction, contact_id: str) -> list[str]:
    """Ids of all her conversations."""
    return [row.id for row in await tx.rows(select(_conversation.id).where(_conversation.contact_id == contact_id))]


def said_with(one: Table, contact_id: str, talks: Collection[str]) -> ColumnElement[bool]:
    """Her rows of a large table, by the indexes it has: those of her conversations, and those of none."""
    return or_(
        one.c.conversation_id.in_(talks), and_(one.c.conversation_id.is_(None), one.c.contact_id == contact_id)
    )
