"""Danger assessment (危险评估) and safety plan (安全计划): what is asked, and what answers amount to.

Pure: the questions, weights and cut-offs are data (data/assessment/*.yaml), checked when loaded. What comes out is
advice to staff in words with its reasons. Two things never happen: another yes lowers it, and a question that was
not answered, skipped or answered 「说不准」 counts as a no.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from bot.errors import ConfigError
from nlp.patterns import read_yaml
from nlp.text import DATA

YES, NO, UNKNOWN = "yes", "no", "unknown"
ANSWERS = (YES, NO, UNKNOWN)

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{1,31}$")]
_Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=300)]
_Model = TypeVar("_Model", bound=BaseModel)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Item(_Entry):
    """One question: how she is asked, how staff read it, why it counts, and what to do about a yes."""

    name: _Name
    weight: int = Field(ge=1, le=4)
    #: One such yes is enough for the levels that say so.
    grave: bool = False
    ask: _Sentence
    staff: _Sentence
    reason: _Sentence
    why: _Sentence
    do: tuple[_Sentence, ...] = Field(min_length=1)
    sources: tuple[str, ...] = Field(min_length=1)


class Level(_Entry):
    """What answers amount to: reached `at_least` with these weights together, or with `grave` grave answers."""

    name: _Name
    at_least: int = Field(alias="from", ge=0)
    grave: int | None = Field(default=None, ge=1)
    title: _Sentence
    advice: tuple[_Sentence, ...] = Field(min_length=1)
    #: The conversation is marked at least this dangerous: 0 none, 1 concern, 2 danger.
    risk: int = Field(ge=0, le=2)
    alarm: bool = False


class Checklist(_Entry):
    """Everything that is asked, in its order, with the levels from the lowest to the highest."""

    version: str
    sources: dict[str, _Sentence]
    levels: tuple[Level, ...] = Field(min_length=2)
    items: tuple[Item, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits_together(self) -> "Checklist":
        _unique(item.name for item in self.items)
        _unique(level.name for level in self.levels)
        for item in self.items:
            unknown = set(item.sources) - set(self.sources)
            if unknown:
                raise ValueError(f"{item.name} names sources that are not listed: {', '.join(sorted(unknown))}")
        if self.levels[0].at_least != 0 or self.levels[0].grave is not None:
            raise ValueError("the lowest level must begin at 0")
        for lower, higher in zip(self.levels, self.levels[1:], strict=False):
            if higher.at_least <= lower.at_least or higher.risk < lower.risk or higher.alarm < lower.alarm:
                raise ValueError(f"level {higher.name} must stand above {lower.name}")
        return self

    def item(self, name: str) -> Item | None:
        """One question by name; None when it is no longer asked."""
        return next((item for item in self.items if item.name == name), None)

    def level(self, name: str) -> Level:
        """A level by name; the lowest when an older checklist named another."""
        return next((level for level in self.levels if level.name == name), self.levels[0])


class Section(_Entry):
    """One part of a safety plan: a title that gives nothing away, her question, what others did, a note to staff."""

    name: _Name
    title: _Sentence
    ask: _Sentence
    hint: _Sentence
    staff: _Sentence


class PlanOutline(_Entry):
    """The parts of a safety plan, in their order."""

    version: str
    sections: tuple[Section, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> "PlanOutline":
        _unique(section.name for section in self.sections)
        return self


@dataclass(frozen=True, slots=True)
class Assessment:
    """What answers amount to: a level, why, what is still open, and what it could be if all that were a yes."""

    level: Level
    reasons: tuple[str, ...]
    #: Names of questions nobody has answered with yes or no.
    open: tuple[str, ...]
    could_be: Level


@cache
def checklist() -> Checklist:
    """The questions of the danger assessment. Raises ConfigError."""
    return load_checklist(DATA / "assessment" / "checklist.yaml")


@cache
def outline() -> PlanOutline:
    """The parts of a safety plan. Raises ConfigError."""
    return _load(PlanOutline, DATA / "assessment" / "plan.yaml")


def load_checklist(path: Path) -> Checklist:
    """A checklist from a file; ConfigError names the file, the place in it and what is wrong."""
    return _load(Checklist, path)


def assess(asked: Checklist, answers: Mapping[str, str]) -> Assessment:
    """What `answers` (question → yes, no or unknown) amount to; the gravest reasons first."""
    said_yes = [item for item in asked.items if answers.get(item.name) == YES]
    still_open = [item for item in asked.items if answers.get(item.name) not in (YES, NO)]
    ranked = sorted(said_yes, key=lambda item: (not item.grave, -item.weight))
    return Assessment(
        level=_level_of(asked, said_yes),
        reasons=tuple(item.reason for item in ranked),
        open=tuple(item.name for item in still_open),
        could_be=_level_of(asked, [*said_yes, *still_open]),
    )


def content(asked: Checklist, marks: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """What is kept of one time: each answer with who gave it and when, what it came to, and by which checklist."""
    found = assess(asked, said(marks))
    return {
        "checklist": asked.version,
        "answers": {name: dict(mark) for name, mark in marks.items()},
        "level": found.level.name,
        "reasons": list(found.reasons),
    }


def said(marks: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The bare answers of what was kept."""
    return {name: mark["answer"] for name, mark in marks.items()}


def mark(answer: str, source: str, at: str) -> dict[str, str]:
    """One answer as it is kept; `source` is her (she said it) or staff (somebody saw it), `at` ISO 8601."""
    return {"answer": answer, "source": source, "at": at}


def rank(asked: Checklist, level: str) -> int:
    """How high a level stands among all, from 0; 0 for one that is no longer known."""
    return next((place for place, one in enumerate(asked.levels) if one.name == level), 0)


def _level_of(asked: Checklist, items: Iterable[Item]) -> Level:
    counted = list(items)
    weight, grave = sum(item.weight for item in counted), sum(item.grave for item in counted)
    reached = [
        level
        for level in asked.levels
        if weight >= level.at_least or (level.grave is not None and grave >= level.grave)
    ]
    return reached[-1]


def _load(model: type[_Model], path: Path) -> _Model:
    content: Any = read_yaml(path)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in one['loc']) or 'file'}: {one['msg']}" for one in error.errors()
        )
        raise ConfigError(f"{path}: {problems}") from None


def _unique(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{name} stands twice")
        seen.add(name)
