"""Golden sentences for intents and categories, written apart from the examples; floors that only rise."""

import csv
from pathlib import Path

import pytest

from nlp.evaluate import Judged, intent_scores, judge
from nlp.examples import read_examples
from nlp.meaning import INTENTS
from nlp.text import normalise

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "intents.csv"
#: Raised when the model gets better; lowering one needs a commit that says why.
FLOORS = {"intent accuracy": 0.93, "intent macro-F1": 0.92, "category macro-F1": 0.88}


@pytest.fixture(scope="module")
def judged() -> list[Judged]:
    with GOLDEN.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return judge(row | {"accept": [row["intent"]], "accept_cat": [row["category"]]} for row in rows)


@pytest.mark.parametrize("name", FLOORS)
def test_golden_scores_stay_above_their_floor(judged: list[Judged], name: str) -> None:
    wrong = [(one.row["text"], one.intent, one.category) for one in judged if not one.is_right]
    assert intent_scores(judged)[name] >= FLOORS[name], wrong


def test_what_the_model_is_sure_of_is_right(judged: list[Judged]) -> None:
    sure = [one.is_right for one in judged if one.confidence >= 0.8]
    assert len(sure) / len(judged) >= 0.7
    assert sum(sure) / len(sure) >= 0.97


def test_every_intent_has_golden_rows(judged: list[Judged]) -> None:
    assert {one.row["intent"] for one in judged} == set(INTENTS)


def test_golden_sentences_are_no_training_examples(judged: list[Judged]) -> None:
    taught = {normalise(example.text) for example in read_examples()}
    long = [one.row["text"] for one in judged if len(one.row["text"]) > 8]
    assert [text for text in long if normalise(text) in taught] == []
