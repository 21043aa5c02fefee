"""Drafts: what stands in a form is kept while somebody types, and put back when she opens it again."""

import json
import re
from datetime import datetime
from typing import Any

from aiohttp import web

from bot import clock
from bot.console.visit import BadForm, Visit
from storage.encryption import DataKey
from storage.repositories import cases
from storage.repositories.cases import drafts

_FORM = re.compile(r"^(?:new|(?:edit|note):([0-9a-f]{26}))$")
_LONGEST = 32_000
#: Not what she typed.
_NOT_KEPT = ("csrf", "version")


async def keep(visit: Visit) -> web.StreamResponse:
    """Keep a form as it stands, `fields` as JSON; empty: she wants it no more."""
    form = visit.form.get("form", "")
    found = _FORM.match(form)
    given = visit.form.get("fields", "")
    if found is None or len(given) > _LONGEST:
        raise BadForm({"form": "?"})
    try:
        fields = json.loads(given or "{}")
    except ValueError:
        raise BadForm({"fields": "?"}) from None
    if not isinstance(fields, dict):
        raise BadForm({"fields": "?"})
    kept = {str(name): str(value) for name, value in fields.items() if value and name not in _NOT_KEPT}
    case_id: str | None = found.group(1)
    async with visit.house.database.transaction() as tx:
        key = await _key(visit, tx, case_id)
        if kept:
            await drafts.keep(tx, key, visit.me.id, form, kept, clock.now(), case_id)
        else:
            await drafts.forget(tx, visit.me.id, form)
    return visit.done({}, "/console/cases")


async def find(visit: Visit, tx: Any, form: str, key: DataKey) -> tuple[dict[str, str], datetime | None]:
    """What she was typing into a form, and when it was kept."""
    found = await drafts.find_draft(tx, key, visit.me.id, form)
    return found if found is not None else ({}, None)


async def _key(visit: Visit, tx: Any, case_id: str | None) -> DataKey:
    """The key of the case, which she must be allowed to see; the house's for one that is not there yet."""
    if case_id is None:
        key: DataKey = tx.keys.house
        return key
    return (await cases.find(tx, case_id, await visit.scope(tx))).key
