"""What is done with a case: where it stands, who works on it, notes and calls, its people, closing, reopening."""

from typing import Any

from aiohttp import web

from bot import clock
from bot.console import words
from bot.console.cases.form import read_day, read_person
from bot.console.cases.page import BY_ITSELF
from bot.console.visit import BadForm, Forbidden, Visit
from bot.errors import NotFound
from storage.repositories import access, cases, staff
from storage.repositories.cases import CaseFile, NextStep, drafts

_LONGEST = 4000
_FEWEST, _MOST = 2, 400
#: Next actions in which we begin, as ways of a visit.
_BEGINS = {"call_back": "phone", "visit": "visit"}


async def set_standing(visit: Visit) -> web.StreamResponse:
    """Where it stands and what comes next, with a date."""
    status, action = visit.form.get("status", ""), visit.form.get("next_action", "")
    if status not in cases.STATUSES or status in ("closed", "reopened"):
        status = ""
    async with visit.house.database.transaction() as tx:
        case = await _case(visit, tx)
        problems: dict[str, str] = {}
        at = read_day(visit.form.get("next_at", ""), visit.zone, problems, "next_at", case.next_at)
        if action and action not in words.group("next_actions"):
            problems["next_action"] = words.name("case_problems", "choose")
        elif action and at is None:
            problems.setdefault("next_at", words.name("case_problems", "required"))
        if problems:
            raise BadForm(problems)
        cases.check_may_begin(case, _BEGINS.get(action, ""))
        step = NextStep(action, at if action else None, visit.form.get("next_note", "").strip()[:_MOST])
        await cases.set_standing(tx, case, visit.me.id, clock.now(), status=status or case.status, step=step)
        await visit.record(tx, "case.standing", f"case:{case.id}", status)
    return _done(visit)


async def assign(visit: Visit) -> web.StreamResponse:
    """Give it to somebody who may work on cases; empty: to nobody."""
    assignee_id = visit.form.get("assignee", "") or None
    async with visit.house.database.transaction() as tx:
        case = await _case(visit, tx)
        if assignee_id is not None:
            await _may_work(tx, assignee_id)
            await access.check_free(tx, case.contact_id, assignee_id)
        await cases.assign(tx, case, visit.me.id, clock.now(), assignee_id)
        await visit.record(tx, "case.assigned", f"case:{case.id}", f"staff:{assignee_id or ''}")
    return _done(visit)


async def add_note(visit: Visit) -> web.StreamResponse:
    """A note, or a call with what came of it."""
    body = visit.form.get("body", "").strip()
    result = visit.form.get("result", "")
    if not body and not result:
        raise BadForm({"body": words.name("case_problems", "body")})
    if len(body) > _LONGEST:
        raise BadForm({"body": words.name("case_problems", "too_long").format(most=_LONGEST)})
    if result and result not in words.group("case_call_results"):
        raise BadForm({"result": words.name("case_problems", "choose")})
    kind = "call" if result else "note"
    async with visit.house.database.transaction() as tx:
        case = await _case(visit, tx)
        await cases.add_event(
            tx, case.key, case.id, kind, now=clock.now(), staff_id=visit.me.id, code=result, body=body
        )
        await drafts.forget(tx, visit.me.id, f"note:{case.id}")
        await visit.record(tx, f"case.{kind}", f"case:{case.id}")
    return _done(visit)


async def note_violence(visit: Visit) -> web.StreamResponse:
    """Somebody heard of violence: it is never mediated from now on, and what goes on is stopped."""
    async with visit.house.database.transaction() as tx:
        case = await _case(visit, tx)
        now = clock.now()
        if await cases.note_violence(tx, case.key, case.id, now):
            await cases.add_event(tx, case.key, case.id, "violence", now=now, staff_id=visit.me.id)
            await cases.keep_out_of_broadcasts(tx, case.contact_id)
        await visit.record(tx, "case.violence", f"case:{case.id}")
    return _done(visit)


