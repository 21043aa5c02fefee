"""Risk on sentences written for it by somebody who had not seen the rules: recall has a floor, alarms a ceiling.

A change that lowers the floor is not taken; when a change earns it, the floor is raised with it.
"""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from nlp.evaluate import risk_scores, rows
from nlp.meaning import Risk
from nlp.risk import read, read_by_rules

GOLDEN = Path(__file__).parents[1] / "golden" / "risk.csv"
DEV = Path(__file__).parents[3] / "shared" / "data" / "risk_dev.jsonl"


def share(level: int, at_least: int, reader: Callable[[str], Risk] = read) -> float:
    """The part of the golden sentences of `level` that are read as `at_least`."""
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file) if int(row["level"]) == level]
    return sum(reader(text).level >= at_least for text in texts) / len(texts)


def test_danger_is_found() -> None:
    assert share(2, 2) >= 0.80
    assert share(2, 1) >= 0.88


def test_harmless_sentences_raise_no_alarm() -> None:
    assert share(0, 2) <= 0.01
    assert share(0, 1) <= 0.05


def test_what_is_past_or_unclear_is_seldom_an_alarm() -> None:
    assert share(1, 2) <= 0.25


def test_rules_alone_still_find_most_of_it() -> None:
    assert share(2, 2, read_by_rules) >= 0.50


@pytest.mark.skipif(not DEV.exists(), reason="the sentences for measuring are not here")
def test_real_sentences_are_read_as_promised() -> None:
    scores = risk_scores(rows(DEV))
    assert scores["core recall, level 2"] >= 0.80
    assert scores["core recall, level 1 or 2"] >= 0.95
    assert scores["false alarms, level 2"] <= 0.01
    assert scores["false alarms, level 1 or 2"] <= 0.05
    assert scores["near-misses alarmed, level 2"] <= 0.05
