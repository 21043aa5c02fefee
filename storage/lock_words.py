"""Her 安全词 and unlock word: how what she types is compared, and the keyed digest each is kept as."""

import unicodedata

from storage.database import Transaction


def plain(text: str) -> str:
    """`text` as it is compared: one width, no white space, no punctuation at the ends; its own if nothing is left."""
    word = "".join(unicodedata.normalize("NFKC", text).casefold().split())
    begin, end = 0, len(word)
    while begin < end and _is_mark(word[begin]):
        begin += 1
    while end > begin and _is_mark(word[end - 1]):
        end -= 1
    return word[begin:end] or text.strip()


def digest(tx: Transaction, contact_id: str, word: str) -> bytes:
    """What is kept of a word."""
    return _digest(tx, contact_id, plain(word))


def fits(tx: Transaction, contact_id: str, kept: bytes | None, text: str) -> bool:
    """Whether the whole message is the word behind `kept`; one kept as it was typed still fits."""
    if kept is None or not text.strip():
        return False
    return kept in (_digest(tx, contact_id, plain(text)), _digest(tx, contact_id, text.strip()))


def _digest(tx: Transaction, contact_id: str, word: str) -> bytes:
    return tx.keys.digest("word", f"{contact_id}\0{word}")


def _is_mark(sign: str) -> bool:
    return sign == "~" or unicodedata.category(sign).startswith("P")
