"""What somebody was typing and had not saved yet: kept for her alone, so that a locked screen loses nothing."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from storage.database import Transaction
from storage.encryption import DataKey
from storage.models import CaseDraft, new_id, table

_draft = table(CaseDraft).c


async def keep(
    tx: Transaction,
    key: DataKey,
    staff_id: str,
    form: str,
    fields: dict[str, str],
    now: datetime,
    case_id: str | None = None,
) -> None:
    """Keep what stands in a form (`new`, `edit:CASE`, `note:CASE`) now, instead of what stood there before."""
    await forget(tx, staff_id, form)
    await tx.insert(
        CaseDraft,
        {
            "id": new_id(),
            "staff_id": staff_id,
            "form": form,
            "case_id": case_id,
            "content_sealed": key.seal_json("case_draft.content", fields),
            "saved_at": now,
        },
    )


async def find_draft(
    tx: Transaction, key: DataKey, staff_id: str, form: str
) -> tuple[dict[str, Any], datetime] | None:
    """What she was typing into a form, and since when it stands; None when there is nothing."""
    row = await tx.first(
        select(_draft.content_sealed, _draft.saved_at).where(_draft.staff_id == staff_id, _draft.form == form)
    )
    if row is None or row.content_sealed is None:
        return None
    return key.open_json("case_draft.content", row.content_sealed, {}), row.saved_at


async def forget(tx: Transaction, staff_id: str, form: str) -> None:
    """She saved it, or wants it no more."""
    await tx.execute(delete(table(CaseDraft)).where(_draft.staff_id == staff_id, _draft.form == form))
