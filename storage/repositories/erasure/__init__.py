"""Wishes to be forgotten (`requests`), and what is done when their time has come (`forgetting`)."""

from storage.repositories.erasure.forgetting import erase, forget_erased, hold, leave_platform
from storage.repositories.erasure.requests import (
    GRACE,
    ErasureView,
    ask,
    confirm,
    due,
    duty,
    find_open,
    postpone,
    revoke,
    still_due,
)

__all__ = [
    "GRACE",
    "ErasureView",
    "ask",
    "confirm",
    "due",
    "duty",
    "erase",
    "find_open",
    "forget_erased",
    "hold",
    "leave_platform",
    "postpone",
    "revoke",
    "still_due",
]
