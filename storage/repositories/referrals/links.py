"""One-time links: given out with a code, bound to the first browser, shut by five wrong codes; kept as hashes."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from storage.database import AnyRow, Transaction
from storage.models import Referral, ReferralLink, new_id, table
from storage.repositories.referrals.history import note
from storage.repositories.referrals.views import SHOWN, ReferralFile, find

#: Bytes of chance in the address: 256 bits.
_TOKEN_BYTES = 32
_CODE_DIGITS = 6
MOST_FAILURES = 5

_link = table(ReferralLink).c
_referral = table(Referral).c


@dataclass(frozen=True, slots=True)
class Opening:
    """What became of a code: opened, wrong, taken (another browser has the link), gone.

    `browser` is the token this browser keeps, `visit` the one it keeps until it is closed.
    """

    result: str
    browser: str = ""
    visit: str = ""
    expires_at: datetime | None = None
    referral: ReferralFile | None = None


async def give_link(
    tx: Transaction, referral: ReferralFile, staff_id: str, now: datetime, *, expires_at: datetime
) -> tuple[str, str]:
    """A new link, (token, code), to be shown once; every older one opens nothing any more."""
    await revoke_links(tx, referral.id, now)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    code = f"{secrets.randbelow(10**_CODE_DIGITS):0{_CODE_DIGITS}d}"
    await tx.insert(
        ReferralLink,
        {
            "id": new_id(),
            "referral_id": referral.id,
            "token_digest": _token_digest(tx, token),
            "code_digest": _code_digest(tx, token, code),
            "created_by": staff_id,
            "created_at": now,
            "expires_at": expires_at,
        },
    )
    await note(tx, referral, "linked", now, staff_id=staff_id)
    return token, code


async def revoke_links(tx: Transaction, referral_id: str, now: datetime) -> None:
    """No link of a referral opens anything any more."""
    await tx.execute(
        update(table(ReferralLink))
        .where(_link.referral_id == referral_id, _link.revoked_at.is_(None))
        .values(revoked_at=now)
    )


async def try_code(tx: Transaction, token: str, code: str, browser: str, now: datetime) -> Opening:
    """Open a link with its code: the first browser to do so keeps it, every other is told that it is taken.

    `browser` is what this browser kept from an earlier time; the code is asked again for every visit.
    """
    row = await _find(tx, token, now, for_update=True)
    if row is None or row.failures >= MOST_FAILURES:
        return Opening("gone")
    referral = await find(tx, row.referral_id, None, for_update=True)
    if not hmac.compare_digest(bytes(row.code_digest), _code_digest(tx, token, code)):
        await tx.execute(update(table(ReferralLink)).where(_link.id == row.id).values(failures=row.failures + 1))
        shut = row.failures + 1 >= MOST_FAILURES
        await note(tx, referral, "link_shut" if shut else "code_wrong", now)
        return Opening("gone" if shut else "wrong", referral=referral)
    if row.browser_digest is None:
        browser = secrets.token_urlsafe(_TOKEN_BYTES)
        await tx.execute(
            update(table(ReferralLink))
            .where(_link.id == row.id)
            .values(browser_digest=_browser_digest(tx, browser), opened_at=now)
        )
        await note(tx, referral, "link_opened", now)
    elif not _is_same_browser(tx, row, browser):
        await note(tx, referral, "link_taken", now)
        return Opening("taken", referral=referral)
    return Opening("opened", browser, _visit(tx, row, browser), row.expires_at, referral)


async def of_browser(
    tx: Transaction, token: str, browser: str, visit: str, now: datetime, *, for_update: bool = False
) -> ReferralFile | None:
    """What the browser that opened a link may see; None when it may not, or there is nothing to see any more."""
    row = await _find(tx, token, now)
    if row is None or not _is_same_browser(tx, row, browser):
        return None
    if not hmac.compare_digest(visit.encode(), _visit(tx, row, browser).encode()):
        return None
    return await find(tx, row.referral_id, None, for_update=for_update)


async def is_open(tx: Transaction, token: str, now: datetime) -> bool:
    """Whether a link can be opened with its code at all."""
    row = await _find(tx, token, now)
    return row is not None and row.failures < MOST_FAILURES


async def _find(tx: Transaction, token: str, now: datetime, *, for_update: bool = False) -> AnyRow | None:
    """A link that is in its time, not revoked, and whose referral still shows something."""
    query = (
        select(_link.id, _link.referral_id, _link.code_digest, _link.browser_digest, _link.failures, _link.expires_at)
        .join(table(Referral), _referral.id == _link.referral_id)
        .where(
            _link.token_digest == _token_digest(tx, token),
            _link.revoked_at.is_(None),
            _link.expires_at > now,
            _referral.state.in_(SHOWN),
            _referral.shared_sealed.is_not(None),
        )
    )
    return await tx.first(query.with_for_update(of=table(ReferralLink)) if for_update else query)


def _token_digest(tx: Transaction, token: str) -> bytes:
    return tx.keys.digest("referral_link.token", token)


def _code_digest(tx: Transaction, token: str, code: str) -> bytes:
    return tx.keys.digest("referral_link.code", f"{token}\0{code}")


def _browser_digest(tx: Transaction, browser: str) -> bytes:
    return tx.keys.digest("referral_link.browser", browser)


def _is_same_browser(tx: Transaction, row: AnyRow, browser: str) -> bool:
    if row.browser_digest is None or not browser:
        return False
    return hmac.compare_digest(bytes(row.browser_digest), _browser_digest(tx, browser))


def _visit(tx: Transaction, row: AnyRow, browser: str) -> str:
    """What shows that the code was given in this visit; nobody without the look-up key can make it."""
    return tx.keys.digest("referral_link.visit", f"{row.id}\0{browser}").hex()
