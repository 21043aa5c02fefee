"""Whole names as people are found by: one width, no spaces, as a keyed hash; never by a part of one."""

import unicodedata

from storage.database import Transaction

#: A single character is nobody's whole name.
FEWEST = 2


def plain(name: str) -> str:
    """A name as it is compared."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().replace("·", "").split())


def digest(tx: Transaction, name: str) -> bytes | None:
    """What finds a name again; None for what is no whole name."""
    found = plain(name)
    return tx.keys.digest("name", found) if len(found) >= FEWEST and not any(map(str.isdigit, found)) else None
