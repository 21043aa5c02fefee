"""One woman with one of everything: a row of every table there is, every text in it what the test says.

The tables are read from the models, so that what is added later is filled too. What cannot be guessed stands in
VALUES: states, kinds, what must be JSON. PARTS says which table a part of a console address names.
"""

import itertools
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, Column, Date, Float, Integer, String, Table

from bot import clock
from storage.database import Transaction
from storage.encryption import DataKey
from storage.models import metadata, new_id
from storage.models.base import SealedBytes, UTCDateTime
from storage.repositories import audit
from tests.support.house import House

#: What a text is to be: given its place (`activity.title`) and the most characters it may have.
Say = Callable[[str, int], str]

#: Not made here: what the house keeps for itself, and what is no row of anybody's.
_SKIPPED = frozenset(
    {"house_key", "audit_entry", "channel_cursor", "sign_in_failure", "area", "staff", "staff_feed", "chat_pass"}
)
#: Sealed by the house; everything else by the woman's own key.
_OF_THE_HOUSE = frozenset(
    {"channel_group", "plain_group", "notice", "partner_unit", "staff", "staff_desk", "canned_reply"}
)
#: Long columns that hold no text of anybody's: keys, tokens, ids of platforms, names of states.
_MACHINE = re.compile(
    r"(^|_)(key|csrf|hash|checksum|claimed_by|account|platform_id|scores|result|extra|fallen|recipient|risk_kinds|categories|skills|languages|reason|flow|step)$"
    r"|^(id|password_hash|active_key|planned_to|cursor|channel)$"
)
_SHORTEST_TEXT = 40
_FIELDS = (
    "hurt",
    "category",
    "area",
    "phone",
    "contact",
    "hours",
    "done",
    "summary",
    "wish",
    "name",
    "callback_phone",
)

#: The part of an address → the table whose row it names.
PARTS = {
    "talk": "conversation",
    "case": "case",
    "person": "case_person",
    "visit": "case_visit",
    "mediation": "case_mediation",
    "file": "case_document",
    "repeat": "case_link",
    "transfer": "transfer",
    "shift": "shift",
    "message": "outbox",
    "call": "contact_call",
    "referral": "referral",
    "alarm": "alarm",
    "attachment": "attachment",
    "question": "unanswered_question",
    "recusal": "recusal",
    "grant": "access_grant",
    "activity": "activity",
    "session": "activity_session",
    "campaign": "campaign",
    "article": "article",
    "model": "language_model",
    "example": "example",
    "reply": "canned_reply",
    "unit": "partner_unit",
    "group": "channel_group",
    "plain": "plain_group",
    "staff": "staff",
}
#: What refers to another table without a foreign key.
_LINKS = (
    ("case", "conversation_id"),
    ("recusal", "conversation_id"),
    ("access_grant", "conversation_id"),
    ("access_grant", "case_id"),
    ("unanswered_question", "conversation_id"),
)
#: The part of an address → a word that is right there.
_WORDS = {"version": "1", "kind": "evidence_list", "occasion": "2027-womens-week"}
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class People:
    """Who works here: the author of what staff write, and the colleague who is kept out, let in, looked after."""

    author: str
    colleague: str


def address(path: str, ids: dict[str, str]) -> str:
    """A path of PAGES with the ids of `ids`. Fails for a part nobody has said the table of."""

    def put(match: re.Match[str]) -> str:
        part = match[1]
        if part == "session" and path.endswith("/revoke"):
            return ids["staff_session"]
        if part in _WORDS:
            return _WORDS[part]
        assert part in PARTS, f"{path}: say in tests/support/everything.py, PARTS, which table {{{part}}} names"
        return ids[PARTS[part]]

    return re.sub(r"\{(\w+)\}", put, path)


