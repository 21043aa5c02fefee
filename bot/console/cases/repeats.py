"""Whether two cases are one woman's: staff who may see both decide; nothing is joined silently."""

from aiohttp import web

from bot import clock
from bot.console import words
from bot.console.visit import BadForm, Visit
from storage.repositories import cases


async def decide(visit: Visit) -> web.StreamResponse:
    """The same woman, or another."""
    answer = visit.form.get("answer", "")
    if answer not in ("same", "other"):
        raise BadForm({"answer": words.name("case_problems", "choose")})
    async with visit.house.database.transaction() as tx:
        scope = await visit.scope(tx)
        case = await cases.find(tx, visit.part("case"), scope, for_update=True)
        await cases.decide_repeat(
            tx, case, visit.part("repeat"), visit.me.id, clock.now(), is_same=answer == "same", scope=scope
        )
        await visit.record(tx, "case.repeat", f"case:{case.id}", answer)
    return visit.done({}, f"/console/cases/{case.id}")
