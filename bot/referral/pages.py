"""The pages of a unit: the code, what is shared with it, its answer. Every use of a link is an audit entry."""

from pathlib import Path

from aiohttp import web

from bot import clock, sharing
from bot.errors import NotFound
from bot.referral.doors import BROWSER, VISIT, ReferralHouse, keep, page, read_form, token_of
from storage.database import Transaction
from storage.repositories import audit, referrals, units
from storage.repositories.referrals import ReferralFile

_HERE = Path(__file__).parent
_FILES = {"referral.css": "text/css", "icon.svg": "image/svg+xml"}
_LONGEST = 2000
#: A refusal and a note say something; the other answers may.
_NEEDS_TEXT = frozenset({"refused", "note"})


async def show(house: ReferralHouse, request: web.Request) -> web.Response:
    """The question for the code, or, in the browser that gave it, what is shared."""
    token = token_of(request)
    async with house.database.transaction() as tx:
        referral = await _of_browser(tx, request, token)
        if referral is not None:
            await _record(house, request, tx, referral, "seen")
            return await _sheet(house, tx, token, referral)
        if not await referrals.is_open(tx, token, clock.now()):
            raise NotFound
    return page(house, "code.html", token=token, problem="")


async def give_code(house: ReferralHouse, request: web.Request) -> web.Response:
    """Try a code: too many tries from one address, and too many wrong ones for one link, are stopped."""
    token, address = token_of(request), house.address_of(request)
    code = (await read_form(request)).get("code", "").strip()
    if house.trying.wait(address):
        return page(house, "code.html", status=429, token=token, problem="slow")
    house.trying.note(address)
    async with house.database.transaction() as tx:
        opening = await referrals.try_code(tx, token, code, request.cookies.get(BROWSER, ""), clock.now())
        if opening.referral is not None:
            await _record(house, request, tx, opening.referral, opening.result)
    if opening.result == "gone":
        raise NotFound
    if opening.result != "opened":
        return page(house, "code.html", status=403, token=token, problem=opening.result)
    assert opening.expires_at is not None
    response = web.Response(status=303, headers={"Location": f"/referral/{token}"})
    keep(house, response, token, opening.browser, opening.visit, opening.expires_at)
    return response


async def answer(house: ReferralHouse, request: web.Request) -> web.Response:
    """Accept, refuse with a reason, done, a note."""
    token = token_of(request)
    form = await read_form(request)
    kind, text = form.get("kind", ""), form.get("text", "").strip()
    async with house.database.transaction() as tx:
        referral = await _of_browser(tx, request, token, for_update=True)
        if referral is None or kind not in referrals.ANSWERS:
            raise NotFound
        if kind in _NEEDS_TEXT and not text:
            return await _sheet(house, tx, token, referral, problem=kind, status=400)
        if len(text) > _LONGEST:
            return await _sheet(house, tx, token, referral, problem="too_long", status=400)
        await referrals.answer(tx, referral, kind, text, clock.now())
        await _record(house, request, tx, referral, kind)
    if referrals.ANSWERS[kind][0] in ("refused", "done"):
        return page(house, "said.html", said=kind)
    return web.Response(status=303, headers={"Location": f"/referral/{token}"})


async def show_file(house: ReferralHouse, request: web.Request) -> web.Response:
    """The style sheet or the icon."""
    name = request.match_info["name"]
    if name not in _FILES:
        raise NotFound
    text = (_HERE / "static" / name).read_text(encoding="utf-8")
    return web.Response(text=text, content_type=_FILES[name], charset="utf-8")


async def _of_browser(
    tx: Transaction, request: web.Request, token: str, *, for_update: bool = False
) -> ReferralFile | None:
    browser, visit = request.cookies.get(BROWSER, ""), request.cookies.get(VISIT, "")
    return await referrals.of_browser(tx, token, browser, visit, clock.now(), for_update=for_update)


async def _sheet(
    house: ReferralHouse, tx: Transaction, token: str, referral: ReferralFile, problem: str = "", status: int = 200
) -> web.Response:
    """What the unit sees: what is shared, and what it has answered itself; nothing else of the case."""
    unit = await units.find(tx, referral.unit_id)
    events = await referrals.events_of(tx, referral)
    said = [one for one in events if one.code in referrals.ANSWERS]
    return page(
        house,
        "sheet.html",
        status=status,
        token=token,
        number=referral.number,
        unit_name=unit.name,
        state=referral.state,
        purpose=referral.purpose,
        shared=referral.shared,
        safety=sharing.safety(referral.names),
        answer_by=referral.answer_by,
        said=said,
        problem=problem,
    )


async def _record(
    house: ReferralHouse, request: web.Request, tx: Transaction, referral: ReferralFile, what: str
) -> None:
    await audit.append(
        tx,
        staff_id=None,
        action=f"referral_link.{what}",
        subject=referral.subject,
        address=house.address_of(request),
        now=clock.now(),
    )
