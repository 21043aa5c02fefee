"""The person behind a message and the state of her conversation: loaded, changed by a turn, saved, expired.

A `Person` lives as long as one transaction. Turns change it in memory; `changes` hands the repository what
has to be written, once for all turns of the batch.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot import sla
from bot.config import Service
from bot.dialogue import ContactView, ConversationView, Reply
from bot.messages import HeldElsewhere, InboundMessage, Kind, Trigger
from storage.database import AnyRow
from storage.encryption import DataKey
from storage.repositories.talk import CONVERSATION_FIELDS

#: Her settings, which one message of a batch may change for the next.
_SETTINGS = (
    "area_id",
    "safeword_digest",
    "unlock_digest",
    "consented_at",
    "opted_out_at",
    "stopped_all_at",
)
#: What opens a window in which the platform lets us write, by kind of message; everything else is a message.
_TRIGGERS = {Kind.MENU: Trigger.MENU, Kind.FOLLOW: Trigger.FOLLOW, Kind.SCAN: Trigger.SCAN}
_NO_TRIGGER = frozenset({Kind.UNFOLLOW, Kind.RECEIPT, Kind.NOTICE, Kind.UNKNOWN})
_MESSAGE_WINDOW = timedelta(hours=48)


@dataclass(slots=True)
class Person:
    """One woman in one transaction: her key, her rows as read, her conversation as it changes."""

    row: AnyRow
    key: DataKey
    conversation: dict[str, Any]
    identity: dict[str, Any] = field(default_factory=dict)
    contact: dict[str, Any] = field(default_factory=dict)
    learned: dict[str, Any] = field(default_factory=dict)
    touched: bool = False
    relearned: bool = False
    locked: bool = False

    @property
    def contact_id(self) -> str:
        """Her opaque id."""
        return str(self.row.contact_id)

    @property
    def identity_id(self) -> str:
        """The id of the address she writes from."""
        return str(self.row.id)

    @property
    def in_group(self) -> bool:
        """Whether she is met in a group, where everybody reads along."""
        return self.row.group_id is not None

    @property
    def conversation_id(self) -> str:
        """The id of the conversation going on."""
        return str(self.conversation["id"])


def person_from(row: AnyRow, key: DataKey, conversation: dict[str, Any]) -> Person:
    """A person as the database knows her, with the conversation that goes on or begins."""
    person = Person(row, key, conversation)
    person.identity = {
        "row": row.id,
        "conversation_id": conversation["id"],
        "followed_at": row.followed_at,
        "unfollowed_at": row.unfollowed_at,
        "last_inbound_at": row.last_inbound_at,
        "held_elsewhere": row.held_elsewhere,
        "window_trigger": row.window_trigger,
        "window_opened_at": row.window_opened_at,
        "window_used": row.window_used,
    }
    person.contact = {name: getattr(row, name) for name in _SETTINGS}
    person.learned = key.open_json("conversation.learned", conversation["learned_sealed"], {})
    person.locked = row.locked_at is not None
    return person


def note_inbound(person: Person, message: InboundMessage, now: datetime) -> None:
    """Record that something came in: times, whether she follows us, the window it opens, who holds the talk."""
    identity, kind = person.identity, message.kind
    person.touched = True
    if message.held_elsewhere is not None:
        identity["held_elsewhere"] = message.held_elsewhere.value
    if kind in (Kind.RECEIPT, Kind.NOTICE):
        return  # the platform spoke, not she
    if identity["held_elsewhere"] == HeldElsewhere.ENDED:
        identity["held_elsewhere"] = HeldElsewhere.NOBODY.value
    identity["last_inbound_at"] = now
    person.conversation["last_inbound_at"] = now
    if kind is Kind.UNFOLLOW:
        identity["unfollowed_at"] = now
        return
    if kind is Kind.FOLLOW or (identity["unfollowed_at"] is not None and kind not in _NO_TRIGGER):
        identity["followed_at"], identity["unfollowed_at"] = now, None
    if kind in _NO_TRIGGER:
        return
    trigger = Trigger.GROUP if message.group else _TRIGGERS.get(kind, Trigger.MESSAGE)
    opened = identity["window_opened_at"]
    if (
        trigger is not Trigger.MESSAGE
        and identity["window_trigger"] == Trigger.MESSAGE
        and opened is not None
        and now - opened < _MESSAGE_WINDOW
    ):
        return  # the longer window a message opened is worth more than the minute a tap gives
    identity["window_trigger"], identity["window_opened_at"], identity["window_used"] = trigger.value, now, 0


def is_held(person: Person) -> bool:
    """Whether a person answers her: at our desk, or at the platform's own. The bot is silent then.

    In a group nobody of staff ever answers, so there the bot goes on pointing to the private door.
    """
    if person.in_group:
        return False
    at_our_desk: bool = person.conversation["state"] == "held"
    return at_our_desk or person.identity["held_elsewhere"] == HeldElsewhere.PERSON.value


def flow_of(person: Person, now: datetime) -> tuple[str, str, dict[str, Any]]:
    """The flow she is in, its step and what it collected; empty when there is none or it expired."""
    conversation = person.conversation
    expires = conversation["flow_expires_at"]
    if not conversation["flow"] or (expires is not None and expires <= now):
        return "", "", {}
    data = person.key.open_json("conversation.flow", conversation["flow_sealed"], {})
    return conversation["flow"], conversation["step"], data


def views(person: Person) -> tuple[ContactView, ConversationView]:
    """What a handler may know."""
    contact, conversation = person.contact, person.conversation
    return (
        ContactView(
            id=person.contact_id,
            opted_out=contact["opted_out_at"] is not None,
            stopped_all=contact["stopped_all_at"] is not None,
            consented=contact["consented_at"] is not None,
            area=contact["area_id"] or "",
            locked=person.locked,
        ),
        ConversationView(
            id=person.conversation_id,
            risk=conversation["risk"],
            category=conversation["category"],
            holder=conversation["holder_id"] or "",
            waiting=conversation["state"] == "waiting",
            case_id=conversation["case_id"] or "",
            misunderstood=conversation["misunderstood"],
        ),
    )


def apply_reply(person: Person, reply: Reply, service: Service, now: datetime) -> None:
    """Change the conversation as the reply says: flow, queue, category, counters."""
    conversation = person.conversation
    if not reply.keep_flow:
        conversation["flow"], conversation["step"] = reply.flow, reply.step
        conversation["flow_sealed"] = (
            person.key.seal_json("conversation.flow", reply.data) if reply.flow and reply.data else None
        )
        conversation["flow_expires_at"] = now + timedelta(minutes=service.flow_minutes) if reply.flow else None
    elif reply.data and conversation["flow"]:
        conversation["flow_sealed"] = person.key.seal_json("conversation.flow", reply.data)
    if reply.category:
        conversation["category"] = reply.category
    conversation["risk"] = max(conversation["risk"], reply.risk)
    if reply.case_id:
        conversation["case_id"] = reply.case_id
    if reply.call_human:
        call_person(person, reply.call_human, now)
    conversation["misunderstood"] = conversation["misunderstood"] + 1 if reply.misunderstood else 0
    if reply.articles:
        learn(person, articles=list(reply.articles))
    if reply.set_aside is not None and reply.set_aside != person.learned.get("set_aside", {}):
        person.learned["set_aside"] = reply.set_aside
        person.relearned = True
    note_due(person, service)


def note_due(person: Person, service: Service) -> None:
    """Write down when a person's first answer is due: the earliest deadline there was, until somebody answers."""
    conversation = person.conversation
    if conversation["state"] != "waiting" or conversation.get("answered_at") is not None:
        return
    due_at = sla.due(service, conversation["risk"], conversation["waiting_since"])
    if conversation["due_at"] is None or due_at < conversation["due_at"]:
        conversation["due_at"] = due_at


