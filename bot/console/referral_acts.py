"""What is done with a referral: consent, approval by a second person, links, answers told, taking back, the slip."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from bot import clock, papers, sharing
from bot.console import words
from bot.console.case_facts import age_at_most
from bot.console.referrals import referral_page
from bot.console.visit import BadForm, Visit
from bot.errors import WrongState
from storage.repositories import cases, referrals, units
from storage.repositories.referrals import ReferralFile

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_FEWEST, _MOST = 2, 2000
#: Consent of a child is not hers to give (Personal Information Protection Law, article 31).
_CHILD = 13


async def agree(visit: Visit) -> web.StreamResponse:
    """Her consent is recorded, and the referral opens."""
    form, now = visit.form, clock.now()
    problems = {
        name: words.name("referral_problems", name)
        for name, group in (("way", "ways"), ("giver", "givers"))
        if form.get(name, "") not in sharing.group(group)
    }
    try:
        at = datetime.fromisoformat(form.get("at", "")).replace(tzinfo=ZoneInfo(visit.zone))
        if at > now + timedelta(minutes=5):
            problems["at"] = words.name("referral_problems", "at")
    except ValueError:
        at, problems["at"] = now, words.name("referral_problems", "at")
    if form.get("agreed") != "1":
        problems["agreed"] = words.name("referral_problems", "agreed")
    if problems:
        return await _again(visit, problems)
    async with visit.house.database.transaction() as tx:
        referral = await _referral(visit, tx)
        if form["giver"] == "survivor":
            await _must_be_of_age(tx, visit, referral)
        await referrals.consent(
            tx,
            referral,
            way=form["way"],
            giver=form["giver"],
            version=sharing.consent_version(),
            names=referral.names,
            consented_at=at,
            staff_id=visit.me.id,
            now=now,
        )
        await visit.record(tx, "referral.consented", referral.subject, form["way"])
        await _open(visit, tx, await _referral(visit, tx))
        await visit.record(tx, "referral.opened", referral.subject, " ".join(referral.names))
    return _done(visit)


async def submit(visit: Visit) -> web.StreamResponse:
    """Without her consent: a legal basis that holds for this unit, a reason, and a second person."""
    basis, reason = visit.form.get("basis", ""), visit.form.get("reason", "").strip()
    async with visit.house.database.transaction() as tx:
        referral = await _referral(visit, tx)
        unit = await units.find(tx, referral.unit_id)
        found = sharing.bases().get(basis)
        problems = {}
        if found is None or unit.kind not in found.kinds:
            problems["basis"] = words.name("referral_problems", "basis")
        if not _FEWEST <= len(reason) <= _MOST:
            problems["reason"] = words.name("referral_problems", "reason")
        if not problems:
            await referrals.submit(tx, referral, basis, reason, visit.me.id, clock.now())
            await visit.record(tx, "referral.submitted", referral.subject, basis)
    return await _again(visit, problems) if problems else _done(visit)


async def approve(visit: Visit) -> web.StreamResponse:
    """The second person lets it go out."""
    async with visit.house.database.transaction() as tx:
        referral = await _referral(visit, tx)
        if referral.state != "submitted":
            raise WrongState(words.name("referral_problems", "not_submitted"))
        await _open(visit, tx, referral)
        await visit.record(tx, "referral.approved", referral.subject, referral.basis)
    return _done(visit)


async def give_back(visit: Visit) -> web.StreamResponse:
    """The second person does not, and says why."""
    reason = _reason(visit)
    async with visit.house.database.transaction() as tx:
        referral = await _referral(visit, tx)
        await referrals.give_back(tx, referral, reason, visit.me.id, clock.now())
        await visit.record(tx, "referral.returned", referral.subject)
    return _done(visit)


async def give_link(visit: Visit) -> web.StreamResponse:
    """A new one-time link and its code, shown this once; the older one opens nothing any more."""
    now = clock.now()
    async with visit.house.database.transaction() as tx:
        referral = await _referral(visit, tx)
        if referral.state not in referrals.SHOWN:
            raise WrongState(words.name("referral_problems", "not_open"))
        until = now + timedelta(days=visit.house.settings.referral.link_days)
        token, code = await referrals.give_link(tx, referral, visit.me.id, now, expires_at=until)
        await visit.record(tx, "referral.link_given", referral.subject)
    address = f"{visit.house.settings.public_url}/referral/{token}"
    if visit.wants_json:
        return visit.json({"link": address, "code": code, "expires_at": until.isoformat()}, 201)
    return await referral_page(visit, link=(address, code))


async def answer(visit: Visit) -> web.StreamResponse:
    """What the unit told by telephone or on paper."""
    kind, text = visit.form.get("kind", ""), visit.form.get("text", "").strip()
    problems = {}
    if kind not in referrals.ANSWERS:
        problems["kind"] = words.name("referral_problems", "kind")
    if not text or len(text) > _MOST:
        problems["text"] = words.name("referral_problems", "told")
    if problems:
        return await _again(visit, problems)
    async with visit.house.database.transaction() as tx:
        referral = await _referral(visit, tx)
        await referrals.answer(tx, referral, kind, text, clock.now(), staff_id=visit.me.id)
        await visit.record(tx, "referral.answer_told", referral.subject, kind)
    return _done(visit)


async def revoke(visit: Visit) -> web.StreamResponse:
    """Take it back at once."""
    reason = _reason(visit)
    async with visit.house.database.transaction() as tx:
        referral = await _referral(visit, tx)
        await referrals.revoke(tx, referral, reason, visit.me.id, clock.now())
        await visit.record(tx, "referral.revoked", referral.subject)
    return _done(visit)


async def slip(visit: Visit) -> web.StreamResponse:
    """The slip to print: only what is shared, and only once it may go out."""
    now = clock.now()
    async with visit.house.database.transaction() as tx:
        referral = await _referral(visit, tx)
        if referral.state not in referrals.SHOWN:
            raise WrongState(words.name("referral_problems", "not_open"))
        unit = await units.find(tx, referral.unit_id)
        await visit.record(tx, "referral.slip_made", referral.subject)
    service = visit.house.settings.service
    form = papers.read_form("referral_slip")
    values = papers.Values(
        {
            "number": referral.number,
            "unit": unit.name,
            "purpose": referral.purpose,
            "basis": _ground(visit, referral),
            "safety": sharing.safety(referral.names),
            "answer_by": _day(referral.answer_by, visit.zone),
            "house_phone": service.hotline,
            "house_name": service.name,
            "opened_on": _day(referral.opened_at, visit.zone),
        },
        pairs=[(one.label, one.text) for one in referral.shared],
    )
    return paper(papers.write(form, papers.fill(form, values), now), referral.number)


def paper(content: bytes, number: str) -> web.Response:
    """A document to save under a name that says nothing: 材料-NUMBER.docx."""
    name = words.name("paper_words", "file")
    quoted = "".join(f"%{byte:02X}" for byte in f"{name}-{number}.docx".encode())
    return web.Response(
        body=content,
        content_type=DOCX,
        headers={"Content-Disposition": f"attachment; filename=\"{number}.docx\"; filename*=UTF-8''{quoted}"},
    )


async def _referral(visit: Visit, tx: Any) -> ReferralFile:
    return await referrals.find(tx, visit.part("referral"), await visit.scope(tx), for_update=True)


async def _open(visit: Visit, tx: Any, referral: ReferralFile) -> None:
    now = clock.now()
    unit = await units.find(tx, referral.unit_id)
    due = sharing.answer_by(visit.house.settings.service, now, unit.answer_days)
    await referrals.open_to_unit(tx, referral, visit.me.id, now, answer_by=due)


async def _must_be_of_age(tx: Any, visit: Visit, referral: ReferralFile) -> None:
    people = await cases.people_of(tx, referral.key, referral.case_id)
    age = age_at_most(people, clock.local(clock.now(), visit.zone).year)
    if age is not None and age <= _CHILD:
        raise WrongState(words.name("referral_problems", "child"))


async def _again(visit: Visit, problems: dict[str, str]) -> web.StreamResponse:
    if visit.wants_json:
        raise BadForm(problems)
    return await referral_page(visit, problems=problems, status=400)


def _reason(visit: Visit) -> str:
    reason = visit.form.get("reason", "").strip()
    if not _FEWEST <= len(reason) <= _MOST:
        raise BadForm({"reason": words.name("referral_problems", "reason")})
    return reason


def _ground(visit: Visit, referral: ReferralFile) -> str:
    if referral.basis in sharing.bases():
        return sharing.bases()[referral.basis].said
    return words.name("referral_words", "consented").format(
        day=_day(referral.consented_at, visit.zone),
        giver=sharing.group("givers").get(referral.consent_giver, ""),
        way=sharing.group("ways").get(referral.consent_way, ""),
    )


def _day(moment: datetime | None, zone: str) -> str:
    if moment is None:
        return ""
    local = clock.local(moment, zone)
    return words.name("paper_words", "day").format(year=local.year, month=local.month, day=local.day)


def _done(visit: Visit) -> web.Response:
    return visit.json({}) if visit.wants_json else visit.go(f"/console/referrals/{visit.part('referral')}")
