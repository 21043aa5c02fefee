"""How far a platform's list has been read."""

from datetime import datetime

from sqlalchemy import select, update

from storage.database import Transaction
from storage.models import ChannelCursor, table

_cursor = table(ChannelCursor).c


async def read(tx: Transaction, channel: str, account: str) -> str:
    """The place kept for an account; empty when nothing was read yet."""
    row = await tx.first(select(_cursor.cursor).where(_cursor.channel == channel, _cursor.account == account))
    return row.cursor if row else ""


async def known(tx: Transaction, channel: str) -> list[str]:
    """The accounts something was read of."""
    return [row.account for row in await tx.rows(select(_cursor.account).where(_cursor.channel == channel))]


async def remember(tx: Transaction, channel: str, account: str, now: datetime) -> None:
    """Know an account before anything was read of it, so that a lost job does not forget it."""
    await tx.insert_if_new(ChannelCursor, {"channel": channel, "account": account, "cursor": "", "moved_at": now})


async def move(tx: Transaction, channel: str, account: str, *, expected: str, to: str, now: datetime) -> bool:
    """Move the place from `expected` to `to`, locked until the commit; False when somebody else has moved it."""
    await remember(tx, channel, account, now)
    changed = await tx.execute(
        update(table(ChannelCursor))
        .where(_cursor.channel == channel, _cursor.account == account, _cursor.cursor == expected)
        .values(cursor=to, moved_at=now)
    )
    return bool(changed.rowcount)
