"""Whom a page of a conversation or a case is about: her key, where what is written belongs, the way back."""

from dataclasses import dataclass
from datetime import datetime

from bot.console.visit import Visit
from storage.database import Transaction
from storage.encryption import DataKey
from storage.repositories import cases, inbox, persons
from storage.repositories.assessments import Place


@dataclass(frozen=True, slots=True)
class Subject:
    """She, as far as whoever is signed in may see her."""

    key: DataKey
    place: Place
    #: Who holds the conversation and when she last wrote; nobody and never on the page of a case.
    holder_id: str | None
    last_inbound_at: datetime | None
    #: The page this one belongs to.
    back: str
    #: What the audit log calls it.
    audited: str


async def find(visit: Visit, tx: Transaction) -> Subject:
    """The woman of the conversation or case in the address. Raises NotFound, also where one may not look."""
    if "case" in visit.request.match_info:
        case = await cases.find(tx, visit.part("case"), await visit.scope(tx))
        place = Place(case.contact_id, case.conversation_id, case.id)
        return Subject(case.key, place, None, None, f"/console/cases/{case.id}", f"case:{case.id}")
    talk_id = visit.part("talk")
    contact_id, key = await persons.contact_of(tx, talk_id, await visit.scope(tx))
    now = await inbox.standing(tx, talk_id)
    return Subject(
        key,
        Place(contact_id, talk_id, now.case_id),
        now.holder_id,
        now.last_inbound_at,
        f"/console/conversations/{talk_id}",
        f"conversation:{talk_id}",
    )
