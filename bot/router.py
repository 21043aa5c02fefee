"""Which handler answers a message. Pure: everything it decides from is in `Situation`.

The order is a safety rule, not taste: risk is *read* before this is asked; then her 安全词, a person holding
the conversation, new danger, opt-out, the flow she is in, and only then what the message is about.
"""

from dataclasses import dataclass
from enum import StrEnum

from bot.messages import Kind
from nlp.meaning import Understanding

#: From this confidence on a wish for a person or another topic counts inside a flow.
SURE = 0.8
#: Below this the bot does not claim to have understood.
UNSURE = 0.5

#: Kinds that never belong to a flow, and the handler of each.
_BY_KIND = {
    Kind.FOLLOW: "follow",
    Kind.UNFOLLOW: "unfollow",
    Kind.SCAN: "follow",
    Kind.MENU: "menu",
    Kind.NOTICE: "notice",
    Kind.RECEIPT: "notice",
    Kind.UNKNOWN: "media",
    Kind.IMAGE: "media",
    Kind.VIDEO: "media",
    Kind.LINK: "media",
    Kind.LOCATION: "location",
}
#: Platform events that say nothing: never shown as an answer, never counted as a message of hers.
SILENT_KINDS = frozenset({Kind.NOTICE, Kind.RECEIPT})


#: Commands that count inside a flow too: ways out of it, and what she thinks of an answer.
_ALWAYS = frozenset({"menu", "human", "safeword", "feedback", "assessment", "safety_plan", "link"})


class Way(StrEnum):
    """How a message goes on."""

    LOCK = "lock"  # she sent her 安全词
    STOP = "stop"  # she is locked and wants to hear nothing more: noted, and the harmless answer
    UNLOCK = "unlock"
    SILENT = "silent"  # a person holds the conversation
    LEAVE = "leave"  # she leaves the flow she is in
    RESUME = "resume"  # she goes on with the flow she left
    HANDLER = "handler"  # a handler begins
    STEP = "step"  # the flow goes on


@dataclass(frozen=True, slots=True)
class Situation:
    """What the router decides from. `new_danger`: danger the crisis flow has to answer now."""

    kind: Kind
    understanding: Understanding
    is_safeword: bool = False
    is_unlock_word: bool = False
    locked: bool = False
    held: bool = False
    new_danger: bool = False
    flow: str = ""
    wants_to_leave: bool = False
    wants_to_resume: bool = False
    #: The handler her message names by itself (菜单, 登记 …), if it does.
    command: str = ""
    #: Names that may still answer while she is locked.
    locked_handlers: frozenset[str] = frozenset()
    #: She speaks to the bot in a group; `flooded`: it has said enough there for this minute.
    in_group: bool = False
    flooded: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """The decision: which way, and which handler (empty where the way needs none)."""

    way: Way
    handler: str = ""


def choose(situation: Situation) -> Route:
    """The one handler that answers this message."""
    if situation.in_group:
        return _in_group(situation)
    if situation.locked:
        return _while_locked(situation)
    if situation.is_safeword:
        return Route(Way.LOCK, "safeword")
    if situation.kind is Kind.UNFOLLOW:
        return Route(Way.HANDLER, "unfollow")
    if situation.held:
        return Route(Way.SILENT)
    if situation.new_danger:
        return Route(Way.HANDLER, "crisis")
    if situation.kind in _BY_KIND:
        return Route(Way.HANDLER, _BY_KIND[situation.kind])
    if situation.kind is Kind.VOICE and not situation.understanding.text:
        return Route(Way.HANDLER, "media")
    return _for_words(situation)


def _in_group(situation: Situation) -> Route:
    """One handler for all that is said in groups; more than the minute allows only when danger is new."""
    if situation.kind in SILENT_KINDS or (situation.flooded and not situation.new_danger):
        return Route(Way.SILENT)
    return Route(Way.HANDLER, "in_group")


def _for_words(situation: Situation) -> Route:
    understanding = situation.understanding
    sure = understanding.confidence >= SURE
    if understanding.language:
        return Route(Way.HANDLER, "language")
    if situation.command == "mydata":
        # 「删除我的信息」 sounds like opting out; what she wrote word for word decides.
        return Route(Way.HANDLER, "mydata")
    if _opts_out(situation):
        return Route(Way.HANDLER, "optout")
    if situation.wants_to_resume:
        return Route(Way.RESUME)
    if situation.flow:
        if understanding.intent == "human" and sure and situation.flow != "human":
            return Route(Way.HANDLER, "human")
        if situation.wants_to_leave:
            return Route(Way.LEAVE)
        if situation.command in _ALWAYS:
            return Route(Way.HANDLER, situation.command)
        return Route(Way.STEP, situation.flow)
    if situation.command:
        return Route(Way.HANDLER, situation.command)
    if understanding.intent == "oos" or understanding.confidence < UNSURE:
        return Route(Way.HANDLER, "fallback")
    return Route(Way.HANDLER, understanding.intent)


def _opts_out(situation: Situation) -> bool:
    understanding = situation.understanding
    return situation.command == "optout" or (understanding.intent == "optout" and understanding.confidence >= SURE)


def _while_locked(situation: Situation) -> Route:
    if situation.is_unlock_word:
        return Route(Way.UNLOCK, "safeword")
    if situation.kind is Kind.UNFOLLOW:
        return Route(Way.HANDLER, "unfollow")
    if situation.held or situation.kind in SILENT_KINDS:
        return Route(Way.SILENT)
    if _opts_out(situation):
        return Route(Way.STOP, "safeword")
    if situation.flow in situation.locked_handlers and not situation.wants_to_leave:
        return Route(Way.STEP, situation.flow)
    if situation.understanding.intent in situation.locked_handlers:
        return Route(Way.HANDLER, situation.understanding.intent)
    return Route(Way.LOCK, "safeword")
