"""One case: everything in it, in one order; opening it is an audit entry."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from bot import clock, gate
from bot.console import assessment, contact, words
from bot.console.cases import documents, drafts, visits
from bot.console.visit import BadForm, Visit
from bot.errors import NotFound
from storage.repositories import accounts, cases, referrals, staff
from storage.repositories.cases import CaseFile, EventView, TalkLine
from storage.repositories.inbox.lines import Line, lines

#: So many lines of each conversation are shown in the timeline; the rest is on its own page.
_LINES = 60
_FEWEST, _MOST = 2, 200
#: Kinds of events that say nothing a reader looks for.
_QUIET = frozenset({"updated", "next"})
#: How conversations and cases end without anybody choosing it.
BY_ITSELF = frozenset({"silent", "erased"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the timeline: an event, or something said in a conversation."""

    at: datetime
    event: EventView | None = None
    line: Line | None = None
    talk: TalkLine | None = None


async def show(visit: Visit) -> web.StreamResponse:
    """The page of a case."""
    case_id = visit.part("case")
    async with visit.house.database.transaction() as tx:
        scope = await visit.scope(tx)
        case = await cases.find(tx, case_id, scope)
        values = await _values(visit, tx, case, scope)
        await visit.record(tx, "case.read", f"case:{case_id}")
    if visit.wants_json:
        return visit.json(_json(case, values["entries"]))
    return visit.page("case.html", case=case, **values)


async def reveal(visit: Visit) -> web.StreamResponse:
    """One person's number in full, once, for a reason."""
    reason = visit.form.get("reason", "").strip()
    if not _FEWEST <= len(reason) <= _MOST:
        raise BadForm({"reason": words.name("case_problems", "reason")})
    async with visit.house.database.transaction() as tx:
        scope = await visit.scope(tx)
        case = await cases.find(tx, visit.part("case"), scope)
        person = next(
            (one for one in await cases.people_of(tx, case.key, case.id) if one.id == visit.part("person")), None
        )
        if person is None:
            raise NotFound
        values = await _values(visit, tx, case, scope)
        await visit.record(tx, "identifier.revealed", f"case:{case.id}", f"person:{person.id} {reason}")
    if visit.wants_json:
        return visit.json({"value": person.phone})
    return visit.page("case.html", case=case, **(values | {"revealed": {person.id: person.phone}}))


async def _values(visit: Visit, tx: Any, case: CaseFile, scope: Any) -> dict[str, Any]:
    talks = await cases.talks_of(tx, case, scope)
    areas = await accounts.areas(tx)
    wishes, linked = gate.read_wishes(case.wishes), [talk for talk in talks if talk.linked]
    return {
        "people": await cases.people_of(tx, case.key, case.id),
        "facts": dict(case.fields),
        "visits": await cases.visits_of(tx, case),
        "intervals": visits.intervals(case),
        "mediations": await cases.mediations_of(tx, case),
        "documents": await cases.documents_of(tx, case),
        "shown_types": documents.SHOWN,
        "repeats": await cases.repeats_of(tx, case, scope),
        "note_draft": (await drafts.find(visit, tx, f"note:{case.id}", case.key))[0],
        "talks": talks,
        "referred": await referrals.of_case(tx, case.id),
        "entries": await _timeline(tx, case, linked),
        "quiet": _QUIET,
        "others": [one for one in await cases.cases_of(tx, case.contact_id, scope) if one.id != case.id],
        "names": await staff.names(tx),
        "assignable": await _assignable(tx),
        "areas": dict(areas),
        "wishes": wishes,
        "contact": await contact.block_of(visit, tx, linked[0].id) if linked else None,
        "call": contact.call_verdict(visit, wishes, locked=case.locked),
        "outcomes": {key: word for key, word in words.group("outcomes").items() if key not in BY_ITSELF},
        "today": clock.local(clock.now(), visit.zone).date().isoformat(),
        "revealed": {},
        "assessment": await assessment.panel(visit, tx),
    }


async def _assignable(tx: Any) -> list[staff.StaffView]:
    """Who may be given a case."""
    return [
        one
        for one in await staff.list_all(tx)
        if one.active and one.role in ("worker", "caseworker", "supervisor", "local")
    ]


async def _timeline(tx: Any, case: CaseFile, talks: list[TalkLine]) -> list[Entry]:
    entries = [Entry(event.at, event=event) for event in await cases.events_of(tx, case)]
    for talk in talks:
        entries.append(Entry(talk.opened_at, talk=talk))
        said, _ = await lines(tx, case.key, talk.id, most=_LINES)
        entries += [Entry(line.at, line=line, talk=talk) for line in said]
    return sorted(entries, key=lambda one: one.at)


def _json(case: CaseFile, entries: list[Entry]) -> dict[str, Any]:
    return {
        "id": case.id,
        "number": case.number,
        "status": case.status,
        "category": case.category,
        "rights_group": case.rights_group,
        "risk": case.risk,
        "origin": case.origin,
        "assignee": case.assignee_id,
        "next_action": case.next_action,
        "next_at": case.next_at.isoformat() if case.next_at else None,
        "version": case.version,
        "violence": case.violence_at is not None,
        "outcome": case.outcome,
        "events": [{"kind": one.event.kind, "code": one.event.code} for one in entries if one.event is not None],
    }
