"""A linear model over character n-grams, read from a text file a person can review, scored in microseconds.

Every n-gram has a whole-number weight for each label. The weights of one n-gram are packed into a single
large integer, one lane of 32 bits a label, so that adding up a message is one addition an n-gram; only the
sum is taken apart. That is what makes a model of thirty labels cost no more than a look-up in plain Python.
"""

import heapq
import json
import math
import re
from array import array
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bot.errors import ConfigError
from nlp.text import DATA

MODEL = DATA / "intents" / "model.txt"
#: Only the beginning of a long account is weighed: it costs time and adds nothing.
READ = 300
#: Weights in the file are this many times the real ones.
SCALE = 10
#: A label is one letter in the file.
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LANE = 32
_MIDDLE = 1 << (_LANE - 1)
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
    """What training has found: labels, biases, and the packed weights of each n-gram."""

    def __init__(self, head: dict[str, Any], lines: list[str]) -> None:
        self.head = head
        self.labels: tuple[str, ...] = tuple(head["labels"])
        self._bias: list[float] = head["bias"]
        self._unknown: int = head["unknown"]
        self._temperature: float = head["temperature"]
        self._weights: dict[str, int] = {}
        self._size: dict[str, int] = {}
        self._lift = sum(_MIDDLE << (_LANE * place) for place in range(len(self.labels)))
        shift = {letter: _LANE * place for place, letter in enumerate(LETTERS)}
        for line in lines:
            gram, size, weights = line.split("\t")
            self._weights[gram] = sum([int(weight) << shift[letter] for letter, weight in _PAIR.findall(weights)])
            self._size[gram] = int(size)

    def score(self, text: str) -> Scores:
        """The probability of every label for a normalised text."""
        found = grams(text)
        weights, size = self._weights, self._size
        known = frozenset(found & weights.keys())
        total = sum([weights[gram] for gram in known], self._lift)
        length = sum([size[gram] for gram in known]) + self._unknown * (len(found) - len(known))
        lanes = array("I", total.to_bytes(4 * len(self.labels), "little"))
        scale = SCALE * math.sqrt(length / SCALE or 1.0) * self._temperature
        warm = 1 / self._temperature
        raw = [(lane - _MIDDLE) / scale + bias * warm for lane, bias in zip(lanes, self._bias, strict=True)]
        top = max(raw)
        powers = [math.exp(value - top) for value in raw]
        whole = sum(powers)
        return Scores(self.labels, tuple([power / whole for power in powers]), known)

    def because(self, scores: Scores, label: str, most: int = 5) -> tuple[str, ...]:
        """The n-grams that spoke most for `label`, strongest first, none inside another."""
        shift = _LANE * self.labels.index(label)
        lift, mask = self._lift, (1 << _LANE) - 1
        spoke = [
            ((self._weights[gram] + lift >> shift & mask) - _MIDDLE, gram) for gram in scores.known if len(gram) > 1
        ]
        chosen: list[str] = []
        for weight, gram in heapq.nlargest(most * 4, spoke):
            word = gram.strip("^$,")
            if weight > 0 and len(word) > 1 and not any(word in other or other in word for other in chosen):
                chosen.append(word)
                if len(chosen) == most:
                    break
        return tuple(chosen)


def read_model(path: Path = MODEL) -> Model:
    """The model in a file: one line of JSON, then a line an n-gram. ConfigError when it cannot be read."""
    try:
        head, *lines = path.read_text("utf-8").splitlines()
        return Model(json.loads(head), lines)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{path}: {error!r}; `make train` writes it anew") from error


@cache
def model() -> Model:
    """The committed model, read once."""
    return read_model()
