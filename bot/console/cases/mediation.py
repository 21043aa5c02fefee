"""Mediation on the console: proposed, agreed to by both, held, settled, confirmed by the court, or ended."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from bot import clock
from bot.console import words
from bot.console.visit import BadForm, Visit
from storage.repositories import cases
from storage.repositories.cases import CaseFile, mediation

_LINE, _TEXT = 200, 4000
_SIDES = ("her", "other")


async def propose(visit: Visit) -> web.StreamResponse:
    """Propose one; refused in words and with the law where violence showed."""
    subject = _text(visit, "subject", _LINE)
    async with visit.house.database.transaction() as tx:
        case = await _case(visit, tx)
        mediator = visit.form.get("mediator", "").strip()[:_LINE]
        await mediation.propose(tx, case, visit.me.id, clock.now(), subject=subject, mediator=mediator)
        await visit.record(tx, "case.mediation", f"case:{case.id}", "proposed")
    return _done(visit)


async def agree(visit: Visit) -> web.StreamResponse:
    """One side agrees, or does not want it."""
    who, answer = visit.form.get("who", ""), visit.form.get("answer", "")
    if who not in _SIDES or answer not in ("yes", "no"):
        raise BadForm({"who": words.name("case_problems", "choose")})
    async with visit.house.database.transaction() as tx:
        case = await _case(visit, tx)
        found, now = visit.part("mediation"), clock.now()
        if answer == "yes":
            await mediation.agree(tx, case, found, visit.me.id, now, who=who)
        else:
            await mediation.refuse(tx, case, found, visit.me.id, now, why=who)
        await visit.record(tx, "case.mediation", f"case:{case.id}", f"{who}_{answer}")
    return _done(visit)


async def add_session(visit: Visit) -> web.StreamResponse:
    """A sitting that was held."""
    held_at = _day(visit, "held")
    note = visit.form.get("note", "").strip()[:_TEXT]
    async with visit.house.database.transaction() as tx:
        case = await _case(visit, tx)
        await mediation.hold_session(
            tx, case, visit.part("mediation"), visit.me.id, clock.now(), held_at=held_at, note=note
        )
        await visit.record(tx, "case.mediation", f"case:{case.id}", "session")
    return _done(visit)


async def end(visit: Visit) -> web.StreamResponse:
    """Settled, with what was agreed and from when; or ended without."""
    form = visit.form.get("form", "")
    async with visit.house.database.transaction() as tx:
        case = await _case(visit, tx)
        found, now = visit.part("mediation"), clock.now()
        if form == "none":
            await mediation.refuse(tx, case, found, visit.me.id, now, why="no_agreement")
        elif form in words.group("agreement_forms"):
            agreement, effective = _text(visit, "agreement", _TEXT), _day(visit, "effective")
            await mediation.settle(
                tx, case, found, visit.me.id, now, form=form, agreement=agreement, effective_at=effective
            )
        else:
            raise BadForm({"form": words.name("case_problems", "choose")})
        await visit.record(tx, "case.mediation", f"case:{case.id}", form)
    return _done(visit)


async def confirm(visit: Visit) -> web.StreamResponse:
    """Where judicial confirmation stands: both applied, confirmed, refused."""
    state = visit.form.get("state", "")
    if state not in words.group("confirmations"):
        raise BadForm({"state": words.name("case_problems", "choose")})
    async with visit.house.database.transaction() as tx:
        case = await _case(visit, tx)
        await mediation.note_confirmation(tx, case, visit.part("mediation"), visit.me.id, clock.now(), state=state)
        await visit.record(tx, "case.mediation", f"case:{case.id}", f"court_{state}")
    return _done(visit)


async def _case(visit: Visit, tx: Any) -> CaseFile:
    return await cases.find(tx, visit.part("case"), await visit.scope(tx), for_update=True)


def _text(visit: Visit, name: str, most: int) -> str:
    text = visit.form.get(name, "").strip()
    if not text:
        raise BadForm({name: words.name("case_problems", "required")})
    return text[:most]


def _day(visit: Visit, name: str) -> datetime:
    """A day that is not in the future, at its beginning in the county's zone."""
    try:
        day = datetime.strptime(visit.form.get(name, "").strip(), "%Y-%m-%d").replace(tzinfo=ZoneInfo(visit.zone))
    except ValueError:
        raise BadForm({name: words.name("case_problems", "bad_date")}) from None
    if day > clock.now():
        raise BadForm({name: words.name("case_problems", "future")})
    return day


def _done(visit: Visit) -> web.Response:
    return visit.done({}, f"/console/cases/{visit.part('case')}#mediation")
