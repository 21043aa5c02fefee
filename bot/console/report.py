"""The monthly report as a workbook, in the form a county office files: head, tables with totals, lines to sign."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import xlsxwriter

from bot.console import tables, words
from bot.console.periods import Days
from bot.console.small_cells import Shown
from bot.console.tables import Picture, Sums

#: How a hidden number is written.
HIDDEN = "＊"

Value = int | str | None


def sheet(days: Days, picture: Picture, sums: Sequence[Sums], *, unit: str, maker: str, made_on: date) -> bytes:
    """The workbook: one sheet, one page wide."""
    output = io.BytesIO()
    book = xlsxwriter.Workbook(output, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    writer = _Writer(book, book.add_worksheet(f"{days.first:%Y-%m}"))
    writer.head(days, unit)
    writer.rows(word("summary"), columns(), summary(picture, sums))
    writer.rows(word("group"), columns(), compared_lines(picture, "group"))
    for by in tables.CROSSED:
        if by in picture.crossed:
            names, lines = crossed(by, picture)
            writer.rows(word(by), names, lines)
    writer.rows(word("referral"), columns(), compared_lines(picture, "referral"))
    writer.notes(maker, made_on)
    book.close()
    return output.getvalue()


def word(key: str) -> str:
    """A word of the report."""
    return words.name("report", key)


def summary(picture: Picture, sums: Sequence[Sums]) -> list[tuple[Value, ...]]:
    """The lines of the first table: what there was, this month, the month before, the year before, changes."""
    dangers = next(
        (line.values for line in picture.listings["risk"].lines if line.label == words.name("risk", "2")), ()
    )
    lines = [compared(word("visits"), picture.totals), compared(word("danger"), dangers or (0, 0, 0))]
    kept = ["" if one.in_time is None else f"{one.in_time}%" for one in sums]
    lines.append((word("in_time"), *kept, "", ""))
    return lines + [
        compared(word(name), tuple(getattr(one, name) for one in sums))
        for name in ("opened", "closed", "sessions", "sign_ups", "seats")
    ]


def compared_lines(picture: Picture, by: str) -> list[tuple[Value, ...]]:
    """The lines of one way of counting, with their total."""
    listing = picture.listings[by]
    return [
        *(compared(line.label, line.values) for line in listing.lines),
        compared(word("total"), listing.totals),
    ]


def columns() -> list[str]:
    """The columns of the first two tables."""
    return [word(name) for name in ("item", "now", "before", "year", "against_before", "against_year")]


def compared(label: str, values: Sequence[int | None]) -> tuple[Value, ...]:
    """A line with its changes in per cent; empty where there is nothing to compare with."""
    now, *before = values
    changes = [tables.change(now, one) for one in before]
    return label, *values, *("" if one is None else f"{one:+d}%" for one in changes)


def crossed(by: str, picture: Picture) -> tuple[list[str], list[tuple[Value, ...]]]:
    """Names of columns and the lines with totals; townships stand in lines, groups of rights in columns."""
    shown, labels = picture.crossed[by], picture.labels[by]
    groups = list(words.group("rights_groups").values())
    if by == "town":
        shown, groups, names = _turned(shown), list(labels.values()), groups
    else:
        names = list(labels.values())
    kept = [place for place, total in enumerate(shown.column_totals) if total != 0]
    lines: list[tuple[Value, ...]] = [
        (label, *(row[place] for place in kept), total)
        for label, row, total in zip(groups, shown.cells, shown.row_totals, strict=True)
    ]
    lines.append((word("total"), *(shown.column_totals[place] for place in kept), shown.total))
    return [
        words.name("figures_by", "town" if by == "town" else "group"),
        *(names[p] for p in kept),
        word("total"),
    ], lines


def _turned(shown: Shown) -> Shown:
    return Shown(
        rows=shown.columns,
        columns=shown.rows,
        cells=tuple(zip(*shown.cells, strict=True)),
        row_totals=shown.column_totals,
        column_totals=shown.row_totals,
        total=shown.total,
    )


@dataclass(slots=True)
class _Writer:
    """Writes from top to bottom; every text is a text, never a formula."""

    book: Any
    page: Any
    row: int = 0
    widest: int = 8
    formats: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, look in {
            "title": {"bold": True, "font_size": 16, "align": "center"},
            "heading": {"bold": True, "font_size": 12},
            "column": {"bold": True, "border": 1, "bg_color": "#EDEDED", "align": "center", "text_wrap": True},
            "label": {"border": 1, "text_wrap": True},
            "number": {"border": 1, "align": "center", "num_format": "0"},
            "plain": {},
            "note": {"text_wrap": True, "valign": "top", "font_size": 9},
        }.items():
            self.formats[name] = self.book.add_format(look)
        self.page.set_column(0, 0, 24)
        self.page.set_column(1, 24, 10)
        self.page.set_paper(9)
        self.page.set_landscape()
        self.page.fit_to_pages(1, 0)
        self.page.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.6)
        self.page.set_footer("&C&P / &N")

    def head(self, days: Days, unit: str) -> None:
        """Title, who fills it in, which time."""
        self.page.merge_range(0, 0, 0, self.widest, word("title"), self.formats["title"])
        self.page.write_string(1, 0, f"{word('unit')}：{unit}", self.formats["plain"])
        span = f"{word('period')}：{days.first:%Y.%m.%d}—{days.last:%Y.%m.%d}"
        self.page.write_string(1, 4, span, self.formats["plain"])
        self.row = 3

    def rows(self, heading: str, columns: Sequence[str], lines: Sequence[Sequence[Value]]) -> None:
        """One table."""
        self.page.write_string(self.row, 0, heading, self.formats["heading"])
        for place, name in enumerate(columns):
            self.page.write_string(self.row + 1, place, name, self.formats["column"])
        for number, line in enumerate(lines, self.row + 2):
            for place, value in enumerate(line):
                look = self.formats["label" if place == 0 else "number"]
                if isinstance(value, int):
                    self.page.write_number(number, place, value, look)
                else:
                    self.page.write_string(number, place, HIDDEN if value is None else value, look)
        self.row += len(lines) + 3

    def notes(self, maker: str, made_on: date) -> None:
        """How it was counted, and the lines to sign."""
        for name in ("hidden", "counting"):
            self.page.merge_range(self.row, 0, self.row, self.widest, word(name), self.formats["note"])
            self.page.set_row(self.row, 28)
            self.row += 1
        self.row += 1
        for place, text in (
            (0, f"{word('maker')}：{maker}"),
            (2, f"{word('checker')}："),
            (4, f"{word('head')}："),
            (7, f"{word('made_on')}：{made_on:%Y.%m.%d}"),
        ):
            self.page.write_string(self.row, place, text, self.formats["plain"])
