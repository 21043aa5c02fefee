"""Wrapping data keys anew when the master key changes."""

from sqlalchemy import select, update

from storage.database import Database
from storage.models import Contact, HouseKey, table

_contact = table(Contact).c
_house_key = table(HouseKey).c
_AT_ONCE = 500


async def rewrap_all(database: Database) -> int:
    """Wrap every key by the newest master key; how many. Interrupted, it can be started again."""
    number, after = 0, ""
    async with database.transaction() as tx:
        for row in await tx.rows(select(_house_key.purpose, _house_key.wrapped)):
            wrapped = tx.keys.rewrap(row.purpose, row.wrapped)
            await tx.execute(update(table(HouseKey)).where(_house_key.purpose == row.purpose).values(wrapped=wrapped))
            number += 1
    while True:
        async with database.transaction() as tx:
            rows = await tx.rows(
                select(_contact.id, _contact.wrapped_key)
                .where(_contact.id > after, _contact.wrapped_key.is_not(None))
                .order_by(_contact.id)
                .limit(_AT_ONCE)
                .with_for_update()
            )
            if not rows:
                return number
            for row in rows:
                wrapped = tx.keys.rewrap(f"contact:{row.id}", row.wrapped_key)
                await tx.execute(update(table(Contact)).where(_contact.id == row.id).values(wrapped_key=wrapped))
            number += len(rows)
            after = rows[-1].id