async def add_everything(
    house: House, say: Say, people: People, *, area_id: str, messages: tuple[str, ...] = ()
) -> dict[str, str]:
    """One row of every table, hers where it can be hers; the ids by table. `messages`: what else she wrote."""
    now = clock.now()
    ids = {"area": area_id, "staff": people.colleague}
    async with house.database.transaction() as tx:
        contact_id = new_id()
        key, wrapped = tx.keys.new_contact_key(contact_id)
        maker = _Maker(tx, key, say, now, people, ids)
        given: dict[str, dict[str, Any]] = {"contact": {"id": contact_id, "wrapped_key": wrapped}}
        for one in metadata.sorted_tables:
            if one.name not in _SKIPPED:
                await maker.add(one, given.get(one.name, {}))
        for name, column in _LINKS:
            of = metadata.tables[name]
            values = {column: ids[column.removesuffix("_id")]}
            await tx.execute(of.update().where(of.c.id == ids[name]).values(values))
        await tx.execute(
            metadata.tables["staff"]
            .update()
            .where(metadata.tables["staff"].c.id == people.colleague)
            .values(name_sealed=tx.keys.house.seal("staff.name", say("staff.name", 20)))
        )
        for words in messages:
            of = metadata.tables["inbound_message"]
            await maker.add(of, {"content_sealed": key.seal_json("inbound.content", {"text": words})})
        await audit.append(
            tx,
            staff_id=people.author,
            action="person.searched",
            subject=say("audit_entry.subject", 64),
            reason=say("audit_entry.reason", 255),
            address=say("audit_entry.address", 64),
            now=now,
        )
    return ids


@dataclass(frozen=True, slots=True)
class _Maker:
    tx: Transaction
    key: DataKey
    say: Say
    now: datetime
    people: People
    ids: dict[str, str]

    async def add(self, one: Table, given: dict[str, Any]) -> None:
        row = _values(one.name, self.say, self.now, self.people) | given
        for column in one.columns:
            if column.name not in row:
                value = self._value(one, column)
                if value is not None:
                    row[column.name] = value
        self.ids.setdefault(one.name, str(row.get("id", "")))
        await self.tx.execute(one.insert().values(**{c.name: _default(c) for c in one.columns} | row))

    def _value(self, one: Table, column: Column[Any]) -> Any:
        kind = column.type
        for foreign in column.foreign_keys:
            target = foreign.column.table.name
            return self.people.author if target == "staff" else self.ids.get(target)
        if column.primary_key:
            return new_id()
        if column.name.endswith("_digest"):
            return secrets.token_bytes(16)
        if isinstance(kind, SealedBytes):
            return self._sealed(one.name, column)
        text = kind if isinstance(kind, String) else getattr(kind, "impl", None)
        if isinstance(text, String):
            length = text.length or 2000
            if length >= _SHORTEST_TEXT and not _MACHINE.search(column.name):
                return self.say(f"{one.name}.{column.name}", length)
            return None if column.nullable or column.default is not None else f"x{next(_numbers)}"
        if column.nullable or column.default is not None:
            return None
        return _plain(kind, self.now)

    def _sealed(self, name: str, column: Column[Any]) -> bytes | None:
        place = f"{name}.{column.name.removesuffix('_sealed')}".replace("inbound_message.", "inbound.")
        if place in ("conversation.flow", "danger_assessment.content", "staff.recovery") or place.startswith(
            "staff."
        ):
            return None
        key = self.tx.keys.house if name in _OF_THE_HOUSE else self.key
        if column.name == "content" and name == "attachment":
            return self.key.seal_bytes("attachment.content", b"\x89PNG\r\n\x1a\n")
        if not column.name.endswith("_sealed"):
            return None
        if name == "attachment":
            return (
                self.key.seal_bytes("attachment.content", b"<script>alert(1)</script>")
                if place == "attachment.content"
                else self.key.seal_json("attachment.source", {})
            )
        said = _json(place, self.say)
        if said is not None and isinstance(key, DataKey):
            return key.seal_json(place, said)
        return key.seal(place, self.say(place, 200))


def _json(place: str, say: Say) -> Any:
    """What stands as JSON in a sealed column."""
    words = say(place, 400)
    found: dict[str, Any] = {
        "inbound.content": {
            "text": words,
            "key": words,
            "location": {"label": words, "latitude": 36.6, "longitude": 115.7},
        },
        "contact.wishes": {"cover_story": words, "days": [1, 3]},
        "conversation.learned": dict.fromkeys(_FIELDS, words) | {"done": [words]},
        "case_draft.content": {"body": words},
        "case.fields": dict.fromkeys(_FIELDS, words) | {"done": [words]},
        "case_person.fields": dict.fromkeys(("address", "circumstances", "note", "birth_year", "id_number"), words),
        "safety_plan.content": {"people": words},
        "referral.shared": [["summary", words, words]],
    }
    return found.get(place)


