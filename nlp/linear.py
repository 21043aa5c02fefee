"""A linear model over character n-grams, read from a text file a person can review, scored in microseconds.

Every n-gram has a whole-number weight for each label: one row of a matrix. A message is the sum of its rows.
"""

import heapq
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
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


@lru_cache(maxsize=256)
def grams(text: str) -> frozenset[str]:
    """The character 1- to 3-grams of a normalised text: digits as one 0, other marks as one stop, with both ends."""
    text = "^" + _NOISE.sub(",", _DIGITS.sub("0", text[:READ])).strip(",") + "$"
    found = set(text)
    found.update(map(str.__add__, text, text[1:]))
    found.update([text[place : place + 3] for place in range(len(text) - 2)])
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Scores:
    """The probability of each label (summing to 1), and the rows of the n-grams the model knew."""

    labels: tuple[str, ...]
    chances: tuple[float, ...]
    rows: Sequence[int] = ()

    def by_intent(self) -> dict[str, float]:
        """The probability of each intent: the sum over its categories."""
        total = dict.fromkeys([intent for intent, _ in _parts(self.labels)], 0.0)
        for (intent, _), chance in zip(_parts(self.labels), self.chances, strict=True):
            total[intent] += chance
        return total

    def best(self, intent: str) -> tuple[str, float]:
        """The likeliest category of an intent and its probability."""
        found = [
            (chance, name)
            for (one, name), chance in zip(_parts(self.labels), self.chances, strict=True)
            if one == intent
        ]
        chance, category = max(found)
        return category, chance


@cache
def _parts(labels: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Intent and category of each label."""
    return tuple((intent, category) for intent, _, category in (label.partition(":") for label in labels))


class Model:
    """What training has found: labels, biases, and the weights of each n-gram."""

    def __init__(self, head: dict[str, Any], lines: Sequence[str]) -> None:
        self.head = head
        self.labels: tuple[str, ...] = tuple(head["labels"])
        self._unknown: int = head["unknown"]
        self._temperature: float = head["temperature"]
        self._bias: list[float] = [bias / self._temperature for bias in head["bias"]]
        self._rows: dict[str, int] = {}
        self._grams: list[str] = []
        # The last column is the n-gram's own size. Whole numbers this small are exact in 32-bit floats.
        self._weights = np.zeros((len(lines), len(self.labels) + 1), np.float32)
        column = {letter: place for place, letter in enumerate(LETTERS)}
        for row, line in enumerate(lines):
            gram, size, weights = line.split("\t")
            self._rows[gram] = row
            self._grams.append(gram)
            self._weights[row, -1] = int(size)
            for letter, weight in _PAIR.findall(weights):
                self._weights[row, column[letter]] = int(weight)

    def score(self, text: str) -> Scores:
        """The probability of every label for a normalised text."""
        found = grams(text)
        row_of = self._rows.get
        rows = [row for gram in found if (row := row_of(gram)) is not None]
        *total, length = self._weights.take(rows, axis=0).sum(axis=0).tolist()
        length += self._unknown * (len(found) - len(rows))
        scale = SCALE * math.sqrt(length / SCALE or 1.0) * self._temperature
        raw = [value / scale + bias for value, bias in zip(total, self._bias, strict=True)]
        top = max(raw)
        powers = [math.exp(value - top) for value in raw]
        whole = sum(powers)
        return Scores(self.labels, tuple([power / whole for power in powers]), rows)

    def because(self, scores: Scores, label: str, most: int = 5) -> tuple[str, ...]:
        """The n-grams that spoke most for `label`, strongest first, none inside another."""
        column = self.labels.index(label)
        spoke = [
            (int(self._weights[row, column]), self._grams[row]) for row in scores.rows if len(self._grams[row]) > 1
        ]
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
