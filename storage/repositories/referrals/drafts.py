"""From a draft to open: what is shared, her consent to exactly that or a legal basis somebody else approved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from bot.errors import StaleConversation, WrongState
from storage.database import Transaction
from storage.models import Referral, new_id, table
from storage.repositories.cases import CaseFile
from storage.repositories.referrals.history import note
from storage.repositories.referrals.views import ReferralFile, Shared, find
from storage.repositories.units import UnitView

_referral = table(Referral).c
CONSENT = "consent"


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be passed on, to whom, for what."""

    unit: UnitView
    purpose: str
    shared: tuple[Shared, ...]


async def draft(tx: Transaction, case: CaseFile, given: Draft, staff_id: str, now: datetime) -> str:
    """A new draft in a case; its id. Nothing leaves the house by it."""
    referral_id = new_id()
    await tx.insert(
        Referral,
        {
            "id": referral_id,
            "number": await _next_number(tx, case),
            "case_id": case.id,
            "contact_id": case.contact_id,
            "created_by": staff_id,
            "created_at": now,
            **_content(case, given),
        },
    )
    await note(tx, await find(tx, referral_id, None), "drafted", now, staff_id=staff_id, body=given.unit.name)
    return referral_id


async def change(
    tx: Transaction, case: CaseFile, referral: ReferralFile, given: Draft, staff_id: str, now: datetime
) -> None:
    """Another unit, purpose or content: what was agreed to or asked for before counts no more. Raises WrongState."""
    _must_be(referral, "draft")
    await write(
        tx,
        referral,
        **_content(case, given),
        basis="",
        consent_way="",
        consent_giver="",
        consent_version="",
        consent_names="",
        consented_at=None,
        reason_sealed=None,
        submitted_by=None,
    )
    await note(tx, referral, "changed", now, staff_id=staff_id, body=given.unit.name)


async def consent(
    tx: Transaction,
    referral: ReferralFile,
    *,
    way: str,
    giver: str,
    version: str,
    names: Sequence[str],
    consented_at: datetime,
    staff_id: str,
    now: datetime,
) -> None:
    """Her consent: when, how, by whom, to which wording and to which fields. Raises WrongState."""
    _must_be(referral, "draft")
    if set(names) != set(referral.names):
        raise WrongState("她同意的内容和要转的不一样，请先改好要转的内容")
    await write(
        tx,
        referral,
        basis=CONSENT,
        consent_way=way,
        consent_giver=giver,
        consent_version=version,
        consent_names=" ".join(names),
        consented_at=consented_at,
        reason_sealed=None,
    )
    await note(tx, referral, "consented", now, staff_id=staff_id)


async def submit(
    tx: Transaction, referral: ReferralFile, basis: str, reason: str, staff_id: str, now: datetime
) -> None:
    """Ask a second person to let it go out without her consent, on a legal basis, for a reason. Raises WrongState."""
    _must_be(referral, "draft")
    await write(
        tx,
        referral,
        state="submitted",
        basis=basis,
        reason_sealed=referral.key.seal("referral.reason", reason),
        consent_way="",
        consent_giver="",
        consent_version="",
        consent_names="",
        consented_at=None,
        submitted_by=staff_id,
        decided_by=None,
        decided_at=None,
    )
    await note(tx, referral, "submitted", now, staff_id=staff_id, body=reason)


async def give_back(tx: Transaction, referral: ReferralFile, reason: str, staff_id: str, now: datetime) -> None:
    """The second person does not approve: it is a draft again. Raises WrongState."""
    _must_be(referral, "submitted")
    await write(tx, referral, state="draft", basis="", reason_sealed=None, decided_by=staff_id, decided_at=now)
    await note(tx, referral, "returned", now, staff_id=staff_id, body=reason)


async def open_to_unit(
    tx: Transaction, referral: ReferralFile, staff_id: str, now: datetime, *, answer_by: datetime
) -> None:
    """The unit may see it: with consent to exactly this, or approved by somebody else. Raises WrongState."""
    values: dict[str, Any] = {"state": "open", "opened_at": now, "answer_by": answer_by}
    if referral.basis == CONSENT:
        _must_be(referral, "draft")
        if set(referral.consent_names) != set(referral.names):
            raise WrongState("她同意的内容和要转的不一样，请重新征求同意")
    else:
        _must_be(referral, "submitted")
        if staff_id in (referral.submitted_by, referral.created_by):
            raise WrongState("自己提出的转介要由另一位主管批准")
        values |= {"decided_by": staff_id, "decided_at": now}
    if not referral.shared:
        raise WrongState("还没有选要转的内容")
    await write(tx, referral, **values)
    code = "opened" if referral.basis == CONSENT else "approved"
    await note(tx, referral, code, now, staff_id=staff_id)


async def write(tx: Transaction, referral: ReferralFile, **values: Any) -> None:
    """Change a referral that nobody else changed since it was read. Raises StaleConversation."""
    changed = await tx.execute(
        update(table(Referral))
        .where(_referral.id == referral.id, _referral.version == referral.version)
        .values(version=referral.version + 1, **values)
    )
    if not changed.rowcount:
        raise StaleConversation("刚才有人改过这个转介，请刷新再看")


def _must_be(referral: ReferralFile, *states: str) -> None:
    if referral.state not in states:
        raise WrongState("这个转介现在不能这样做，请刷新页面")


def _content(case: CaseFile, given: Draft) -> dict[str, Any]:
    return {
        "unit_id": given.unit.id,
        "purpose_sealed": case.key.seal("referral.purpose", given.purpose),
        "shared_sealed": case.key.seal_json(
            "referral.shared", [[one.name, one.label, one.text] for one in given.shared]
        ),
        "shared_names": " ".join(one.name for one in given.shared),
    }


async def _next_number(tx: Transaction, case: CaseFile) -> str:
    """The case's number and a running one; the case is locked by whoever asks."""
    row = await tx.first(select(func.count()).where(_referral.case_id == case.id))
    return f"{case.number}-{int(row[0]) + 1 if row else 1}"
