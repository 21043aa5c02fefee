"""What holds for every conversation, whoever writes it: intents, steps, texts, and what a step must survive."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

import handlers
from bot import clock, turns
from bot.dialogue import Flow
from bot.messages import Kind, Media
from bot.router import _BY_KIND
from handlers import wording, words
from nlp.meaning import INTENTS
from tests.support.house import House

STEPS = [(flow.name, step) for flow in handlers.HANDLERS for step in flow.steps]
#: Everything any step may have collected before.
DATA = {
    "article": "divorce-how",
    "category": "divorce",
    "phone": "13800138000",
    "time": "明天下午",
    "word": "今天买豆腐",
    "asked": "下一个问题",
    "answered": ["consent"],
    "seats": 2,
}


@pytest.mark.parametrize("intent", INTENTS)
def test_every_intent_has_exactly_one_handler(intent: str) -> None:
    assert [flow.name for flow in handlers.HANDLERS if intent in flow.intents] != []
    assert len([flow for flow in handlers.HANDLERS if intent in flow.intents]) == 1


def test_names_of_handlers_are_unique_and_none_is_hidden_by_an_intent() -> None:
    names = [flow.name for flow in handlers.HANDLERS]
    assert len(names) == len(set(names))
    for flow in handlers.HANDLERS:
        for intent in flow.intents:
            named = next((other for other in handlers.HANDLERS if other.name == intent), flow)
            assert named is flow, f"{intent} would be answered by {named.name}"


def test_every_kind_of_message_has_a_handler_that_exists() -> None:
    names = {flow.name for flow in handlers.HANDLERS}
    assert set(_BY_KIND.values()) <= names
    assert set(words._commands().values()) <= names


@pytest.mark.parametrize("flow", handlers.HANDLERS, ids=lambda flow: flow.name)
def test_every_handler_can_begin(flow: Flow) -> None:
    assert flow._start is not None


def test_every_alias_leads_to_a_step() -> None:
    for flow in handlers.HANDLERS:
        assert set(flow.aliases.values()) <= set(flow.steps)
        assert not set(flow.aliases) & set(flow.steps)


async def in_step(house: House, flow: str, step: str, sender: str) -> None:
    """Put a woman into a step of a flow, as an earlier message would have done."""
    await house.say("你好", sender)
    conversation, contact = await house.conversation(sender), await house.contact(sender)
    key = house.database.keys.contact_key(contact.id, contact.wrapped_key)
    session = (await house.rows("activity_session"))[0].id
    await house.change(
        "conversation",
        conversation.id,
        flow=flow,
        step=step,
        flow_sealed=key.seal_json("conversation.flow", DATA | {"session": session, "choices": [session]}),
        flow_expires_at=clock.now() + timedelta(hours=1),
    )


@pytest.mark.parametrize(("flow", "step"), STEPS)
async def test_step_survives_silence_a_picture_nonsense_and_leaving(house: House, flow: str, step: str) -> None:
    await house.add_activity()
    attempts = [
        (Kind.TEXT, ""),
        (Kind.TEXT, "   "),
        (Kind.IMAGE, ""),
        (Kind.VOICE, ""),
        (Kind.TEXT, "退出"),
        (Kind.TEXT, "退订"),
        (Kind.TEXT, "9" * 30),
        (Kind.TEXT, "{word} {0} %s \u202e<b>&]]>"),
        (Kind.TEXT, "啊" * 3000),
    ]
    for number, (kind, text) in enumerate(attempts):
        sender = f"o-{flow}-{number}"
        await in_step(house, flow, step, sender)
        media = Media("m") if kind is not Kind.TEXT else None
        heard = await house.say(text, sender, kind, media=media)
        assert heard.handler != "crash", f"{kind} {text[:20]!r}"
        assert heard.texts, f"{kind} {text[:20]!r} is answered by nothing"
        if text == "退出":
            conversation = await house.conversation(sender)
            assert (conversation.flow, conversation.step) != (flow, step)
        if kind is not Kind.TEXT:
            assert (await house.conversation(sender)).step == step, "a picture must not end the flow"


async def test_step_that_no_longer_exists_begins_its_flow_again(house: House) -> None:
    await house.add_activity()
    await in_step(house, "intake", "ask_something_old", "o-old")
    heard = await house.say("1", "o-old")
    assert "告知书" in heard.all


async def test_flow_that_no_longer_exists_is_no_crash(house: House) -> None:
    await house.add_activity()
    await in_step(house, "bygone", "ask_something", "o-old")
    heard = await house.say("嗯哼哈嘿呼", "o-old")
    assert heard.handler != "crash"
    assert heard.texts


async def test_flow_with_an_alias_finds_the_step_that_replaced_another() -> None:
    flow = Flow("signup", aliases={"ask_old": "hear_new"})

    @flow.step
    async def hear_new(turn: object) -> object:  # type: ignore[misc]
        return None

    assert flow.find("ask_old") is hear_new  # type: ignore[comparison-overlap]
    assert flow.find("gone") is None


def test_every_text_is_used_and_every_used_text_exists() -> None:
    root = Path(handlers.__file__).parents[1]
    code = "\n".join(path.read_text("utf-8") for path in [*root.glob("handlers/*.py"), *root.glob("workers/*.py")])
    code += "\n".join(path.read_text("utf-8") for path in root.glob("bot/**/*.py"))
    files = "|".join(path.stem for path in wording.FOLDER.glob("*.yaml"))
    used = set(re.findall(rf'"((?:{files})\.\w+)"', code))
    used |= {name for name in wording.catalogue() if name.startswith("crisis.")}
    assert set(wording.catalogue()) - used == set(), "texts nobody says"


def test_crisis_has_a_text_for_every_kind_it_names() -> None:
    from handlers.crisis import _TEXT_BY_KIND

    assert {f"crisis.{text}" for _, text in _TEXT_BY_KIND} <= set(wording.catalogue())


def test_missing_text_and_missing_value_are_errors() -> None:
    with pytest.raises(KeyError):
        wording.texts("menu.no_such_text")
    with pytest.raises(KeyError):
        wording.texts("menu.hello")


@pytest.mark.parametrize("text", ["退出", " 退出。", "算了", "退 出！"])
def test_leaving_is_heard_whatever_stands_around_it(text: str) -> None:
    assert handlers.wants_to_leave(text)


def test_leaving_inside_a_sentence_is_not_leaving() -> None:
    assert not handlers.wants_to_leave("我想退出这段婚姻，可是孩子怎么办")


def test_no_single_word_means_two_things() -> None:
    commands = [words._plain(word) for group in words._book()["commands"].values() for word in group]
    assert len(commands) == len(set(commands))
    for name in ("leave", "resume"):
        assert not words._list(name) & set(commands)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("工作日白天", {"days": [1, 2, 3, 4, 5], "not_before": "09:00", "not_after": "17:00"}),
        ("周末晚上", {"days": [6, 7], "not_before": "18:00", "not_after": "20:30"}),
        ("随时", {}),
        ("", {}),
    ],
)
def test_safe_hours_are_read_from_her_words(said: str, expected: dict[str, object]) -> None:
    assert words.safe_hours(said) == expected


def test_public_names_of_turns_stay() -> None:
    assert set(turns.__all__) >= {"take", "take_crashed", "keep_inbound", "Line", "Writes", "Incoming"}