def call_person(person: Person, reason: str, now: datetime) -> None:
    """Put the conversation into the queue; one already there keeps its place, one held stays held."""
    conversation = person.conversation
    if conversation["state"] == "held":
        return
    if conversation["state"] != "waiting":
        conversation["state"] = "waiting"
        conversation["waiting_since"] = now
    if conversation["waiting_reason"] != "danger":
        conversation["waiting_reason"] = reason
    person.touched = True


def note_language(person: Person, language: str, text: str) -> None:
    """Whoever answers her must read what she writes: the last language told, Chinese again when she writes it."""
    if language or any("\u4e00" <= sign <= "\u9fff" for sign in text):
        person.conversation["language"] = language


def learn(person: Person, **facts: Any) -> None:
    """Remember what the bot found out, for the form staff see; lists grow without repeats."""
    for name, value in facts.items():
        known = person.learned.get(name)
        if isinstance(value, list) and isinstance(known, list):
            value = known + [item for item in value if item not in known]
        if value and value != known:
            person.learned[name] = value
            person.relearned = True


def changes(person: Person) -> dict[str, Any]:
    """The conversation's row as the repository writes it."""
    if person.relearned:
        person.conversation["learned_sealed"] = person.key.seal_json("conversation.learned", person.learned)
    values = {name: person.conversation[name] for name in CONVERSATION_FIELDS}
    values["row"] = person.conversation["id"]
    return values