def _values(name: str, say: Say, now: datetime, people: People) -> dict[str, Any]:
    """What cannot be guessed of a table."""
    number = next(_numbers)
    found: dict[str, dict[str, Any]] = {
        "identity": {"channel": "wechat_oa", "account": f"account{number}"},
        "conversation": {
            "channel": "wechat_oa",
            "state": "waiting",
            "waiting_since": now,
            "waiting_reason": "asked",
            "risk": 2,
            "category": "dv",
            "last_inbound_at": now,
        },
        "inbound_message": {"kind": "text", "handled_at": now},
        "outbox": {"state": "failed", "outbound_class": "staff", "idempotency_key": f"everything:{number}"},
        "attachment": {"kind": "file", "content_type": "text/html", "state": "kept"},
        "alarm": {"reason": "danger"},
        "case": {"status": "working", "category": "dv", "number": f"20260101-{number:06d}"},
        "case_event": {"kind": "note"},
        "case_person": {"role": "survivor", "relation": ""},
        "case_visit": {"state": "planned", "way": "phone", "result": ""},
        "case_mediation": {"state": "proposed", "confirmation": "", "ended_why": "", "form": ""},
        "case_document": {"kind": "other", "content_type": "text/html", "size": 9},
        "case_link": {"state": "suspected", "reason": "phone"},
        "case_draft": {"form": f"note:{number}"},
        "unanswered_question": {"reason": "unknown", "intent": "rights", "category": "dv"},
        "recusal": {"relation": "friend", "staff_id": people.colleague},
        "access_grant": {"staff_id": people.colleague, "until": now + timedelta(days=1)},
        "staff_session": {
            "staff_id": people.colleague,
            "expires_at": now + timedelta(hours=1),
            "csrf": "x",
        },
        "activity": {"status": "open"},
        "activity_session": {
            "starts_at": now + timedelta(days=3),
            "ends_at": now + timedelta(days=3, hours=2),
            "signup_closes_at": now + timedelta(days=2),
            "capacity": 5,
            "taken": 1,
        },
        "sign_up": {"state": "confirmed", "seats": 1, "position": 1, "active_key": f"everything:{number}"},
        "campaign": {"status": "approved", "audience": ""},
        "campaign_variant": {"channel": "wechat_oa"},
        "campaign_draft": {"written": json.dumps({"text": say("campaign.text", 200), "link": "", "ways": {}})},
        "plain_group": {"kind": "wechat"},
        "article": {"id": f"everything-{number}", "category": "dv", "version": 1, "active": True},
        "article_version": {"version": 1, "state": "draft", "source": _article(say)},
        "example": {"intent": "rights", "category": "dv"},
        "language_model": {"state": "ready", "scores": "{}"},
        "staff_desk": {"staff_id": people.colleague},
        "shift": {"staff_id": people.colleague, "weekday": 1, "end_minute": 60},
        "notice": {"state": "sent", "idempotency_key": f"everything:{number}", "channel": "wecom"},
        "partner_unit": {"kind": "police", "categories": ""},
        "channel_group": {"channel": "wecom_aibot", "account": "x"},
        "erasure_request": {"source": "asked"},
        "safety_plan": {"number": number},
    }
    return found.get(name, {})


def _article(say: Say) -> str:
    """Markdown with front matter, every value of it a text."""
    words = json.dumps(say("article_version.source", 800), ensure_ascii=False)
    front = {"title": words, "questions": f"[{words}]", "answer": words, "steps": f"[{words}]", "where": words}
    lines = [f"{name}: {value}" for name, value in front.items()]
    fixed = ["id: x", "category: dv", "kind: advice", "level: P", "facts: []", "citations: []", "documents: []"]
    dates = ["reviewed_on: 2026-07-17", "review_by: 2027-07-17", "audience: 全体妇女"]
    return "\n".join(["---", *fixed, *lines, *dates, "---", "", say("article_version.body", 800)])


def _default(column: Column[Any]) -> Any:
    """What the model gives a column nobody set."""
    return column.default.arg if column.default is not None and column.default.is_scalar else None


def _plain(kind: Any, now: datetime) -> Any:
    if isinstance(kind, UTCDateTime):
        return now
    if isinstance(kind, Boolean):
        return True
    if isinstance(kind, Integer | Float):
        return 1
    return date(2026, 1, 1) if isinstance(kind, Date) else None
