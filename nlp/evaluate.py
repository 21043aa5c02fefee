"""Measure understanding on labelled sentences kept outside the project: `python -m nlp.evaluate --data DIR`.

The directory holds dev.jsonl, risk_dev.jsonl and retrieval_dev.jsonl (fields as described beside them).
An intent or category among a row's `accept`/`accept_cat` is right. Prints accuracy, a table and a confusion
matrix of the intents, categories, risk, retrieval; `--errors N` the surest errors by cause, `--by-source` the
accuracy of each source, `--only NAME` a single part.
"""

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlp.citations import Citation
from nlp.meaning import INTENTS
from nlp.retrieval import load_library
from nlp.risk import read
from nlp.understanding import understand

Row = dict[str, Any]
#: Categories with fewer rows say nothing and are left out of the mean.
_FEWEST = 10
_PARTS = ("intents", "risk", "retrieval")


@dataclass(frozen=True, slots=True)
class Judged:
    """A row with what was understood; a wrong answer keeps its own label, a right one takes the row's."""

    row: Row
    intent: str
    category: str
    confidence: float

    @property
    def is_right(self) -> bool:
        """Whether the intent counts as right."""
        return bool(self.intent == self.row["intent"])

    @property
    def is_right_category(self) -> bool:
        """Whether the category of a row about rights counts as right."""
        return bool(self.row["intent"] != "rights" or self.category == self.row["category"])


