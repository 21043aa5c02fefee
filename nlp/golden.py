"""How well the golden sentences are understood: what a change of model is held against before it goes live."""

import csv
from pathlib import Path

from nlp.text import DATA
from nlp.understanding import understand

FOLDER = DATA / "golden"
#: Scores that must never fall: danger heard, danger or concern heard.
FLOORS = ("danger", "concern")
#: Scores that may fall by a hair: intent and category understood, harmless sentences left alone.
SHARES = ("intent", "category", "calm")


def score() -> dict[str, float]:
    """Shares (0–1) of the golden sentences understood by whatever is in use now."""
    intents = categories = with_category = 0
    rows = _rows(FOLDER / "intents.csv")
    for row in rows:
        meaning = understand(row["text"])
        intents += meaning.intent == row["intent"]
        if row["category"] and row["intent"] != row["category"]:
            with_category += 1
            categories += meaning.category == row["category"]
    levels = [(int(row["level"]), understand(row["text"]).risk.level) for row in _rows(FOLDER / "risk.csv")]
    danger = [heard for level, heard in levels if level == 2]
    harmless = [heard for level, heard in levels if level == 0]
    return {
        "intent": intents / len(rows),
        "category": categories / max(1, with_category),
        "danger": sum(heard == 2 for heard in danger) / len(danger),
        "concern": sum(heard >= 1 for heard in danger) / len(danger),
        "calm": sum(heard < 2 for heard in harmless) / len(harmless),
    }


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
