"""The vocabulary conversation handlers are written in: Flow, Step, Turn, Reply.

A handler reads a `Turn` and returns a `Reply`; it cannot send and cannot commit. A flow is a named set of
steps; each step is an async function `step(turn) -> Reply`. Step names are data: conversations in the
database hold `intake.ask_area`, so a renamed step keeps an alias and an unknown step restarts politely.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bot.messages import InboundMessage
from nlp.entities import Places
from nlp.meaning import Understanding

if TYPE_CHECKING:
    from nlp.retrieval import Library
    from storage.records import Records


@dataclass(frozen=True, slots=True)
class ContactView:
    """What a handler may know of the person writing: an opaque id and her wishes, no identifiers."""

    id: str
    opted_out: bool = False
    stopped_all: bool = False
    consented: bool = False
    area: str = ""
    locked: bool = False


@dataclass(frozen=True, slots=True)
class ConversationView:
    """Where the conversation stands before this turn."""

    id: str
    risk: int = 0
    category: str = ""
    holder: str = ""
    waiting: bool = False
    case_id: str = ""
    misunderstood: int = 0


@dataclass(frozen=True, slots=True)
class House:
    """What handlers may say about us: name, hotline, zone (IANA), when people are there, what we know."""

    name: str
    hotline: str
    zone: str
    #: Duty hours in words for people, such as 「工作日8:30—12:00、14:30—17:30」.
    duty_hours: str
    library: "Library"
    #: The area tree; empty until it is read from the database.
    places: Places = field(default_factory=Places)
    #: Where somebody in a group of this channel can talk with us alone: a link or a few words.
    private_doors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of one person, understood, with all a handler needs to answer it.

    `data` is what the flow has collected so far; `records` reads and writes through the turn's own
    transaction; `now` is aware UTC; `on_duty` says whether hotline staff are at work at `now`.
    """

    message: InboundMessage
    understanding: Understanding
    contact: ContactView
    conversation: ConversationView
    records: "Records"
    house: House
    now: datetime
    on_duty: bool
    flow: str = ""
    step: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    is_new_danger: bool = False
    #: What the bot found out in this conversation so far (hurt, area, done …), so that nothing is asked twice.
    learned: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Her words, stripped of surrounding white space (a voice message's transcript counts)."""
        return self.message.text.strip()


#: Intents that are a matter of their own.
_MATTERS = frozenset({"rights", "policy", "activity", "volunteer"})
_SURE = 0.8
_SHORTEST_MATTER = 4


def is_another_matter(turn: Turn, *but: str) -> bool:
    """Whether she clearly speaks of something else than what was asked; intents in `but` never count."""
    meaning = turn.understanding
    is_sure = meaning.confidence >= _SURE and len(turn.text) >= _SHORTEST_MATTER
    return is_sure and meaning.intent in _MATTERS and meaning.intent not in but


#: `Reply.hand_to`: route her message as if she were in no flow.
ANY = "*"


@dataclass(frozen=True, slots=True)
class Reply:
    """What to say and what changes with it.

    `texts` are said in this order (the pipeline merges them into what the channel allows). `flow`/`step`
    say where she is afterwards: both empty ends any flow; `keep_flow` leaves it untouched. `data` replaces
    what the flow has collected. The rest are orders to the pipeline, carried out in the same transaction.
    """

    texts: tuple[str, ...] = ()
    flow: str = ""
    step: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    keep_flow: bool = False
    #: Let this handler answer instead of us; ANY: whichever her words call for outside of any flow.
    hand_to: str = ""
    #: A flow to set aside, {flow, step, data}, that 「继续」 brings back; empty forgets one; None changes nothing.
    set_aside: dict[str, Any] | None = None
    #: Put the conversation into the staff queue, with this reason (a name, not her words).
    call_human: str = ""
    #: Alarm staff at once, with this reason.
    alarm: str = ""
    #: Mark the conversation at least this dangerous (0–2); it is never lowered.
    risk: int = 0
    #: The category of consultation this turn settled, if any.
    category: str = ""
    #: The case this turn opened or went on with.
    case_id: str = ""
    #: Article ids the texts cite (for statistics and for the console).
    articles: tuple[str, ...] = ()
    #: True when nothing was understood: two in a row bring a human.
    misunderstood: bool = False
    #: Her message was a secret of hers (a 口令): it is not kept, not even sealed.
    secret: bool = False
    #: Changes to her own settings: opted_out, stopped_all, consented, area; in hex safeword_digest, unlock_digest.
    wishes: dict[str, Any] = field(default_factory=dict)


Step = Callable[[Turn], Awaitable[Reply]]


class Flow:
    """A named conversation of several steps, and the intents that start it.

    >>> flow = Flow("signup", intents={"activity"})
    >>> @flow.step
    ... async def ask_seats(turn): return flow.ask("几位？", then=confirm)
    """

    def __init__(
        self,
        name: str,
        *,
        intents: frozenset[str] | set[str] = frozenset(),
        kinds: frozenset[str] | set[str] = frozenset(),
        aliases: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.intents = frozenset(intents)
        self.kinds = frozenset(kinds)
        self.steps: dict[str, Step] = {}
        self.aliases = aliases or {}
        self._start: Step | None = None

    def start(self, function: Step) -> Step:
        """Register what answers when she is not in the flow yet (it may well not start one)."""
        self._start = function
        return function

    def step(self, function: Step) -> Step:
        """Register a step under its function's name."""
        self.steps[function.__name__] = function
        return function

    def begin(self, turn: Turn) -> Awaitable[Reply]:
        """Answer a message that starts this flow."""
        if self._start is None:
            raise LookupError(self.name)
        return self._start(turn)

    def find(self, name: str) -> Step | None:
        """The step stored under `name`, or under the alias that replaced it; None when it is gone."""
        return self.steps.get(self.aliases.get(name, name))

    def ask(self, *texts: str, then: Step, **data: Any) -> Reply:
        """Say `texts` and wait in this flow; her next message goes to `then`, with `data` collected.

        The last text is kept as `asked`, so that a flow set aside can be taken up with its question.
        """
        asked = {"asked": texts[-1]} if texts else {}
        return Reply(texts=texts, flow=self.name, step=then.__name__, data=data | asked)

    def set_aside(self, turn: Turn) -> dict[str, Any]:
        """The flow as it stands before this turn, for `Reply.set_aside`."""
        return {"flow": turn.flow, "step": turn.step, "data": dict(turn.data)}

    def end(self, *texts: str, **orders: Any) -> Reply:
        """Say `texts` and leave the flow; `orders` are other fields of Reply."""
        return Reply(texts=texts, **orders)
