"""Referrals opened for reading: one with what is shared, many as lines without content."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select

from bot.errors import NotFound
from storage.database import AnyRow, Transaction
from storage.encryption import DataKey
from storage.models import Case, CaseEvent, Contact, PartnerUnit, Referral, ReferralLink, table
from storage.repositories.inbox import Scope, cases_within

STATES = ("draft", "submitted", "open", "accepted", "refused", "done", "revoked", "expired")
#: The unit may see what is shared.
SHOWN = frozenset({"open", "accepted"})
#: Somebody still has to do something.
RUNNING = frozenset({"draft", "submitted", "open", "accepted"})

_referral = table(Referral).c
_case = table(Case).c
_contact = table(Contact).c
_event = table(CaseEvent).c
_link = table(ReferralLink).c
_unit = table(PartnerUnit).c


@dataclass(frozen=True, slots=True)
class Shared:
    """One thing that is shared: its name, its label and its text as the unit reads them."""

    name: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class ReferralFile:
    """One referral, opened; `key` opens whatever else belongs to her."""

    id: str
    number: str
    case_id: str
    case_number: str
    case_category: str
    case_area_id: str | None
    contact_id: str
    unit_id: str
    state: str
    purpose: str
    shared: tuple[Shared, ...]
    basis: str
    consent_way: str
    consent_giver: str
    consent_version: str
    consent_names: tuple[str, ...]
    consented_at: datetime | None
    reason: str
    submitted_by: str | None
    decided_by: str | None
    decided_at: datetime | None
    created_by: str
    created_at: datetime
    opened_at: datetime | None
    answer_by: datetime | None
    answered_at: datetime | None
    closed_at: datetime | None
    version: int
    key: DataKey = field(repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """What is shared, by name."""
        return tuple(one.name for one in self.shared)

    @property
    def subject(self) -> str:
        """How timeline and audit log name it."""
        return f"referral:{self.id}"


@dataclass(frozen=True, slots=True)
class ReferralLine:
    """A referral in a list: nothing of what is shared."""

    id: str
    number: str
    case_id: str
    category: str
    unit_id: str
    unit_name: str
    state: str
    basis: str
    created_by: str
    created_at: datetime
    opened_at: datetime | None
    answer_by: datetime | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link that was given out: never what opens it."""

    id: str
    created_at: datetime
    expires_at: datetime
    opened_at: datetime | None
    revoked_at: datetime | None
    failures: int


