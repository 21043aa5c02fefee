"""What is not words: following, leaving, pictures, voice, places, and events that need no answer."""

from bot.dialogue import Flow, Reply, Turn
from bot.messages import Kind
from handlers.menu import point_lines
from handlers.wording import texts

follow = Flow("follow")
unfollow = Flow("unfollow")
media = Flow("media")
location = Flow("location")
notice = Flow("notice")

_BY_KIND = {
    Kind.IMAGE: "menu.image",
    Kind.VOICE: "menu.voice",
    Kind.VIDEO: "menu.video",
    Kind.LINK: "menu.link",
}


@follow.start
async def welcome(turn: Turn) -> Reply:
    """Who this is, that it is a bot, and how to keep the chat from other eyes."""
    return Reply(texts=(texts("menu.follow", name=turn.house.name),), keep_flow=True)


@unfollow.start
async def note(turn: Turn) -> Reply:
    """Nothing can be said any more; after a disclosure staff see it as a sign to care about.

    What came from the platform is erased after the days of grace, unless she comes back; a case stays.
    """
    await turn.records.ask_erasure(sure=True, source="unfollowed")
    concerned = turn.conversation.risk > 0 or bool(turn.conversation.case_id)
    return Reply(call_human="unfollowed" if concerned else "", alarm="unfollowed" if concerned else "")


@media.start
async def acknowledge(turn: Turn) -> Reply:
    """Kept for staff; she is told the truth about what the bot can read. A flow she is in goes on."""
    key = _BY_KIND.get(turn.message.kind, "menu.unknown_kind")
    return Reply(texts=(texts(key),), keep_flow=True, call_human="attachment")


@location.start
async def tell_nearest(turn: Turn) -> Reply:
    """The nearest service points."""
    place = turn.message.location
    places = await turn.records.nearest_points(place.latitude, place.longitude) if place else []
    if not places:
        return Reply(texts=(texts("menu.points_none", hotline=turn.house.hotline),), keep_flow=True)
    return Reply(texts=(texts("menu.points", lines=point_lines(places)),), keep_flow=True)


@notice.start
async def keep_silent(turn: Turn) -> Reply:
    """An event that says nothing to us."""
    return Reply(keep_flow=True)
