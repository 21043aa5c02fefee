"""Cases opened for reading: one with everything its page needs, many as lines without content."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from bot.errors import NotFound
from storage.database import AnyRow, Transaction
from storage.encryption import DataKey
from storage.models import Case, CasePerson, Contact, Conversation, table
from storage.repositories import names, phones
from storage.repositories.inbox.scope import Scope, cases_within

_case = table(Case).c
_contact = table(Contact).c
_conversation = table(Conversation).c
_person = table(CasePerson).c


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case as its owner may hear of it: number, standing, day. Never its content."""

    id: str
    number: str
    status: str
    category: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One case, opened. `fields` is what its form holds; `key` opens whatever else belongs to it."""

    id: str
    number: str
    contact_id: str
    conversation_id: str | None
    area_id: str | None
    origin: str
    category: str
    rights_group: str
    risk: int
    violence_at: datetime | None
    status: str
    assignee_id: str | None
    taken_by: str | None
    next_action: str
    next_at: datetime | None
    next_note: str
    promised_at: datetime | None
    fields: dict[str, Any]
    consent_version: str
    consent_way: str
    consented_at: datetime | None
    opened_at: datetime
    closed_at: datetime | None
    outcome: str
    satisfaction: str
    her_view: str
    reopened_at: datetime | None
    version: int
    wishes: dict[str, Any]
    #: She sent her 安全词: nothing goes out to her.
    locked: bool
    key: DataKey = field(repr=False, compare=False)

    @property
    def is_open(self) -> bool:
        """Whether it is still worked on."""
        return self.status != "closed"


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case in a list: nothing of what it holds."""

    id: str
    number: str
    status: str
    category: str
    risk: int
    violence_at: datetime | None
    area_id: str | None
    origin: str
    assignee_id: str | None
    next_action: str
    next_at: datetime | None
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of cases is narrowed by; empty: not at all. `due_before`: with a next action due until then."""

    status: str = ""
    category: str = ""
    area_ids: Collection[str] | None = None
    assignee_id: str = ""
    unassigned: bool = False
    due_before: datetime | None = None
    asked: str = ""


async def cases_of(tx: Transaction, contact_id: str, scope: Scope) -> list[CaseView]:
    """Cases of one contact within `scope`, the newest first."""
    rows = await tx.rows(
        select(_case.id, _case.number, _case.status, _case.category, _case.opened_at)
        .where(_case.contact_id == contact_id, cases_within(scope))
        .order_by(_case.opened_at.desc())
    )
    return [CaseView(*row) for row in rows]


async def fields_of(tx: Transaction, key: DataKey, case_id: str) -> tuple[str, dict[str, Any]]:
    """A case's number and what its form holds."""
    row = await tx.first(select(_case.number, _case.fields_sealed).where(_case.id == case_id))
    if row is None:
        return "", {}
    return row.number, key.open_json("case.fields", row.fields_sealed, {})


async def check_visible(tx: Transaction, case_id: str, scope: Scope) -> None:
    """Raises NotFound unless there is such a case and she may see it."""
    if await tx.first(select(_case.id).where(_case.id == case_id, cases_within(scope))) is None:
        raise NotFound


async def find(tx: Transaction, case_id: str, scope: Scope, *, for_update: bool = False) -> CaseFile:
    """One case, opened; locked until the commit with `for_update`. Raises NotFound, also outside `scope`."""
    query = (
        select(table(Case), _contact.wrapped_key, _contact.wishes_sealed, _contact.locked_at)
        .join(table(Contact), _contact.id == _case.contact_id)
        .where(_case.id == case_id, cases_within(scope))
    )
    row = await tx.first(query.with_for_update(of=table(Case)) if for_update else query)
    if row is None or row.wrapped_key is None:
        raise NotFound
    return _open(tx, row)


def _open(tx: Transaction, row: AnyRow) -> CaseFile:
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    plain = {
        name: getattr(row, name)
        for name in CaseFile.__dataclass_fields__
        if name not in ("next_note", "fields", "her_view", "wishes", "locked", "key")
    }
    return CaseFile(
        **plain,
        next_note=key.open("case.next", row.next_sealed),
        fields=key.open_json("case.fields", row.fields_sealed, {}),
        her_view=key.open("case.view", row.view_sealed),
        wishes=key.open_json("contact.wishes", row.wishes_sealed, {}),
        locked=row.locked_at is not None,
        key=key,
    )


async def list_cases(
    tx: Transaction, scope: Scope, wanted: Wanted, *, offset: int = 0, limit: int = 50
) -> list[CaseLine]:
    """Cases, those with the earliest next action first, then by risk, then the newest; closed ones by their day."""
    rows = await tx.rows(
        select(*(_case[name] for name in CaseLine.__dataclass_fields__))
        .where(*_narrowed(tx, scope, wanted))
        .order_by(
            _case.closed_at.desc().nulls_first(),
            _case.next_at.asc().nulls_last(),
            _case.risk.desc(),
            _case.id.desc(),
        )
        .offset(offset)
        .limit(limit)
    )
    return [CaseLine(*row) for row in rows]


async def count_cases(tx: Transaction, scope: Scope, wanted: Wanted) -> int:
    """How many there are."""
    row = await tx.first(select(func.count()).select_from(table(Case)).where(*_narrowed(tx, scope, wanted)))
    return int(row[0]) if row else 0


def _narrowed(tx: Transaction, scope: Scope, wanted: Wanted) -> tuple[ColumnElement[bool], ...]:
    found = [cases_within(scope), _case.fields_sealed.is_not(None)]
    match wanted.status:
        case "":
            found.append(_case.status != "closed")
        case "all":
            pass
        case status:
            found.append(_case.status == status)
    if wanted.category:
        found.append(_case.category == wanted.category)
    if wanted.area_ids is not None:
        found.append(_case.area_id.in_(wanted.area_ids))
    if wanted.assignee_id:
        found.append(_case.assignee_id == wanted.assignee_id)
    if wanted.unassigned:
        found.append(_case.assignee_id.is_(None))
    if wanted.due_before is not None:
        found.append(and_(_case.next_at.is_not(None), _case.next_at < wanted.due_before))
    if wanted.asked:
        found.append(_named(tx, wanted.asked))
    return tuple(found)


def _named(tx: Transaction, asked: str) -> ColumnElement[bool]:
    """By a whole number, telephone number or name of hers; never by a part of one."""
    called = names.digest(tx, asked)
    if called is not None:
        return _case.id.in_(select(_person.case_id).where(_person.called_digest == called))
    digits = phones.plain(asked)
    if "-" in asked or len(digits) < phones.FEWEST_DIGITS:
        return _case.number == asked
    digest = phones.digest(tx, digits)
    return or_(
        _case.id.in_(select(_person.case_id).where(_person.phone_digest == digest)),
        _case.contact_id.in_(select(_contact.id).where(_contact.phone_digest == digest)),
    )
