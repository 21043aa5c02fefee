"""How an open referral goes on: the unit's answers, and the end of it."""

from datetime import datetime

from bot.errors import WrongState
from storage.database import Transaction
from storage.repositories.referrals.drafts import write
from storage.repositories.referrals.history import note
from storage.repositories.referrals.links import revoke_links
from storage.repositories.referrals.views import RUNNING, ReferralFile

#: What a unit can answer: the state it leads to (None: as before), and from which states.
ANSWERS: dict[str, tuple[str | None, frozenset[str]]] = {
    "accepted": ("accepted", frozenset({"open"})),
    "refused": ("refused", frozenset({"open", "accepted"})),
    "done": ("done", frozenset({"open", "accepted"})),
    "note": (None, frozenset({"open", "accepted"})),
}


async def answer(
    tx: Transaction, referral: ReferralFile, kind: str, text: str, now: datetime, *, staff_id: str | None = None
) -> None:
    """The unit's answer, by its link or told to staff (`staff_id`). Raises WrongState when it is not possible now."""
    state, allowed = ANSWERS[kind]
    if referral.state not in allowed:
        raise WrongState("这个转介已经答复过了，请刷新再看")
    values: dict[str, object] = {"answered_at": referral.answered_at or now}
    if state is not None:
        values["state"] = state
        if state not in RUNNING:
            values["closed_at"] = now
    await write(tx, referral, **values)
    if state is not None and state not in RUNNING:
        await revoke_links(tx, referral.id, now)
    code = f"told_{kind}" if staff_id else kind
    await note(tx, referral, code, now, staff_id=staff_id, body=text)


async def revoke(tx: Transaction, referral: ReferralFile, reason: str, staff_id: str, now: datetime) -> None:
    """Take it back at once: every link shows nothing from now on. Raises WrongState when it is over already."""
    if referral.state not in RUNNING:
        raise WrongState("这个转介已经结束了")
    await write(tx, referral, state="revoked", closed_at=now)
    await revoke_links(tx, referral.id, now)
    await note(tx, referral, "revoked", now, staff_id=staff_id, body=reason)
