"""Cases: one woman, one file; numbers that count by day; call-backs; what nobody could answer yet."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text, update

from bot import clock
from storage.database import Transaction
from storage.encryption import DataKey
from storage.models import Case, CaseEvent, Contact, Conversation, new_id, table
from storage.repositories import phones

_case = table(Case).c
_contact = table(Contact).c
_conversation = table(Conversation).c

#: Categories whose open case takes her out of every broadcast.
VIOLENCE = frozenset({"dv", "harassment", "minors"})
#: Kinds of danger that make a case one of these, whatever else was said.
_BY_KIND = {
    "violence_now": "dv",
    "violence_pattern": "dv",
    "threat_to_kill": "dv",
    "captivity": "dv",
    "sexual_violence": "harassment",
    "stalking": "harassment",
    "child": "minors",
}


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case as its owner may hear of it: number, standing, day. Never its content."""

    id: str
    number: str
    status: str
    category: str
    opened_at: datetime


async def open_case(
    tx: Transaction,
    key: DataKey,
    *,
    contact_id: str,
    conversation_id: str,
    category: str,
    risk: int,
    now: datetime,
    zone: str,
    fields: dict[str, Any] | None = None,
    consent_version: str = "",
) -> CaseView:
    """Open a case, or go on with the open one of this conversation: new fields join the old ones."""
    given = fields or {}
    await phones.remember(tx, key, contact_id, str(given.get("phone") or given.get("callback_phone") or ""))
    existing = await tx.first(
        select(table(Case)).where(_case.conversation_id == conversation_id, _case.status == "open")
    )
    consented_at = now if consent_version else None
    if existing is not None:
        merged = key.open_json("case.fields", existing.fields_sealed, {}) | (fields or {})
        values: dict[str, Any] = {
            "fields_sealed": key.seal_json("case.fields", merged),
            "risk": max(existing.risk, risk),
            "category": category or existing.category,
        }
        if consented_at:
            values |= {"consent_version": consent_version, "consented_at": consented_at}
        await tx.execute(update(table(Case)).where(_case.id == existing.id).values(**values))
        await add_event(tx, key, existing.id, "updated", now=now)
        await _keep_out_of_broadcasts(tx, contact_id, values["category"], now)
        return CaseView(existing.id, existing.number, "open", values["category"], existing.opened_at)
    case_id = new_id()
    number = await _next_number(tx, now, zone)
    await tx.insert(
        Case,
        {
            "id": case_id,
            "number": number,
            "contact_id": contact_id,
            "conversation_id": conversation_id,
            "category": category,
            "risk": risk,
            "fields_sealed": key.seal_json("case.fields", fields or {}),
            "consent_version": consent_version,
            "consented_at": consented_at,
            "opened_at": now,
        },
    )
    await add_event(tx, key, case_id, "opened", now=now)
    await _keep_out_of_broadcasts(tx, contact_id, category, now)
    return CaseView(case_id, number, "open", category, now)


async def open_for_danger(
    tx: Transaction,
    key: DataKey,
    *,
    contact_id: str,
    conversation_id: str,
    category: str,
    kinds: Iterable[str],
    now: datetime,
    zone: str,
) -> str:
    """The case of highest priority that danger opens by itself, without a form, or raises if there is one; its id."""
    case = await open_case(
        tx,
        key,
        contact_id=contact_id,
        conversation_id=conversation_id,
        category=_category_of(kinds, category),
        risk=2,
        now=now,
        zone=zone,
        fields={"risk_kinds": list(kinds)},
    )
    return case.id


async def add_event(
    tx: Transaction,
    key: DataKey,
    case_id: str,
    kind: str,
    *,
    now: datetime,
    staff_id: str | None = None,
    body: str = "",
) -> None:
    """One entry of a case's timeline."""
    await tx.insert(
        CaseEvent,
        {
            "id": new_id(),
            "case_id": case_id,
            "at": now,
            "kind": kind,
            "staff_id": staff_id,
            "body_sealed": key.seal("case_event.body", body) if body else None,
        },
    )


async def cases_of(tx: Transaction, contact_id: str) -> list[CaseView]:
    """All cases of one contact, the newest first."""
    rows = await tx.rows(
        select(_case.id, _case.number, _case.status, _case.category, _case.opened_at)
        .where(_case.contact_id == contact_id)
        .order_by(_case.opened_at.desc())
    )
    return [CaseView(*row) for row in rows]


async def fields_of(tx: Transaction, key: DataKey, case_id: str) -> tuple[str, dict[str, Any]]:
    """A case's number and what its form holds."""
    row = await tx.first(select(_case.number, _case.fields_sealed).where(_case.id == case_id))
    if row is None:
        return "", {}
    return row.number, key.open_json("case.fields", row.fields_sealed, {})


async def close_of_conversation(tx: Transaction, conversation_id: str, outcome: str, now: datetime) -> None:
    """Close the case of a conversation whose matter is settled; broadcasts are allowed again without another."""
    case = await tx.first(
        select(_case.id, _case.contact_id).where(_case.conversation_id == conversation_id, _case.status == "open")
    )
    if case is None:
        return
    await tx.execute(
        update(table(Case)).where(_case.id == case.id).values(status="closed", closed_at=now, outcome=outcome)
    )
    left = await tx.first(
        select(func.count()).where(
            _case.contact_id == case.contact_id, _case.status == "open", _case.category.in_(VIOLENCE)
        )
    )
    if left is not None and not left[0]:
        await tx.execute(update(table(Contact)).where(_contact.id == case.contact_id).values(violence_case_at=None))


def _category_of(kinds: Iterable[str], category: str) -> str:
    """What was done to her decides, not what else she wrote about: it keeps broadcasts away from her phone."""
    if category in VIOLENCE:
        return category
    return next((_BY_KIND[kind] for kind in kinds if kind in _BY_KIND), category or "dv")


async def _keep_out_of_broadcasts(tx: Transaction, contact_id: str, category: str, now: datetime) -> None:
    """An open violence case takes her out of every broadcast (safety.md)."""
    if category in VIOLENCE:
        await tx.execute(
            update(table(Contact))
            .where(_contact.id == contact_id, _contact.violence_case_at.is_(None))
            .values(violence_case_at=now)
        )


async def _next_number(tx: Transaction, now: datetime, zone: str) -> str:
    """Year, month, day and a running number, such as 20261124-0007."""
    day = clock.local(now, zone).strftime("%Y%m%d")
    if tx.dialect == "postgresql":
        # Two processes must not count to the same number; SQLite has one writer anyway.
        await tx.execute(text("SELECT pg_advisory_xact_lock(20260308)"))
    row = await tx.first(select(func.max(_case.number)).where(_case.number.like(f"{day}-%")))
    last = int(row[0].split("-")[1]) if row and row[0] else 0
    return f"{day}-{last + 1:04d}"
