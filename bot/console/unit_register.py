"""The register of partner units as a spreadsheet: read with what is wrong in which row, written in the same form."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import xlsxwriter

from bot.console import sheets, words
from bot.console.sheets import BadSheet
from storage.repositories.units import UnitView

#: Columns in the order of the file: name of the field, longest text.
COLUMNS = (
    ("name", 64),
    ("kind", 24),
    ("categories", 255),
    ("area", 64),
    ("contact_name", 40),
    ("phone", 64),
    ("hours", 128),
    ("answer_days", 3),
    ("note", 200),
)
_NEEDED = ("name", "kind")
MOST_ROWS = 2000
MOST_BYTES = 200 * 1024
_MOST_DAYS = 90
DEFAULT_DAYS = 5


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in the row people see as number `row` (1 is the heading), and in which column."""

    row: int
    column: str
    sentence: str


@dataclass(slots=True)
class Register:
    """The units of a file, and everything that is wrong with it; units count only when nothing is."""

    units: list[UnitView] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def complain(self, row: int, column: str, key: str, **values: Any) -> None:
        """One more thing to mend."""
        sentence = words.name("unit_problems", key).format(**values)
        self.problems.append(Problem(row, words.name("unit_fields", column) if column else "", sentence))


def read_register(content: bytes, areas: Mapping[str, str]) -> Register:
    """Read .xlsx or .csv (UTF-8 or GB18030) with the headings of `write_register`; `areas` is id by name."""
    register = Register()
    rows = _rows(content, register)
    if register.problems:
        return register
    heads = _heads(rows[0], register) if rows else {}
    seen: dict[str, int] = {}
    for number, row in enumerate(rows[1:], 2):
        cells = {name: sheets.text_at(row, place) for name, place in heads.items()}
        if not any(cells.values()):
            continue
        unit = read_unit(cells, areas, register, number)
        if unit.name and unit.name in seen:
            register.complain(number, "name", "twice", first=seen[unit.name])
        seen.setdefault(unit.name, number)
        register.units.append(unit)
    if not register.units and not register.problems:
        register.complain(1, "", "empty")
    return register


def read_unit(
    cells: Mapping[str, str], areas: Mapping[str, str], register: Register, row: int, unit_id: str = ""
) -> UnitView:
    """One row, or one form, as a unit; what is wrong is added to `register`."""
    values = {name: cells.get(name, "").strip() for name, _ in COLUMNS}
    for name, longest in COLUMNS:
        if name in _NEEDED and not values[name]:
            register.complain(row, name, "missing")
        elif len(values[name]) > longest:
            register.complain(row, name, "too_long", longest=longest)
    kinds = {word: key for key, word in words.group("unit_kinds").items()}
    if values["kind"] and values["kind"] not in kinds:
        register.complain(row, "kind", "not_listed", value=values["kind"])
    known = {word: key for key, word in words.group("rights_categories").items()}
    categories = []
    for word in filter(None, values["categories"].replace("，", "、").replace(",", "、").split("、")):
        if word.strip() in known:
            categories.append(known[word.strip()])
        else:
            register.complain(row, "categories", "not_listed", value=word.strip())
    if values["area"] and values["area"] not in areas:
        register.complain(row, "area", "not_listed", value=values["area"])
    return UnitView(
        unit_id,
        values["name"],
        kinds.get(values["kind"], ""),
        tuple(categories),
        areas.get(values["area"]),
        values["contact_name"],
        values["phone"],
        values["hours"],
        _days(values["answer_days"], register, row),
        values["note"],
        True,
    )


def write_register(units: Iterable[UnitView], areas: Mapping[str, str]) -> bytes:
    """The register as .xlsx, with a second sheet of the words that may be used; `areas` is name by id."""
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False})
    bold = book.add_format({"bold": True, "bottom": 1})
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    sheet = book.add_worksheet(words.name("unit_sheets", "register"))
    sheet.freeze_panes(1, 0)
    for place, (name, _) in enumerate(COLUMNS):
        sheet.write_string(0, place, words.name("unit_fields", name), bold)
        sheet.set_column(place, place, 24 if name in ("name", "categories", "hours", "note") else 14)
    for number, unit in enumerate(units, 1):
        for place, text in enumerate(_cells(unit, areas)):
            sheet.write_string(number, place, text, wrap)
    lists = book.add_worksheet(words.name("unit_sheets", "words"))
    columns = (
        ("kind", list(words.group("unit_kinds").values())),
        ("categories", list(words.group("rights_categories").values())),
        ("area", list(areas.values())),
    )
    for place, (name, choices) in enumerate(columns):
        lists.write_string(0, place, words.name("unit_fields", name), bold)
        lists.set_column(place, place, 24)
        for number, word in enumerate(choices, 1):
            lists.write_string(number, place, word)
    book.close()
    return content.getvalue()


def _cells(unit: UnitView, areas: Mapping[str, str]) -> tuple[str, ...]:
    return (
        unit.name,
        words.name("unit_kinds", unit.kind),
        words.listed(unit.categories, "rights_categories"),
        areas.get(unit.area_id or "", ""),
        unit.contact_name,
        unit.phone,
        unit.hours,
        str(unit.answer_days),
        unit.note,
    )


def _rows(content: bytes, register: Register) -> Sequence[Sequence[Any]]:
    try:
        return sheets.read_rows(content, most_rows=MOST_ROWS, most_bytes=MOST_BYTES)
    except BadSheet as error:
        register.complain(1, "", error.key, most=MOST_ROWS)
        return []


def _heads(row: Sequence[Any], register: Register) -> dict[str, int]:
    places = {sheets.text_at(row, place): place for place in range(len(row))}
    names = words.group("unit_fields")
    found = {name: places[names[name]] for name, _ in COLUMNS if names[name] in places}
    for name in _NEEDED:
        if name not in found:
            register.complain(1, name, "no_column")
    return found if not register.problems else {}


def _days(text: str, register: Register, row: int) -> int:
    if not text:
        return DEFAULT_DAYS
    if text.isdecimal() and 1 <= int(text) <= _MOST_DAYS:
        return int(text)
    register.complain(row, "answer_days", "no_days", most=_MOST_DAYS)
    return DEFAULT_DAYS
