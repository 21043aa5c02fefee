"""Files staff put into a case: what they are by their content, shown in place, each opening an audit entry."""

from aiohttp import web

from bot import clock, filetypes
from bot.console import words
from bot.console.visit import BadForm, Visit
from storage.repositories import cases
from storage.repositories.cases import DocumentView

MOST_BYTES = 10 * 1024 * 1024
#: Shown in the page; everything else that may come in is downloaded.
SHOWN = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "audio/mpeg", "audio/wav", "audio/mp4"})
_PDF, _ZIP = "application/pdf", "application/zip"
#: What filetypes does not know: papers.
_PAPERS = ((b"%PDF-", _PDF), (b"PK\x03\x04", _ZIP))
_ALLOWED = SHOWN | {_PDF, _ZIP, "image/heic", "video/mp4", "audio/amr", "audio/aac", "audio/ogg"}
_LONGEST_NAME = 80


async def add(visit: Visit) -> web.StreamResponse:
    """Keep one file."""
    given = visit.uploads.get("file")
    kind = visit.form.get("kind", "")
    if given is None:
        raise BadForm({"file": words.name("document_problems", "missing")})
    if kind not in words.group("document_kinds"):
        raise BadForm({"kind": words.name("case_problems", "choose")})
    content = given.content
    content_type = type_of(content)
    if content_type not in _ALLOWED:
        raise BadForm({"file": words.name("document_problems", "unknown")})
    name = (visit.form.get("name", "").strip() or given.name)[:_LONGEST_NAME]
    document = DocumentView("", kind, name, content_type, len(content), visit.me.id, clock.now())
    async with visit.house.database.transaction() as tx:
        case = await cases.find(tx, visit.part("case"), await visit.scope(tx), for_update=True)
        document_id = await cases.add_document(tx, case, visit.me.id, clock.now(), document=document, content=content)
        await visit.record(tx, "case.file_added", f"case:{case.id}", f"document:{document_id}")
    return visit.done({"id": document_id}, f"/console/cases/{case.id}#files")


async def show(visit: Visit) -> web.StreamResponse:
    """One file; opening it is written into the audit log."""
    document_id = visit.part("file")
    async with visit.house.database.transaction() as tx:
        case = await cases.find(tx, visit.part("case"), await visit.scope(tx))
        content_type, content = await cases.read_document(tx, case, document_id)
        await visit.record(tx, "case.file_opened", f"case:{case.id}", f"document:{document_id}")
    shown = content_type in SHOWN
    response = web.Response(body=content, content_type=content_type if shown else "application/octet-stream")
    if not shown:
        ending = {_PDF: ".pdf", _ZIP: ".zip", "video/mp4": ".mp4"}.get(content_type, "")
        response.headers["Content-Disposition"] = f'attachment; filename="{document_id}{ending}"'
    return response


async def remove(visit: Visit) -> web.StreamResponse:
    """Take out a file that does not belong there; its content is gone for good."""
    async with visit.house.database.transaction() as tx:
        case = await cases.find(tx, visit.part("case"), await visit.scope(tx), for_update=True)
        await cases.remove_document(tx, case, visit.part("file"), visit.me.id, clock.now())
        await visit.record(tx, "case.file_removed", f"case:{case.id}", f"document:{visit.part('file')}")
    return visit.done({}, f"/console/cases/{case.id}#files")


def type_of(content: bytes) -> str:
    """What a file is by its content, papers included; a .docx is a zip."""
    known = filetypes.content_type(content)
    if known != "application/octet-stream":
        return known
    return next((kind for magic, kind in _PAPERS if content.startswith(magic)), known)
