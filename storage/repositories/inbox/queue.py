"""Who waits and who is held, the most urgent first; by filters; and how many there are of each kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select

from storage.database import Transaction
from storage.models import Alarm, Contact, Conversation, Identity, Transfer, table
from storage.repositories.inbox.alarms import concerns
from storage.repositories.inbox.scope import Scope, within

_conversation = table(Conversation).c
_contact = table(Contact).c
_identity = table(Identity).c
_alarm = table(Alarm).c
_transfer = table(Transfer).c

#: A page shows no more; the counts are of all.
PAGE = 100
_OPEN = ("waiting", "held")
#: What stands for 「不知道」 in a filter by area and for Chinese in one by language.
NOT_KNOWN, CHINESE = "unknown", "zh"


@dataclass(frozen=True, slots=True)
class QueueLine:
    """A conversation in the queue: nothing of what was said."""

    id: str
    channel: str
    state: str
    risk: int
    urgent: bool
    risk_kinds: str
    category: str
    language: str
    area_id: str | None
    waiting_reason: str
    waiting_since: datetime | None
    last_inbound_at: datetime | None
    holder_id: str | None
    danger_since: datetime | None
    unfollowed: bool
    locked: bool
    version: int


@dataclass(frozen=True, slots=True)
class Filter:
    """What of the queue somebody wants to see; empty fields let everything through."""

    area: str = ""
    category: str = ""
    language: str = ""
    channel: str = ""
    holder: str = ""  # an id of staff

    @property
    def is_on(self) -> bool:
        """Whether anything is left out."""
        return any((self.area, self.category, self.language, self.channel, self.holder))

    def conditions(self) -> list[ColumnElement[bool]]:
        """What a row must be like."""
        found: list[ColumnElement[bool]] = []
        if self.area:
            unknown = self.area == NOT_KNOWN
            found.append(_conversation.area_id.is_(None) if unknown else _conversation.area_id == self.area)
        if self.category:
            found.append(_conversation.category == self.category)
        if self.language:
            found.append(_conversation.language == ("" if self.language == CHINESE else self.language))
        if self.channel:
            found.append(_conversation.channel == self.channel)
        if self.holder:
            found.append(_conversation.holder_id == self.holder)
        return found


async def queue(tx: Transaction, scope: Scope, wanted: Filter = Filter(), *, limit: int = PAGE) -> list[QueueLine]:
    """Conversations that wait, then those that are held, the most urgent first; `limit` of each.

    For one risk a deadline never comes earlier for whoever came later (bot/sla.py), so the order by waiting time is
    the order by deadline, and the index gives it.
    """
    found: list[QueueLine] = []
    unanswered = and_(_conversation.state == "held", _conversation.danger_since.is_not(None))
    calm = and_(_conversation.state == "held", _conversation.danger_since.is_(None))
    for part in (unanswered, _conversation.state == "waiting", calm):
        rows = await tx.rows(
            select(
                _conversation.id,
                _conversation.channel,
                _conversation.state,
                _conversation.risk,
                _conversation.urgent,
                _conversation.risk_kinds,
                _conversation.category,
                _conversation.language,
                _conversation.area_id,
                _conversation.waiting_reason,
                _conversation.waiting_since,
                _conversation.last_inbound_at,
                _conversation.holder_id,
                _conversation.danger_since,
                _identity.unfollowed_at.is_not(None),
                _contact.locked_at.is_not(None),
                _conversation.version,
            )
            .join(table(Identity), _identity.id == _conversation.identity_id)
            .join(table(Contact), _contact.id == _conversation.contact_id)
            .where(part, within(scope), *wanted.conditions())
            .order_by(
                _conversation.risk.desc(),
                _conversation.urgent.desc(),
                _conversation.waiting_since,
                _conversation.id,
            )
            .limit(limit)
        )
        found += [QueueLine(*row) for row in rows]
    return found


async def counts(tx: Transaction, scope: Scope, wanted: Filter = Filter()) -> Mapping[str, int]:
    """How many conversations wait and are held, and how many of those that wait are in danger."""
    rows = await tx.rows(
        select(_conversation.state, _conversation.risk, func.count())
        .where(_conversation.state.in_(_OPEN), within(scope), *wanted.conditions())
        .group_by(_conversation.state, _conversation.risk)
    )
    found = {"waiting": 0, "held": 0, "danger": 0}
    for state, risk, number in rows:
        found[state] += number
        if state == "waiting" and risk >= 2:
            found["danger"] += number
    return found


async def queue_version(tx: Transaction, scope: Scope) -> str:
    """Changes whenever a queue page is out of date; after the bar stands what a page must show at once."""
    row = await tx.first(
        select(func.count(), func.coalesce(func.sum(_conversation.version), 0)).where(
            _conversation.state.in_(_OPEN), within(scope)
        )
    )
    alarms = await tx.first(
        select(func.count(), func.max(_alarm.id))
        .select_from(table(Alarm))
        .outerjoin(table(Conversation), _conversation.id == _alarm.conversation_id)
        .where(_alarm.seen_at.is_(None), concerns(scope))
    )
    offers = await tx.first(select(func.count(), func.max(_transfer.id)).where(_transfer.state == "offered"))
    assert row is not None
    assert alarms is not None
    assert offers is not None
    return f"{row[0]}.{row[1]}|{alarms[0]}.{alarms[1] or ''}.{offers[0]}.{offers[1] or ''}"
