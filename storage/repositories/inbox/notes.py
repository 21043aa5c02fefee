"""What staff write for each other, and what they have half written. None of it can leave the house."""

from datetime import datetime

from sqlalchemy import delete, select

from storage.database import Transaction
from storage.encryption import DataKey
from storage.models import Draft, Note, new_id, table
from storage.repositories import outbox

_draft = table(Draft).c


async def add_note(
    tx: Transaction,
    key: DataKey,
    *,
    contact_id: str,
    conversation_id: str,
    staff_id: str,
    text: str,
    now: datetime,
    kind: str = "note",
    note_id: str = "",
) -> str:
    """Keep a note among what was said; its id. The same `note_id` twice is one note."""
    note_id = note_id or new_id()
    if await tx.insert_if_new(
        Note,
        {
            "id": note_id,
            "contact_id": contact_id,
            "conversation_id": conversation_id,
            "staff_id": staff_id,
            "kind": kind,
            "text_sealed": key.seal("conversation_note.text", text),
            "said_at": now,
            "said_order": 0,
            "said_rank": 9,
        },
    ):
        await outbox.touch(tx, conversation_id)
    return note_id


async def save_draft(
    tx: Transaction,
    key: DataKey,
    *,
    contact_id: str,
    conversation_id: str,
    staff_id: str,
    kind: str,
    text: str,
    now: datetime,
) -> None:
    """Keep half-written words; nothing of them when they are empty."""
    await drop_draft(tx, conversation_id, staff_id, kind)
    if text:
        await tx.insert(
            Draft,
            {
                "id": new_id(),
                "contact_id": contact_id,
                "conversation_id": conversation_id,
                "staff_id": staff_id,
                "kind": kind,
                "text_sealed": key.seal("draft.text", text),
                "saved_at": now,
            },
        )


async def drop_draft(tx: Transaction, conversation_id: str, staff_id: str, kind: str) -> None:
    """It was sent, or thrown away."""
    await tx.execute(
        delete(table(Draft)).where(
            _draft.conversation_id == conversation_id, _draft.staff_id == staff_id, _draft.kind == kind
        )
    )


async def drafts(tx: Transaction, key: DataKey, conversation_id: str, staff_id: str) -> dict[str, str]:
    """What she has half written here, by kind."""
    rows = await tx.rows(
        select(_draft.kind, _draft.text_sealed).where(
            _draft.conversation_id == conversation_id, _draft.staff_id == staff_id
        )
    )
    return {row.kind: key.open("draft.text", row.text_sealed) for row in rows}
