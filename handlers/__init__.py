"""What the service says: one file a conversation, all wording in texts/*.yaml, all single words in words.yaml."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from bot.dialogue import Flow, House, Reply, Turn
from handlers import (
    activity,
    assessment,
    consultation,
    crisis,
    events,
    fallback,
    feedback,
    human,
    in_group,
    intake,
    language,
    link,
    menu,
    mydata,
    optout,
    policy,
    reminders,
    safety_plan,
    safeword,
)
from handlers.wording import texts
from handlers.words import command, says

if TYPE_CHECKING:
    from nlp.articles import Article

#: Every conversation, in the order of precedence an intent is looked up in.
HANDLERS: list[Flow] = [
    crisis.flow,
    safeword.flow,
    optout.flow,
    mydata.flow,
    link.flow,
    human.flow,
    intake.flow,
    assessment.flow,
    safety_plan.flow,
    consultation.flow,
    activity.flow,
    reminders.flow,
    policy.flow,
    feedback.flow,
    menu.flow,
    menu.points,
    menu.volunteer,
    menu.greeting,
    menu.thanks,
    events.follow,
    events.unfollow,
    events.media,
    events.location,
    events.notice,
    in_group.flow,
    language.flow,
    fallback.flow,
]
#: What still answers while her 安全词 has locked the conversation.
LOCKED_HANDLERS = frozenset({"activity"})

__all__ = [
    "HANDLERS",
    "LOCKED_HANDLERS",
    "article_text",
    "both_texts",
    "command",
    "crash_texts",
    "given_back_texts",
    "group_pointer",
    "hand_back",
    "harmless_texts",
    "leave",
    "set_aside_texts",
    "unlocked_texts",
    "wants_to_leave",
    "wants_to_resume",
]


def wants_to_leave(text: str) -> bool:
    """Whether a message asks to leave the flow she is in."""
    return says("leave", text)


def wants_to_resume(text: str) -> bool:
    """Whether a message asks to go on with the flow she left."""
    return says("resume", text)


async def leave(turn: Turn) -> Reply:
    """Leave the flow she is in; an intake is set aside, in danger 「算了」 is despair."""
    if turn.flow == intake.flow.name:
        return intake.leave(turn)
    if turn.flow in (assessment.flow.name, safety_plan.flow.name):
        return assessment.leave(turn)
    if turn.flow == crisis.flow.name and says("weary", turn.text):
        return crisis.care(turn)
    return Reply(texts=(texts("menu.left"),))


def crash_texts(house: House) -> Sequence[str]:
    """What she is told when we failed: the crisis numbers, and that a person is asked."""
    return (texts("crisis.crash", hotline=house.hotline),)


def article_text(article: "Article", today: str) -> str:
    """An article as staff put it into the composer: answer, law with article and date, when it was reviewed.

    `today` is an ISO date: an article that should have been read again by then says so.
    """
    day = date.fromisoformat(article.reviewed_on)
    reviewed = texts("consultation.reviewed", year=day.year, month=day.month, day=day.day)
    return f"{consultation.cite(article)}\n{reviewed}{consultation.stale_by(article, today)}"


def given_back_texts() -> Sequence[str]:
    """What she is told when the person who answered her leaves her to the bot again."""
    return (texts("human.given_back"),)


def harmless_texts() -> Sequence[str]:
    """What anybody may read while she is locked."""
    return (texts("safeword.harmless"),)


def unlocked_texts() -> Sequence[str]:
    """What she reads when her second word has unlocked."""
    return (texts("safeword.unlocked"),)


def group_pointer(house: House, channel: str) -> str:
    """What may be said in a group when nothing else can: the neutral way to a private talk, with the numbers."""
    return in_group.pointer(house, channel)


def both_texts() -> Sequence[str]:
    """What stands between two answers when only one question can stay open."""
    return (texts("menu.both"),)


def set_aside_texts() -> Sequence[str]:
    """What tells her that what she was in the middle of is not lost."""
    return (texts("menu.set_aside"),)


def hand_back(kinds: Sequence[str]) -> Reply:
    """What the bot says when danger of these kinds was left unanswered by the person holding the conversation."""
    return crisis.hand_back(kinds)
