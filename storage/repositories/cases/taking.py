"""Cases typed in by staff: a telephone call, a walk-in, what a conversation brought; and the form changed later."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import update

from storage.database import Transaction
from storage.models import Contact, new_id, table
from storage.repositories import phones
from storage.repositories.cases import people, repeats, standing, violence
from storage.repositories.cases.events import add_event
from storage.repositories.cases.opening import open_case
from storage.repositories.cases.people import PersonView
from storage.repositories.cases.rules import rights_group, shows_violence
from storage.repositories.cases.views import CaseFile, CaseView

_contact = table(Contact).c


@dataclass(frozen=True, slots=True)
class CaseForm:
    """What staff typed in. `people`: others in it; `wishes`: how she may be contacted, for the safe-contact gate."""

    fields: dict[str, Any]
    category: str
    risk: int
    area_id: str | None
    origin: str
    consent_way: str
    consent_version: str
    rights_group: str = ""
    promised_at: datetime | None = None
    people: tuple[PersonView, ...] = ()
    wishes: dict[str, Any] = field(default_factory=dict)


async def take_down(tx: Transaction, form: CaseForm, staff_id: str, now: datetime, *, zone: str) -> CaseView:
    """A case of a woman who is not on any channel: a contact without an address, and her file."""
    contact_id = new_id()
    key, wrapped = tx.keys.new_contact_key(contact_id)
    name = str(form.fields.get("name") or "")
    await tx.insert(
        Contact,
        {
            "id": contact_id,
            "wrapped_key": wrapped,
            "created_at": now,
            "area_id": form.area_id,
            "name_sealed": key.seal("contact.name", name) if name else None,
            "wishes_sealed": key.seal_json("contact.wishes", form.wishes) if form.wishes else None,
        },
    )
    opened = await open_case(
        tx,
        key,
        contact_id=contact_id,
        conversation_id=None,
        category=form.category,
        risk=form.risk,
        now=now,
        zone=zone,
        fields=form.fields,
        consent_version=form.consent_version,
        consent_way=form.consent_way,
        origin=form.origin,
        staff_id=staff_id,
    )
    for person in form.people:
        await people.add_person(tx, key, opened.id, person, now)
    await tx.execute(
        update(standing.CASES)
        .where(standing.CASES.c.id == opened.id)
        .values(
            promised_at=form.promised_at,
            assignee_id=staff_id,
            status="working",
            **({"rights_group": form.rights_group} if form.rights_group else {}),
        )
    )
    await repeats.look_for(tx, opened.id, contact_id, now)
    return CaseView(opened.id, opened.number, "working", form.category, now)


async def change_form(
    tx: Transaction, case: CaseFile, form: CaseForm, staff_id: str, now: datetime, *, version: int
) -> bool:
    """Keep the form as it is now; True when a sign of violence appears with it for the first time.

    Raises StaleConversation when somebody changed the case since `version`.
    """
    fields = case.fields | form.fields
    values: dict[str, Any] = {
        "fields_sealed": case.key.seal_json("case.fields", fields),
        "category": form.category,
        "rights_group": form.rights_group or rights_group(form.category),
        "risk": form.risk,
        "area_id": form.area_id,
        "promised_at": form.promised_at,
    }
    if form.consent_way and form.consent_way != case.consent_way:
        values |= {"consent_way": form.consent_way, "consent_version": form.consent_version, "consented_at": now}
    await standing.change(tx, case, version, **values)
    await phones.remember(tx, case.key, case.contact_id, str(fields.get("phone") or ""))
    await people.follow_form(tx, case.key, case.id, fields, now)
    await add_event(tx, case.key, case.id, "updated", now=now, staff_id=staff_id)
    first = shows_violence(form.category, fields) and await violence.note(tx, case.key, case.id, now)
    await violence.keep_out_of_broadcasts(tx, case.contact_id)
    await repeats.look_for(tx, case.id, case.contact_id, now)
    return first