@dataclass(frozen=True, slots=True)
class EventView:
    """One thing that happened to a referral; `staff_id` None: the unit, or time."""

    at: datetime
    code: str
    staff_id: str | None
    body: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is narrowed by; empty: not at all. `overdue_at`: those whose answer was due by then."""

    state: str = ""
    running: bool = False
    unit_id: str = ""
    created_by: str = ""
    overdue_at: datetime | None = None
    #: Refused or never answered since then, in a case that is still worked on: somebody has to think of another way.
    fallen_since: datetime | None = None


async def find(tx: Transaction, referral_id: str, scope: Scope, *, for_update: bool = False) -> ReferralFile:
    """One referral, opened. Raises NotFound, also for a case outside `scope` and when she was erased."""
    query = (
        select(
            table(Referral), _case.number.label("case_number"), _case.category, _case.area_id, _contact.wrapped_key
        )
        .join(table(Case), _case.id == _referral.case_id)
        .join(table(Contact), _contact.id == _referral.contact_id)
        .where(_referral.id == referral_id, cases_within(scope))
    )
    row = await tx.first(query.with_for_update(of=table(Referral)) if for_update else query)
    if row is None or row.wrapped_key is None:
        raise NotFound
    return _open(tx, row)


async def of_case(tx: Transaction, case_id: str) -> list[ReferralLine]:
    """The referrals of a case the caller may see, the newest first."""
    rows = await tx.rows(_lines().where(_referral.case_id == case_id).order_by(_referral.id.desc()))
    return [_line(row) for row in rows]


async def list_all(
    tx: Transaction, scope: Scope, wanted: Wanted, *, offset: int = 0, limit: int = 50
) -> list[ReferralLine]:
    """Referrals of cases one may see: those whose answer is due soonest first, finished ones last."""
    rows = await tx.rows(
        _lines()
        .where(*_narrowed(scope, wanted))
        .order_by(
            _referral.state.not_in(RUNNING), _referral.answer_by.is_(None), _referral.answer_by, _referral.id.desc()
        )
        .offset(offset)
        .limit(limit)
    )
    return [_line(row) for row in rows]


async def count_all(tx: Transaction, scope: Scope, wanted: Wanted) -> int:
    """How many there are."""
    row = await tx.first(
        select(func.count())
        .select_from(table(Referral))
        .join(table(Case), _case.id == _referral.case_id)
        .where(*_narrowed(scope, wanted))
    )
    return int(row[0]) if row else 0


async def events_of(tx: Transaction, referral: ReferralFile) -> list[EventView]:
    """What happened to it, the first thing first."""
    rows = await tx.rows(
        select(_event.at, _event.code, _event.staff_id, _event.body_sealed)
        .where(_event.case_id == referral.case_id, _event.subject == referral.subject)
        .order_by(_event.at, _event.id)
    )
    return [
        EventView(row.at, row.code, row.staff_id, referral.key.open("case_event.body", row.body_sealed))
        for row in rows
    ]


async def links_of(tx: Transaction, referral_id: str) -> list[LinkView]:
    """The links that were given out, the newest first."""
    rows = await tx.rows(
        select(_link.id, _link.created_at, _link.expires_at, _link.opened_at, _link.revoked_at, _link.failures)
        .where(_link.referral_id == referral_id)
        .order_by(_link.id.desc())
    )
    return [LinkView(*row) for row in rows]


def _lines() -> Any:
    return (
        select(
            _referral.id,
            _referral.number,
            _referral.case_id,
            _case.category,
            _referral.unit_id,
            _unit.name,
            _referral.state,
            _referral.basis,
            _referral.created_by,
            _referral.created_at,
            _referral.opened_at,
            _referral.answer_by,
            _referral.answered_at,
        )
        .join(table(Case), _case.id == _referral.case_id)
        .join(table(PartnerUnit), _unit.id == _referral.unit_id)
    )


def _line(row: AnyRow) -> ReferralLine:
    return ReferralLine(*row)


def _narrowed(scope: Scope, wanted: Wanted) -> tuple[ColumnElement[bool], ...]:
    found = [cases_within(scope)]
    if wanted.state:
        found.append(_referral.state == wanted.state)
    if wanted.running:
        found.append(_referral.state.in_(RUNNING))
    if wanted.unit_id:
        found.append(_referral.unit_id == wanted.unit_id)
    if wanted.created_by:
        found.append(_referral.created_by == wanted.created_by)
    if wanted.overdue_at is not None:
        found += [_referral.state == "open", _referral.answer_by < wanted.overdue_at]
    if wanted.fallen_since is not None:
        found += [
            _referral.state.in_(("refused", "expired")),
            _referral.closed_at >= wanted.fallen_since,
            _case.status != "closed",
        ]
    return tuple(found)


#: What is not simply a column.
_OPENED = frozenset({"case_category", "case_area_id", "purpose", "shared", "consent_names", "reason", "key"})


def _open(tx: Transaction, row: AnyRow) -> ReferralFile:
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    plain = set(ReferralFile.__dataclass_fields__) - _OPENED
    return ReferralFile(
        **{name: getattr(row, name) for name in plain},
        case_category=row.category,
        case_area_id=row.area_id,
        purpose=key.open("referral.purpose", row.purpose_sealed),
        shared=tuple(Shared(*one) for one in key.open_json("referral.shared", row.shared_sealed, [])),
        consent_names=tuple(row.consent_names.split()),
        reason=key.open("referral.reason", row.reason_sealed),
        key=key,
    )
