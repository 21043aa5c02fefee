"""A linear model over character n-grams, read from a text file a person can review, scored in microseconds.

Every n-gram has a whole-number weight for each label: one row of a matrix. A message is the sum of its rows.
"""

import heapq
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bot.errors import ConfigError
from nlp.text import DATA

MODEL = DATA / "intents" / "model.txt"
#: Only the beginning of a long account is weighed: it costs time and adds nothing.
READ = 300
#: Weights in the file are this many times the real ones.
SCALE = 10
#: A label is one letter in the file.
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS = re.compile(r"\d+")
_NOISE = re.compile(r"[^\w?!~]+")
_PAIR = re.compile(r"([A-Za-z])(-?\d+)")


def grams(text: str) -> set[str]:
    """The character 1- to 3-grams of a normalised text: digits as one 0, other marks as one stop, with both ends."""
    text = "^" + _NOISE.sub(",", _DIGITS.sub("0", text[:READ])).strip(",") + "$"
    found = set(text)
    found.update(map(str.__add__, text, text[1:]))
    found.update([text[place : place + 3] for place in range(len(text) - 2)])
    return found


@dataclass(frozen=True, slots=True)
class Scores:
    """The probability of each label (summing to 1), and the n-grams the model knew."""

    labels: tuple[str, ...]
    chances: tuple[float, ...]
    known: frozenset[str] = frozenset()

    def by_intent(self) -> dict[str, float]:
        """The probability of each intent: the sum over its categories."""
        total: dict[str, float] = {}
        for label, chance in zip(self.labels, self.chances, strict=True):
            intent = label.partition(":")[0]
            total[intent] = total.get(intent, 0.0) + chance
        return total

    def best(self, intent: str) -> tuple[str, float]:
        """The likeliest category of an intent and its probability."""
        start = intent + ":"
        chance, label = max(
            (chance, label)
            for label, chance in zip(self.labels, self.chances, strict=True)
            if label.startswith(start)
        )
        return label[len(start) :], chance


class Model:
    """What training has found: labels, biases, and the weights of each n-gram."""

    def __init__(self, head: dict[str, Any], lines: Sequence[str]) -> None:
        self.head = head
        self.labels: tuple[str, ...] = tuple(head["labels"])
        self._unknown: int = head["unknown"]
        self._temperature: float = head["temperature"]
        self._bias = np.array(head["bias"]) / self._temperature
        self._rows: dict[str, int] = {}
        self._sizes = np.zeros(len(lines), np.int32)
        self._weights = np.zeros((len(lines), len(self.labels)), np.int16)
        column = {letter: place for place, letter in enumerate(LETTERS)}
        for row, line in enumerate(lines):
            gram, size, weights = line.split("\t")
            self._rows[gram] = row
            self._sizes[row] = int(size)
            for letter, weight in _PAIR.findall(weights):
                self._weights[row, column[letter]] = int(weight)

    def score(self, text: str) -> Scores:
        """The probability of every label for a normalised text."""
        found = grams(text)
        rows = self._rows
        known = found & rows.keys()
        places = [rows[gram] for gram in known]
        length = float(self._sizes[places].sum()) + self._unknown * (len(found) - len(known))
        scale = SCALE * math.sqrt(length / SCALE or 1.0) * self._temperature
        raw = self._weights[places].sum(axis=0, dtype=np.int32) / scale + self._bias
        powers = np.exp(raw - raw.max())
        return Scores(self.labels, tuple((powers / powers.sum()).tolist()), frozenset(known))

    def because(self, scores: Scores, label: str, most: int = 5) -> tuple[str, ...]:
        """The n-grams that spoke most for `label`, strongest first, none inside another."""
        column = self.labels.index(label)
        spoke = [(int(self._weights[self._rows[gram], column]), gram) for gram in scores.known if len(gram) > 1]
        chosen: list[str] = []
        for weight, gram in heapq.nlargest(most * 4, spoke):
            word = gram.strip("^$,")
            if weight > 0 and len(word) > 1 and not any(word in other or other in word for other in chosen):
                chosen.append(word)
                if len(chosen) == most:
                    break
        return tuple(chosen)


def parse_model(text: str) -> Model:
    """The model in a file's text: one line of JSON, then a line an n-gram. Raises ValueError or KeyError."""
    head, *lines = text.splitlines()
    return Model(json.loads(head), lines)


def read_model(path: Path = MODEL) -> Model:
    """The model in a file. ConfigError when it cannot be read."""
    try:
        return parse_model(path.read_text("utf-8"))
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{path}: {error!r}; `make train` writes it anew") from error


@cache
def _packaged() -> Model:
    return read_model()


_chosen: list[Model] = []


def use(chosen: Model | None) -> None:
    """Use this model from now on; None goes back to the one that came with the release."""
    _chosen[:] = [] if chosen is None else [chosen]


def model() -> Model:
    """The model in use."""
    return _chosen[0] if _chosen else _packaged()
