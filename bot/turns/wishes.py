"""Her own settings: what she wants to receive, and the two words that lock and unlock."""

from datetime import datetime
from typing import Any

from bot.sessions import Person
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
    for name, column in (("safeword", "safeword_digest"), ("unlock_word", "unlock_digest")):
        if name in wishes:
            word = str(wishes[name]).strip()
            values[column] = _word_digest(tx, person, word) if word else None
    if "area" in wishes:
        values["area_id"] = wishes["area"] or None
    if values:
        person.contact.update(values)
        await talk.update_contact(tx, person.contact_id, **values)


def is_word(tx: Transaction, person: Person, digest: bytes | None, text: str) -> bool:
    """Whether the whole message is the word behind `digest`."""
    return digest is not None and bool(text) and _word_digest(tx, person, text.strip()) == digest


def _word_digest(tx: Transaction, person: Person, word: str) -> bytes:
    return tx.keys.digest("word", f"{person.contact_id}\0{word}")
