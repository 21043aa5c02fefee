"""Who is in a case: the survivor, whoever reports for her, children, the other side, witnesses.

The one who came to us is a row like the others (`is_contact`); what the form says of who is hurt makes her survivor
or reporter. Only survivor and reporter can be found again by a hash: nobody is to be found by having been complained
about (product.md, promise 6).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from bot.errors import NotFound
from storage.database import Transaction
from storage.encryption import DataKey
from storage.models import CasePerson, new_id, table
from storage.repositories import names, phones

#: Whom a hash may find again.
FINDABLE = frozenset({"survivor", "reporter"})
_person = table(CasePerson).c


@dataclass(frozen=True, slots=True)
class PersonView:
    """Somebody in a case, opened. `fields`: birth_year, id_number, address, circumstances, note."""

    id: str
    role: str
    is_contact: bool
    relation: str
    name: str
    phone: str
    fields: dict[str, Any] = field(default_factory=dict)


async def people_of(tx: Transaction, key: DataKey, case_id: str) -> list[PersonView]:
    """Everybody in a case, in the order they were added."""
    rows = await tx.rows(select(table(CasePerson)).where(_person.case_id == case_id).order_by(_person.id))
    return [
        PersonView(
            row.id,
            row.role,
            row.is_contact,
            row.relation,
            key.open("case_person.name", row.name_sealed),
            key.open("case_person.phone", row.phone_sealed),
            key.open_json("case_person.fields", row.fields_sealed, {}),
        )
        for row in rows
    ]


def survivor_of(people: list[PersonView]) -> PersonView | None:
    """The one who is hurt: the survivor, or the contact as long as nobody else is named."""
    named = next((one for one in people if one.role == "survivor"), None)
    return named or next((one for one in people if one.is_contact), None)


async def add_person(tx: Transaction, key: DataKey, case_id: str, person: PersonView, now: datetime) -> str:
    """Add somebody; the new id (the one in `person` counts for nothing)."""
    person_id = new_id()
    await tx.insert(
        CasePerson,
        {
            "id": person_id,
            "case_id": case_id,
            "is_contact": person.is_contact,
            "created_at": now,
            **_values(tx, key, person),
        },
    )
    return person_id


async def change_person(tx: Transaction, key: DataKey, case_id: str, person: PersonView) -> None:
    """Keep what is known of somebody now. Raises NotFound."""
    changed = await tx.execute(
        update(table(CasePerson))
        .where(_person.id == person.id, _person.case_id == case_id)
        .values(**_values(tx, key, person))
    )
    if not changed.rowcount:
        raise NotFound


async def remove_person(tx: Transaction, case_id: str, person_id: str) -> None:
    """Take somebody out who does not belong there; never the one who came to us. Raises NotFound."""
    changed = await tx.execute(
        delete(table(CasePerson)).where(
            _person.id == person_id, _person.case_id == case_id, _person.is_contact.is_(False)
        )
    )
    if not changed.rowcount:
        raise NotFound


async def add_contact(tx: Transaction, key: DataKey, case_id: str, fields: dict[str, Any], now: datetime) -> None:
    """The one who came to us, as the form says who she is."""
    person = PersonView(
        "",
        contact_role(fields),
        True,
        "",
        str(fields.get("name") or ""),
        str(fields.get("phone") or fields.get("callback_phone") or ""),
        {"birth_year": str(fields["birth_year"])} if fields.get("birth_year") else {},
    )
    await add_person(tx, key, case_id, person, now)


async def follow_form(tx: Transaction, key: DataKey, case_id: str, fields: dict[str, Any], now: datetime) -> None:
    """Keep the contact's row in step with the form; make it where an old case has none."""
    known = next((one for one in await people_of(tx, key, case_id) if one.is_contact), None)
    if known is None:
        await add_contact(tx, key, case_id, fields, now)
        return
    phone = str(fields.get("phone") or fields.get("callback_phone") or known.phone)
    person = PersonView(
        known.id,
        contact_role(fields, known.role),
        True,
        known.relation,
        str(fields.get("name") or known.name),
        phone,
        known.fields | ({"birth_year": str(fields["birth_year"])} if fields.get("birth_year") else {}),
    )
    if person != known:
        await change_person(tx, key, case_id, person)


def contact_role(fields: dict[str, Any], known: str = "reporter") -> str:
    """Survivor when she is the one who is hurt, reporter when it is another or nobody has said."""
    return {"self": "survivor", "other": "reporter"}.get(str(fields.get("hurt") or ""), known)


def _name_digest(tx: Transaction, person: PersonView) -> bytes | None:
    """By name and year of birth together; a name alone belongs to too many."""
    name, year = "".join(person.name.split()), str(person.fields.get("birth_year") or "")
    return tx.keys.digest("case_name", f"{name}\0{year}") if name and year else None


def _values(tx: Transaction, key: DataKey, person: PersonView) -> dict[str, Any]:
    digits = phones.plain(person.phone)
    findable = person.role in FINDABLE and len(digits) >= phones.FEWEST_DIGITS
    return {
        "role": person.role,
        "relation": person.relation,
        "name_sealed": key.seal("case_person.name", person.name) if person.name else None,
        "phone_sealed": key.seal("case_person.phone", person.phone) if person.phone else None,
        "phone_digest": phones.digest(tx, digits) if findable else None,
        "name_digest": _name_digest(tx, person) if person.role in FINDABLE else None,
        "called_digest": names.digest(tx, person.name) if person.role in FINDABLE else None,
        "fields_sealed": key.seal_json("case_person.fields", person.fields) if person.fields else None,
    }
