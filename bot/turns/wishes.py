"""Her own settings: what she wants to receive, and the two words that lock and unlock."""

from datetime import datetime
from typing import Any

from bot import clock
from bot.sessions import Person
from bot.turns.line import Writes
from storage import lock_words
from storage.database import Transaction
from storage.repositories import talk


async def keep_wishes(tx: Transaction, person: Person, wishes: dict[str, Any], now: datetime) -> None:
    """Write the settings of hers this turn changed."""
    if not wishes:
        return
    values: dict[str, Any] = {}
    for name, column in (
        ("opted_out", "opted_out_at"),
        ("stopped_all", "stopped_all_at"),
        ("consented", "consented_at"),
    ):
        if name in wishes:
            values[column] = now if wishes[name] else None
    if wishes.get("consented"):
        values["opted_out_at"] = None
    for name in ("safeword_digest", "unlock_digest"):
        if name in wishes:
            values[name] = bytes.fromhex(wishes[name])
    if "reminders" in wishes:
        values["reminders"] = wishes["reminders"]
    if "area" in wishes:
        values["area_id"] = wishes["area"] or None
    if values:
        person.contact.update(values)
        await talk.update_contact(tx, person.contact_id, **values)


def is_word(tx: Transaction, person: Person, digest: bytes | None, text: str) -> bool:
    """Whether the whole message is the word behind `digest`."""
    return lock_words.fits(tx, person.contact_id, digest, text)


async def lock(tx: Transaction, person: Person, writes: Writes) -> None:
    """She sent her 安全词: from now on nothing that was said before reaches this phone."""
    person.locked = True
    await talk.update_contact(tx, person.contact_id, locked_at=clock.now())
    writes.outbox[:] = [
        row for row in writes.outbox if row["contact_id"] != person.contact_id or row["state"] != "queued"
    ]


async def unlock(tx: Transaction, person: Person) -> None:
    """She sent the second word: she is back."""
    person.locked = False
    await talk.update_contact(tx, person.contact_id, locked_at=None)
