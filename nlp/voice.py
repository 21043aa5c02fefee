"""The second, learned voice on danger: a small linear model over character n-grams beside the rules.

Rules say why; they cannot know every wording, and some of their words (死, 打, 伤害) mean nothing by
themselves. The voice has read our own composed examples (data/risk/examples) and says how much a stretch of
text sounds like danger. It confirms the rules marked `weak`, and speaks up alone when it is very sure. It
never silences a rule that says who did what to whom, and when its file cannot be read the rules answer alone.
"""

import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bot.errors import ConfigError
from nlp.linear import Model, read_model
from nlp.text import DATA

FOLDER = DATA / "risk"
MODEL = FOLDER / "model.txt"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opinion:
    """How likely (0–1) a stretch of text tells of danger or of concern."""

    danger: float
    concern: float
    chances: tuple[float, ...]

    @property
    def either(self) -> float:
        """How likely it is danger or concern."""
        return self.danger + self.concern


class Voice:
    """A model whose labels are `danger:…`, `concern:…` and `none:…`."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._danger = [place for place, label in enumerate(model.labels) if label.startswith("danger:")]
        self._concern = [place for place, label in enumerate(model.labels) if label.startswith("concern:")]

    def hear(self, text: str) -> Opinion:
        """The opinion on the beginning of a normalised text."""
        chances = self._model.score(text).chances
        danger = sum([chances[place] for place in self._danger])
        return Opinion(danger, sum([chances[place] for place in self._concern]), chances)

    def name(self, opinion: Opinion) -> str:
        """What it sounds like: `danger:suicide`, `concern:violence` …"""
        places = self._danger if opinion.danger >= opinion.concern else self._concern
        return self._model.labels[max(places, key=lambda place: opinion.chances[place])]


def read_voice(path: Path = MODEL) -> Voice | None:
    """The voice in a file; None (and a line in the log) when it cannot be read: the rules go on alone."""
    try:
        return Voice(read_model(path))
    except (ConfigError, TypeError, AttributeError, LookupError):
        _logger.exception("risk.voice_unreadable")
        return None


@cache
def voice() -> Voice | None:
    """The committed voice, read once."""
    return read_voice()
