"""Staff, their signed-in browsers, and the lock-out after failures."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update

from bot.errors import NotFound, WrongState
from storage.database import AnyRow, Transaction
from storage.models import Contact, Identity, SignInFailure, Staff, StaffSession, new_id, table

#: What somebody may be; what each may open stands in bot/console/access.py, what she sees in inbox/scope.py.
ROLES = ("worker", "caseworker", "supervisor", "local", "cadre", "admin", "auditor")
#: Six failures lock one login for one address for half an hour; live sessions stay.
_MOST_FAILURES = 6
_LOCKED = timedelta(minutes=30)
#: However busy, nobody stays signed in longer.
_LONGEST_SESSION = timedelta(hours=24)

_staff = table(Staff).c
_session = table(StaffSession).c
_failure = table(SignInFailure).c


@dataclass(frozen=True, slots=True)
class StaffView:
    """A member of staff; her name opened."""

    id: str
    login: str
    name: str
    role: str
    area_id: str | None
    password_hash: str
    totp_secret: str
    active: bool
    preview_contact_id: str | None


@dataclass(frozen=True, slots=True)
class SessionView:
    """A signed-in browser and who sits at it."""

    id: str
    csrf: str
    seen_at: datetime
    used_at: datetime
    locked_at: datetime | None
    staff: StaffView


async def add(
    tx: Transaction,
    *,
    login: str,
    name: str,
    role: str,
    password_hash: str,
    now: datetime,
    area_id: str | None = None,
    totp_secret: str = "",
) -> str:
    """A new member of staff; her id. Raises WrongState when the login is taken or the role does not exist."""
    if role not in ROLES:
        raise WrongState(f"role must be one of {', '.join(ROLES)}")
    staff_id = new_id()
    inserted = await tx.insert_if_new(
        Staff,
        {
            "id": staff_id,
            "login": login,
            "name_sealed": tx.keys.house.seal("staff.name", name),
            "role": role,
            "area_id": area_id,
            "password_hash": password_hash,
            "totp_sealed": tx.keys.house.seal("staff.totp", totp_secret) if totp_secret else None,
            "active": True,
            "created_at": now,
        },
    )
    if not inserted:
        raise WrongState(f"the login {login} exists already; choose another or reset its password")
    return staff_id


async def find_by_login(tx: Transaction, login: str) -> StaffView | None:
    """The member of staff with this login."""
    row = await tx.first(select(table(Staff)).where(_staff.login == login))
    return _view(tx, row) if row else None


async def find_by_id(tx: Transaction, staff_id: str) -> StaffView:
    """The member of staff with this id. Raises NotFound."""
    row = await tx.first(select(table(Staff)).where(_staff.id == staff_id))
    if row is None:
        raise NotFound
    return _view(tx, row)


async def list_all(tx: Transaction) -> list[StaffView]:
    """All staff, by login."""
    return [_view(tx, row) for row in await tx.rows(select(table(Staff)).order_by(_staff.login))]


async def names(tx: Transaction) -> dict[str, str]:
    """Staff names by id."""
    return {one.id: one.name or one.login for one in await list_all(tx)}


async def set_password(tx: Transaction, login: str, password_hash: str, now: datetime) -> None:
    """A new password; every browser signed in with the old one is signed out. Raises NotFound."""
    changed = await tx.execute(
        update(table(Staff)).where(_staff.login == login).values(password_hash=password_hash, active=True)
    )
    if not changed.rowcount:
        raise NotFound(f"there is no staff member {login}")
    mine = select(_staff.id).where(_staff.login == login).scalar_subquery()
    await tx.execute(
        update(table(StaffSession))
        .where(_session.staff_id == mine, _session.revoked_at.is_(None))
        .values(revoked_at=now)
    )


async def set_preview_contact(tx: Transaction, staff_id: str, address_digest: bytes | None) -> bool:
    """Her own phone for previews, by the digest of an address that wrote to us; False when nobody did."""
    contact_id = None
    if address_digest is not None:
        identity = table(Identity).c
        row = await tx.first(
            select(identity.contact_id)
            .join(table(Contact), table(Contact).c.id == identity.contact_id)
            .where(identity.address_digest == address_digest)
        )
        if row is None:
            return False
        contact_id = row.contact_id
    await tx.execute(update(table(Staff)).where(_staff.id == staff_id).values(preview_contact_id=contact_id))
    return True


async def set_wecom(tx: Transaction, staff_id: str, userid: str) -> None:
    """Her userid in WeCom, where alarms reach her; empty takes it away. A userid belongs to one member only."""
    digest = tx.keys.digest("wecom", userid) if userid else None
    if digest is not None:
        await tx.execute(
            update(table(Staff)).where(_staff.wecom_digest == digest).values(wecom_digest=None, wecom_sealed=None)
        )
    sealed = tx.keys.house.seal("staff.wecom", userid) if userid else None
    await tx.execute(
        update(table(Staff)).where(_staff.id == staff_id).values(wecom_digest=digest, wecom_sealed=sealed)
    )


async def wecom_of(tx: Transaction, staff_id: str) -> str:
    """Her userid in WeCom; empty when she has none here."""
    row = await tx.first(select(_staff.wecom_sealed).where(_staff.id == staff_id))
    return tx.keys.house.open("staff.wecom", row.wecom_sealed) if row else ""


async def find_by_wecom(tx: Transaction, userid: str) -> str | None:
    """Who has this userid in WeCom."""
    row = await tx.first(select(_staff.id).where(_staff.wecom_digest == tx.keys.digest("wecom", userid)))
    return row.id if row else None


async def open_session(
    tx: Transaction, staff_id: str, now: datetime, *, address: str = "", browser: str = ""
) -> tuple[str, str]:
    """A new signed-in browser: the token for its cookie, and its CSRF token."""
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
    await tx.insert(
        StaffSession,
        {
            "id": new_id(),
            "token_digest": _digest(token),
            "staff_id": staff_id,
            "csrf": csrf,
            "created_at": now,
            "seen_at": now,
            "used_at": now,
            "address": address[:64],
            "browser": browser[:64],
            "expires_at": now + _LONGEST_SESSION,
        },
    )
    return token, csrf


async def find_session(tx: Transaction, token: str, now: datetime, idle: timedelta) -> SessionView | None:
    """The session behind a cookie; None when it is unknown, revoked, expired or idle for too long."""
    row = await tx.first(
        select(
            _session.id.label("session_id"),
            _session.csrf,
            _session.seen_at,
            _session.used_at,
            _session.locked_at,
            _session.expires_at,
            table(Staff),
        )
        .join(table(Staff), _staff.id == _session.staff_id)
        .where(_session.token_digest == _digest(token), _session.revoked_at.is_(None), _staff.active)
    )
    if row is None or row.expires_at <= now or now - row.seen_at > idle:
        return None
    return SessionView(row.session_id, row.csrf, row.seen_at, row.used_at, row.locked_at, _view(tx, row))


async def touch_session(tx: Transaction, session_id: str, now: datetime, *, used: bool) -> None:
    """The browser was heard of; `used`: somebody did something, the idle time begins anew."""
    values = {"seen_at": now} | ({"used_at": now} if used else {})
    await tx.execute(update(table(StaffSession)).where(_session.id == session_id).values(**values))


async def close_session(tx: Transaction, session_id: str, now: datetime) -> None:
    """Sign out."""
    await tx.execute(update(table(StaffSession)).where(_session.id == session_id).values(revoked_at=now))


async def locked_until(tx: Transaction, login: str, address: str, now: datetime) -> datetime | None:
    """Until when this login is locked for this address; None when it is not."""
    row = await tx.first(select(_failure.locked_until).where(_failure.key_digest == _failure_key(tx, login, address)))
    return row.locked_until if row and row.locked_until and row.locked_until > now else None


async def note_failure(tx: Transaction, login: str, address: str, now: datetime) -> bool:
    """Count a failed sign-in; True when it locked the pair."""
    key = _failure_key(tx, login, address)
    await tx.execute(delete(table(SignInFailure)).where(_failure.first_at < now - _LOCKED))
    await tx.insert_if_new(SignInFailure, {"key_digest": key, "failures": 0, "first_at": now})
    await tx.execute(
        update(table(SignInFailure)).where(_failure.key_digest == key).values(failures=_failure.failures + 1)
    )
    locked = await tx.execute(
        update(table(SignInFailure))
        .where(_failure.key_digest == key, _failure.failures >= _MOST_FAILURES)
        .values(locked_until=now + _LOCKED, first_at=now)
    )
    return bool(locked.rowcount)


async def forget_failures(tx: Transaction, login: str, address: str) -> None:
    """She signed in: begin counting anew."""
    await tx.execute(delete(table(SignInFailure)).where(_failure.key_digest == _failure_key(tx, login, address)))


async def count(tx: Transaction) -> int:
    """How many members of staff there are."""
    row = await tx.first(select(func.count()).select_from(table(Staff)))
    return int(row[0]) if row else 0


def _view(tx: Transaction, row: AnyRow) -> StaffView:
    house = tx.keys.house
    return StaffView(
        row.id,
        row.login,
        house.open("staff.name", row.name_sealed),
        row.role,
        row.area_id,
        row.password_hash,
        house.open("staff.totp", row.totp_sealed),
        row.active,
        row.preview_contact_id,
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()[:16]


def _failure_key(tx: Transaction, login: str, address: str) -> bytes:
    return tx.keys.digest("sign-in", f"{login}\0{address}")
