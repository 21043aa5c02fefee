"""What every channel can do, and what goes in and out of it.

A channel verifies and parses what a platform sends (pure, no I/O), renders what goes back in the response, cuts
texts to the platform's size, and sends through the platform's API. It knows nothing of storage or handlers.

Some platforms only say that there is something to fetch: such a channel is a `PullChannel`, whose place in the
platform's list is kept in the same transaction as the messages up to it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from aiohttp import ClientSession, web

from bot.channels.tokens import Tokens
from bot.errors import SendError
from bot.messages import DeliveryReceipt, InboundMessage, Media, OutboundMessage, PassiveReply, Trigger, Window


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """One HTTP request to a channel's address; `received_at` is aware UTC.

    `parts` are the named parts of the channel's `path` (`/webhook/sms/{secret}/{what}`).
    """

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    parts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """What goes back."""

    body: bytes
    content_type: str = "text/plain"
    status: int = 200


@dataclass(frozen=True, slots=True)
class Pull:
    """The platform says that `account` has something to fetch; `token` is its pass for the next minutes."""

    account: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """What a platform gave from one place in its list on: messages in order, and the place after them."""

    messages: tuple[InboundMessage, ...]
    next_cursor: str
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """A verified request: its messages, what is to be fetched, and how it is answered.

    A `response` goes back as it is once the messages are stored (an echo check has no messages); without one
    `render` makes it. `nonce` and `body_digest` let the web layer refuse a nonce that comes back with another
    body; `context` is what `render` needs of the request.
    """

    messages: tuple[InboundMessage, ...] = ()
    response: WebhookResponse | None = None
    pull: Pull | None = None
    nonce: str = ""
    body_digest: bytes = b""
    context: Any = None


@dataclass(frozen=True, slots=True)
class Way:
    """One way a platform takes notices to many.

    `least_at_once` and `most_at_once` are recipients of one request; `per_month` what the platform lets one person
    get in a calendar month (0: as many as you like). `keeps_window`: the channel's reply window counts here too.
    `idempotent`: a repeated request under the same key is known and dropped. `to_groups`: the recipients are groups
    of the house, not women. `needs_template`: she has to have allowed the template it is sent by.
    """

    name: str = ""
    most_at_once: int = 1
    least_at_once: int = 1
    per_month: int = 0
    keeps_window: bool = False
    idempotent: bool = False
    to_groups: bool = False
    needs_template: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it is one message to one person, as `Channel.send` sends them."""
        return self.most_at_once == 1 and not self.needs_template


@dataclass(frozen=True, slots=True)
class Notice:
    """One request to many: platform ids of the recipients, and a key the same request always has."""

    way: str
    text: str
    recipients: tuple[str, ...]
    key: str
    campaign: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NoticeOutcome:
    """What the platform said: its id for the request, and whom of the recipients it refused at once."""

    platform_id: str = ""
    refused: Mapping[str, SendError] = field(default_factory=dict)


class Channel(Protocol):
    """One platform account.

    `path` may hold named parts (`{secret}`); empty for a channel nothing comes in from. `max_body` is in bytes.
    `idempotent`: the platform refuses a second message under the same key, so an interrupted send is repeated
    instead of becoming unknown. `answers_in_response`: the HTTP response can carry the answer.
    `names_what_it_answers`: `send` needs `reply_to`, also for what staff write. `most_per_minute`: what the
    platform takes for one recipient in a minute; 0 where it names no such limit. `recall_seconds`: so long a message
    can be taken off her screen again (see `Recalls`); 0 where it cannot.
    """

    name: ClassVar[str]
    idempotent: ClassVar[bool]
    answers_in_response: ClassVar[bool]
    names_what_it_answers: ClassVar[bool]
    most_per_minute: ClassVar[int]
    recall_seconds: ClassVar[int]
    account: str
    path: str
    max_body: int

    @classmethod
    def is_on(cls, values: Mapping[str, Any]) -> bool:
        """Whether the section holds any secret: a channel without one is off, not wrong."""

    @classmethod
    def from_settings(cls, values: Mapping[str, Any], tokens: Tokens, session: ClientSession) -> Self:
        """The channel for its section of the settings. Raises ConfigError naming the bad setting."""

    def receive(self, request: WebhookRequest) -> Received:
        """Verify, then parse. Raises UnverifiedRequest and UnreadablePayload, nothing else."""

    def render(self, received: Received, reply: PassiveReply) -> WebhookResponse:
        """The response that carries `reply`, or the acknowledgement when it has no text."""

    def split(self, texts: Sequence[str]) -> list[str]:
        """Merge short texts and cut long ones on sentence ends, so that each fits one message."""

    def window(self, trigger: Trigger) -> Window:
        """How long and how often we may write after `trigger`; ALWAYS where the platform sets no limit."""

    async def send(self, message: OutboundMessage) -> DeliveryReceipt:
        """Send one text. Raises a SendError kind that says whether it may be tried again."""

    async def fetch_media(self, media: Media) -> tuple[bytes, str]:
        """The file and its content type. Raises SendError kinds."""

    async def close(self) -> None:
        """Let go of what the channel holds."""


@runtime_checkable
class BulkChannel(Protocol):
    """A channel with ways of its own for notices to many."""

    name: ClassVar[str]
    #: By name, the one for a campaign without variants first.
    ways: ClassVar[Mapping[str, Way]]

    async def send_many(self, notice: Notice) -> NoticeOutcome:
        """Send one text to many by a way that is not plain. Raises SendError kinds, which then hold for all."""


def ways_of(channel: Channel) -> Mapping[str, Way]:
    """How notices go out on a channel: its own ways, or one message to one person; none where we cannot begin."""
    if isinstance(channel, BulkChannel):
        return channel.ways
    # Where every message has to name the one it answers nothing can be begun.
    return {} if channel.names_what_it_answers else {"": Way(keeps_window=True, idempotent=channel.idempotent)}


@runtime_checkable
class PullChannel(Protocol):
    """A channel whose messages are fetched."""

    name: ClassVar[str]

    async def accounts(self) -> Sequence[str]:
        """The accounts to look at when the service starts and every minute. Raises SendError kinds."""

    async def poll(self, account: str, cursor: str, token: str) -> Page:
        """What came after `cursor` (empty: the oldest the platform keeps). Raises SendError kinds."""


@runtime_checkable
class ShowsTyping(Protocol):
    """A channel whose platform shows her that somebody is writing."""

    async def show_typing(self, recipient: str) -> None:
        """Show it for some seconds. Raises SendError kinds."""


@runtime_checkable
class Recalls(Protocol):
    """A channel whose platform takes a message off her screen again, for `recall_seconds` after it took it."""

    async def recall(self, recipient: str, platform_id: str) -> None:
        """Take back the message the platform knows as `platform_id`. Raises SendError kinds."""


@runtime_checkable
class SocketChannel(Protocol):
    """A channel whose platform also connects to its address by WebSocket and stays."""

    def admit(self, request: WebhookRequest) -> None:
        """Verify who wants to connect. Raises UnverifiedRequest."""

    async def converse(
        self,
        request: WebhookRequest,
        socket: web.WebSocketResponse,
        take: Callable[[InboundMessage], Awaitable[None]],
    ) -> None:
        """Hear and speak until the other side is gone; `take` returns once a message is kept."""
