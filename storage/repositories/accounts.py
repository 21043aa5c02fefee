"""Accounts of staff: second factor, recovery codes, signed-in browsers, locked screens, changes by admins."""

import json
import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update

from bot.errors import NotFound, WrongState
from storage.database import AnyRow, Transaction
from storage.models import Area, Conversation, Staff, StaffSession, table
from storage.repositories.staff import ROLES, StaffView, find_by_id

#: Recovery codes made at once; each is good for one sign-in.
_CODES = 8
#: No letters and digits people mistake for each other.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"

_staff = table(Staff).c
_session = table(StaffSession).c
_conversation = table(Conversation).c


async def begin_totp(tx: Transaction, staff_id: str, secret: str) -> None:
    """Keep a secret that was shown and is not confirmed yet; sign-in does not ask for it."""
    await _set(tx, staff_id, totp_pending_sealed=tx.keys.house.seal("staff.totp_pending", secret))


async def pending_totp(tx: Transaction, staff_id: str) -> str:
    """The secret waiting to be confirmed; empty when there is none."""
    row = await tx.first(select(_staff.totp_pending_sealed).where(_staff.id == staff_id))
    return tx.keys.house.open("staff.totp_pending", row.totp_pending_sealed) if row else ""


async def confirm_totp(tx: Transaction, staff_id: str, secret: str, step: int) -> list[str]:
    """The secret is in use from now on; the recovery codes, to be shown once."""
    codes = ["-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(2)) for _ in range(_CODES)]
    await _set(
        tx,
        staff_id,
        totp_sealed=tx.keys.house.seal("staff.totp", secret),
        totp_pending_sealed=None,
        totp_step=step,
        recovery_sealed=_seal_codes(tx, [_code_digest(tx, staff_id, code) for code in codes]),
    )
    return codes


async def use_totp(tx: Transaction, staff_id: str, step: int) -> bool:
    """Use up the code of this half minute; False when it or a later one was used before."""
    used = await tx.execute(
        update(table(Staff)).where(_staff.id == staff_id, _staff.totp_step < step).values(totp_step=step)
    )
    return bool(used.rowcount)


async def remove_totp(tx: Transaction, staff_id: str) -> None:
    """No second factor any more, no recovery codes."""
    await _set(tx, staff_id, totp_sealed=None, totp_pending_sealed=None, recovery_sealed=None)


async def recovery_left(tx: Transaction, staff_id: str) -> int:
    """How many recovery codes nobody has used."""
    return len(await _codes(tx, staff_id))


async def use_recovery(tx: Transaction, staff_id: str, code: str) -> bool:
    """Whether `code` is one of hers; it is not good a second time."""
    known = await _codes(tx, staff_id)
    digest = _code_digest(tx, staff_id, code)
    if digest not in known:
        return False
    await _set(tx, staff_id, recovery_sealed=_seal_codes(tx, [one for one in known if one != digest]))
    return True


async def sessions_of(tx: Transaction, staff_id: str, now: datetime) -> Sequence[AnyRow]:
    """Her signed-in browsers, the one used last first: id, address, browser, created_at, used_at, locked_at."""
    return await tx.rows(
        select(
            _session.id,
            _session.address,
            _session.browser,
            _session.created_at,
            _session.used_at,
            _session.locked_at,
        )
        .where(_session.staff_id == staff_id, _session.revoked_at.is_(None), _session.expires_at > now)
        .order_by(_session.used_at.desc())
    )


async def revoke_session(tx: Transaction, staff_id: str, session_id: str, now: datetime) -> None:
    """Sign a browser out from afar. Raises NotFound."""
    changed = await tx.execute(
        update(table(StaffSession))
        .where(_session.id == session_id, _session.staff_id == staff_id, _session.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    if not changed.rowcount:
        raise NotFound


async def revoke_others(tx: Transaction, staff_id: str, but: str, now: datetime) -> None:
    """Sign all her browsers out, the one `but` excepted."""
    await tx.execute(
        update(table(StaffSession))
        .where(_session.staff_id == staff_id, _session.id != but, _session.revoked_at.is_(None))
        .values(revoked_at=now)
    )


async def lock_session(tx: Transaction, session_id: str, now: datetime) -> None:
    """The screen is locked until the password is given."""
    await tx.execute(
        update(table(StaffSession))
        .where(_session.id == session_id, _session.locked_at.is_(None))
        .values(locked_at=now)
    )


async def unlock_session(tx: Transaction, session_id: str, now: datetime) -> None:
    """She is back."""
    await tx.execute(
        update(table(StaffSession)).where(_session.id == session_id).values(locked_at=None, used_at=now, seen_at=now)
    )


async def set_own_password(
    tx: Transaction, staff_id: str, password_hash: str, session_id: str, now: datetime
) -> None:
    """A new password of her own choice; her other browsers are signed out."""
    await _set(tx, staff_id, password_hash=password_hash)
    await revoke_others(tx, staff_id, session_id, now)


async def change(tx: Transaction, staff_id: str, *, name: str, role: str, area_id: str | None) -> StaffView:
    """Name, role and area of a colleague; as it was before. Raises NotFound and WrongState."""
    before = await find_by_id(tx, staff_id)
    if role not in ROLES:
        raise WrongState("没有这个岗位")
    await _set(tx, staff_id, name_sealed=tx.keys.house.seal("staff.name", name), role=role, area_id=area_id)
    return before


async def set_active(tx: Transaction, staff_id: str, active: bool, now: datetime) -> None:
    """Let a colleague in again, or keep her out: browsers signed out, what she held back in the queue."""
    await find_by_id(tx, staff_id)
    await _set(tx, staff_id, active=active)
    if active:
        return
    await revoke_others(tx, staff_id, "", now)
    await tx.execute(
        update(table(Conversation))
        .where(_conversation.holder_id == staff_id, _conversation.state == "held")
        .values(
            state="waiting",
            holder_id=None,
            held_at=None,
            waiting_since=now,
            waiting_reason="handed_back",
            version=_conversation.version + 1,
        )
    )


async def areas(tx: Transaction) -> list[tuple[str, str]]:
    """All areas by id, as people read them: 县 › 乡 › 村."""
    rows = {row.id: row for row in await tx.rows(select(table(Area)).order_by(table(Area).c.code))}

    def path(area_id: str | None) -> str:
        row = rows.get(area_id or "")
        return f"{path(row.parent_id)} › {row.name}".removeprefix(" › ") if row is not None else ""

    return [(area_id, path(area_id)) for area_id in rows]


async def _codes(tx: Transaction, staff_id: str) -> list[str]:
    row = await tx.first(select(_staff.recovery_sealed).where(_staff.id == staff_id).with_for_update())
    return list(tx.keys.house.open_json("staff.recovery", row.recovery_sealed, [])) if row else []


def _seal_codes(tx: Transaction, digests: list[str]) -> bytes:
    return tx.keys.house.seal("staff.recovery", json.dumps(digests))


def _code_digest(tx: Transaction, staff_id: str, code: str) -> str:
    plain = code.strip().lower().replace(" ", "").replace("-", "")
    return tx.keys.digest("recovery", f"{staff_id}\0{plain}").hex()


async def _set(tx: Transaction, staff_id: str, **values: object) -> None:
    await tx.execute(update(table(Staff)).where(_staff.id == staff_id).values(**values))
