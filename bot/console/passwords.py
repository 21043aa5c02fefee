"""Passwords of staff: argon2id, and never compared with anything that comes back sooner for a wrong login."""

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

#: Length is what makes a password strong.
SHORTEST_PASSWORD = 10
_HASHER = PasswordHasher()


def hash_password(password: str) -> str:
    """The argon2id hash of a password, with its parameters and salt."""
    return _HASHER.hash(password)


async def is_right(password_hash: str | None, password: str) -> bool:
    """Whether `password` fits; None, for a login nobody has, takes as long and is False."""
    fits = await asyncio.to_thread(_verify, password_hash or _nobody(), password)
    return fits and password_hash is not None


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    return _HASHER.hash("a password nobody has")
