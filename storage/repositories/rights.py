"""Her rights in what we hold: her own word (口令), and what there is of her by kind and date, never by content."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from storage.database import Transaction
from storage.models import (
    ArticleFeedback,
    Attachment,
    Case,
    CaseDocument,
    Contact,
    DangerAssessment,
    Delivery,
    InboundMessage,
    Outbox,
    Referral,
    SafetyPlan,
    SignUp,
    UnansweredQuestion,
    table,
)
from storage.repositories.audiences import REACHED
from storage.repositories.hers import LARGE, said_with, talks_of

#: So many wrong tries shut the word until staff made sure who is there.
MOST_FAILURES = 3

_contact = table(Contact).c
_case = table(Case).c
_document = table(CaseDocument).c
_outbox = table(Outbox).c
#: Everything she can be told we hold: name, its time, and what limits it.
_KINDS: tuple[tuple[str, Any, Any], ...] = (
    ("messages", table(InboundMessage).c.received_at, table(InboundMessage).c.content_sealed.is_not(None)),
    ("replies", _outbox.created_at, _outbox.text_sealed.is_not(None)),
    ("notices", table(Delivery).c.not_before, table(Delivery).c.state.in_(REACHED)),
    ("files", table(Attachment).c.created_at, None),
    ("cases", table(Case).c.opened_at, None),
    ("referrals", table(Referral).c.opened_at, table(Referral).c.opened_at.is_not(None)),
    ("documents", _document.created_at, _document.content_sealed.is_not(None)),
    ("assessments", table(DangerAssessment).c.changed_at, table(DangerAssessment).c.content_sealed.is_not(None)),
    ("plans", table(SafetyPlan).c.changed_at, table(SafetyPlan).c.content_sealed.is_not(None)),
    ("sign_ups", table(SignUp).c.created_at, None),
    ("questions", table(UnansweredQuestion).c.asked_at, None),
    ("feedback", table(ArticleFeedback).c.given_at, None),
)


@dataclass(frozen=True, slots=True)
class Holding:
    """One kind of record: how many, the first and the last day."""

    kind: str
    number: int
    first: datetime
    last: datetime


async def set_own_word(tx: Transaction, contact_id: str, word: str) -> None:
    """Keep the keyed digest of her own word; the tries begin anew."""
    await tx.execute(
        update(table(Contact))
        .where(_contact.id == contact_id)
        .values(own_word_digest=_digest(tx, contact_id, word), own_word_failures=0)
    )


async def forget_own_word(tx: Transaction, contact_id: str) -> None:
    """She forgot it, or somebody guessed at it: after a check she can set a new one."""
    await tx.execute(
        update(table(Contact)).where(_contact.id == contact_id).values(own_word_digest=None, own_word_failures=0)
    )


async def own_word_state(tx: Transaction, contact_id: str) -> str:
    """none (she set no word), open (it may be tried), shut (three wrong tries: staff must check)."""
    row = await tx.first(
        select(_contact.own_word_digest, _contact.own_word_failures).where(_contact.id == contact_id)
    )
    if row is None or row.own_word_digest is None:
        return "none"
    return "shut" if row.own_word_failures >= MOST_FAILURES else "open"


async def try_own_word(tx: Transaction, contact_id: str, word: str) -> str:
    """fits, wrong, or shut: the third wrong try shuts the word, and then not even the right one fits."""
    row = await tx.first(
        select(_contact.own_word_digest, _contact.own_word_failures)
        .where(_contact.id == contact_id)
        .with_for_update(key_share=True)
    )
    if row is None or row.own_word_digest is None or row.own_word_failures >= MOST_FAILURES:
        return "shut"
    fits = row.own_word_digest == _digest(tx, contact_id, word)
    failures = 0 if fits else row.own_word_failures + 1
    await tx.execute(update(table(Contact)).where(_contact.id == contact_id).values(own_word_failures=failures))
    if fits:
        return "fits"
    return "shut" if failures >= MOST_FAILURES else "wrong"


async def holdings(tx: Transaction, contact_id: str) -> list[Holding]:
    """What we hold about her: kinds with numbers and dates, never content."""
    talks = await talks_of(tx, contact_id)
    found = []
    for kind, moment, limit in _KINDS:
        one = moment.table
        if one.name in LARGE:
            hers = said_with(one, contact_id, talks)
        elif "case_id" in one.c and "contact_id" not in one.c:
            hers = one.c.case_id.in_(select(_case.id).where(_case.contact_id == contact_id))
        else:
            hers = one.c.contact_id == contact_id
        query = select(func.count(), func.min(moment), func.max(moment)).where(hers)
        row = await tx.first(query if limit is None else query.where(limit))
        if row is not None and row[0]:
            found.append(Holding(kind, int(row[0]), row[1], row[2]))
    return found


def _digest(tx: Transaction, contact_id: str, word: str) -> bytes:
    return tx.keys.digest("own_word", f"{contact_id}\0{word.strip()}")