async def close(visit: Visit) -> web.StreamResponse:
    """Close it with its outcome and how she sees it."""
    form = visit.form
    outcome, satisfaction = form.get("outcome", ""), form.get("satisfaction", "")
    if outcome not in words.group("outcomes") or outcome in BY_ITSELF:
        raise BadForm({"outcome": words.name("case_problems", "choose")})
    if satisfaction not in words.group("satisfaction"):
        raise BadForm({"satisfaction": words.name("case_problems", "choose")})
    async with visit.house.database.transaction() as tx:
        case = await _case(visit, tx)
        await cases.close(
            tx,
            case,
            visit.me.id,
            clock.now(),
            outcome=outcome,
            note=form.get("note", "").strip()[:_LONGEST],
            satisfaction=satisfaction,
            view=form.get("view", "").strip()[:_LONGEST],
        )
        await visit.record(tx, "case.closed", f"case:{case.id}", outcome)
    return _done(visit)


async def reopen(visit: Visit) -> web.StreamResponse:
    """Go on with a closed case, for a reason."""
    reason = visit.form.get("reason", "").strip()
    if not _FEWEST <= len(reason) <= _MOST:
        raise BadForm({"reason": words.name("case_problems", "reason")})
    async with visit.house.database.transaction() as tx:
        case = await _case(visit, tx)
        await cases.reopen(tx, case, visit.me.id, clock.now(), reason)
        await visit.record(tx, "case.reopened", f"case:{case.id}")
    return _done(visit)


async def add_person(visit: Visit) -> web.StreamResponse:
    """Somebody else in it."""
    person, problems = read_person(visit.form)
    if problems:
        raise BadForm(problems)
    async with visit.house.database.transaction() as tx:
        case = await _case(visit, tx)
        now = clock.now()
        person_id = await cases.add_person(tx, case.key, case.id, person, now)
        await _note_person(visit, tx, case, person_id, "added")
    return _done(visit)


async def change_person(visit: Visit) -> web.StreamResponse:
    """What is known of somebody now; a number left empty stays."""
    person_id = visit.part("person")
    person, problems = read_person(visit.form, person_id)
    if problems:
        raise BadForm(problems)
    async with visit.house.database.transaction() as tx:
        case = await _case(visit, tx)
        known = next((one for one in await cases.people_of(tx, case.key, case.id) if one.id == person_id), None)
        if known is None:
            raise NotFound
        await cases.change_person(tx, case.key, case.id, person if person.phone else _with_phone(person, known))
        await _note_person(visit, tx, case, person_id, "changed")
    return _done(visit)


async def remove_person(visit: Visit) -> web.StreamResponse:
    """Somebody who does not belong in it; never the one who came to us."""
    async with visit.house.database.transaction() as tx:
        case = await _case(visit, tx)
        await cases.remove_person(tx, case.id, visit.part("person"))
        await _note_person(visit, tx, case, visit.part("person"), "removed")
    return _done(visit)


async def link_talk(visit: Visit) -> web.StreamResponse:
    """Put another conversation of hers into this case."""
    async with visit.house.database.transaction() as tx:
        scope = await visit.scope(tx)
        case = await cases.find(tx, visit.part("case"), scope, for_update=True)
        talk_id = visit.form.get("talk", "")
        await cases.link_talk(tx, case, talk_id, visit.me.id, clock.now(), scope=scope)
        await visit.record(tx, "case.linked", f"case:{case.id}", f"conversation:{talk_id}")
    return _done(visit)


async def _case(visit: Visit, tx: Any) -> CaseFile:
    return await cases.find(tx, visit.part("case"), await visit.scope(tx), for_update=True)


async def _may_work(tx: Any, staff_id: str) -> None:
    known = {
        one.id for one in await staff.list_all(tx) if one.active and one.role not in ("cadre", "admin", "auditor")
    }
    if staff_id not in known:
        raise Forbidden


async def _note_person(visit: Visit, tx: Any, case: CaseFile, person_id: str, what: str) -> None:
    if what != "removed":
        await cases.look_for_repeats(tx, case.id, case.contact_id, clock.now())
    await cases.add_event(
        tx,
        case.key,
        case.id,
        "person",
        now=clock.now(),
        staff_id=visit.me.id,
        subject=f"person:{person_id}",
        code=what,
    )
    await visit.record(tx, f"case.person_{what}", f"case:{case.id}", f"person:{person_id}")


def _with_phone(person: cases.PersonView, known: cases.PersonView) -> cases.PersonView:
    return cases.PersonView(
        person.id, person.role, person.is_contact, person.relation, person.name, known.phone, person.fields
    )


def _done(visit: Visit) -> web.Response:
    return visit.json({}) if visit.wants_json else visit.go(f"/console/cases/{visit.part('case')}")
