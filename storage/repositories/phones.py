"""Telephone numbers: sealed with her key, and found again by a keyed hash of their digits."""

import re

from sqlalchemy import update

from storage.database import Transaction
from storage.encryption import DataKey
from storage.models import Contact, table

#: Shorter ones are service numbers or parts.
FEWEST_DIGITS = 7
_MOBILE_DIGITS = 11
_NOT_DIGITS = re.compile(r"\D")
_contact = table(Contact).c


def plain(phone: str) -> str:
    """Its digits, without the country's code."""
    digits = _NOT_DIGITS.sub("", phone)
    if len(digits) > _MOBILE_DIGITS and digits.startswith(("86", "0086")):
        digits = digits[-_MOBILE_DIGITS:]
    return digits


def digest(tx: Transaction, digits: str) -> bytes:
    """The keyed hash a number is found by."""
    return tx.keys.digest("phone", digits)


async def remember(tx: Transaction, key: DataKey, contact_id: str, phone: str) -> None:
    """Keep the number she gave last; something that is none changes nothing."""
    digits = plain(phone)
    if len(digits) < FEWEST_DIGITS:
        return
    await tx.execute(
        update(table(Contact))
        .where(_contact.id == contact_id)
        .values(phone_sealed=key.seal("contact.phone", phone), phone_digest=digest(tx, digits))
    )
