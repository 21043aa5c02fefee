"""Danger is marked before anything else, and what it means does not hang on what the message is otherwise about."""

from dataclasses import replace

import pytest

from bot import clock
from bot.clock import Frozen
from nlp.meaning import Context, Risk, Understanding
from nlp.understanding import understand
from tests.support.house import House


async def hearing(house: House, text: str, category: str, *kinds: str, urgent: bool = False) -> None:
    """From now on `text` means danger of these kinds, beside a matter of another category."""

    def listen(said: str, context: Context) -> Understanding:
        meaning = understand(said, context)
        if said != text:
            return meaning
        danger = Risk(2, urgent, kinds, ("说到危险",))
        return replace(meaning, intent="rights", category=category, confidence=0.9, risk=danger)

    await house.replace_line(understand=listen)


@pytest.mark.parametrize(
    ("kind", "category"),
    [
        ("violence_now", "dv"),
        ("violence_pattern", "dv"),
        ("threat_to_kill", "dv"),
        ("captivity", "dv"),
        ("sexual_violence", "harassment"),
        ("stalking", "harassment"),
        ("child", "minors"),
    ],
)
async def test_violence_is_a_violence_case_whatever_else_she_writes_about(
    house: House, kind: str, category: str
) -> None:
    await hearing(house, "危险", "psych", kind)
    await house.say("危险")
    (case,) = await house.rows("case")
    assert (case.category, case.risk) == (category, 2)
    assert (await house.contact()).violence_case_at == clock.now()


async def test_danger_in_a_case_of_another_kind_raises_it(house: House) -> None:
    await hearing(house, "危险", "divorce", "violence_now", urgent=True)
    for words in ("登记", "同意", "1", "3", "跳过", "跳过", "0", "跳过"):
        await house.say(words)
    (case,) = await house.rows("case")
    assert (case.category in ("dv", "harassment", "minors"), case.risk) == (False, 0)
    await house.say("危险")
    (case,) = await house.rows("case")
    assert (case.category, case.risk) == ("dv", 2)
    assert (await house.contact()).violence_case_at is not None
    conversation = await house.conversation()
    assert (conversation.risk, conversation.urgent, conversation.waiting_reason) == (2, True, "danger")


async def test_thoughts_of_dying_open_a_case_too(house: House) -> None:
    await hearing(house, "危险", "psych", "suicide")
    heard = await house.say("危险")
    assert "120" in heard.passive
    assert (await house.rows("case"))[0].category == "psych"


async def test_repeated_danger_alarms_every_time_and_opens_one_case(house: House, frozen: Frozen) -> None:
    await hearing(house, "危险", "dv", "violence_now")
    await house.say("危险")
    frozen.advance(60)
    await house.say("危险")
    await house.say("危险")
    assert await house.alarms() == ["danger", "danger_again", "danger_again"]
    assert len(await house.rows("case")) == 1


@pytest.mark.parametrize(
    ("kinds", "urgent", "is_told"),
    [(("violence_now",), False, False), (("violence_now",), True, True), (("suicide", "violence_now"), False, True)],
)
async def test_danger_of_another_kind_or_newly_urgent_is_answered_in_the_same_episode(
    house: House, kinds: tuple[str, ...], urgent: bool, is_told: bool
) -> None:
    await hearing(house, "危险", "dv", "violence_now")
    await house.say("危险")
    await house.say("登记")
    await hearing(house, "又危险", "dv", *kinds, urgent=urgent)
    heard = await house.say("又危险")
    assert (heard.handler == "crisis", "110" in heard.all) == (is_told, is_told)
    assert ("12356" in heard.all) == ("suicide" in kinds), "the kind that is new decides"
    again = await house.say("又危险")
    assert not is_told or again.all != heard.all, "the same reply once an episode"
    assert await house.alarms() == ["danger", "danger" if is_told else "danger_again", "danger_again"]


async def test_new_episode_forgets_which_dangers_were_answered(house: House, frozen: Frozen) -> None:
    for text, kind in (("危险一", "violence_now"), ("危险二", "suicide")):
        await hearing(house, text, "dv", kind)
        assert (await house.say(text)).handler == "crisis"
        frozen.advance(13 * 3600)
    await hearing(house, "危险一", "dv", "violence_now")
    assert "这不是你的错" in (await house.say("危险一")).all
    await hearing(house, "危险二", "dv", "suicide")
    assert "12356" in (await house.say("危险二")).all


@pytest.mark.parametrize("step", ["hear_hours", "hear_area"])
async def test_intake_keeps_no_danger_as_hours_or_place(house: House, step: str) -> None:
    await hearing(house, "危险", "dv", "violence_now")
    await house.say("危险")
    for words in ("登记", "同意", "1", "2", "13800138000"):
        await house.say(words)
    if step == "hear_area":
        await house.say("跳过")
    assert (await house.conversation()).step == step
    heard = await house.say("危险")
    assert (heard.handler, "先顾安全" in heard.all) == ("crisis", True)
    await house.say("继续")
    assert (await house.conversation()).step == step


async def test_alarm_holds_none_of_her_words(house: House) -> None:
    await house.say("老公昨晚又打我，刀架在我脖子上，他叫王大山")
    (alarm,) = await house.rows("alarm")
    assert "王大山" not in alarm.detail
    assert alarm.detail


async def test_danger_while_locked_alarms_in_silence_and_says_something_harmless(house: House) -> None:
    await house.say("你好")
    contact = await house.contact()
    await house.change("contact", contact.id, locked_at=clock.now())
    await hearing(house, "危险", "dv", "violence_now")
    heard = await house.say("危险")
    assert "110" not in heard.all
    (alarm,) = await house.rows("alarm")
    assert alarm.silent
    assert (await house.conversation()).state == "waiting"
    await house.change("contact", contact.id, locked_at=None)
    assert "110" in (await house.say("危险")).all, "what she could not be told while locked is told now"


async def test_concern_is_shown_to_staff_and_interrupts_nothing(house: House) -> None:
    def listen(said: str, context: Context) -> Understanding:
        return replace(understand(said, context), risk=Risk(1, False, ("self_harm",), ("说到不想活",)))

    await house.say("登记")
    await house.replace_line(understand=listen)
    heard = await house.say("同意")
    assert "发生在谁身上" in heard.all
    conversation = await house.conversation()
    assert (conversation.risk, conversation.state) == (1, "bot")
    assert await house.alarms() == []
