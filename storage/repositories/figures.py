"""How many, never who: counts for the dashboard and the monthly report.

What is counted are rows that stay when a woman is forgotten or her words expire: kind, category, channel, area,
outcome, times (retention.py, erasure). So a month's figures are the same next year. The smallest area is the
township; nothing is counted by what a woman is. What may be shown of it is decided in bot/console/small_cells.py.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, exists, extract, func, or_, select, text

from bot.messages import Kind
from storage.database import Transaction
from storage.models import (
    Activity,
    ActivitySession,
    Area,
    Case,
    Conversation,
    InboundMessage,
    Referral,
    SignUp,
    table,
)

_area = table(Area).c
_case = table(Case).c
_conversation = table(Conversation).c
_inbound = table(InboundMessage).c
_referral = table(Referral).c
_session = table(ActivitySession).c
_sign_up = table(SignUp).c

#: What a platform reports is no word of hers: a conversation of such events alone is nobody's visit.
_EVENTS = (Kind.FOLLOW, Kind.UNFOLLOW, Kind.SCAN, Kind.RECEIPT, Kind.NOTICE, Kind.GROUP, Kind.UNKNOWN)
#: Cases typed in by staff have no conversation: they are visits of their own.
_TYPED = ("phone", "walk_in")

Scope = Collection[str] | None


@dataclass(frozen=True, slots=True)
class Period:
    """From `begin` (included) to `end` (excluded)."""

    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Count:
    """So many visits that have all of this in common; `outcome` is empty while it goes on, `town` when unknown."""

    category: str
    channel: str
    outcome: str
    town: str
    risk: int
    number: int


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk at this moment."""

    waiting: int
    danger: int
    held: int
    longest: datetime | None


@dataclass(frozen=True, slots=True)
class CaseCounts:
    """Cases opened and closed in a period."""

    opened: int
    closed: int


@dataclass(frozen=True, slots=True)
class Kept:
    """Of the conversations a person had to answer by a certain time: how many there were, and how many in time."""

    due: int
    in_time: int


@dataclass(frozen=True, slots=True)
class Offers:
    """Activities that took place in a period: dates, sign-ups that stood, seats they took."""

    sessions: int
    sign_ups: int
    seats: int


async def hold_still(tx: Transaction) -> None:
    """Let all that is counted in this transaction be of one moment; to be called before anything is read."""
    if tx.dialect == "postgresql":
        await tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))


async def visits(tx: Transaction, period: Period, scope: Scope) -> list[Count]:
    """Who came to us, on any channel, by telephone or in person; a conversation or a typed case is one visit."""
    town = case((_area.level == "village", _area.parent_id), (_area.level == "township", _area.id))
    talks = (
        select(
            _conversation.category,
            _conversation.channel,
            _conversation.outcome,
            town.label("town"),
            _conversation.risk,
            func.count().label("number"),
        )
        .outerjoin(table(Area), _area.id == _conversation.area_id)
        .where(*_begun(period, scope))
        .group_by(_conversation.category, _conversation.channel, _conversation.outcome, town, _conversation.risk)
    )
    typed = (
        select(
            _case.category, _case.origin, _case.outcome, town.label("town"), _case.risk, func.count().label("number")
        )
        .outerjoin(table(Area), _area.id == _case.area_id)
        .where(
            _case.opened_at >= period.begin,
            _case.opened_at < period.end,
            _case.origin.in_(_TYPED),
            *_within(_case.area_id, scope),
        )
        .group_by(_case.category, _case.origin, _case.outcome, town, _case.risk)
    )
    rows = [*await tx.rows(talks), *await tx.rows(typed)]
    return [Count(row[0], row[1], row[2], row[3] or "", row[4], row[5]) for row in rows]


async def visits_by_hour(tx: Transaction, period: Period, scope: Scope) -> list[tuple[str, int, int]]:
    """Category, hour of the day in UTC (0–23), and how many visits of `visits` began in it."""
    found = []
    for column, category, conditions in (
        (_conversation.opened_at, _conversation.category, _begun(period, scope)),
        (
            _case.opened_at,
            _case.category,
            (
                _case.opened_at >= period.begin,
                _case.opened_at < period.end,
                _case.origin.in_(_TYPED),
                *_within(_case.area_id, scope),
            ),
        ),
    ):
        # PostgreSQL would answer in the zone of its session.
        hour = extract("hour", func.timezone("UTC", column) if tx.dialect == "postgresql" else column)
        rows = await tx.rows(select(category, hour, func.count()).where(*conditions).group_by(category, hour))
        found += [(row[0], int(row[1]), row[2]) for row in rows]
    return found


