"""What every channel can do, and what goes in and out of it.

A channel verifies and parses what a platform sends (pure, no I/O), renders what goes back in the response, cuts
texts to the platform's size, and sends through the platform's API. It knows nothing of storage or handlers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol, Self

from aiohttp import ClientSession

from bot.channels.tokens import Tokens
from bot.messages import DeliveryReceipt, InboundMessage, Media, OutboundMessage, PassiveReply, Trigger, Window


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """One HTTP request to a channel's address; `received_at` is aware UTC."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """What goes back."""

    body: bytes
    content_type: str = "text/plain"
    status: int = 200


@dataclass(frozen=True, slots=True)
class Received:
    """A verified request: its messages, or a `response` that needs no pipeline (an echo check).

    `nonce` and `body_digest` let the web layer refuse a nonce that comes back with another body;
    `context` is what `render` needs of the request.
    """

    messages: tuple[InboundMessage, ...] = ()
    response: WebhookResponse | None = None
    nonce: str = ""
    body_digest: bytes = b""
    context: Any = None


class Channel(Protocol):
    """One platform account."""

    name: ClassVar[str]
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
        """How long and how often we may write after `trigger`."""

    async def send(self, message: OutboundMessage) -> DeliveryReceipt:
        """Send one text. Raises a SendError kind that says whether it may be tried again."""

    async def fetch_media(self, media: Media) -> tuple[bytes, str]:
        """The file and its content type. Raises SendError kinds."""

    async def close(self) -> None:
        """Let go of what the channel holds."""
