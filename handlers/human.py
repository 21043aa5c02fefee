"""A person: now or by call-back. Outside duty hours it says so."""

from datetime import datetime

from bot.dialogue import ANY, Flow, Reply, Turn, is_another_matter
from handlers import words
from handlers.wording import texts

flow = Flow("human", intents={"human"})

#: The version of what she agrees to when she leaves a number for a call.
_CALLBACK_CONSENT = "回电-2026-11"
_LONGEST_ANSWER = 200


@flow.start
async def call(turn: Turn) -> Reply:
    """Put her into the queue, and say truly whether somebody is there."""
    detail = turn.understanding.detail
    if detail == "callback":
        return _ask_call(turn)
    if detail == "status" or words.says("status", turn.text):
        return Reply(hand_to="mydata")
    if turn.on_duty:
        key = "human.waiting" if turn.conversation.waiting and turn.conversation.risk < 2 else "human.on_duty"
        said = texts(key)
    else:
        said = texts("human.off_duty", duty_hours=turn.house.duty_hours)
    return flow.end(said, call_human="asked")


@flow.step
async def hear_phone(turn: Turn) -> Reply:
    """A number that is safe to call."""
    if words.says("disagree", turn.text) or words.says("skip", turn.text):
        return flow.end(texts("human.callback_dropped"))
    if "phone" not in turn.understanding.entities:
        if is_another_matter(turn):
            return Reply(hand_to=ANY)
        return flow.ask(texts("human.ask_phone_again"), then=hear_phone)
    return _ask_call(turn)


@flow.step
async def hear_time(turn: Turn) -> Reply:
    """When it is safe."""
    if not turn.text:
        return flow.ask(texts("human.ask_time"), then=hear_time, phone=turn.data["phone"])
    return flow.ask(
        texts("human.ask_cover"), then=hear_cover, phone=turn.data["phone"], time=turn.text[:_LONGEST_ANSWER]
    )


@flow.step
async def hear_cover(turn: Turn) -> Reply:
    """What to say if somebody else picks up; then the appointment stands."""
    stories = {1: texts("human.cover_wrong_number"), 2: texts("human.cover_community")}
    choice = turn.understanding.entities.get("choice")
    story = stories.get(choice, turn.text) if isinstance(choice, int) else turn.text
    if not story:
        return flow.ask(texts("human.ask_cover"), then=hear_cover, **_answers(turn))
    fields = {**_answers(turn), "cover_story": story[:_LONGEST_ANSWER]}
    await turn.records.keep_contact_wishes({"cover_story": fields["cover_story"]})
    case = await turn.records.open_case(
        category=turn.conversation.category,
        risk=turn.conversation.risk,
        fields={
            "callback_phone": fields["phone"],
            "callback_time": fields["time"],
            "cover_story": fields["cover_story"],
        },
        consent_version=_CALLBACK_CONSENT,
    )
    return flow.end(texts("human.callback_done", number=case.number), call_human="callback", case_id=case.id)


def _ask_call(turn: Turn) -> Reply:
    """What is still open of number, time and cover story: 「明天下午三点打13800000000给我」 says two at once."""
    entities = turn.understanding.entities
    phone, when = entities.get("phone"), entities.get("when")
    if not phone:
        return flow.ask(texts("human.ask_phone"), then=hear_phone)
    if not isinstance(when, str) or "T" not in when:
        return flow.ask(texts("human.ask_time"), then=hear_time, phone=phone)
    said = f"{datetime.fromisoformat(when):%-m月%-d日 %H:%M}"
    heard = texts("human.heard_call", phone=phone, time=said)
    return flow.ask(f"{heard}\n{texts('human.ask_cover')}", then=hear_cover, phone=phone, time=said)


def _answers(turn: Turn) -> dict[str, str]:
    return {"phone": turn.data["phone"], "time": turn.data["time"]}
