"""Danger assessment: a further yes never lowers it, what nobody answered is no no, and its data is checked."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ConfigError
from nlp.assessment import ANSWERS, NO, UNKNOWN, YES, assess, checklist, load_checklist, outline, rank
from nlp.text import DATA

ASKED = checklist()
NAMES = [item.name for item in ASKED.items]
LEVELS = [level.name for level in ASKED.levels]
answers = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(ANSWERS))
_FILE = DATA / "assessment" / "checklist.yaml"


def height(given_answers: dict[str, str]) -> int:
    return rank(ASKED, assess(ASKED, given_answers).level.name)


def could_be(given_answers: dict[str, str]) -> int:
    return rank(ASKED, assess(ASKED, given_answers).could_be.name)


@given(answers, st.sampled_from(NAMES))
def test_another_yes_never_lowers_it(said: dict[str, str], name: str) -> None:
    assert height(said | {name: YES}) >= height(said)
    assert set(assess(ASKED, said).reasons) <= set(assess(ASKED, said | {name: YES}).reasons)


@given(answers, st.sampled_from(NAMES))
def test_unknown_is_as_open_as_never_asked_and_no_no(said: dict[str, str], name: str) -> None:
    never_asked = {one: answer for one, answer in said.items() if one != name}
    unknown, denied = never_asked | {name: UNKNOWN}, never_asked | {name: NO}
    assert assess(ASKED, unknown) == assess(ASKED, never_asked)
    assert name in assess(ASKED, unknown).open
    assert name not in assess(ASKED, denied).open
    assert could_be(unknown) >= could_be(denied)


@given(answers)
def test_it_may_be_as_bad_as_all_open_questions_together(said: dict[str, str]) -> None:
    found = assess(ASKED, said)
    assert could_be(said) == height(said | dict.fromkeys(found.open, YES)) >= height(said)


@given(answers)
def test_reasons_are_the_yeses_and_nothing_else(said: dict[str, str]) -> None:
    reasons = {item.reason for item in ASKED.items if said.get(item.name) == YES}
    assert set(assess(ASKED, said).reasons) == reasons


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=12)))
def test_answers_of_another_checklist_neither_count_nor_break_it(said: dict[str, str]) -> None:
    strange = {name: answer for name, answer in said.items() if name not in NAMES}
    assert assess(ASKED, strange) == assess(ASKED, {})


@pytest.mark.parametrize("name", ["strangling", "weapon", "threat_to_kill", "own_fear"])
def test_one_of_the_gravest_is_enough_for_the_alarm(name: str) -> None:
    level = assess(ASKED, {name: YES}).level
    assert (level.alarm, level.risk) == (True, 2)


def test_nothing_said_is_no_all_clear() -> None:
    found = assess(ASKED, {})
    assert found.level.name == LEVELS[0]
    assert found.could_be.name == LEVELS[-1]
    assert len(found.open) == len(NAMES)


def test_the_gravest_are_asked_first_and_named_first() -> None:
    graves = [item.grave for item in ASKED.items]
    assert graves == sorted(graves, reverse=True)
    reasons = assess(ASKED, {"animals": YES, "stalking": YES, "strangling": YES}).reasons
    assert reasons == ("掐过脖子或捂过口鼻", "跟踪纠缠", "伤害动物或砸东西吓人")


@pytest.mark.parametrize("item", ASKED.items, ids=lambda item: item.name)
def test_every_question_asks_one_thing_and_no_detail(item: Any) -> None:
    assert item.ask.count("？") == 1
    assert len(item.ask) <= 60
    assert not re.search("怎么强迫|哪个部位|具体|详细|为什么|几次|什么姿势", item.ask)
    assert all(source in ASKED.sources for source in item.sources)


def test_forced_sex_is_asked_without_its_story() -> None:
    item = ASKED.item("forced_sex")
    assert item is not None
    assert "不用说经过" in item.ask


def test_every_part_of_the_plan_asks_one_thing() -> None:
    assert [section.name for section in outline().sections if section.ask.count("？") != 1] == []


def test_no_section_of_the_plan_has_a_title_that_gives_it_away() -> None:
    for section in outline().sections:
        assert not re.search("暴|安全|保护令|打|逃|警|危险|离婚|暗号", section.title), section.title


def broken(tmp_path: Path, change: Any) -> Path:
    content = yaml.safe_load(_FILE.read_text("utf-8"))
    change(content)
    path = tmp_path / "checklist.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one["items"][0].update(weight=9), "items.0.weight"),
        (lambda one: one["items"][0].update(sources=["nobody"]), "strangling names sources that are not listed"),
        (lambda one: one["items"][1].update(name="strangling"), "strangling stands twice"),
        (lambda one: one["items"][0].pop("ask"), "items.0.ask"),
        (lambda one: one["items"][0].update(wieght=1), "items.0.wieght"),
        (lambda one: one["levels"][0].update({"from": 1}), "the lowest level must begin at 0"),
        (lambda one: one["levels"][2].update({"from": 2}), "level grave must stand above serious"),
        (lambda one: one["levels"][2].update(risk=0), "level grave must stand above serious"),
        (lambda one: one.update(items=[]), "items"),
    ],
)
def test_a_broken_file_is_named_with_its_place(tmp_path: Path, change: Any, said: str) -> None:
    path = broken(tmp_path, change)
    with pytest.raises(ConfigError) as refused:
        load_checklist(path)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml"):
        load_checklist(tmp_path / "gone.yaml")
    (tmp_path / "torn.yaml").write_text("items: [", "utf-8")
    with pytest.raises(ConfigError, match=r"torn\.yaml"):
        load_checklist(tmp_path / "torn.yaml")
