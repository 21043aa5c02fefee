"""The forms as data: their fields, rows, blocks of text and citations, read from `forms/*.yaml`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from nlp.citations import Citation, read_laws

FOLDER = Path(__file__).parent / "forms"
#: Forms staff fill in for a case; the slip of a referral is made from the referral alone.
KINDS = ("protection_order", "evidence_list", "incident_log")


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to choose: its label on the form, its text on paper, and what else must be chosen for it."""

    label: str
    line: str = ""
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unless: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `source` names the fact it is filled from, such as `survivor.name`; empty: staff only.

    `needs`: it only matters when that field is filled, or that choice taken (`requests.contact`).
    """

    name: str
    label: str
    group: str = ""
    source: str = ""
    hint: str = ""
    long: bool = False
    identifier: bool = False
    many: bool = False
    needs: str = ""
    choices: Mapping[str, Choice] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table; `width` is its part of the paper's width, of a hundred."""

    name: str
    label: str
    width: int
    hint: str = ""
    long: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """A document: what is asked, and the blocks of its text in order."""

    kind: str
    title: str
    name: str
    note: str
    landscape: bool
    #: Set smaller, so that it stays on one page.
    smaller: bool
    fields: tuple[Field, ...]
    columns: tuple[Column, ...]
    rows_label: str
    rows_source: str
    spare_rows: int
    body: tuple[Mapping[str, Any], ...]
    #: What is put for `<cite.name>`.
    cited: Mapping[str, str]
    citations: tuple[Citation, ...]

    def groups(self) -> Iterator[tuple[str, list[Field]]]:
        """The fields as the page shows them."""
        for name in dict.fromkeys(one.group for one in self.fields):
            yield name, [one for one in self.fields if one.group == name]


@cache
def read_form(kind: str) -> Form:
    """The form of this kind. Raises KeyError for another name."""
    path = FOLDER / f"{kind}.yaml"
    if kind not in (*KINDS, "referral_slip"):
        raise KeyError(kind)
    book: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    rows = book.get("rows", {})
    laws = read_laws()
    cited = {name: one["said"] for name, one in book["citations"].items()}
    return Form(
        kind=kind,
        title=book["title"],
        name=book["name"],
        note=_cite(book["note"], cited),
        landscape=bool(book.get("landscape")),
        smaller=bool(book.get("smaller")),
        fields=tuple(_field(one, cited) for one in book["fields"]),
        columns=tuple(Column(**one) for one in rows.get("columns", ())),
        rows_label=rows.get("label", ""),
        rows_source=rows.get("from", ""),
        spare_rows=rows.get("spare", 0),
        body=tuple(book["body"]),
        cited=cited,
        citations=tuple(
            Citation(one["law"], article, laws[one["law"]]["since"].isoformat() if one["law"] in laws else "")
            for one in book["citations"].values()
            for article in one["articles"]
        ),
    )


def _cite(text: str, cited: Mapping[str, str]) -> str:
    """`text` with its `<cite.name>` put into words."""
    return re.sub(r"<cite\.([a-z_]+)>", lambda match: cited[match[1]], text)


def _field(values: dict[str, Any], cited: Mapping[str, str]) -> Field:
    given = dict(values) | {"hint": _cite(values.get("hint", ""), cited)}
    source = given.pop("from", "")
    choices = {
        key: Choice(
            one["label"],
            one.get("line", ""),
            {name: tuple(keys) for name, keys in one.get("needs", {}).items()},
            {name: tuple(keys) for name, keys in one.get("unless", {}).items()},
        )
        for key, one in given.pop("choices", {}).items()
    }
    return Field(source=source, choices=choices, **given)
