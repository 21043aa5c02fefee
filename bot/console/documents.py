"""Documents of a case: a form filled with what is known, completed by staff, made into a .docx and handed out."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from bot import clock, papers
from bot.console import words
from bot.console.case_facts import Facts, facts_of
from bot.console.referral_acts import paper
from bot.console.visit import BadForm, Visit
from bot.errors import NotFound
from bot.papers import Field, Form, Values
from storage.repositories import areas, cases
from storage.repositories import papers as told
from storage.repositories.cases import CaseFile, PersonView

_LONGEST = 4000
_MOST_ROWS = 30
#: Typed to leave a registered number out.
_NONE = "无"
#: What may be kept in the case, by where it is filled from.
_KEPT = {"name", "phone", "address", "id_number"}


async def show_all(visit: Visit) -> web.StreamResponse:
    """Which documents can be made."""
    async with visit.house.database.reading() as tx:
        case = await cases.find(tx, visit.part("case"), await visit.scope(tx))
    forms = [papers.read_form(kind) for kind in papers.KINDS]
    if visit.wants_json:
        return visit.json([{"kind": form.kind, "title": form.title} for form in forms])
    return visit.page("documents.html", case=case, forms=forms)


async def ask(visit: Visit) -> web.StreamResponse:
    """The form: what will be filled in, and what is missing."""
    return await _page(visit, _form(visit))


async def make(visit: Visit) -> web.StreamResponse:
    """The document; what was typed is kept in the case only when that is wished, and only who is who."""
    form, given = _form(visit), visit.form
    chosen = {
        one.name: [key for key in one.choices if given.get(f"{one.name}.{key}") or given.get(one.name) == key]
        for one in form.fields
        if one.choices
    }
    wrong = {
        name: words.name("paper_problems", "together").format(choice=choice)
        for name, choice in papers.problems(form, chosen).items()
    }
    wrong |= {
        name: words.name("paper_problems", "too_long").format(most=_LONGEST)
        for name, text in given.items()
        if len(text) > _LONGEST
    }
    if wrong:
        if visit.wants_json:
            raise BadForm(wrong)
        return await _page(visit, form, status=400, typed=given, problems=wrong)
    now = clock.now()
    async with visit.house.database.transaction() as tx:
        case, people, facts = await _load(visit, tx, for_update=bool(given.get("keep")))
        texts = {one.name: _text(one, given, facts) for one in form.fields} | {"case.number": case.number}
        if given.get("keep"):
            await _keep(tx, case, people, form, given, now)
            await visit.record(tx, "case.updated", f"case:{case.id}")
        await visit.record(tx, "paper.made", f"case:{case.id}", form.kind)
    content = papers.write(form, papers.fill(form, Values(texts, chosen, _rows(form, given))), now)
    return paper(content, case.number)


async def _page(
    visit: Visit, form: Form, *, status: int = 200, typed: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
) -> web.StreamResponse:  # fmt: skip
    async with visit.house.database.transaction() as tx:
        case, _, facts = await _load(visit, tx)
        rows = await _suggested(visit, tx, case, form, facts)
        await visit.record(tx, "paper.prepared", f"case:{case.id}", form.kind)
    shown, known = dict[str, str](), dict[str, str]()
    for one in form.fields:
        fact = facts.sources.get(one.source, "")
        if one.identifier:
            known[one.name] = words.masked(fact)
        elif one.choices:
            key = facts.choices.get(one.source, "")
            shown |= {one.name: key, f"{one.name}.{key}": "1"} if key else {}
        else:
            shown[one.name] = fact
    if typed is not None:
        shown, rows = dict(typed), _rows(form, typed)
    if visit.wants_json:
        missing = [one.name for one in form.fields if not shown.get(one.name) and not known.get(one.name)]
        return visit.json({"kind": form.kind, "missing": missing, "rows": len(rows)}, status)
    blank: list[dict[str, str]] = (
        [{} for _ in range(min(form.spare_rows, _MOST_ROWS - len(rows)))] if form.columns else []
    )
    return visit.page(
        "document.html", status=status, case=case, form=form, groups=[(name, one) for name, one in form.groups()],
        typed=shown, known=known, rows=[*rows, *blank], problems=dict(problems or {}), gap=papers.GAP,
    )  # fmt: skip


async def _load(visit: Visit, tx: Any, *, for_update: bool = False) -> tuple[CaseFile, list[PersonView], Facts]:
    case = await cases.find(tx, visit.part("case"), await visit.scope(tx), for_update=for_update)
    people = await cases.people_of(tx, case.key, case.id)
    county = next((one.name for one in await areas.all_areas(tx) if not one.parent_id), "")
    return case, people, facts_of(case, people, county=county, me=visit.me.name)


async def _suggested(visit: Visit, tx: Any, case: CaseFile, form: Form, facts: Facts) -> list[dict[str, str]]:
    """Rows of the table from what she said and sent."""
    if form.rows_source == "incidents":
        said = await told.said_of_danger(tx, case)
        return [
            {"what": words.name("paper_words", "quoted").format(text=one.text, day=words.moment(one.at, visit.zone))}
            for one in said
        ]
    if form.rows_source == "evidence":
        rows = [{"item": line} for line in facts.sources["case.evidence"].splitlines()]
        for one in await told.files_sent(tx, case):
            item = words.name("paper_words", "sent").format(
                kind=words.name("kinds", one.kind), day=words.moment(one.at, visit.zone)
            )
            rows.append({"item": item, "source": words.name("paper_words", "herself")})
        return rows[:_MOST_ROWS]
    return []


def _form(visit: Visit) -> Form:
    kind = visit.part("kind")
    if kind not in papers.KINDS:
        raise NotFound
    return papers.read_form(kind)


def _text(one: Field, given: Mapping[str, str], facts: Facts) -> str:
    """What was typed; for a number left empty the registered one, which the page shows only in part."""
    typed = given.get(one.name, "").strip()
    if one.identifier:
        return "" if typed == _NONE else typed or facts.sources.get(one.source, "")
    return typed


def _rows(form: Form, given: Mapping[str, str]) -> list[dict[str, str]]:
    rows = [
        {one.name: given.get(f"row{number}.{one.name}", "").strip() for one in form.columns}
        for number in range(_MOST_ROWS)
    ]
    return [row for row in rows if any(row.values())]


async def _keep(
    tx: Any, case: CaseFile, people: Sequence[PersonView], form: Form, given: Mapping[str, str], now: Any
) -> None:
    """Names, numbers and addresses that were typed go to the people of the case."""
    for role in ("survivor", "other_side"):
        typed = {
            one.source.partition(".")[2]: given.get(one.name, "").strip()
            for one in form.fields
            if one.source.startswith(f"{role}.") and one.source.partition(".")[2] in _KEPT
        }
        typed = {name: text for name, text in typed.items() if text and text != _NONE}
        if not typed:
            continue
        known = cases.survivor_of(list(people)) if role == "survivor" else None
        known = known or next((one for one in people if one.role == role), None)
        base = known or PersonView("", role, False, "", "", "")
        fields = {name: typed[name] for name in ("address", "id_number") if name in typed}
        person = PersonView(
            base.id,
            base.role,
            base.is_contact,
            base.relation,
            typed.get("name", base.name),
            typed.get("phone", base.phone),
            base.fields | fields,
        )
        if known is None:
            await cases.add_person(tx, case.key, case.id, person, now)
        else:
            await cases.change_person(tx, case.key, case.id, person)
