"""Train the intent model from the examples: `python -m nlp.train` writes nlp/data/intents/model.txt.

Multinomial logistic regression over TF-IDF of character n-grams, by AdaGrad, in plain Python: no numerical
library, so that the same examples give the same file on every machine, in under a minute. Each example is
also read with a polite beginning, without its marks, or joined to another of its label, because women
write so; the weights are then pruned and rounded. The scores in the file come from a fold of lines the model
of that fold has not seen, and say less than `make eval`: whoever wrote the examples wrote that fold too.
"""

import argparse
import json
import math
import random
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlp.examples import EXAMPLES, Example, digest, read_examples
from nlp.linear import LETTERS, MODEL, SCALE, Model, grams
from nlp.text import normalise

_SEED = 20260308
_EPOCHS = 3
_STEP = 0.25
_DECAY = 1e-4
#: An n-gram counts when it stands in as many different lines as it is long, at least two.
_ENOUGH = 3
#: Weights nearer to nothing than this are left out of the file.
_LEAST = 9
#: A label's examples together weigh as much as their number to this power: small labels are heard too.
_BALANCE = 0.6
#: How much rarer (or more common) a label is in what women write than among the examples, as a step in its bias:
#: small labels were written about as much as large ones so that they are known, not because they are as frequent.
_PRIOR = {
    "rights:minors": -1.2,
    "rights:elder": -1.2,
    "rights:marriage_other": -0.8,
    "rights:dv": -0.5,
    "rights:psych": 0.4,
}
_FOLDS = 5
#: A sentence staff added stands against a whole field of composed ones.
_ADDED_WEIGHT = 5
_TEMPERATURE = 0.8

_POLITE = (
    "你好,",
    "您好!",
    "请问",
    "你好请问一下",
    "我想咨询一下,",
    "老师好,",
    "律师你好,",
    "在吗?",
    "想问下",
    "那个,",
)
_CLOSING = ("?", "!", ",谢谢", "怎么办?", "...", "呢")
#: Labels that lose their meaning with a polite beginning.
_BARE = frozenset({"greeting", "thanks", "optout"})


@dataclass(frozen=True, slots=True)
class Sample:
    """One training text as places of its n-grams, one over its length, its label and how much it counts."""

    places: tuple[int, ...]
    inverse: float
    label: int
    weight: float


def variants(examples: Sequence[Example]) -> list[Example]:
    """The examples and, for some, the same in another dress; decided by each text's own hash."""
    by_label: dict[str, list[Example]] = {}
    for example in examples:
        by_label.setdefault(example.label, []).append(example)
    found = list(examples)
    for example in examples:
        chance = random.Random(zlib.crc32(example.text.encode()) ^ _SEED)
        intent = example.label.partition(":")[0]
        if intent in _BARE:
            continue
        draw = chance.random()
        if draw < 0.12:
            found.append(_dressed(example, chance.choice(_POLITE) + example.text))
        elif draw < 0.2:
            found.append(_dressed(example, example.text + chance.choice(_CLOSING)))
        elif draw < 0.3:
            found.append(_dressed(example, "".join(one for one in example.text if one.isalnum())))
        elif draw < 0.4:
            other = chance.choice(by_label[example.label])
            found.append(_dressed(example, f"{example.text},{other.text}"))
    return found


def _dressed(example: Example, text: str) -> Example:
    return Example(text, example.label, example.line)


def fit(examples: Sequence[Example]) -> dict[str, Any]:
    """Weights from examples: {labels, bias, unknown, grams: {gram: (size, {label: weight})}}."""
    dressed = variants(examples)
    labels = sorted({example.label for example in dressed})
    texts = [grams(normalise(example.text)) for example in dressed]
    rarity, unknown = _rarity(dressed, texts)
    index = {gram: place for place, gram in enumerate(rarity)}
    number = {label: place for place, label in enumerate(labels)}
    counts = Counter(example.label for example in dressed)
    mean = sum(count**_BALANCE for count in counts.values()) / len(dressed)
    samples = []
    for example, found in zip(dressed, texts, strict=True):
        known = sorted(gram for gram in found if gram in index)
        length = math.sqrt(sum(rarity[gram] ** 2 for gram in known) + unknown**2 * (len(found) - len(known))) or 1.0
        weight = counts[example.label] ** (_BALANCE - 1) / mean
        samples.append(Sample(tuple(index[gram] for gram in known), 1 / length, number[example.label], weight))
    rows, bias = _descend(samples, [rarity[gram] for gram in index], len(labels))
    kept = {}
    for gram, place in index.items():
        size = rarity[gram]
        pairs = {label: round(value * SCALE) for label, value in enumerate(rows[place])}
        pairs = {label: value for label, value in pairs.items() if abs(value) >= _LEAST}
        if pairs:
            kept[gram] = (round(size * size * SCALE), pairs)
    return {
        "labels": labels,
        "bias": [round(value + _PRIOR.get(label, 0.0), 3) for label, value in zip(labels, bias, strict=True)],
        "unknown": round(unknown * unknown * SCALE),
        "temperature": _TEMPERATURE,
        "grams": kept,
    }


