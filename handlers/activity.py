"""Activities (报名): list, details, sign up with a number of people, wait-list, cancel, mine."""

from typing import TYPE_CHECKING, Any

from bot import clock
from bot.dialogue import ANY, Flow, Reply, Turn
from bot.errors import NotFound
from handlers import words
from handlers.wording import texts

if TYPE_CHECKING:
    from storage.repositories.activities import SessionView, SignUpView

flow = Flow("activity", intents={"activity"})

_WEEKDAYS = "一二三四五六日"
#: Pairs of characters that say nothing about which activity is meant.
_COMMON = frozenset({"活动", "报名", "讲座", "课程", "培训", "体验", "免费", "妇联", "我们", "参加"})
#: Longer words than this are a sentence, not what somebody is called.
_LONGEST_NAME = 12
#: From this confidence on her words are about another matter.
_CLEAR = 0.8


@flow.start
async def begin(turn: Turn) -> Reply:
    """Mine, cancel, one activity she named, or the list."""
    match turn.understanding.detail:
        case "mine":
            return await _tell_mine(turn)
        case "cancel":
            return await _ask_cancel(turn)
    sessions = await turn.records.open_sessions()
    named = _named(turn.text, sessions)
    if named is None:
        return _list(turn, sessions)
    seats = turn.understanding.entities.get("people")
    if turn.understanding.detail == "signup" and isinstance(seats, int) and 1 <= seats <= named.most_per_person:
        return await _seated(turn, named, seats, before=_said_detail(turn, named, "activity.detail_seated"))
    return _detail(turn, named)


@flow.step
async def choose_session(turn: Turn) -> Reply:
    """Which of the list."""
    session_id = _chosen(turn)
    if session_id is None:
        sessions = await turn.records.open_sessions()
        named = _named(turn.text, sessions)
        return _detail(turn, named) if named else _elsewhere(turn)
    session = await turn.records.find_session(session_id)
    return _detail(turn, session) if session else flow.end(texts("activity.closed"))


@flow.step
async def hear_seats(turn: Turn) -> Reply:
    """How many people come."""
    session = await turn.records.find_session(turn.data["session"])
    if session is None:
        return flow.end(texts("activity.closed"))
    entities = turn.understanding.entities
    if _stays_away(turn) or entities.get("answer") == "no":
        return flow.end(texts("activity.not_signed"))
    seats = entities.get("people") or entities.get("choice") or (1 if entities.get("answer") == "yes" else None)
    if not isinstance(seats, int) or not 1 <= seats <= session.most_per_person:
        if turn.understanding.intent not in ("oos", "activity"):
            return Reply(hand_to=ANY)
        again = texts("activity.ask_seats_again", most=session.most_per_person)
        return flow.ask(again, then=hear_seats, session=session.id)
    return await _seated(turn, session, seats)


@flow.step
async def hear_name(turn: Turn) -> Reply:
    """A name for the list, if she likes; then she is in, or in line."""
    if _stays_away(turn):
        return flow.end(texts("activity.not_signed"))
    session_id, seats = turn.data["session"], turn.data["seats"]
    if words.says("skip", turn.text):
        return await _sign_up(turn, session_id, seats, "")
    if _is_another_matter(turn):
        return Reply(hand_to=ANY)
    name = str(turn.understanding.entities.get("name") or turn.text).strip()
    if len(name) > _LONGEST_NAME:
        again = texts("activity.ask_name", seats=seats)
        return Reply(texts=(again,), flow=flow.name, step=turn.step, data=turn.data, misunderstood=True)
    return await _sign_up(turn, session_id, seats, name)


def _stays_away(turn: Turn) -> bool:
    """Whether she says that she does not come after all."""
    if words.says("disagree", turn.text) or words.says("not_coming", turn.text):
        return True
    return turn.understanding.detail == "cancel" and turn.understanding.confidence >= _CLEAR


def _is_another_matter(turn: Turn) -> bool:
    """Whether what was to be a name is something else that must be heard: danger, or a clear request."""
    meaning = turn.understanding
    if meaning.risk.level >= 1:
        return True
    return meaning.confidence >= _CLEAR and meaning.intent not in ("activity", "oos")


async def _seated(turn: Turn, session: "SessionView", seats: int, before: str = "") -> Reply:
    """The seats are known: her name is asked, unless she has said it in the same message."""
    name = turn.understanding.entities.get("name")
    if name and not before:
        return await _sign_up(turn, session.id, seats, str(name)[:_LONGEST_NAME])
    asked = texts("activity.ask_name", seats=seats)
    return flow.ask(f"{before}\n{asked}" if before else asked, then=hear_name, session=session.id, seats=seats)


async def _sign_up(turn: Turn, session_id: str, seats: int, name: str) -> Reply:
    try:
        sign_up = await turn.records.sign_up(session_id, seats, name)
    except NotFound:
        return flow.end(texts("activity.closed"))
    return _tell_signed(turn, sign_up)


@flow.step
async def choose_cancel(turn: Turn) -> Reply:
    """Which sign-up to cancel."""
    sign_up_id = _chosen(turn)
    if sign_up_id is None:
        if turn.understanding.intent not in ("oos", "activity"):
            return Reply(hand_to=ANY)
        return flow.ask(texts("activity.pick_again"), then=choose_cancel, choices=turn.data["choices"])
    return await _cancel(turn, sign_up_id)


