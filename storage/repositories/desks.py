"""How staff work at the desk: what each of them takes, how much, whether she is there; the next one for her."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select, update

from bot.errors import NotFound, StaleConversation
from storage.database import AnyRow, Transaction
from storage.models import Conversation, Identity, Staff, StaffDesk, StaffSession, table
from storage.repositories.inbox import claim
from storage.repositories.inbox.scope import ANSWERING, Scope, within

_desk = table(StaffDesk).c
_staff = table(Staff).c
_session = table(StaffSession).c
_conversation = table(Conversation).c
_identity = table(Identity).c
_LANGUAGE = "language_"
_DANGER = 2

PRESENCES = ("in", "busy", "away")


@dataclass(frozen=True, slots=True)
class Profile:
    """What one of staff takes: categories (none: all), languages besides Chinese, how many at a time."""

    staff_id: str
    skills: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    load_limit: int | None = None
    presence: str = "in"
    phone: str = ""

    def takes(self, category: str, language: str, risk: int) -> bool:
        """Whether a conversation of this kind is for her; danger is for everybody who understands the language."""
        if language and language not in self.languages:
            return False
        return risk >= _DANGER or not self.skills or not category or category in self.skills

    def has(self, skill: str) -> bool:
        """Whether she has a skill a conversation was offered to: a category, or language_xx."""
        if skill.startswith(_LANGUAGE):
            return skill.removeprefix(_LANGUAGE) in self.languages
        return not self.skills or skill in self.skills


@dataclass(frozen=True, slots=True)
class Colleague:
    """One of staff as the others see her: in, busy or away now, and how many she holds."""

    id: str
    role: str
    area_id: str | None
    presence: str
    load: int
    profile: Profile = field(default_factory=lambda: Profile(""))


async def profile_of(tx: Transaction, staff_id: str) -> Profile:
    """What she takes; everything, when nobody has said otherwise."""
    row = await tx.first(select(table(StaffDesk)).where(_desk.staff_id == staff_id))
    return _profile(tx, row) if row is not None else Profile(staff_id)


async def change_profile(tx: Transaction, profile: Profile) -> None:
    """Keep what she takes. Presence is hers alone to change."""
    house = tx.keys.house
    values = {
        "skills": " ".join(sorted(profile.skills)),
        "languages": " ".join(sorted(profile.languages)),
        "load_limit": profile.load_limit,
        "phone_sealed": house.seal("staff_desk.phone", profile.phone) if profile.phone else None,
    }
    await _keep(tx, profile.staff_id, values)


async def duty_name(tx: Transaction, staff_id: str) -> str:
    """What she calls herself when she writes to a woman; empty when she has not said."""
    row = await tx.first(select(_desk.duty_name_sealed).where(_desk.staff_id == staff_id))
    sealed = row.duty_name_sealed if row is not None else None
    return tx.keys.house.open("staff_desk.duty_name", sealed) if sealed else ""


async def set_duty_name(tx: Transaction, staff_id: str, name: str) -> None:
    """Keep it; empty takes it away."""
    sealed = tx.keys.house.seal("staff_desk.duty_name", name) if name else None
    await _keep(tx, staff_id, {"duty_name_sealed": sealed})


async def set_presence(tx: Transaction, staff_id: str, presence: str, now: datetime) -> None:
    """She says whether she is there."""
    await _keep(tx, staff_id, {"presence": presence, "presence_at": now})


async def team(tx: Transaction, now: datetime, idle: timedelta) -> list[Colleague]:
    """Everybody who answers women; away is also who has touched no unlocked screen for `idle`."""
    seen = {
        row.staff_id
        for row in await tx.rows(
            select(_session.staff_id)
            .where(
                _session.revoked_at.is_(None),
                _session.expires_at > now,
                _session.locked_at.is_(None),
                _session.used_at > now - idle,
            )
            .distinct()
        )
    }
    loads = {
        row[0]: row[1]
        for row in await tx.rows(
            select(_conversation.holder_id, func.count())
            .where(_conversation.holder_id.is_not(None), _conversation.state == "held")
            .group_by(_conversation.holder_id)
        )
    }
    rows = await tx.rows(
        select(_staff.id, _staff.role, _staff.area_id, table(StaffDesk))
        .outerjoin(table(StaffDesk), _desk.staff_id == _staff.id)
        .where(_staff.active, _staff.role.in_(ANSWERING))
        .order_by(_staff.login)
    )
    found = []
    for row in rows:
        profile = _profile(tx, row) if row.staff_id is not None else Profile(row.id)
        presence = profile.presence if row.id in seen else "away"
        found.append(Colleague(row.id, row.role, row.area_id, presence, loads.get(row.id, 0), profile))
    return found


async def load_of(tx: Transaction, staff_id: str) -> int:
    """How many conversations she holds."""
    row = await tx.first(
        select(func.count()).where(_conversation.holder_id == staff_id, _conversation.state == "held")
    )
    return int(row[0]) if row else 0


async def claim_next(tx: Transaction, profile: Profile, scope: Scope, now: datetime) -> str | None:
    """The most urgent conversation that waits and that she may take is hers; its id, None when there is none.

    Of many who ask at once each gets another: rows somebody is taking right now are passed over on PostgreSQL, and
    SQLite lets one writer in at a time.
    """
    wanted = (
        select(_conversation.id)
        .join(table(Identity), _identity.id == _conversation.identity_id)
        .where(_conversation.state == "waiting", within(scope), *_for(profile))
        .order_by(
            _conversation.risk.desc(), _conversation.urgent.desc(), _conversation.waiting_since, _conversation.id
        )
        .limit(1)
    )
    # With her address: whoever waits here for it with the conversation in hand would stop her own message.
    row = await tx.first(
        wanted.with_for_update(of=(table(Conversation), table(Identity)), skip_locked=True, key_share=True)
    )
    # All that is left is being written to or taken at this moment: wait for the most urgent one.
    row = row or await tx.first(wanted)
    if row is None:
        return None
    try:
        await claim(tx, row.id, profile.staff_id, now, scope)
    except StaleConversation:  # it was being taken
        return None
    return str(row.id)


async def count_waiting(tx: Transaction, scope: Scope) -> int:
    """How many wait that she may see, whether they are for her or not."""
    row = await tx.first(select(func.count()).where(_conversation.state == "waiting", within(scope)))
    return int(row[0]) if row else 0


async def kind_of(tx: Transaction, conversation_id: str, scope: Scope) -> AnyRow:
    """State, risk, holder of a conversation. Raises NotFound."""
    row = await tx.first(
        select(_conversation.state, _conversation.risk, _conversation.holder_id).where(
            _conversation.id == conversation_id, within(scope)
        )
    )
    if row is None:
        raise NotFound
    return row


def _for(profile: Profile) -> Sequence[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [_one_of(_conversation.language, profile.languages)]
    if profile.skills:
        conditions.append(or_(_conversation.risk >= _DANGER, _one_of(_conversation.category, profile.skills)))
    return conditions


def _one_of(column: ColumnElement[str], values: Collection[str]) -> ColumnElement[bool]:
    return column.in_(["", *sorted(values)])


async def _keep(tx: Transaction, staff_id: str, values: Mapping[str, object]) -> None:
    blank = {"staff_id": staff_id, "skills": "", "languages": "", "presence": "in"}
    if not await tx.insert_if_new(StaffDesk, {**blank, **values}):
        await tx.execute(update(table(StaffDesk)).where(_desk.staff_id == staff_id).values(**values))


def _profile(tx: Transaction, row: AnyRow) -> Profile:
    return Profile(
        row.staff_id,
        frozenset(row.skills.split()),
        frozenset(row.languages.split()),
        row.load_limit,
        row.presence,
        tx.keys.house.open("staff_desk.phone", row.phone_sealed),
    )
