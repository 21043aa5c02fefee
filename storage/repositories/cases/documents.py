"""Files staff put into a case, sealed with her key."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from bot.errors import NotFound
from storage.database import Transaction
from storage.models import CaseDocument, new_id, table
from storage.repositories.cases.events import add_event
from storage.repositories.cases.views import CaseFile

_document = table(CaseDocument).c


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A file of a case without its content; `size` in bytes."""

    id: str
    kind: str
    name: str
    content_type: str
    size: int
    staff_id: str | None
    created_at: datetime


async def documents_of(tx: Transaction, case: CaseFile) -> list[DocumentView]:
    """The files of a case, the first one first."""
    columns = ("id", "kind", "name_sealed", "content_type", "size", "staff_id", "created_at")
    rows = await tx.rows(
        select(*(_document[name] for name in columns))
        .where(_document.case_id == case.id, _document.removed_at.is_(None), _document.content_sealed.is_not(None))
        .order_by(_document.id)
    )
    return [
        DocumentView(
            row.id,
            row.kind,
            case.key.open("case_document.name", row.name_sealed),
            row.content_type,
            row.size,
            row.staff_id,
            row.created_at,
        )
        for row in rows
    ]


async def add_document(
    tx: Transaction, case: CaseFile, staff_id: str, now: datetime, *, document: DocumentView, content: bytes
) -> str:
    """Keep a file; its id."""
    document_id = new_id()
    await tx.insert(
        CaseDocument,
        {
            "id": document_id,
            "case_id": case.id,
            "kind": document.kind,
            "name_sealed": case.key.seal("case_document.name", document.name),
            "content_sealed": case.key.seal_bytes("case_document.content", content),
            "content_type": document.content_type,
            "size": len(content),
            "staff_id": staff_id,
            "created_at": now,
        },
    )
    subject = f"document:{document_id}"
    await add_event(tx, case.key, case.id, "file", now=now, staff_id=staff_id, subject=subject, code=document.kind)
    return document_id


async def read_document(tx: Transaction, case: CaseFile, document_id: str) -> tuple[str, bytes]:
    """A file's type and content. Raises NotFound."""
    row = await tx.first(
        select(_document.content_type, _document.content_sealed).where(
            _document.id == document_id,
            _document.case_id == case.id,
            _document.removed_at.is_(None),
            _document.content_sealed.is_not(None),
        )
    )
    if row is None:
        raise NotFound
    return row.content_type, case.key.open_bytes("case_document.content", row.content_sealed)


async def remove_document(tx: Transaction, case: CaseFile, document_id: str, staff_id: str, now: datetime) -> None:
    """Take a file out that does not belong there; its content is gone. Raises NotFound."""
    changed = await tx.execute(
        update(table(CaseDocument))
        .where(_document.id == document_id, _document.case_id == case.id, _document.removed_at.is_(None))
        .values(removed_at=now, content_sealed=None, name_sealed=None)
    )
    if not changed.rowcount:
        raise NotFound
    subject = f"document:{document_id}"
    await add_event(tx, case.key, case.id, "file", now=now, staff_id=staff_id, subject=subject, code="removed")
