"""The vocabulary of understanding: what `understand` returns and what it may be told beforehand."""

from dataclasses import dataclass, field
from datetime import datetime

from nlp.entities.places import Places

#: The nine intents; finer names go into `detail`.
INTENTS = ("rights", "activity", "policy", "volunteer", "human", "optout", "greeting", "thanks", "oos")


@dataclass(frozen=True, slots=True)
class Context:
    """What the conversation already knows: the flow she is in, its step, and the choices last shown.

    `now` (aware, in the zone of the house) makes 明天 a date; `places` are the areas of the house.
    """

    flow: str = ""
    step: str = ""
    choices: tuple[str, ...] = ()
    now: datetime | None = None
    places: Places | None = None


@dataclass(frozen=True, slots=True)
class Risk:
    """How dangerous this sounds: level 0 none, 1 concern, 2 danger; `urgent` = now, a weapon, a plan to die, a child.

    `kinds` are names such as `violence_now`, `violence_pattern`, `threat_to_kill`, `sexual_violence`,
    `suicide`, `child`, `captivity`, `stalking`, `drugs`; `reasons` are sentences for staff without her words.
    """

    level: int = 0
    urgent: bool = False
    kinds: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """Another thing she clearly asks for in the same message: its intent, and the words that ask for it."""

    intent: str
    category: str
    detail: str
    confidence: float
    text: str


@dataclass(frozen=True, slots=True)
class Understanding:
    """What one message means. `confidence` is 0–1; `because` lists the words that decided."""

    text: str
    intent: str = "oos"
    category: str = ""
    detail: str = ""
    confidence: float = 0.0
    risk: Risk = field(default_factory=Risk)
    entities: dict[str, object] = field(default_factory=dict)
    because: tuple[str, ...] = ()
    #: ISO 639-1 code of a language other than Chinese (ug, kk, bo, mn, ko, en …); empty for Chinese.
    language: str = ""
    #: Further wishes in the same message, each sure: of another intent, or every matter of rights when there are
    #: several.
    others: tuple[Wish, ...] = ()
