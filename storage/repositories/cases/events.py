"""The timeline of a case: what happened, when, by whom; bodies sealed."""

from datetime import datetime

from storage.database import Transaction
from storage.encryption import DataKey
from storage.models import CaseEvent, new_id


async def add_event(
    tx: Transaction,
    key: DataKey,
    case_id: str,
    kind: str,
    *,
    now: datetime,
    staff_id: str | None = None,
    body: str = "",
    subject: str = "",
    code: str = "",
) -> str:
    """One entry of a case's timeline; its id. `subject` names what it is about, such as `referral:ID`."""
    event_id = new_id()
    await tx.insert(
        CaseEvent,
        {
            "id": event_id,
            "case_id": case_id,
            "at": now,
            "kind": kind,
            "staff_id": staff_id,
            "subject": subject,
            "code": code,
            "body_sealed": key.seal("case_event.body", body) if body else None,
        },
    )
    return event_id