async def kept(tx: Transaction, period: Period, scope: Scope, now: datetime) -> Kept:
    """How many of the period's visits had a person's first answer when it was due; what is not due yet is no part."""
    in_time = _conversation.answered_at <= _conversation.due_at
    row = await tx.first(
        select(func.count(), func.coalesce(func.sum(case((in_time, 1), else_=0)), 0)).where(
            _conversation.opened_at >= period.begin,
            _conversation.opened_at < period.end,
            _conversation.due_at.is_not(None),
            or_(_conversation.answered_at.is_not(None), _conversation.due_at < now),
            *_within(_conversation.area_id, scope),
        )
    )
    return Kept(int(row[0]), int(row[1])) if row else Kept(0, 0)


async def cases(tx: Transaction, period: Period, scope: Scope) -> CaseCounts:
    """Cases opened and closed in the period."""
    numbers = []
    for column in (_case.opened_at, _case.closed_at):
        row = await tx.first(
            select(func.count()).where(column >= period.begin, column < period.end, *_within(_case.area_id, scope))
        )
        numbers.append(int(row[0]) if row else 0)
    return CaseCounts(*numbers)


async def ended(tx: Transaction, period: Period, scope: Scope) -> int:
    """Conversations somebody ended in the period; those that fell silent or were forgotten are not among them."""
    row = await tx.first(
        select(func.count()).where(
            _conversation.closed_at >= period.begin,
            _conversation.closed_at < period.end,
            _conversation.outcome.not_in(("", "silent", "erased")),
            *_within(_conversation.area_id, scope),
        )
    )
    return int(row[0]) if row else 0


async def referrals(tx: Transaction, period: Period, scope: Scope) -> dict[str, int]:
    """Referrals that went out to a unit in the period, by how they stand now."""
    rows = await tx.rows(
        select(_referral.state, func.count())
        .join(table(Case), _case.id == _referral.case_id)
        .where(
            _referral.opened_at >= period.begin,
            _referral.opened_at < period.end,
            *_within(_case.area_id, scope),
        )
        .group_by(_referral.state)
    )
    return {row[0]: row[1] for row in rows}


async def offers(tx: Transaction, period: Period, scope: Scope) -> Offers:
    """Activities that were not cancelled and began in the period."""
    offered = table(Activity).c
    row = await tx.first(
        select(
            func.count(_session.id.distinct()),
            func.count(_sign_up.id),
            func.coalesce(func.sum(_sign_up.seats), 0),
        )
        .select_from(table(ActivitySession))
        .join(table(Activity), offered.id == _session.activity_id)
        .outerjoin(table(SignUp), (_sign_up.session_id == _session.id) & (_sign_up.state == "confirmed"))
        .where(
            _session.starts_at >= period.begin,
            _session.starts_at < period.end,
            offered.status != "cancelled",
            *_within(offered.area_id, scope),
        )
    )
    return Offers(int(row[0]), int(row[1]), int(row[2])) if row else Offers(0, 0, 0)


async def desk(tx: Transaction, scope: Scope) -> Desk:
    """Who waits and who is spoken with right now."""
    waits = _conversation.state == "waiting"
    row = await tx.first(
        select(
            func.coalesce(func.sum(case((waits, 1), else_=0)), 0),
            func.coalesce(func.sum(case((waits & (_conversation.risk >= 2), 1), else_=0)), 0),
            func.coalesce(func.sum(case((_conversation.state == "held", 1), else_=0)), 0),
            func.min(case((waits, _conversation.waiting_since))),
        ).where(_conversation.state.in_(("waiting", "held")), *_within(_conversation.area_id, scope))
    )
    return Desk(int(row[0]), int(row[1]), int(row[2]), row[3]) if row else Desk(0, 0, 0, None)


async def towns(tx: Transaction, scope: Scope) -> list[tuple[str, str]]:
    """Townships by id and name, in the order of their codes."""
    rows = await tx.rows(
        select(_area.id, _area.name).where(_area.level == "township", *_within(_area.id, scope)).order_by(_area.code)
    )
    return [(row.id, row.name) for row in rows]


def _begun(period: Period, scope: Scope) -> tuple[ColumnElement[bool], ...]:
    """Conversations of the period in which she said something."""
    spoke = exists().where(
        _inbound.conversation_id == _conversation.id, _inbound.kind.not_in([kind.value for kind in _EVENTS])
    )
    return (
        _conversation.opened_at >= period.begin,
        _conversation.opened_at < period.end,
        # What was understood of her words tells as much, and costs no look at the messages.
        or_(_conversation.category != "", _conversation.risk > 0, spoke),
        *_within(_conversation.area_id, scope),
    )


def _within(column: Any, scope: Scope) -> Iterable[ColumnElement[bool]]:
    """Of these areas only; what belongs to no area is the county's."""
    return () if scope is None else (column.in_(scope),)