def rows(path: Path) -> list[Row]:
    """The JSON objects of a file, one a line."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def judge(data: Iterable[Row]) -> list[Judged]:
    """What is understood of each row of dev.jsonl."""
    judged = []
    for row in data:
        meaning = understand(row["text"])
        intent = row["intent"] if meaning.intent in row["accept"] else meaning.intent
        category = meaning.category if meaning.intent == "rights" else meaning.intent
        if category in row["accept_cat"]:
            category = row["category"]
        judged.append(Judged(row, intent, category, meaning.confidence))
    return judged


def scores_of(pairs: Sequence[tuple[str, str]], labels: Iterable[str]) -> dict[str, tuple[float, float, float, int]]:
    """Precision, recall, F1 and number of rows by label, from (gold, found) pairs."""
    table = {}
    for label in labels:
        hits = sum(gold == found == label for gold, found in pairs)
        wanted = sum(gold == label for gold, _ in pairs)
        named = sum(found == label for _, found in pairs)
        table[label] = (hits / max(1, named), hits / max(1, wanted), 2 * hits / max(1, named + wanted), wanted)
    return table


def intent_scores(judged: Sequence[Judged]) -> dict[str, float]:
    """The three figures that count: intent accuracy and macro-F1, category macro-F1."""
    intents = [(one.row["intent"], one.intent) for one in judged]
    table = scores_of(intents, sorted({gold for gold, _ in intents}))
    categories = _category_pairs(judged)
    counts = Counter(gold for gold, _ in categories)
    by_category = scores_of(categories, [name for name, count in counts.items() if count >= _FEWEST])
    return {
        "intent accuracy": sum(one.is_right for one in judged) / max(1, len(judged)),
        "intent macro-F1": _mean([scores[2] for scores in table.values()]),
        "category macro-F1": _mean([scores[2] for scores in by_category.values()]),
    }


def risk_scores(data: Iterable[Row]) -> dict[str, float]:
    """Recall on core and all positives at level 2 and ≥ 1, and alarms on rows without danger (0–1)."""
    data = list(data)
    levels = {id(row): read(row["text"]).level for row in data}
    core = [row for row in data if row["risk"] == "high" and row["source"] != "SOS-1K"]
    none = [row for row in data if row["risk"] == "none"]
    near = [row for row in none if row["source"] == "written"]

    def share(group: list[Row], level: int) -> float:
        return sum(levels[id(row)] >= level for row in group) / max(1, len(group))

    return {
        "core recall, level 2": share(core, 2),
        "core recall, level 1 or 2": share(core, 1),
        "false alarms, level 2": share(none, 2),
        "false alarms, level 1 or 2": share(none, 1),
        "near-misses alarmed, level 2": share(near, 2),
    }


def retrieval_scores(data: Iterable[Row]) -> dict[str, float]:
    """Share of core questions whose law article is cited among the first 1, 3 and 10 articles found."""
    library = load_library()
    core = [row for row in data if row["topic"] != "other"]
    hits = dict.fromkeys((1, 3, 10), 0)
    for row in core:
        category = understand(row["q"]).category
        for place, hit in enumerate(library.find(row["q"], k=10, category=category), 1):
            if any(_names(citation, row["gold"]) for citation in hit.article.citations):
                for depth in hits:
                    hits[depth] += place <= depth
                break
    return {f"retrieval hit@{depth}, core": count / max(1, len(core)) for depth, count in hits.items()}


def _names(citation: Citation, gold: str | list[str]) -> bool:
    """Whether a citation is one of the gold articles, written `民法典#第五十六条`."""
    for one in [gold] if isinstance(gold, str) else gold:
        law, _, article = one.partition("#")
        if citation.law == law.partition("_")[0] and citation.article == article:
            return True
    return False


def _category_pairs(judged: Sequence[Judged]) -> list[tuple[str, str]]:
    return [(one.row["category"], one.category) for one in judged if one.row["intent"] == "rights"]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(1, len(values))


def _print_scores(scores: dict[str, float]) -> None:
    for name, value in scores.items():
        print(f"{name:32} {value:.3f}")


def _print_table(pairs: Sequence[tuple[str, str]]) -> None:
    labels = [label for label, _ in Counter(gold for gold, _ in pairs).most_common()]
    print(f"\n{'':16}{'precision':>10}{'recall':>8}{'F1':>8}{'rows':>7}")
    for label, (precision, recall, f1, wanted) in scores_of(pairs, labels).items():
        print(f"{label:16}{precision:10.3f}{recall:8.3f}{f1:8.3f}{wanted:7}")


def _print_confusion(pairs: Sequence[tuple[str, str]]) -> None:
    counts = Counter(pairs)
    print("\nConfusion (rows: gold, columns: understood)")
    print(f"{'':12}" + "".join(f"{name[:9]:>10}" for name in INTENTS))
    for gold in INTENTS:
        print(f"{gold:12}" + "".join(f"{counts[gold, found]:10}" for found in INTENTS))


def _print_sources(judged: Sequence[Judged]) -> None:
    by_source: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for one in judged:
        by_source[one.row["source"], one.row["intent"]].append(one.is_right and one.is_right_category)
    print("\nRight by source (intent, and category of rights)")
    for (source, intent), right in sorted(by_source.items()):
        print(f"{source:32}{intent:12}{_mean(right):7.3f}{len(right):6}")


def _print_errors(judged: Sequence[Judged], most: int) -> None:
    causes: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        if not one.is_right:
            causes[f"{one.row['intent']}:{one.row['category']} read as {one.intent}"].append(one)
        elif not one.is_right_category:
            causes[f"rights:{one.row['category']} read as rights:{one.category}"].append(one)
    for cause, errors in sorted(causes.items(), key=lambda item: -len(item[1])):
        print(f"\n{cause}: {len(errors)}")
        for one in sorted(errors, key=lambda error: -error.confidence)[:most]:
            text = " ".join(one.row["text"].split())
            print(f"  {one.confidence:.2f} [{one.row['source']}] {text[:100]}")


def _print_intents(judged: Sequence[Judged], *, errors: int, by_source: bool) -> None:
    _print_scores(intent_scores(judged))
    pairs = [(one.row["intent"], one.intent) for one in judged]
    _print_table(pairs)
    _print_table(_category_pairs(judged))
    _print_confusion(pairs)
    for name, least, most in (("sure (0.8 or more)", 0.8, 1.1), ("unsure (under 0.5)", 0.0, 0.5)):
        chosen = [one.is_right for one in judged if least <= one.confidence < most]
        print(f"{name}: {len(chosen) / max(1, len(judged)):.3f} of rows, {_mean(chosen):.3f} of them right")
    if by_source:
        _print_sources(judged)
    if errors:
        _print_errors(judged, errors)


def main() -> int:
    """Print every score; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--errors", type=int, default=0, metavar="N", help="the N surest errors of each cause")
    parser.add_argument("--by-source", action="store_true")
    parser.add_argument("--only", choices=_PARTS)
    chosen = parser.parse_args()
    folder = chosen.data
    if not folder.is_dir():
        print(f"No sentences to measure with: {folder} does not exist.")
        return 0
    parts = [chosen.only] if chosen.only else _PARTS
    if "intents" in parts:
        _print_intents(judge(rows(folder / "dev.jsonl")), errors=chosen.errors, by_source=chosen.by_source)
        print()
    if "risk" in parts:
        _print_scores(risk_scores(rows(folder / "risk_dev.jsonl")))
    if "retrieval" in parts:
        _print_scores(retrieval_scores(rows(folder / "retrieval_dev.jsonl")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
