"""Opening a case, or going on with the one there is: one matter of one woman is one file."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text, update

from bot import clock
from storage.database import AnyRow, Transaction
from storage.encryption import DataKey
from storage.models import Case, Contact, Conversation, new_id, table
from storage.repositories import phones
from storage.repositories.cases import people, repeats, violence
from storage.repositories.cases.events import add_event
from storage.repositories.cases.rules import category_of, is_same_matter, rights_group, shows_violence
from storage.repositories.cases.views import CaseView

_case = table(Case).c
_contact = table(Contact).c
_conversation = table(Conversation).c


async def open_case(
    tx: Transaction,
    key: DataKey,
    *,
    contact_id: str,
    conversation_id: str | None,
    category: str,
    risk: int,
    now: datetime,
    zone: str,
    fields: dict[str, Any] | None = None,
    consent_version: str = "",
    consent_way: str = "chat",
    origin: str = "",
    staff_id: str | None = None,
) -> CaseView:
    """Open a case, or go on with her open one of this matter: new fields join the old ones."""
    given = fields or {}
    await phones.remember(tx, key, contact_id, str(given.get("phone") or given.get("callback_phone") or ""))
    consent = (
        {"consent_version": consent_version, "consented_at": now, "consent_way": consent_way}
        if consent_version
        else {}
    )
    existing = await _going_on(tx, key, contact_id, conversation_id, category, given)
    if existing is not None:
        return await _go_on(tx, key, existing, category=category, risk=risk, given=given, consent=consent, now=now)
    case_id, number = new_id(), await _next_number(tx, now, zone)
    await tx.insert(
        Case,
        {
            "id": case_id,
            "number": number,
            "contact_id": contact_id,
            "conversation_id": conversation_id,
            "area_id": await _area_of(tx, contact_id, given),
            "origin": origin,
            "category": category,
            "rights_group": rights_group(category),
            "risk": risk,
            "taken_by": staff_id,
            "fields_sealed": key.seal_json("case.fields", given),
            "opened_at": now,
            **consent,
        },
    )
    await people.add_contact(tx, key, case_id, given, now)
    await add_event(tx, key, case_id, "opened", now=now, staff_id=staff_id)
    if shows_violence(category, given):
        await violence.note(tx, key, case_id, now)
    await violence.keep_out_of_broadcasts(tx, contact_id)
    if _names_her(given):
        await repeats.look_for(tx, case_id, contact_id, now)
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
    origin: str = "",
) -> str:
    """The case of highest priority that danger opens by itself, without a form, or raises if there is one; its id."""
    case = await open_case(
        tx,
        key,
        contact_id=contact_id,
        conversation_id=conversation_id,
        category=category_of(kinds, category),
        risk=2,
        now=now,
        zone=zone,
        fields={"risk_kinds": list(kinds)},
        origin=origin,
    )
    return case.id


async def _going_on(
    tx: Transaction,
    key: DataKey,
    contact_id: str,
    conversation_id: str | None,
    category: str,
    given: dict[str, Any],
) -> AnyRow | None:
    """Her open case of this conversation, or else one of the same matter."""
    rows = await tx.rows(
        select(table(Case))
        .where(_case.contact_id == contact_id, _case.status != "closed")
        .order_by(_case.opened_at.desc())
        .with_for_update()
    )
    if not rows:
        return None
    if conversation_id is not None:
        talk = await tx.first(select(_conversation.case_id).where(_conversation.id == conversation_id))
        for row in rows:
            if row.conversation_id == conversation_id or (talk is not None and talk.case_id == row.id):
                return row
    hurt = str(given.get("hurt") or "")
    for row in rows:
        fields = key.open_json("case.fields", row.fields_sealed, {})
        if is_same_matter(category, row.category, hurt, str(fields.get("hurt") or "")):
            return row
    return None


async def _go_on(
    tx: Transaction,
    key: DataKey,
    existing: AnyRow,
    *,
    category: str,
    risk: int,
    given: dict[str, Any],
    consent: dict[str, Any],
    now: datetime,
) -> CaseView:
    merged = key.open_json("case.fields", existing.fields_sealed, {}) | given
    name = category or existing.category
    values: dict[str, Any] = {
        "fields_sealed": key.seal_json("case.fields", merged),
        "risk": max(existing.risk, risk),
        "category": name,
        "version": existing.version + 1,
        **consent,
    }
    if name != existing.category:
        values["rights_group"] = rights_group(name)
    if existing.area_id is None:
        values["area_id"] = await _area_of(tx, existing.contact_id, given)
    await tx.execute(update(table(Case)).where(_case.id == existing.id).values(**values))
    await people.follow_form(tx, key, existing.id, merged, now)
    await add_event(tx, key, existing.id, "updated", now=now)
    if shows_violence(name, merged):
        await violence.note(tx, key, existing.id, now)
    await violence.keep_out_of_broadcasts(tx, existing.contact_id)
    if _names_her(given):
        await repeats.look_for(tx, existing.id, existing.contact_id, now)
    return CaseView(existing.id, existing.number, existing.status, name, existing.opened_at)


def _names_her(given: dict[str, Any]) -> bool:
    """Whether these answers can find her in another case."""
    return any(given.get(name) for name in ("phone", "callback_phone", "birth_year"))


async def _area_of(tx: Transaction, contact_id: str, given: dict[str, Any]) -> str | None:
    """Where it belongs: the area she named, or else hers."""
    if given.get("area_id"):
        return str(given["area_id"])
    row = await tx.first(select(_contact.area_id).where(_contact.id == contact_id))
    return row.area_id if row else None


async def _next_number(tx: Transaction, now: datetime, zone: str) -> str:
    """Year, month, day and a running number, such as 20261124-0007."""
    day = clock.local(now, zone).strftime("%Y%m%d")
    if tx.dialect == "postgresql":
        # Two processes must not count to the same number; SQLite has one writer anyway.
        await tx.execute(text("SELECT pg_advisory_xact_lock(20260308)"))
    row = await tx.first(select(func.max(_case.number)).where(_case.number.like(f"{day}-%")))
    last = int(row[0].split("-")[1]) if row and row[0] else 0
    return f"{day}-{last + 1:04d}"
