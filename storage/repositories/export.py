"""A copy of all one woman's own data, opened: for her, handed over by staff after a check.

What she wrote, what we answered, what she asked to have recorded, what she signed up for. Notes staff wrote for each
other are not hers and stay out.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from storage.database import Transaction
from storage.encryption import DataKey
from storage.models import (
    Activity,
    ActivitySession,
    ArticleFeedback,
    Attachment,
    Case,
    CaseDocument,
    CaseEvent,
    CaseMediation,
    CasePerson,
    CaseVisit,
    Contact,
    Identity,
    InboundMessage,
    Outbox,
    PartnerUnit,
    Referral,
    SignUp,
    UnansweredQuestion,
    table,
)
from storage.repositories import assessments, recipients

_SETTINGS = ("consented_at", "opted_out_at", "stopped_all_at", "locked_at", "created_at")


@dataclass(slots=True)
class Copy:
    """Sections by name, each a list of records; `files` are her pictures and voices by their names."""

    sections: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


async def gather(tx: Transaction, key: DataKey, contact_id: str) -> Copy:
    """Everything of hers that still has content."""
    copy = Copy()
    await _about_her(tx, key, contact_id, copy)
    await _said(tx, key, contact_id, copy)
    await _cases(tx, key, contact_id, copy)
    await _dangers(tx, key, contact_id, copy)
    await _referrals(tx, key, contact_id, copy)
    await _rest(tx, key, contact_id, copy)
    return copy


async def _about_her(tx: Transaction, key: DataKey, contact_id: str, copy: Copy) -> None:
    row = await tx.first(select(table(Contact)).where(table(Contact).c.id == contact_id))
    assert row is not None
    about = {
        "name": key.open("contact.name", row.name_sealed),
        "phone": key.open("contact.phone", row.phone_sealed),
        "wishes": key.open_json("contact.wishes", row.wishes_sealed, {}),
        "has_safe_word": row.safeword_digest is not None,
        "has_own_word": row.own_word_digest is not None,
    } | {name: getattr(row, name) for name in _SETTINGS}
    copy.sections["about"] = [about]
    copy.sections["addresses"] = [
        {
            "channel": one.channel,
            "address": key.open("identity.address", one.address_sealed or None),
            "since": one.created_at,
            "followed_at": one.followed_at,
            "unfollowed_at": one.unfollowed_at,
        }
        for one in await tx.rows(select(table(Identity)).where(table(Identity).c.contact_id == contact_id))
    ]


async def _said(tx: Transaction, key: DataKey, contact_id: str, copy: Copy) -> None:
    """Both sides, and her files."""
    inbound, sent, files = table(InboundMessage), table(Outbox), table(Attachment)
    said = []
    for row in await tx.rows(select(inbound).where(inbound.c.contact_id == contact_id).order_by(inbound.c.id)):
        content = json.loads(key.open("inbound.content", row.content_sealed) or "{}")
        said.append({"at": row.said_at, "from": "her", "kind": row.kind, "text": content.get("text", "")})
        if content.get("location"):
            said[-1]["place"] = content["location"]
    for row in await tx.rows(select(sent).where(sent.c.contact_id == contact_id).order_by(sent.c.id)):
        text = key.open("outbox.text", row.text_sealed)
        said.append({"at": row.said_at, "from": row.outbound_class, "state": row.state, "text": text})
    said += [
        {"at": one.at, "from": "campaign", "state": one.state, "text": one.text}
        for one in await recipients.notices_to(tx, contact_id)
    ]
    copy.sections["messages"] = sorted(said, key=lambda one: one["at"])
    kept = []
    for row in await tx.rows(select(files).where(files.c.contact_id == contact_id, files.c.state == "kept")):
        name = f"files/{row.id}{_ending(row.content_type)}"
        if row.content_sealed is not None:
            copy.files[name] = key.open_bytes("attachment.content", row.content_sealed)
            kept.append({"at": row.created_at, "kind": row.kind, "file": name})
    copy.sections["files"] = kept


async def _cases(tx: Transaction, key: DataKey, contact_id: str, copy: Copy) -> None:
    found, events = table(Case), table(CaseEvent)
    listed = []
    for row in await tx.rows(select(found).where(found.c.contact_id == contact_id).order_by(found.c.id)):
        steps = await tx.rows(
            select(events.c.at, events.c.kind).where(events.c.case_id == row.id).order_by(events.c.id)
        )
        listed.append(
            {
                "number": row.number,
                "status": row.status,
                "opened_at": row.opened_at,
                "closed_at": row.closed_at,
                "outcome": row.outcome,
                "consented_at": row.consented_at,
                "consent_version": row.consent_version,
                "fields": key.open_json("case.fields", row.fields_sealed, {}),
                "satisfaction": row.satisfaction,
                "her_view": key.open("case.view", row.view_sealed),
                **await _in_case(tx, key, row.id),
                "steps": [{"at": step.at, "kind": step.kind} for step in steps],
            }
        )
    copy.sections["cases"] = listed
    await _documents(tx, key, contact_id, copy)


async def _in_case(tx: Transaction, key: DataKey, case_id: str) -> dict[str, Any]:
    """Who was named in a case, when she was asked how she is, what was agreed; not what staff noted."""
    people, visits, mediations = table(CasePerson), table(CaseVisit), table(CaseMediation)
    return {
        "people": [
            {
                "role": one.role,
                "relation": one.relation,
                "name": key.open("case_person.name", one.name_sealed),
                "phone": key.open("case_person.phone", one.phone_sealed),
            }
            for one in await tx.rows(select(people).where(people.c.case_id == case_id).order_by(people.c.id))
        ],
        "visits": [
            {"due_at": one.due_at, "way": one.way, "state": one.state, "result": one.result}
            for one in await tx.rows(select(visits).where(visits.c.case_id == case_id).order_by(visits.c.id))
        ],
        "mediations": [
            {
                "state": one.state,
                "agreement": key.open("case_mediation.agreement", one.agreement_sealed),
                "effective_at": one.effective_at,
            }
            for one in await tx.rows(select(mediations).where(mediations.c.case_id == case_id))
        ],
    }


async def _documents(tx: Transaction, key: DataKey, contact_id: str, copy: Copy) -> None:
    """What she handed in, or what was photographed for her."""
    files, found = table(CaseDocument), table(Case)
    kept = []
    for row in await tx.rows(
        select(files)
        .join(found, found.c.id == files.c.case_id)
        .where(found.c.contact_id == contact_id, files.c.content_sealed.is_not(None))
        .order_by(files.c.id)
    ):
        name = f"files/{row.id}{_ending(row.content_type)}"
        copy.files[name] = key.open_bytes("case_document.content", row.content_sealed)
        kept.append({"at": row.created_at, "name": key.open("case_document.name", row.name_sealed), "file": name})
    copy.sections["documents"] = kept


async def _dangers(tx: Transaction, key: DataKey, contact_id: str, copy: Copy) -> None:
    """What she herself answered about her danger, and her plan; what staff saw and judged is not hers."""
    copy.sections["assessments"] = [
        {
            "at": one.changed_at,
            "answers": {
                name: answer["answer"]
                for name, answer in one.content.get("answers", {}).items()
                if answer.get("source") == "her"
            },
        }
        for one in await assessments.history(tx, key, contact_id)
    ]
    copy.sections["plans"] = [
        {"at": one.changed_at, "fields": one.content} for one in (await assessments.plans(tx, key, contact_id))[:1]
    ]


async def _referrals(tx: Transaction, key: DataKey, contact_id: str, copy: Copy) -> None:
    """What was passed on to whom, when, on what ground; drafts that never went out are not hers to worry about."""
    passed, to = table(Referral), table(PartnerUnit)
    copy.sections["referrals"] = [
        {
            "number": row.number,
            "unit": row.name,
            "opened_at": row.opened_at,
            "state": row.state,
            "purpose": key.open("referral.purpose", row.purpose_sealed),
            "shared": "\n".join(
                f"{label}：{text}" for _, label, text in key.open_json("referral.shared", row.shared_sealed, [])
            ),
            "basis": row.basis,
            "consented_at": row.consented_at,
            "closed_at": row.closed_at,
        }
        for row in await tx.rows(
            select(passed, to.c.name)
            .join(to, to.c.id == passed.c.unit_id)
            .where(passed.c.contact_id == contact_id, passed.c.opened_at.is_not(None))
            .order_by(passed.c.id)
        )
    ]


async def _rest(tx: Transaction, key: DataKey, contact_id: str, copy: Copy) -> None:
    ups, sessions, offered = table(SignUp), table(ActivitySession), table(Activity)
    copy.sections["sign_ups"] = [
        {
            "activity": row.title,
            "starts_at": row.starts_at,
            "seats": row.seats,
            "state": row.state,
            "name": key.open("sign_up.name", row.name_sealed),
            "signed_up_at": row.created_at,
        }
        for row in await tx.rows(
            select(ups, offered.c.title, sessions.c.starts_at)
            .join(sessions, sessions.c.id == ups.c.session_id)
            .join(offered, offered.c.id == sessions.c.activity_id)
            .where(ups.c.contact_id == contact_id)
            .order_by(ups.c.id)
        )
    ]
    asked, feedback = table(UnansweredQuestion), table(ArticleFeedback)
    copy.sections["questions"] = [
        {"at": row.asked_at, "text": key.open("unanswered_question.text", row.text_sealed or None)}
        for row in await tx.rows(select(asked).where(asked.c.contact_id == contact_id).order_by(asked.c.id))
    ]
    copy.sections["feedback"] = [
        {"at": row.given_at, "article": row.article_id, "useful": row.useful}
        for row in await tx.rows(select(feedback).where(feedback.c.contact_id == contact_id).order_by(feedback.c.id))
    ]


def _ending(content_type: str) -> str:
    return {
        "image/jpeg": ".jpg",
        "image/png": ".png",
        "image/gif": ".gif",
        "audio/amr": ".amr",
        "audio/mpeg": ".mp3",
        "video/mp4": ".mp4",
        "application/pdf": ".pdf",
        "application/zip": ".docx",
    }.get(content_type, ".bin")
