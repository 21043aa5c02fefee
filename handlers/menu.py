"""The menu by number, greetings, thanks, volunteers, and where to go."""

from bot.dialogue import ANY, Flow, Reply, Turn
from handlers.wording import texts

flow = Flow("menu")
greeting = Flow("greeting", intents={"greeting"})
thanks = Flow("thanks", intents={"thanks"})
volunteer = Flow("volunteer", intents={"volunteer"})
points = Flow("points")

#: What each number of the menu leads to (texts/menu.yaml shows them).
_ENTRIES = {1: "", 2: "activity", 3: "policy", 4: "human", 5: "points", 6: "safeword"}
#: Menu entries an operator may set up on the platform, by the key they send.
_KEYS = {"activity": "activity", "human": "human", "points": "points", "safeword": "safeword", "menu": ""}


@flow.start
async def show(turn: Turn) -> Reply:
    """The numbered menu, or what a tapped entry of the account's own menu leads to."""
    entry = _KEYS.get(turn.message.key, "")
    if entry:
        return Reply(hand_to=entry)
    return flow.ask(texts("menu.welcome", name=turn.house.name), then=choose)


@flow.step
async def choose(turn: Turn) -> Reply:
    """A number leads on; anything else is taken as what she wants to say."""
    choice = turn.understanding.entities.get("choice")
    if choice == 1:
        return flow.end(texts("menu.consult"))
    if choice == 3:
        return flow.end(texts("menu.policy"))
    if isinstance(choice, int) and _ENTRIES.get(choice):
        return Reply(hand_to=_ENTRIES[choice])
    return Reply(hand_to=ANY)


@greeting.start
async def greet(turn: Turn) -> Reply:
    """Say who this is; it never pretends to be a person."""
    return greeting.end(texts("menu.hello", name=turn.house.name))


@thanks.start
async def answer_thanks(turn: Turn) -> Reply:
    """A friendly word."""
    return thanks.end(texts("menu.thanks"))


@volunteer.start
async def tell_volunteers(turn: Turn) -> Reply:
    """How to become a volunteer."""
    return volunteer.end(texts("menu.volunteer"))


@points.start
async def tell_points(turn: Turn) -> Reply:
    """The places one can go to; nearest first once she sends where she is."""
    places = await turn.records.all_points()
    if not places:
        return points.end(texts("menu.points_none", hotline=turn.house.hotline))
    return points.end(texts("menu.points_ask", lines=point_lines(places)))


def point_lines(places: list) -> str:  # type: ignore[type-arg]
    """Places as lines of text."""
    return "\n".join(
        texts(
            "menu.point",
            name=place.name,
            distance=(
                texts("menu.distance", kilometres=f"{place.kilometres:.1f}") if place.kilometres is not None else ""
            ),
            address=place.address,
            hours=place.hours,
            phone=place.phone,
        )
        for place in places
    )
