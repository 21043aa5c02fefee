"""Mediation in a case: agreed to by both, held, settled or ended; never where violence showed.

People's Mediation Law: nobody is mediated against her will (articles 3, 17), what may become a matter of public order
or crime is reported instead (25), a failed one is ended and other ways are named (26), an agreement may be oral (28)
and can be confirmed by the court when both apply within 30 days of its taking effect (33). Violence: domain facts
JL-15, after article 25 and article 5 of the Anti-Domestic-Violence Law.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from bot.errors import NotFound, WrongState
from storage.database import Transaction
from storage.models import CaseMediation, MediationSession, new_id, table
from storage.repositories.cases.events import add_event
from storage.repositories.cases.views import CaseFile

#: Both apply to the court together within so long after the agreement took effect (article 33).
CONFIRMATION = timedelta(days=30)
GOING_ON = ("proposed", "running")

_mediation = table(CaseMediation).c
_session = table(MediationSession).c


@dataclass(frozen=True, slots=True)
class SessionView:
    """One sitting, opened."""

    held_at: datetime
    note: str
    staff_id: str | None


@dataclass(frozen=True, slots=True)
class MediationView:
    """One mediation with its sittings, opened."""

    id: str
    state: str
    subject: str
    mediator: str
    her_consent_at: datetime | None
    other_consent_at: datetime | None
    form: str
    agreement: str
    effective_at: datetime | None
    confirmation: str
    confirmation_at: datetime | None
    ended_at: datetime | None
    ended_why: str
    sessions: tuple[SessionView, ...]

    @property
    def confirm_until(self) -> datetime | None:
        """The last moment both may apply to the court."""
        return self.effective_at + CONFIRMATION if self.effective_at else None


async def mediations_of(tx: Transaction, case: CaseFile) -> list[MediationView]:
    """All mediations of a case, the newest first."""
    held: dict[str, list[SessionView]] = {}
    for row in await tx.rows(
        select(table(MediationSession)).where(_session.case_id == case.id).order_by(_session.held_at, _session.id)
    ):
        note = case.key.open("mediation_session.note", row.note_sealed)
        held.setdefault(row.mediation_id, []).append(SessionView(row.held_at, note, row.staff_id))
    rows = await tx.rows(
        select(table(CaseMediation)).where(_mediation.case_id == case.id).order_by(_mediation.id.desc())
    )
    return [
        MediationView(
            row.id,
            row.state,
            case.key.open("case_mediation.subject", row.subject_sealed),
            case.key.open("case_mediation.mediator", row.mediator_sealed),
            row.her_consent_at,
            row.other_consent_at,
            row.form,
            case.key.open("case_mediation.agreement", row.agreement_sealed),
            row.effective_at,
            row.confirmation,
            row.confirmation_at,
            row.ended_at,
            row.ended_why,
            tuple(held.get(row.id, ())),
        )
        for row in rows
    ]


async def propose(
    tx: Transaction, case: CaseFile, staff_id: str, now: datetime, *, subject: str, mediator: str
) -> None:
    """Propose a mediation. Raises WrongState where violence showed, where one goes on, or for a closed case."""
    _check(case)
    going_on = await tx.first(
        select(_mediation.id).where(_mediation.case_id == case.id, _mediation.state.in_(GOING_ON))
    )
    if going_on is not None:
        raise WrongState("已经有一个调解在进行")
    mediation_id = new_id()
    await tx.insert(
        CaseMediation,
        {
            "id": mediation_id,
            "case_id": case.id,
            "subject_sealed": case.key.seal("case_mediation.subject", subject),
            "mediator_sealed": case.key.seal("case_mediation.mediator", mediator) if mediator else None,
            "proposed_by": staff_id,
            "created_at": now,
        },
    )
    await _note(tx, case, mediation_id, staff_id, now, "proposed")


async def agree(
    tx: Transaction, case: CaseFile, mediation_id: str, staff_id: str, now: datetime, *, who: str
) -> None:
    """One side (`her`, `other`) agrees; it runs once both have. Raises WrongState, NotFound."""
    _check(case)
    row = await _find(tx, case, mediation_id, GOING_ON)
    column = f"{who}_consent_at"
    values: dict[str, Any] = {column: getattr(row, column) or now}
    other = row.other_consent_at if who == "her" else row.her_consent_at
    if other is not None:
        values["state"] = "running"
    await _set(tx, mediation_id, **values)
    await _note(tx, case, mediation_id, staff_id, now, f"agreed_{who}")


async def refuse(
    tx: Transaction, case: CaseFile, mediation_id: str, staff_id: str, now: datetime, *, why: str
) -> None:
    """It ends without one: a side does not want it (`her`, `other`: article 17), or there is `no_agreement` (26)."""
    await _find(tx, case, mediation_id, GOING_ON)
    state = "failed" if why == "no_agreement" else "refused"
    await _set(tx, mediation_id, state=state, ended_at=now, ended_why=why)
    await _note(tx, case, mediation_id, staff_id, now, state)


async def hold_session(
    tx: Transaction, case: CaseFile, mediation_id: str, staff_id: str, now: datetime, *, held_at: datetime, note: str
) -> None:
    """Record a sitting. Raises WrongState before both have agreed, and where violence showed."""
    _check(case)
    await _find(tx, case, mediation_id, ("running",))
    await tx.insert(
        MediationSession,
        {
            "id": new_id(),
            "mediation_id": mediation_id,
            "case_id": case.id,
            "held_at": held_at,
            "note_sealed": case.key.seal("mediation_session.note", note) if note else None,
            "staff_id": staff_id,
            "created_at": now,
        },
    )
    await _note(tx, case, mediation_id, staff_id, now, "session")


async def settle(
    tx: Transaction,
    case: CaseFile,
    mediation_id: str,
    staff_id: str,
    now: datetime,
    *,
    form: str,
    agreement: str,
    effective_at: datetime,
) -> None:
    """Both have agreed on something, in writing or by word, from a day on. Raises WrongState, NotFound."""
    _check(case)
    await _find(tx, case, mediation_id, ("running",))
    await _set(
        tx,
        mediation_id,
        state="settled",
        form=form,
        agreement_sealed=case.key.seal("case_mediation.agreement", agreement),
        effective_at=effective_at,
        ended_at=now,
    )
    await _note(tx, case, mediation_id, staff_id, now, "settled")


async def note_confirmation(
    tx: Transaction, case: CaseFile, mediation_id: str, staff_id: str, now: datetime, *, state: str
) -> None:
    """Both applied to the court (`applied`), or the court `confirmed` or `refused`.

    Raises WrongState when the 30 days of article 33 are over, or without an application.
    """
    row = await _find(tx, case, mediation_id, ("settled",))
    if state == "applied" and now > row.effective_at + CONFIRMATION:
        raise WrongState("协议生效已经超过三十日，不能再申请司法确认（《人民调解法》第三十三条）；可以告诉她直接起诉")
    if state != "applied" and row.confirmation != "applied":
        raise WrongState("还没有记双方共同申请，先记申请")
    await _set(tx, mediation_id, confirmation=state, confirmation_at=now)
    await _note(tx, case, mediation_id, staff_id, now, f"court_{state}")


async def stop_for_violence(tx: Transaction, case_id: str, now: datetime) -> list[str]:
    """Violence showed: whatever mediation goes on in the case is stopped; its ids."""
    rows = await tx.rows(select(_mediation.id).where(_mediation.case_id == case_id, _mediation.state.in_(GOING_ON)))
    for row in rows:
        await _set(tx, row.id, state="stopped", ended_at=now, ended_why="violence")
    return [row.id for row in rows]


def _check(case: CaseFile) -> None:
    if case.violence_at is not None:
        raise WrongState(
            "这件事里出现过暴力，不调解：先保安全、报警、固定证据（《反家庭暴力法》第五条，《人民调解法》第二十五条）"
        )
    if not case.is_open:
        raise WrongState("这个个案已经办结；要接着办，请先「重新办理」")


async def _find(tx: Transaction, case: CaseFile, mediation_id: str, states: tuple[str, ...]) -> Any:
    row = await tx.first(
        select(table(CaseMediation))
        .where(_mediation.id == mediation_id, _mediation.case_id == case.id)
        .with_for_update()
    )
    if row is None:
        raise NotFound
    if row.state not in states:
        raise WrongState(
            "双方都同意了才能调解" if row.state == "proposed" else "这个调解已经结束了，或者还没到这一步"
        )
    return row


async def _set(tx: Transaction, mediation_id: str, **values: Any) -> None:
    await tx.execute(update(table(CaseMediation)).where(_mediation.id == mediation_id).values(**values))


async def _note(tx: Transaction, case: CaseFile, mediation_id: str, staff_id: str, now: datetime, code: str) -> None:
    await add_event(
        tx,
        case.key,
        case.id,
        "mediation",
        now=now,
        staff_id=staff_id,
        subject=f"mediation:{mediation_id}",
        code=code,
    )
