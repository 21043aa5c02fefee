"""Referrals nobody answers: staff are reminded, and after long enough they are over. The unit is never written to."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import literal, or_, select, update

from storage.database import AnyRow, Transaction
from storage.models import Case, CaseEvent, Contact, Referral, table
from storage.repositories import cases
from storage.repositories.referrals.links import revoke_links
from storage.repositories.referrals.standing import ANSWERS

_referral = table(Referral).c
_case = table(Case).c
_contact = table(Contact).c
_event = table(CaseEvent).c


async def overdue(tx: Transaction, now: datetime) -> Sequence[AnyRow]:
    """Open referrals whose answer was due before now: id, who made it, the area and woman of the case."""
    return await tx.rows(
        select(_referral.id, _referral.created_by, _case.area_id, _referral.contact_id)
        .join(table(Case), _case.id == _referral.case_id)
        .where(_referral.state == "open", _referral.answer_by < now)
        .order_by(_referral.answer_by)
    )


async def answers_since(tx: Transaction, since: datetime) -> Sequence[AnyRow]:
    """What units answered by their links since then: id of the entry, who made the referral, area and woman."""
    return await tx.rows(
        select(
            _event.id, _referral.created_by, _case.area_id, _referral.contact_id, _referral.id.label("referral_id")
        )
        .join(table(Referral), _event.subject == literal("referral:") + _referral.id)
        .join(table(Case), _case.id == _referral.case_id)
        .where(
            _event.case_id == _referral.case_id,
            _event.code.in_(ANSWERS),
            _event.staff_id.is_(None),
            _event.at >= since,
            # Few: what entries are looked for among.
            _referral.answered_at.is_not(None),
            or_(_referral.closed_at.is_(None), _referral.closed_at >= since),
        )
        .order_by(_event.id)
    )


async def remember_chased(tx: Transaction, referral_id: str, now: datetime) -> None:
    """That no answer came in time stands in the timeline, once."""
    row = await _with_key(tx, referral_id)
    if row is None or row.chased_at is not None:
        return
    await tx.execute(update(table(Referral)).where(_referral.id == referral_id).values(chased_at=now))
    await _note(tx, row, "overdue", now)


async def expire(tx: Transaction, unanswered_since: datetime, now: datetime) -> list[str]:
    """Referrals nobody has answered although it was due before then are over; their ids."""
    rows = await tx.rows(
        select(_referral.id)
        .where(_referral.state == "open", _referral.answer_by < unanswered_since)
        .with_for_update()
    )
    for found in rows:
        await tx.execute(
            update(table(Referral))
            .where(_referral.id == found.id)
            .values(state="expired", closed_at=now, version=_referral.version + 1)
        )
        await revoke_links(tx, found.id, now)
        row = await _with_key(tx, found.id)
        if row is not None:
            await _note(tx, row, "expired", now)
    return [found.id for found in rows]


async def _with_key(tx: Transaction, referral_id: str) -> AnyRow | None:
    row = await tx.first(
        select(_referral.id, _referral.case_id, _referral.contact_id, _referral.chased_at, _contact.wrapped_key)
        .join(table(Contact), _contact.id == _referral.contact_id)
        .where(_referral.id == referral_id)
    )
    return row if row is not None and row.wrapped_key is not None else None


async def _note(tx: Transaction, row: AnyRow, code: str, now: datetime) -> None:
    key = tx.keys.contact_key(row.contact_id, row.wrapped_key)
    await cases.add_event(tx, key, row.case_id, "referral", now=now, subject=f"referral:{row.id}", code=code)
