"""The order of the router is a safety rule: each test names one rule and the one below it that must yield."""

import itertools
from dataclasses import replace

import pytest

from bot.messages import Kind
from bot.router import Route, Situation, Way, choose
from nlp.meaning import Risk, Understanding


def about(intent: str, confidence: float = 0.95, *, risk: int = 0, text: str = "一句话") -> Understanding:
    return Understanding(text, intent=intent, confidence=confidence, risk=Risk(level=risk))


PLAIN = Situation(kind=Kind.TEXT, understanding=about("rights"))


def test_safe_word_comes_before_everything() -> None:
    situation = replace(PLAIN, is_safeword=True, held=True, new_danger=True, flow="intake")
    assert choose(situation).way is Way.LOCK


def test_bot_is_silent_while_a_person_holds_even_in_danger() -> None:
    assert choose(replace(PLAIN, held=True, new_danger=True)) == Route(Way.SILENT)


def test_new_danger_comes_before_opt_out_flow_and_intent() -> None:
    situation = replace(PLAIN, new_danger=True, flow="intake", understanding=about("optout", risk=2))
    assert choose(situation) == Route(Way.HANDLER, "crisis")


def test_opt_out_comes_before_the_flow() -> None:
    assert choose(replace(PLAIN, flow="intake", understanding=about("optout"))).handler == "optout"


def test_opt_out_by_its_single_word_comes_before_the_flow() -> None:
    situation = replace(PLAIN, flow="intake", understanding=about("oos", 0.0), command="optout")
    assert choose(situation).handler == "optout"


def test_leaving_a_flow_is_possible_while_locked() -> None:
    locked = replace(PLAIN, locked=True, flow="activity", locked_handlers=frozenset({"activity"}))
    assert choose(locked) == Route(Way.STEP, "activity")
    assert choose(replace(locked, wants_to_leave=True)) == Route(Way.LOCK, "safeword")


def test_unsure_opt_out_stays_in_the_flow() -> None:
    situation = replace(PLAIN, flow="intake", understanding=about("optout", 0.6))
    assert choose(situation) == Route(Way.STEP, "intake")


def test_flow_comes_before_intent() -> None:
    situation = replace(PLAIN, flow="signup", understanding=about("policy"))
    assert choose(situation) == Route(Way.STEP, "signup")


def test_a_person_is_one_word_away_inside_a_flow() -> None:
    assert choose(replace(PLAIN, flow="intake", understanding=about("human"))).handler == "human"


def test_leaving_a_flow_is_possible() -> None:
    assert choose(replace(PLAIN, flow="intake", wants_to_leave=True)).way is Way.LEAVE


@pytest.mark.parametrize("intent", ["rights", "activity", "policy", "volunteer", "human", "greeting", "thanks"])
def test_a_sure_intent_finds_its_handler(intent: str) -> None:
    assert choose(replace(PLAIN, understanding=about(intent))) == Route(Way.HANDLER, intent)


def test_what_is_not_understood_falls_back_honestly() -> None:
    assert choose(replace(PLAIN, understanding=about("rights", 0.3))).handler == "fallback"
    assert choose(replace(PLAIN, understanding=about("oos", 0.99))).handler == "fallback"


@pytest.mark.parametrize(
    ("kind", "handler"),
    [
        (Kind.FOLLOW, "follow"),
        (Kind.SCAN, "follow"),
        (Kind.UNFOLLOW, "unfollow"),
        (Kind.MENU, "menu"),
        (Kind.IMAGE, "media"),
        (Kind.LOCATION, "location"),
        (Kind.NOTICE, "notice"),
        (Kind.UNKNOWN, "media"),
    ],
)
def test_each_kind_of_event_has_its_handler_even_inside_a_flow(kind: Kind, handler: str) -> None:
    situation = Situation(kind=kind, understanding=about("oos", text=""), flow="intake")
    assert choose(situation).handler == handler


def test_voice_without_words_is_media_and_with_words_is_text() -> None:
    assert choose(Situation(Kind.VOICE, about("oos", text=""))).handler == "media"
    assert choose(Situation(Kind.VOICE, about("policy"))).handler == "policy"


def test_while_locked_only_activities_answer_and_danger_never_shows() -> None:
    locked = replace(PLAIN, locked=True, locked_handlers=frozenset({"activity"}))
    assert choose(replace(locked, understanding=about("activity"))) == Route(Way.HANDLER, "activity")
    assert choose(replace(locked, new_danger=True, understanding=about("rights", risk=2))) == Route(
        Way.LOCK, "safeword"
    )
    assert choose(replace(locked, is_unlock_word=True)).way is Way.UNLOCK


def test_every_situation_has_exactly_one_way_and_locked_never_reveals_anything() -> None:
    allowed_when_locked = {"activity", "safeword", "unfollow", ""}
    for kind, intent, locked, held, danger, flow in itertools.product(
        Kind, ("rights", "activity", "oos", "human", "optout"), *([(False, True)] * 3), ("", "intake")
    ):
        route = choose(
            Situation(
                kind=kind,
                understanding=about(intent),
                locked=locked,
                held=held,
                new_danger=danger,
                flow=flow,
                locked_handlers=frozenset({"activity"}),
            )
        )
        if locked:
            assert route.handler in allowed_when_locked
        elif held:
            assert route.way is Way.SILENT or kind is Kind.UNFOLLOW
        elif danger and kind is not Kind.UNFOLLOW:
            assert route.handler == "crisis"
