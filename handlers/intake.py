"""Intake of a case: a short notice, her consent, then one question at a time; it can be left and gone on with."""

from typing import Any

from bot.dialogue import ANY, Flow, Reply, Turn, is_another_matter
from handlers import words
from handlers.wording import texts

flow = Flow("intake")

#: The version of the notice she agrees to; it changes with its wording (texts/intake.yaml).
NOTICE = "2026-11"
_LONGEST_ANSWER = 1000
_CONTACT_WAYS = {1: "message", 2: "phone", 3: "none"}
_DONE = {1: "police", 2: "hospital", 3: "warning", 4: "protection_order", 5: "lawsuit", 6: "village"}


@flow.start
async def ask_consent(turn: Turn) -> Reply:
    """Say what is kept and for what, and ask."""
    age = turn.understanding.entities.get("age")
    if isinstance(age, int) and age < 14:
        return flow.end(texts("consultation.child"), call_human="child", category="minors")
    return flow.ask(texts("intake.notice", version=NOTICE), then=hear_consent, **_known(turn))


@flow.step
async def hear_consent(turn: Turn) -> Reply:
    """Nothing is kept without a yes."""
    if words.says("disagree", turn.text):
        return flow.end(texts("intake.declined"))
    if not words.says("agree", turn.text):
        if is_another_matter(turn, "rights"):
            return Reply(hand_to=ANY)
        return flow.ask(texts("intake.consent_again"), then=hear_consent, **_kept(turn))
    return await _next(turn, "consent")


@flow.step
async def hear_who(turn: Turn) -> Reply:
    """Who is hurt: reporter and survivor are kept apart."""
    if words.says("skip", turn.text):
        return await _next(turn, "who")
    choice = turn.understanding.entities.get("choice")
    chosen = {1: "self", 2: "other"}.get(choice) if isinstance(choice, int) else None
    hurt = chosen or turn.understanding.entities.get("hurt")
    if not hurt:
        if is_another_matter(turn, "rights"):
            return Reply(hand_to=ANY)
        return flow.ask(texts("intake.ask_who_again"), then=hear_who, **_kept(turn))
    return await _next(turn, "who", hurt=hurt)


@flow.step
async def hear_contact(turn: Turn) -> Reply:
    """How to reach her safely."""
    choice = turn.understanding.entities.get("choice")
    call = _call(turn)
    way = "phone" if call else _CONTACT_WAYS.get(choice) if isinstance(choice, int) else None
    if words.says("skip", turn.text):
        way = "message"
    if way is None:
        if is_another_matter(turn, "rights"):
            return Reply(hand_to=ANY)
        return flow.ask(texts("intake.ask_contact_again"), then=hear_contact, **_kept(turn))
    return await _next(turn, "contact", contact=way, **call)


@flow.step
async def hear_phone(turn: Turn) -> Reply:
    """A number that is safe to call."""
    if words.says("skip", turn.text):
        return await _next(turn, "phone")
    call = _call(turn)
    if not call:
        if is_another_matter(turn, "rights"):
            return Reply(hand_to=ANY)
        return flow.ask(texts("intake.ask_phone_again"), then=hear_phone, **_kept(turn))
    return await _next(turn, "phone", **call)


@flow.step
async def hear_hours(turn: Turn) -> Reply:
    """When it is safe."""
    return await _next(turn, "hours", **_said(turn, "hours"))


@flow.step
async def hear_area(turn: Turn) -> Reply:
    """Her township, to find who is near."""
    entities = turn.understanding.entities
    named = {"area": entities["area"], "area_id": entities["area_id"]} if "area_id" in entities else {}
    return await _next(turn, "area", **(_said(turn, "area") | named))


@flow.step
async def hear_summary(turn: Turn) -> Reply:
    """What happened, in her own words."""
    if not turn.text:
        return flow.ask(texts("intake.ask_summary_again"), then=hear_summary, **_kept(turn))
    return await _next(turn, "summary", **_said(turn, "summary"))


