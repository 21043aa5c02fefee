"""The audit log for supervisors: who did what, when, from where."""

from aiohttp import web

from bot.console.visit import Visit
from storage.repositories import audit, staff


async def show_audit(visit: Visit) -> web.StreamResponse:
    """The newest entries, and whether the chain is whole."""
    async with visit.house.database.reading() as tx:
        entries = await audit.entries(tx)
        problems = await audit.verify(tx)
        names = await staff.names(tx)
    return visit.page("audit.html", entries=entries, problems=problems, names=names)
