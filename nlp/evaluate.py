"""Measure understanding on labelled sentences kept outside the project: `python -m nlp.evaluate --data DIR`.

The directory holds dev.jsonl, risk_dev.jsonl and retrieval_dev.jsonl (fields as described beside them).
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nlp.risk import read

Row = dict[str, Any]


def rows(path: Path) -> list[Row]:
    """The JSON objects of a file, one a line."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


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


def main() -> int:
    """Print every score; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    folder = parser.parse_args().data
    if not folder.is_dir():
        print(f"No sentences to measure with: {folder} does not exist.")
        return 0
    for name, value in risk_scores(rows(folder / "risk_dev.jsonl")).items():
        print(f"{name:32} {value:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
