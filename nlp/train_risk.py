"""Train the second voice on danger: `python -m nlp.train_risk` writes nlp/data/risk/model.txt.

The learning is that of `nlp.train`. The sentences are composed ones: data/risk/examples for danger, concern
and what only sounds like it; and, as further harmless ones, the intent examples in which the rules find no
risk. Danger is also told in the middle of other things, so part of the sentences are read once more behind
or before a harmless one.
"""

import argparse
import random
import sys
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nlp.examples import Example, digest, read_examples
from nlp.risk import read_by_rules
from nlp.train import fit, text_of
from nlp.voice import FOLDER, MODEL

EXAMPLES = FOLDER / "examples"
#: Intents in whose examples danger may be told without the rules knowing it.
_UNCLEAR = frozenset({"rights:dv", "rights:harassment", "rights:minors", "rights:psych"})
#: At most so many harmless sentences from one line of the intent examples.
_FROM_A_LINE = 3
_MIXED = {"danger": 0.45, "concern": 0.3, "none": 0.25}
_SEED = 11
#: An n-gram none of whose weights reaches the first, and weights below the second, stay out of the file.
_TOP, _LEAST = 28, 6


def examples() -> list[Example]:
    """All sentences with labels `danger:…`, `concern:…` and `none:…`."""
    own = read_examples(EXAMPLES)
    taken: Counter[str] = Counter()
    others = []
    for example in read_examples():
        if (
            example.label not in _UNCLEAR
            and taken[example.line] < _FROM_A_LINE
            and not read_by_rules(example.text).level
        ):
            taken[example.line] += 1
            others.append(Example(example.text, "none:other", example.line))
    return [_gathered(one) for one in mixed([*own, *others])]


def mixed(sentences: Sequence[Example]) -> list[Example]:
    """The sentences, and part of them again beside a harmless one; decided by each text's own hash."""
    harmless = [one for one in sentences if one.label in {"none:psych", "none:talk", "none:other", "none:words"}]
    found = list(sentences)
    for one in sentences:
        chance = random.Random(zlib.crc32(one.text.encode()) ^ _SEED)
        if chance.random() < _MIXED[one.label.partition(":")[0]]:
            other = chance.choice(harmless).text
            parts = (other, one.text) if chance.random() < 0.5 else (one.text, other)
            found.append(Example(",".join(parts), one.label, one.line))
    return found


def _gathered(one: Example) -> Example:
    """Harmless is one label: why a sentence means nothing is for whoever writes the examples."""
    return Example(one.text, "none:none", one.line) if one.label.startswith("none:") else one


def pruned(fitted: dict[str, Any]) -> dict[str, Any]:
    """The same weights without those that decide nothing: a third of the file for the same scores."""
    kept = {
        gram: (size, {label: weight for label, weight in pairs.items() if abs(weight) >= _LEAST})
        for gram, (size, pairs) in fitted["grams"].items()
        if max(map(abs, pairs.values())) >= _TOP
    }
    return fitted | {"grams": kept}


def main() -> int:
    """Train and write; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=MODEL)
    chosen = parser.parse_args()
    sentences = examples()
    fitted = pruned(fit(sentences))
    chosen.out.write_text(text_of(fitted, {}, sentences, digest(EXAMPLES)), "utf-8")
    print(f"{len(sentences)} sentences, {len(fitted['labels'])} labels, {len(fitted['grams'])} n-grams")
    return 0


if __name__ == "__main__":
    sys.exit(main())
