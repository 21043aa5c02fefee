"""The woman behind a conversation, as far as staff of that conversation may know her: masked, until they say why."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from bot.errors import NotFound
from storage.database import Transaction
from storage.encryption import DataKey
from storage.models import Case, CasePerson, Contact, Conversation, Identity, table
from storage.repositories import cases, erasure, names, phones, rights
from storage.repositories.erasure import ErasureView
from storage.repositories.inbox.scope import Scope, within
from storage.repositories.rights import Holding

_case = table(Case).c
_case_person = table(CasePerson).c
_contact = table(Contact).c
_conversation = table(Conversation).c
_identity = table(Identity).c

_CASE_NUMBER = re.compile(r"^\d{8}-\d{4,6}$")


@dataclass(frozen=True, slots=True)
class PersonView:
    """What a page may show: `identifiers` by name, in full; the page masks them."""

    contact_id: str
    identifiers: dict[str, str]
    word: str
    holdings: list[Holding]
    erasure: ErasureView | None
    duty: str


@dataclass(frozen=True, slots=True)
class FoundTalk:
    """A conversation somebody searched for: nothing of what was said."""

    id: str
    state: str
    risk: int
    category: str
    case_number: str
    last_inbound_at: datetime | None


async def contact_of(tx: Transaction, conversation_id: str, scope: Scope) -> tuple[str, DataKey]:
    """Whose conversation it is, and her key. Raises NotFound, also outside `scope` and when she was erased."""
    row = await tx.first(
        select(_conversation.contact_id, _contact.wrapped_key)
        .join(table(Contact), _contact.id == _conversation.contact_id)
        .where(_conversation.id == conversation_id, within(scope))
    )
    if row is None or row.wrapped_key is None:
        raise NotFound
    return row.contact_id, tx.keys.contact_key(row.contact_id, row.wrapped_key)


async def find(tx: Transaction, conversation_id: str, scope: Scope, now: datetime) -> PersonView:
    """The woman of a conversation. Raises NotFound."""
    contact_id, key = await contact_of(tx, conversation_id, scope)
    return PersonView(
        contact_id,
        await _identifiers(tx, key, contact_id, conversation_id),
        await rights.own_word_state(tx, contact_id),
        await rights.holdings(tx, contact_id),
        await erasure.find_open(tx, contact_id),
        await erasure.duty(tx, contact_id, "asked", now),
    )


async def search(tx: Transaction, asked: str, scope: Scope, limit: int = 20) -> list[FoundTalk]:
    """Conversations by a whole case number, telephone number or name, the newest first; never by a part of one."""
    digits, called = phones.plain(asked), names.digest(tx, asked)
    condition: ColumnElement[bool]
    if called is not None:
        condition = _case.id.in_(select(_case_person.case_id).where(_case_person.called_digest == called))
    elif _CASE_NUMBER.match(asked.strip()):
        condition = _case.number == asked.strip()
    elif len(digits) >= phones.FEWEST_DIGITS:
        condition = _contact.phone_digest == phones.digest(tx, digits)
    else:
        return []
    mine = or_(_case.id == _conversation.case_id, _case.conversation_id == _conversation.id)
    rows = await tx.rows(
        select(
            _conversation.id,
            _conversation.state,
            _conversation.risk,
            _conversation.category,
            _case.number,
            _conversation.last_inbound_at,
        )
        .join(table(Contact), _contact.id == _conversation.contact_id)
        .outerjoin(table(Case), mine)
        .where(condition, _contact.wrapped_key.is_not(None), within(scope))
        .order_by(_conversation.id.desc())
        .limit(limit)
    )
    return [FoundTalk(row[0], row[1], row[2], row[3], row[4] or "", row[5]) for row in rows]


async def _identifiers(tx: Transaction, key: DataKey, contact_id: str, conversation_id: str) -> dict[str, str]:
    """Her telephone numbers and her address on the platform, by name; empty ones left out."""
    row = await tx.first(
        select(
            _contact.phone_sealed,
            _conversation.learned_sealed,
            _conversation.case_id,
            _identity.address_sealed,
            (_identity.contact_id != _contact.id).label("parted"),
        )
        .join(table(Conversation), _conversation.contact_id == _contact.id)
        .join(table(Identity), _identity.id == _conversation.identity_id)
        .where(_contact.id == contact_id, _conversation.id == conversation_id)
    )
    assert row is not None
    known: dict[str, Any] = key.open_json("conversation.learned", row.learned_sealed, {})
    if row.case_id:
        known |= (await cases.fields_of(tx, key, row.case_id))[1]
    found = {
        "phone": str(known.get("phone") or key.open("contact.phone", row.phone_sealed)),
        "callback_phone": str(known.get("callback_phone") or ""),
        # A channel that left her file is sealed for somebody else by now.
        "address": "" if row.parted else key.open("identity.address", row.address_sealed or None),
    }
    return {name: value for name, value in found.items() if value}
