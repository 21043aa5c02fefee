"""What a turn works with: the line every turn shares, the message on its way, the rows it wants written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from bot.config import Service
from bot.dialogue import Flow, House, Turn
from bot.messages import InboundMessage
from nlp.meaning import Context, Risk, Understanding
from storage.models import new_id


class Speech(Protocol):
    """What a turn needs to know of a channel: how its texts are cut, and whether it answers passively."""

    def split(self, texts: Sequence[str]) -> list[str]:
        """Merge short texts and split long ones so that each fits one message."""


@dataclass(frozen=True, slots=True)
class Line:
    """What every turn uses: who understands, who answers, and the house rules."""

    service: Service
    #: Whether somebody is at the desk: by the duty hours, and by the roster where one is kept.
    is_staffed: Callable[[datetime], bool]
    house: House
    handlers: Mapping[str, Flow]
    locked_handlers: frozenset[str]
    speech: Mapping[str, Speech]
    understand: Callable[[str, Context], Understanding]
    read_risk: Callable[[str], Risk]
    wants_to_leave: Callable[[str], bool]
    wants_to_resume: Callable[[str], bool]
    command: Callable[[str], str]
    leave: Callable[[Turn], Any]
    crash_texts: Callable[[House], Sequence[str]]
    harmless_texts: Callable[[], Sequence[str]]
    unlocked_texts: Callable[[], Sequence[str]]
    both_texts: Callable[[], Sequence[str]]
    set_aside_texts: Callable[[], Sequence[str]]
    group_pointer: Callable[[House, str], str]
    group_answers_per_minute: int = 20


@dataclass(slots=True)
class Writes:
    """Rows to insert when the batch ends, and jobs to wake after the commit."""

    inbound: list[dict[str, Any]] = field(default_factory=list)
    handled: list[dict[str, Any]] = field(default_factory=list)
    outbox: list[dict[str, Any]] = field(default_factory=list)
    alarms: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Incoming:
    """A message on its way: its row, its digests, whether it is stored already, how it may be answered."""

    message: InboundMessage
    dedupe_digest: bytes
    nonce_digest: bytes | None
    body_digest: bytes | None
    received_at: datetime
    row_id: str = field(default_factory=new_id)
    is_stored: bool = False
    may_hand: Callable[[], bool] = lambda: False
