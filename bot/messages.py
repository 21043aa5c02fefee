"""What goes in and out of the service, whatever the platform: frozen, and known by nobody's wire format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What an inbound message is, on every channel."""

    TEXT = "text"
    VOICE = "voice"  # `text` holds the platform's transcript, if it made one
    IMAGE = "image"
    VIDEO = "video"
    LOCATION = "location"
    LINK = "link"
    MENU = "menu"  # she tapped a menu entry: `key`
    FOLLOW = "follow"
    UNFOLLOW = "unfollow"
    SCAN = "scan"  # she scanned a QR code: `key` is its scene
    RECEIPT = "receipt"  # the platform reports on something we sent
    NOTICE = "notice"  # known, needs no answer (she entered the chat, a page view)
    GROUP = "group"  # the bot joined or left a group, or may or may not write there: `key` is a GroupChange
    UNKNOWN = "unknown"  # kept for staff, acknowledged


class Trigger(StrEnum):
    """What opened the window in which the platform lets us write (protocols: quota per trigger)."""

    MESSAGE = "message"
    MENU = "menu"
    FOLLOW = "follow"
    SCAN = "scan"
    GROUP = "group"  # she spoke to the bot in a group


class GroupChange(StrEnum):
    """What became of the bot in a group."""

    JOINED = "joined"
    LEFT = "left"
    MUTED = "muted"  # the group does not want what we start ourselves
    UNMUTED = "unmuted"


class HeldElsewhere(StrEnum):
    """Who holds a talk on the platform's own side, where it has a desk of its own."""

    NOBODY = ""  # we do
    QUEUE = "queue"
    PERSON = "person"  # a member of staff answers in the platform's client: we are silent
    ENDED = "ended"  # nothing goes out until she writes again


@dataclass(frozen=True, slots=True)
class Window:
    """How long and how often a platform lets us write after a trigger; see ALWAYS."""

    seconds: int
    count: int

    @property
    def is_always(self) -> bool:
        """Whether the platform sets no limit: we may write at any time, without a trigger too."""
        return self.count == 0


#: Platforms that let us write whenever we want (WeCom members, SMS).
ALWAYS = Window(0, 0)


class OutboundClass(StrEnum):
    """Why a message goes out; live answers overtake all others (see PRIORITY)."""

    ANSWER = "answer"
    STAFF = "staff"
    REMINDER = "reminder"
    CAMPAIGN = "campaign"


#: Lower goes first.
PRIORITY = {
    OutboundClass.ANSWER: 0,
    OutboundClass.STAFF: 1,
    OutboundClass.REMINDER: 2,
    OutboundClass.CAMPAIGN: 3,
}


class DeliveryState(StrEnum):
    """Where an outbox row stands."""

    QUEUED = "queued"  # waits for its time or for a worker
    SENDING = "sending"  # a worker is talking to the platform
    HANDED = "handed"  # went out as the passive reply of its request
    SENT = "sent"  # the platform accepted it
    DELIVERED = "delivered"  # the platform reports that it arrived
    FAILED = "failed"  # refused for good; the reason is kept in words
    UNKNOWN = "unknown"  # interrupted where repeating could say it twice; shown to staff
    CANCELLED = "cancelled"  # staff took it back before a worker began
    SKIPPED = "skipped"  # the safe-contact gate said no; the reason is kept


@dataclass(frozen=True, slots=True)
class Media:
    """A file that came with a message: the platform's id for it and, if it gave one, an address."""

    media_id: str = ""
    url: str = ""
    format: str = ""


@dataclass(frozen=True, slots=True)
class Location:
    """WGS-like degrees as the platform gave them, and its own label for the place."""

    latitude: float
    longitude: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a platform reports, later, of something we sent.

    `row_id` is our outbox row where the platform gives back the key we sent, else `platform_id` is its own id
    for what it took. `state` is DELIVERED or FAILED; `sentence` tells staff in Chinese what happened.
    `submitted_at` is when the platform took it: where a submit got no answer we never learned its id. `kind` is
    message (one of ours), mass (a whole mass message, which went to `sent_count`) or grant (she allows a notice by
    the template `platform_id`, or no more).
    """

    state: DeliveryState
    row_id: str = ""
    platform_id: str = ""
    code: str = ""
    sentence: str = ""
    submitted_at: datetime | None = None
    kind: str = "message"
    sent_count: int = 0


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """One message or event from one person, verified and parsed.

    `channel` is the channel's name (`wechat_oa`), `account` our own account there, `sender` the
    platform's id of the person (openid), `dedupe_key` what makes this message the same message when
    the platform sends it again: its message id, or sender + time + event + key for an event.
    `sent_at` is the platform's time, aware; `order` sorts messages of one second (0 if unknown).
    `extra` holds, for RECEIPT and UNKNOWN, what the platform said, as plain strings; `receipt` the part of it
    that concerns one of our own messages. `platform_id` is the platform's id of this message, for answers that
    must name it. `group` is the platform's id of the group it was said in (empty: in private), `mentioned`
    whether it was said to us there; `from_bot` that another bot said it. `by_member` is the platform's id of the
    member of staff who wrote `text` to her at the platform's own desk: then it is not hers. `held_elsewhere` is
    who holds the talk on the platform's side from now on, None where the message does not say.
    """

    channel: str
    account: str
    sender: str
    dedupe_key: str
    kind: Kind
    sent_at: datetime
    text: str = ""
    key: str = ""
    order: int = 0
    media: Media | None = None
    location: Location | None = None
    extra: dict[str, str] = field(default_factory=dict)
    receipt: Receipt | None = None
    platform_id: str = ""
    group: str = ""
    mentioned: bool = False
    from_bot: bool = False
    held_elsewhere: "HeldElsewhere | None" = None
    by_member: str = ""


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """The message an outbound one answers: the platform's id of it, what it was, when it came to us.

    `extra` is the message's own: passes the platform gave with it (a welcome code, an address for one answer).
    """

    platform_id: str
    kind: Kind
    received_at: datetime
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One text on its way to one person. `recipient` is the platform's id; `idempotency_key` is unique.

    `row_id` is the outbox row's id, 26 digits and letters: the same at every attempt, so platforms that know an
    idempotency key get it (or a number made from it). With `group` the text goes to that group, as an answer to
    `recipient`. `reply_to` is the message it answers, the same at every attempt too. `conversation` is an opaque
    id of the talk it belongs to (empty: none).
    """

    recipient: str
    text: str
    idempotency_key: str
    outbound_class: OutboundClass = OutboundClass.ANSWER
    row_id: str = ""
    group: str = ""
    reply_to: ReplyTo | None = None
    #: An earlier attempt may have arrived.
    again: bool = False
    conversation: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryReceipt:
    """What the platform said on accepting a message: its own id for it, empty if it gives none."""

    platform_id: str = ""


@dataclass(frozen=True, slots=True)
class PassiveReply:
    """What the channel returns in the HTTP response: texts already merged to fit one reply, or nothing."""

    text: str = ""
