"""In a group: activities and policies in short, everything else a neutral pointer to a private talk.

Every answer ends with the same line, so that an answer to danger looks like any other; what she wrote is never
repeated, and no flow begins where everybody reads along (safety.md, "Talking").
"""

from bot import clock
from bot.dialogue import Flow, House, Reply, Turn
from handlers.wording import texts

flow = Flow("in_group")

_MOST_LISTED = 3
#: What she is signed up for is nobody else's business.
_ABOUT_HERSELF = frozenset({"mine", "cancel"})


@flow.start
async def answer(turn: Turn) -> Reply:
    """What may be said in front of everybody."""
    understanding = turn.understanding
    about_herself = understanding.detail in _ABOUT_HERSELF
    if understanding.risk.level == 0 and understanding.intent == "activity" and not about_herself:
        return Reply(texts=(await _activities(turn),))
    if understanding.risk.level == 0 and understanding.intent == "policy":
        return _policy(turn)
    return Reply(texts=(pointer(turn.house, turn.message.channel),))


def pointer(house: House, channel: str) -> str:
    """The neutral way to a private talk, the same whatever she wrote."""
    door = house.private_doors.get(channel, "")
    return _with_footer(texts("in_group.pointer", door=door) if door else texts("in_group.pointer_no_door"), house)


async def _activities(turn: Turn) -> str:
    sessions = await turn.records.open_sessions()
    if not sessions:
        return _with_footer(texts("in_group.no_activities"), turn.house)
    lines = "\n".join(
        texts(
            "in_group.activity",
            title=session.title,
            when=f"{clock.local(session.starts_at, turn.house.zone):%m-%d %H:%M}",
            place=session.place,
        )
        for session in sessions[:_MOST_LISTED]
    )
    door = turn.house.private_doors.get(turn.message.channel, "")
    said = texts("in_group.activities", lines=lines, door=door or texts("in_group.in_private"))
    return _with_footer(said, turn.house)


def _policy(turn: Turn) -> Reply:
    article = turn.house.library.consider(turn.text, category=turn.understanding.category, kind="policy").article
    if article is None:
        return Reply(texts=(pointer(turn.house, turn.message.channel),))
    named = article.sources
    source = named or texts("policy.source_reviewed", title=article.title, day=article.reviewed_on)
    said = texts("in_group.policy", answer=article.answer, sources=source)
    return Reply(texts=(_with_footer(said, turn.house),), articles=(article.id,))


def _with_footer(said: str, house: House) -> str:
    return said + "\n" + texts("in_group.footer", hotline=house.hotline)
