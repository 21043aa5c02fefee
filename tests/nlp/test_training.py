"""The intent model: the committed file is made of the committed examples, training repeats itself, scores explain."""

import json
from pathlib import Path

import pytest

from bot.errors import ConfigError
from nlp.examples import Example, digest, read_examples
from nlp.linear import MODEL, grams, model, read_model
from nlp.text import normalise
from nlp.train import fit, fold_scores, model_of, text_of

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def some() -> list[Example]:
    wanted = {"activity:cancel", "thanks:thanks", "volunteer:volunteer", "rights:elder"}
    return [example for example in read_examples() if example.label in wanted]


def test_the_committed_model_was_trained_on_the_committed_examples() -> None:
    assert model().head["examples"] == digest(), "run `make train` and commit the model"
    assert sum(model().head["sentences"].values()) == len(read_examples())


def test_the_model_file_is_small_and_carries_its_scores() -> None:
    assert MODEL.stat().st_size < 3 * MEGABYTE
    scores = model().head["scores"]
    assert scores["held_out"] > 1000
    assert scores["right_when_sure"] > 0.9


def test_training_twice_gives_the_same_file(some: list[Example]) -> None:
    assert text_of(fit(some), {}, some, "hash") == text_of(fit(some), {}, some, "hash")


def test_a_written_model_scores_like_the_one_in_memory(some: list[Example], tmp_path: Path) -> None:
    fitted = fit(some)
    path = tmp_path / "model.txt"
    path.write_text(text_of(fitted, {}, some, "hash"), "utf-8")
    text = normalise("我报的那个活动去不了了")
    assert read_model(path).score(text) == model_of(fitted).score(text)
    assert model_of(fitted).score(text).best("activity")[0] == "cancel"


def test_lines_the_model_has_not_seen_are_understood(some: list[Example]) -> None:
    assert fold_scores(some)["category"] > 0.8


def test_probabilities_sum_to_one_and_intents_are_sums_of_their_categories() -> None:
    scores = model().score("老公打我怎么办")
    assert sum(scores.chances) == pytest.approx(1)
    assert sum(scores.by_intent().values()) == pytest.approx(1)
    assert scores.by_intent()["rights"] >= scores.best("rights")[1]


def test_the_words_that_decided_are_in_the_message() -> None:
    text = "公司拖欠工资怎么办"
    words = model().because(model().score(text), "rights:labour")
    assert words
    assert all(word in text for word in words)


def test_words_nobody_taught_make_the_model_less_sure() -> None:
    known = max(model().score("他不给抚养费").chances)
    drowned = max(model().score("他不给抚养费" + "魑魅魍魉饕餮耄耋醍醐犄角旮旯").chances)
    assert drowned < known


def test_n_grams_see_both_ends_and_any_number_as_one() -> None:
    assert {"^他", "打0", "下$"} <= grams("他打12下。")
    assert grams("打12下") == grams("打3下")


@pytest.mark.parametrize("text", ["", "{", '{"labels": []}\n', '{"labels": ["a"], "bias": [0]}\nx'])
def test_a_broken_model_file_is_refused_by_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"model\.txt"):
        read_model(path)


def test_the_head_is_one_line_of_json() -> None:
    assert json.loads(MODEL.read_text("utf-8").split("\n", 1)[0])["labels"] == list(model().labels)