def _list(turn: Turn, sessions: "list[SessionView]") -> Reply:
    if not sessions:
        return flow.end(texts("activity.none"))
    lines = "\n".join(
        texts(
            "activity.line",
            number=number,
            title=session.title,
            when=_when(turn, session),
            left=_left(session),
        )
        for number, session in enumerate(sessions, 1)
    )
    ids = [session.id for session in sessions]
    return flow.ask(texts("activity.list", lines=lines), then=choose_session, choices=ids)


def _detail(turn: Turn, session: "SessionView") -> Reply:
    return flow.ask(_said_detail(turn, session, "activity.detail"), then=hear_seats, session=session.id)


def _said_detail(turn: Turn, session: "SessionView", key: str) -> str:
    return texts(
        key,
        title=session.title,
        when=_when(turn, session),
        place=session.place,
        description=session.description,
        audience=session.audience or texts("activity.everybody"),
        fee=session.fee,
        left=_left(session),
        most=session.most_per_person,
    )


def _tell_signed(turn: Turn, sign_up: "SignUpView") -> Reply:
    session = sign_up.session
    values: dict[str, Any] = {
        "title": session.title,
        "when": _when(turn, session),
        "place": session.place,
        "seats": sign_up.seats,
    }
    if sign_up.is_new:
        key = "activity.confirmed" if sign_up.state == "confirmed" else "activity.waiting"
        if sign_up.state != "confirmed":
            values["place"] = sign_up.place_in_line
        said = texts(key, **values)
    else:
        said = texts("activity.already", title=session.title, when=values["when"], state=_state(sign_up))
    notices = () if turn.contact.consented or turn.contact.locked else (texts("activity.ask_notices"),)
    return flow.end(said, *notices)


async def _tell_mine(turn: Turn) -> Reply:
    mine = await turn.records.my_sign_ups()
    if not mine:
        return flow.end(texts("activity.mine_none"))
    return flow.end(texts("activity.mine", lines=_lines(turn, mine)))


async def _ask_cancel(turn: Turn) -> Reply:
    mine = await turn.records.my_sign_ups()
    if not mine:
        return flow.end(texts("activity.cancel_none"))
    if len(mine) == 1:
        return await _cancel(turn, mine[0].id)
    ids = [sign_up.id for sign_up in mine]
    return flow.ask(texts("activity.pick_cancel", lines=_lines(turn, mine)), then=choose_cancel, choices=ids)


async def _cancel(turn: Turn, sign_up_id: str) -> Reply:
    try:
        cancelled, promoted = await turn.records.cancel_sign_up(sign_up_id)
    except NotFound:
        return flow.end(texts("activity.cancel_none"))
    for promotion in promoted:
        session = promotion.session
        told = texts(
            "activity.promoted",
            title=session.title,
            when=_when(turn, session),
            place=session.place,
            seats=promotion.seats,
        )
        await turn.records.tell_promoted(promotion, told)
    return flow.end(texts("activity.cancelled", title=cancelled.session.title, when=_when(turn, cancelled.session)))


def _elsewhere(turn: Turn) -> Reply:
    if turn.understanding.intent not in ("oos", "activity"):
        return Reply(hand_to=ANY)
    return Reply(
        texts=(texts("activity.pick_again"),), flow=flow.name, step=turn.step, data=turn.data, misunderstood=True
    )


def _chosen(turn: Turn) -> str | None:
    chosen = turn.understanding.entities.get("chosen")
    return str(chosen) if chosen else None


def _named(text: str, sessions: "list[SessionView]") -> "SessionView | None":
    """The one activity whose title shares words with the message; None when none or several do."""
    scored = [(len(_pairs(session.title) & _pairs(text)), session) for session in sessions]
    best = max((score for score, _ in scored), default=0)
    found = [session for score, session in scored if score == best]
    return found[0] if best and len(found) == 1 else None


def _pairs(text: str) -> set[str]:
    return {text[place : place + 2] for place in range(len(text) - 1)} - _COMMON


def _lines(turn: Turn, sign_ups: "list[SignUpView]") -> str:
    return "\n".join(
        texts(
            "activity.mine_line",
            number=number,
            title=sign_up.session.title,
            when=_when(turn, sign_up.session),
            seats=sign_up.seats,
            state=_state(sign_up),
        )
        for number, sign_up in enumerate(sign_ups, 1)
    )


def _state(sign_up: "SignUpView") -> str:
    if sign_up.state == "confirmed":
        return texts("activity.state_confirmed")
    return texts("activity.state_waiting", place=sign_up.place_in_line)


def _left(session: "SessionView") -> str:
    return texts("activity.left", left=session.left) if session.left > 0 else texts("activity.full")


def _when(turn: Turn, session: "SessionView") -> str:
    """As people say it: 11月28日（周六）14:30."""
    start = clock.local(session.starts_at, turn.house.zone)
    return f"{start.month}月{start.day}日（周{_WEEKDAYS[start.weekday()]}）{start:%H:%M}"
