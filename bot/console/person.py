"""The woman behind a conversation: masked identifiers, her wish to be forgotten, her own word, a copy for her.

Everything here is done after a check that it is she who asks, says why, and is an audit entry.
"""

from typing import Any

from aiohttp import web

from bot import clock
from bot.console import contact, words
from bot.console.export import pack
from bot.console.visit import BadForm, Visit
from bot.errors import NotFound, WrongState
from storage.repositories import erasure, export, links, outbox, persons, rights

_FEWEST, _MOST = 2, 200


async def show(visit: Visit) -> web.StreamResponse:
    """What we hold, masked, and what can be done about it."""
    return await _page(visit)


async def reveal(visit: Visit) -> web.StreamResponse:
    """One identifier in full, once, for a reason."""
    name, reason = visit.form.get("field", ""), _reason(visit)
    talk_id = visit.part("talk")
    async with visit.house.database.transaction() as tx:
        person = await persons.find(tx, talk_id, await visit.scope(tx), clock.now())
        value = person.identifiers.get(name)
        if value is None:
            raise NotFound
        await visit.record(
            tx, "identifier.revealed", f"contact:{person.contact_id}", f"{words.name('identifiers', name)}：{reason}"
        )
    if visit.wants_json:
        return visit.json({"field": name, "value": value})
    return await _page(visit, revealed={name: value})


async def confirm_erasure(visit: Visit) -> web.StreamResponse:
    """Staff made sure it is she who asks: the days of grace begin."""
    reason = _reason(visit)
    now = clock.now()
    async with visit.house.database.transaction() as tx:
        contact_id, _ = await persons.contact_of(tx, visit.part("talk"), await visit.scope(tx))
        wish = await erasure.confirm(tx, contact_id, visit.me.id, now)
        await visit.record(tx, "erasure.confirmed", f"contact:{contact_id}", reason)
    assert wish.due_at is not None
    return _done(visit, {"due_at": wish.due_at.isoformat(), "postponed": wish.postponed})


async def revoke_erasure(visit: Visit) -> web.StreamResponse:
    """Nothing is erased: she took it back by telephone, or it was not she who asked."""
    reason = _reason(visit)
    async with visit.house.database.transaction() as tx:
        contact_id, _ = await persons.contact_of(tx, visit.part("talk"), await visit.scope(tx))
        if not await erasure.revoke(tx, contact_id, clock.now(), visit.me.id):
            raise WrongState("现在没有要删除的，可能她已经撤回了")
        await visit.record(tx, "erasure.revoked", f"contact:{contact_id}", reason)
    return _done(visit, {})


async def part_channel(visit: Visit) -> web.StreamResponse:
    """One channel leaves her file: it was not she who bound it, or somebody else uses it now."""
    reason = _reason(visit)
    async with visit.house.database.transaction() as tx:
        contact_id, _ = await persons.contact_of(tx, visit.part("talk"), await visit.scope(tx))
        hers = {one.id for one in await links.identities_of(tx, contact_id)}
        wanted = visit.form.get("field", "")
        if wanted not in hers:
            raise NotFound
        if not await links.part(tx, wanted, clock.now()):
            raise WrongState("她只有这一个渠道，不能解除")
        await visit.record(tx, "channel.parted", f"identity:{wanted}", reason)
    return _done(visit, {})


async def reset_own_word(visit: Visit) -> web.StreamResponse:
    """After a check she can set a new word."""
    reason = _reason(visit)
    talk_id = visit.part("talk")
    async with visit.house.database.transaction() as tx:
        contact_id, _ = await persons.contact_of(tx, talk_id, await visit.scope(tx))
        await rights.forget_own_word(tx, contact_id)
        await outbox.touch(tx, talk_id)
        await visit.record(tx, "own_word.reset", f"contact:{contact_id}", reason)
    return _done(visit, {})


async def export_all(visit: Visit) -> web.StreamResponse:
    """A copy of her own data for her, as a file to hand over; it never goes through the chat."""
    reason = _reason(visit)
    now = clock.now()
    async with visit.house.database.transaction() as tx:
        contact_id, key = await persons.contact_of(tx, visit.part("talk"), await visit.scope(tx))
        copy = await export.gather(tx, key, contact_id)
        await visit.record(tx, "person.exported", f"contact:{contact_id}", reason)
    return web.Response(
        body=pack(copy, house_name=visit.house.settings.service.name, zone=visit.zone, now=now),
        content_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="her-data.zip"'},
    )


async def search(visit: Visit) -> web.StreamResponse:
    """Conversations by a whole case number or telephone number; what was searched for is not written down."""
    asked = visit.request.query.get("q", "").strip()[:40]
    found: list[persons.FoundTalk] = []
    if asked:
        async with visit.house.database.transaction() as tx:
            found = await persons.search(tx, asked, await visit.scope(tx))
            await visit.record(tx, "person.searched", "", f"找到 {len(found)} 个")
    if visit.wants_json:
        return visit.json([{"id": one.id, "state": one.state, "case": one.case_number} for one in found])
    return visit.page("search.html", asked=asked, found=found)


async def _page(visit: Visit, revealed: dict[str, str] | None = None) -> web.StreamResponse:
    talk_id = visit.part("talk")
    async with visit.house.database.transaction() as tx:
        person = await persons.find(tx, talk_id, await visit.scope(tx), clock.now())
        block = await contact.block_of(visit, tx, talk_id)
        channels = await links.identities_of(tx, person.contact_id)
        if revealed is None:
            await visit.record(tx, "person.viewed", f"contact:{person.contact_id}")
    if visit.wants_json:
        return visit.json(_json(person))
    return visit.page(
        "person.html",
        person=person,
        contact=block,
        channels=channels,
        talk_id=talk_id,
        revealed=revealed or {},
        grace=erasure.GRACE.days,
    )


def _json(person: persons.PersonView) -> dict[str, Any]:
    wish = person.erasure
    return {
        "identifiers": {name: words.masked(value) for name, value in person.identifiers.items()},
        "word": person.word,
        "holdings": {one.kind: one.number for one in person.holdings},
        "erasure": wish
        and {
            "source": wish.source,
            "due_at": wish.due_at.isoformat() if wish.due_at else None,
            "postponed": wish.postponed,
        },
        "duty": person.duty,
    }


def _reason(visit: Visit) -> str:
    reason = visit.form.get("reason", "").strip()
    if not _FEWEST <= len(reason) <= _MOST:
        raise BadForm({"reason": "请写明原因，例如怎么核对的是本人"})
    return reason


def _done(visit: Visit, value: dict[str, Any]) -> web.Response:
    return visit.json(value) if visit.wants_json else visit.go(f"/console/conversations/{visit.part('talk')}/person")