@flow.step
async def hear_done(turn: Turn) -> Reply:
    """What was already tried."""
    named = [name for number, name in _DONE.items() if str(number) in turn.text]
    found = turn.understanding.entities.get("done")
    done = named or (list(found) if isinstance(found, list) else [])
    return await _next(turn, "done", done=done)


@flow.step
async def hear_wish(turn: Turn) -> Reply:
    """What she wants; the last question."""
    return await _next(turn, "wish", **_said(turn, "wish"))


#: The questions in their order: name, text, the step that hears the answer.
_QUESTIONS = (
    ("who", "intake.ask_who", hear_who),
    ("contact", "intake.ask_contact", hear_contact),
    ("phone", "intake.ask_phone", hear_phone),
    ("hours", "intake.ask_hours", hear_hours),
    ("area", "intake.ask_area", hear_area),
    ("summary", "intake.ask_summary", hear_summary),
    ("done", "intake.ask_done", hear_done),
    ("wish", "intake.ask_wish", hear_wish),
)


def leave(turn: Turn) -> Reply:
    """Stop here; what was written stays until she comes back or the flow's time is over."""
    return Reply(texts=(texts("intake.paused"),), set_aside=flow.set_aside(turn))


async def _next(turn: Turn, answered: str, **answers: Any) -> Reply:
    """The next open question, or the end with a case number."""
    data = _kept(turn) | answers
    data["answered"] = [*data.get("answered", []), answered]
    for name, key, step in _QUESTIONS:
        if name in data["answered"] or _is_idle(name, data):
            continue
        return flow.ask(texts(key), then=step, **data)
    return await _finish(turn, data)


def _is_idle(name: str, data: dict[str, Any]) -> bool:
    """Questions that make no sense after what she said, or whose answer is known."""
    if name == "phone":
        return data.get("contact") != "phone" or "phone" in data
    if name == "hours":
        return data.get("contact") == "none" or "hours" in data
    return (name == "who" and "hurt" in data) or (name in {"area", "done"} and bool(data.get(name)))


async def _finish(turn: Turn, data: dict[str, Any]) -> Reply:
    names = ("hurt", "contact", "phone", "hours", "area", "summary", "done", "wish")
    fields = {name: data[name] for name in names if data.get(name)}
    case = await turn.records.open_case(
        category=data.get("category", "") or turn.conversation.category,
        risk=turn.conversation.risk,
        fields=fields,
        consent_version=NOTICE,
    )
    wishes: dict[str, Any] = {"do_not_initiate": data.get("contact") == "none"}
    wishes |= words.safe_hours(str(data.get("hours", "")))
    await turn.records.keep_contact_wishes(wishes)
    quiet = wishes["do_not_initiate"]
    return flow.end(
        texts("intake.done_quiet" if quiet else "intake.done", number=case.number),
        call_human="intake",
        case_id=case.id,
        set_aside={},
        wishes={"area": data["area_id"]} if data.get("area_id") else {},
    )


def _known(turn: Turn) -> dict[str, Any]:
    """What the bot learned before, so that it is not asked again."""
    learned, entities = turn.learned, turn.understanding.entities
    known: dict[str, Any] = {"category": turn.conversation.category or turn.understanding.category}
    for name in ("hurt", "phone", "area", "area_id", "done"):
        value = entities.get(name) or learned.get(name)
        if value:
            known[name] = value
    return known


def _call(turn: Turn) -> dict[str, Any]:
    """The number to call and, if she says both in one message, when: {phone, hours}; empty without a number."""
    entities = turn.understanding.entities
    if "phone" not in entities:
        return {}
    when = {"hours": turn.text[:_LONGEST_ANSWER]} if "when" in entities or words.safe_hours(turn.text) else {}
    return {"phone": entities["phone"], **when}


def _kept(turn: Turn) -> dict[str, Any]:
    return {name: value for name, value in turn.data.items() if name != "asked"}


def _said(turn: Turn, name: str) -> dict[str, str]:
    return {} if words.says("skip", turn.text) or not turn.text else {name: turn.text[:_LONGEST_ANSWER]}