def _rarity(examples: Sequence[Example], texts: Sequence[frozenset[str]]) -> tuple[dict[str, float], float]:
    """The inverse document frequency of each n-gram that stands in enough lines, and that of a new one."""
    often: Counter[str] = Counter()
    lines: dict[str, set[str]] = {}
    for example, found in zip(examples, texts, strict=True):
        often.update(found)
        for gram in found:
            stands = lines.setdefault(gram, set())
            if len(stands) < _ENOUGH:
                stands.add(example.line)
    wide = {gram for gram, stands in lines.items() if len(stands) >= max(2, len(gram))}
    total = len(examples)
    return (
        {gram: round(math.log(total / often[gram]) * 0.5 + 1, 4) for gram in sorted(wide)},
        round(math.log(total / 4) * 0.5 + 1, 4) * 0.7,
    )


def _descend(samples: list[Sample], sizes: list[float], labels_count: int) -> tuple[list[list[float]], list[float]]:
    """AdaGrad over shuffled samples: a row of weights an n-gram, each times the n-gram's size.

    Labels whose part in the error is next to nothing are passed over.
    """
    rows = [[0.0] * labels_count for _ in sizes]
    squares = [[1e-3] * labels_count for _ in sizes]
    bias, bias_squares = [0.0] * labels_count, [1.0] * labels_count
    order = list(range(len(samples)))
    chance = random.Random(_SEED)
    for _ in range(_EPOCHS):
        chance.shuffle(order)
        for place in order:
            sample = samples[place]
            errors = _errors(sample, rows, bias)
            for label, error in errors:
                bias_squares[label] += error * error
                bias[label] -= 0.1 * error / math.sqrt(bias_squares[label])
                slant = error * sample.inverse
                for gram in sample.places:
                    row, square, size = rows[gram], squares[gram], sizes[gram]
                    slope = slant * size + _DECAY * row[label] / size
                    square[label] += slope * slope
                    row[label] -= _STEP * size * slope / math.sqrt(square[label])
    return rows, bias


def _errors(sample: Sample, rows: list[list[float]], bias: list[float]) -> list[tuple[int, float]]:
    raw = bias
    if sample.places:
        totals = map(sum, zip(*[rows[gram] for gram in sample.places], strict=True))
        raw = [total * sample.inverse + base for total, base in zip(totals, bias, strict=True)]
    top = max(raw)
    # Rounded, because the last bits of exp differ between C libraries and would grow into different files.
    powers = [round(math.exp(value - top), 9) for value in raw]
    whole = sum(powers)
    errors = []
    for label, power in enumerate(powers):
        error = (power / whole - (label == sample.label)) * sample.weight
        if abs(error) > 0.006:
            errors.append((label, error))
    return errors


def model_of(fitted: dict[str, Any]) -> Model:
    """A model that scores, straight from `fit`."""
    return Model(fitted, _lines(fitted["grams"]))


def _lines(found: dict[str, tuple[int, dict[int, int]]]) -> list[str]:
    return [
        f"{gram}\t{size}\t{''.join(f'{LETTERS[label]}{weight}' for label, weight in pairs.items())}"
        for gram, (size, pairs) in found.items()
    ]


def fold_scores(examples: Sequence[Example], folds: int = _FOLDS) -> dict[str, float]:
    """Accuracy of intent and category on the lines of one fold, by a model of the others."""
    held = [example for example in examples if zlib.crc32(example.line.encode()) % folds == 0]
    rest = [example for example in examples if zlib.crc32(example.line.encode()) % folds]
    model = model_of(fit(rest))
    intents = categories = confident = sure = 0
    for example in held:
        scores = model.score(normalise(example.text))
        chances = scores.by_intent()
        intent = max(chances, key=lambda name: chances[name])
        right = example.label.startswith(intent + ":")
        intents += right
        categories += f"{intent}:{scores.best(intent)[0]}" == example.label
        if chances[intent] >= 0.8:
            sure += 1
            confident += right
    total = max(1, len(held))
    return {
        "held_out": len(held),
        "intent": round(intents / total, 4),
        "category": round(categories / total, 4),
        "sure": round(sure / total, 4),
        "right_when_sure": round(confident / max(1, sure), 4),
    }


def text_of(fitted: dict[str, Any], scores: dict[str, float], examples: Iterable[Example], data: str) -> str:
    """The model file: a JSON head (labels, scores, hash of the examples), then the n-grams in order."""
    head = {
        "examples": data,
        "sentences": dict(sorted(Counter(example.label for example in examples).items())),
        "scores": scores,
        **{name: fitted[name] for name in ("labels", "bias", "unknown", "temperature")},
    }
    return "\n".join([json.dumps(head, ensure_ascii=False), *_lines(fitted["grams"])]) + "\n"


def train(added: Iterable[tuple[str, str]] = ()) -> str:
    """A model file from the examples and `added` sentences (text, label), which count several times."""
    own = [
        Example(text, label, f"added:{number}:{again}")
        for number, (text, label) in enumerate(added)
        for again in range(_ADDED_WEIGHT)
    ]
    examples = [*read_examples(), *own]
    return text_of(fit(examples), {}, examples, digest(EXAMPLES))


def main() -> int:
    """Train, score and write; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=MODEL)
    parser.add_argument("--no-scores", action="store_true", help="skip the held-out fold (faster)")
    chosen = parser.parse_args()
    examples = read_examples()
    scores = {} if chosen.no_scores else fold_scores(examples)
    fitted = fit(examples)
    text = text_of(fitted, scores, examples, digest(EXAMPLES))
    chosen.out.write_text(text, "utf-8")
    print(f"{len(examples)} sentences, {len(fitted['labels'])} labels, {len(fitted['grams'])} n-grams, {scores}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
