"""Referrals: all of them, a draft with what is picked one by one, and the page of one with what the unit sees."""

from datetime import timedelta
from typing import Any

from aiohttp import web

from bot import clock, sharing
from bot.console import words
from bot.console.access import LEAD
from bot.console.case_facts import facts_of
from bot.console.visit import BadForm, Visit
from bot.errors import NotFound
from storage.repositories import accounts, cases, referrals, staff, units
from storage.repositories.cases import CaseFile
from storage.repositories.referrals import Draft, ReferralFile, Shared, Wanted

_A_PAGE = 50
#: A refusal is shown on top for so long, while its case is open.
_FALLEN = timedelta(days=30)
_LONGEST_PURPOSE, _LONGEST_TEXT = 60, 4000


async def show_all(visit: Visit) -> web.StreamResponse:
    """Referrals of cases she may see, those whose answer is due first."""
    query, now = visit.request.query, clock.now()
    state, page = query.get("state", "running"), max(1, _number(query.get("page", "1")))
    wanted = Wanted(
        state=state if state in referrals.STATES else "",
        running=state == "running",
        unit_id=query.get("unit", ""),
        created_by=visit.me.id if query.get("mine") else "",
        overdue_at=now if state == "overdue" else None,
        fallen_since=now - _FALLEN if state == "fallen" else None,
    )
    async with visit.house.database.reading() as tx:
        scope = await visit.scope(tx)
        lines = await referrals.list_all(tx, scope, wanted, offset=(page - 1) * _A_PAGE, limit=_A_PAGE)
        total = await referrals.count_all(tx, scope, wanted)
        late = await referrals.count_all(tx, scope, Wanted(overdue_at=now))
        asked = await referrals.count_all(tx, scope, Wanted(state="submitted"))
        fallen = await referrals.count_all(tx, scope, Wanted(fallen_since=now - _FALLEN))
        names = await staff.names(tx)
        listed = await units.list_all(tx)
    if visit.wants_json:
        return visit.json([_line_json(line) for line in lines])
    return visit.page(
        "referrals.html", lines=lines, total=total, late=late, asked=asked, fallen=fallen, names=names,
        units=listed, state=state,
        unit_id=wanted.unit_id, mine=bool(wanted.created_by), page=page, pages=-(-total // _A_PAGE),
    )  # fmt: skip


async def ask_new(visit: Visit) -> web.StreamResponse:
    """The form for a new one: unit, purpose, and every field to pick."""
    return await _form_page(visit, visit.part("case"))


async def create(visit: Visit) -> web.StreamResponse:
    """Keep a draft; nothing leaves the house."""
    async with visit.house.database.transaction() as tx:
        case = await cases.find(tx, visit.part("case"), await visit.scope(tx), for_update=True)
        given, problems = await _read(visit, tx, case)
        if given is not None:
            referral_id = await referrals.draft(tx, case, given, visit.me.id, clock.now())
            await visit.record(tx, "referral.drafted", f"referral:{referral_id}", f"case:{case.id}")
    if given is None:
        if visit.wants_json:
            raise BadForm(problems)
        return await _form_page(visit, visit.part("case"), status=400, form=visit.form, problems=problems)
    if visit.wants_json:
        return visit.json({"id": referral_id}, 201)
    return visit.go(f"/console/referrals/{referral_id}")


async def edit(visit: Visit) -> web.StreamResponse:
    """Another unit, purpose or content; what was agreed to before counts no more."""
    async with visit.house.database.transaction() as tx:
        referral = await referrals.find(tx, visit.part("referral"), await visit.scope(tx), for_update=True)
        if visit.request.method == "GET":
            case_id, form = referral.case_id, dict[str, str]()
            given, problems = None, dict[str, str]()
        else:
            case = await cases.find(tx, referral.case_id, await visit.scope(tx), for_update=True)
            case_id, form = case.id, visit.form
            given, problems = await _read(visit, tx, case)
            if given is not None:
                await referrals.change(tx, case, referral, given, visit.me.id, clock.now())
                await visit.record(tx, "referral.changed", referral.subject)
    if given is None:
        if problems and visit.wants_json:
            raise BadForm(problems)
        return await _form_page(
            visit, case_id, status=400 if problems else 200, form=form, problems=problems, referral=referral
        )
    return visit.json({}) if visit.wants_json else visit.go(f"/console/referrals/{referral.id}")


async def show(visit: Visit) -> web.StreamResponse:
    """One referral: what is shared, on what ground, what happened, what can be done now."""
    return await referral_page(visit)


async def preview(visit: Visit) -> web.StreamResponse:
    """Exactly what the unit sees, with whole numbers."""
    return await referral_page(visit, whole=True)


async def referral_page(
    visit: Visit, *, whole: bool = False, link: tuple[str, str] | None = None, problems: dict[str, str] | None = None,
    status: int = 200,
) -> web.StreamResponse:  # fmt: skip
    """The page of one; `whole` shows identifiers in full, `link` is a new (address, code), shown this once."""
    async with visit.house.database.transaction() as tx:
        referral = await referrals.find(tx, visit.part("referral"), await visit.scope(tx))
        unit = await units.find(tx, referral.unit_id)
        events = await referrals.events_of(tx, referral)
        links = await referrals.links_of(tx, referral.id)
        names = await staff.names(tx)
        if link is None and problems is None:
            await visit.record(tx, "referral.previewed" if whole else "referral.viewed", referral.subject)
    now = clock.now()
    if visit.wants_json:
        return visit.json(_json(referral, whole=whole), status)
    wording = sharing.consent_wording(
        sharing.consent_version(),
        unit=unit.name,
        phone=unit.phone or words.name("referral_words", "no_phone"),
        purpose=referral.purpose,
        fields="、".join(one.label for one in referral.shared),
    )
    return visit.page(
        "referral.html", status=status, referral=referral, unit=unit, events=events, links=links, names=names,
        shared=[_masked(one, whole=whole) for one in referral.shared], whole=whole, link=link,
        safety=sharing.safety(referral.names), wording=wording, version=sharing.consent_version(),
        bases=[one for one in sharing.bases().values() if unit.kind in one.kinds], all_bases=sharing.bases(),
        ways=sharing.group("ways"), givers=sharing.group("givers"), labels=sharing.labels(),
        now_local=clock.local(now, visit.zone).strftime("%Y-%m-%dT%H:%M"), problems=problems or {},
        running=referral.state in referrals.RUNNING, may_decide=visit.me.role in LEAD,
        own=visit.me.id in (referral.created_by, referral.submitted_by),
        late=referral.state == "open" and referral.answer_by is not None and referral.answer_by < now,
    )  # fmt: skip


async def _form_page(visit: Visit, case_id: str, *, status: int = 200, **values: Any) -> web.StreamResponse:
    async with visit.house.database.transaction() as tx:
        case = await cases.find(tx, case_id, await visit.scope(tx))
        people = await cases.people_of(tx, case.key, case.id)
        listed = await units.suited(tx, case.category, case.area_id)
        areas = dict(await accounts.areas(tx))
        await visit.record(tx, "referral.prepared", f"case:{case.id}")
    known = facts_of(case, people).shared
    if visit.wants_json:
        return visit.json({"fields": [name for name, text in known.items() if text]}, status)
    values = {"form": {}, "problems": {}, "referral": None} | values
    form = values["form"] or {f"text_{name}": text for name, text in known.items()} | _shown(values["referral"])
    identifiers = sharing.identifiers()
    return visit.page(
        "referral_edit.html", status=status, case=case, units=listed, areas=areas, labels=sharing.labels(),
        identifiers=identifiers, known={name: words.masked(known[name]) for name in identifiers},
        **(values | {"form": form}),
        fitting={unit.id for unit in listed if units.handles(unit, case.category)},
    )  # fmt: skip


async def _read(visit: Visit, tx: Any, case: CaseFile) -> tuple[Draft | None, dict[str, str]]:
    """The form as a draft, or what is wrong with it by field."""
    form, problems = visit.form, dict[str, str]()
    people = await cases.people_of(tx, case.key, case.id)
    known = facts_of(case, people).shared
    try:
        unit = await units.find(tx, form.get("unit", ""))
    except NotFound:
        unit = None
    if unit is None or not unit.active:
        problems["unit"] = words.name("referral_problems", "unit")
    purpose = " ".join(form.get("purpose", "").split())
    if not purpose or len(purpose) > _LONGEST_PURPOSE:
        problems["purpose"] = words.name("referral_problems", "purpose").format(most=_LONGEST_PURPOSE)
    shared = []
    for name, label in sharing.labels().items():
        if not form.get(f"share_{name}"):
            continue
        # A number or an address comes from the file, not from a page that shows only a part of it.
        text = known[name] if name in sharing.identifiers() else form.get(f"text_{name}", "").strip()
        if not text or len(text) > _LONGEST_TEXT:
            key = "empty" if not text else "too_long"
            problems[f"text_{name}"] = words.name("referral_problems", key).format(most=_LONGEST_TEXT)
        shared.append(Shared(name, label, text))
    if not shared:
        problems["shared"] = words.name("referral_problems", "nothing")
    for name in sharing.missing_company([one.name for one in shared]):
        problems[f"text_{name}"] = words.name("referral_problems", "phone_goes_with")
    if problems or unit is None:
        return None, problems
    return Draft(unit, purpose, tuple(shared)), problems


def _shown(referral: ReferralFile | None) -> dict[str, str]:
    if referral is None:
        return {}
    return {"unit": referral.unit_id, "purpose": referral.purpose} | {
        key: value
        for one in referral.shared
        for key, value in ((f"share_{one.name}", "1"), (f"text_{one.name}", one.text))
    }


def _masked(one: Shared, *, whole: bool) -> Shared:
    hidden = one.name in sharing.identifiers() and not whole
    return Shared(one.name, one.label, words.masked(one.text)) if hidden else one


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 7 else 1


def _line_json(line: referrals.ReferralLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "number": line.number,
        "case": line.case_id,
        "unit": line.unit_id,
        "state": line.state,
        "answer_by": line.answer_by.isoformat() if line.answer_by else None,
    }


def _json(referral: ReferralFile, *, whole: bool) -> dict[str, Any]:
    return {
        "id": referral.id,
        "number": referral.number,
        "case": referral.case_id,
        "unit": referral.unit_id,
        "state": referral.state,
        "basis": referral.basis,
        "purpose": referral.purpose,
        "shared": {one.name: _masked(one, whole=whole).text for one in referral.shared},
        "consent": {"way": referral.consent_way, "version": referral.consent_version},
    }
