"""The duty roster as a spreadsheet: read with what is wrong in which row, written in the same form."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

import xlsxwriter

from bot.console import sheets, words
from bot.console.sheets import BadSheet
from storage.repositories.roster import ShiftView

COLUMNS = ("day", "who", "level", "begin", "end", "plan")
MOST_ROWS = 2000
MOST_BYTES = 200 * 1024
_WEEKDAYS = "一二三四五六日"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in the row people see as number `row` (1 is the heading), and in which column."""

    row: int
    column: str
    sentence: str


@dataclass(slots=True)
class Read:
    """The rows of a file, and everything that is wrong with it; rows count only when nothing is."""

    shifts: list[ShiftView] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def complain(self, row: int, column: str, key: str, **values: Any) -> None:
        """One more thing to mend."""
        sentence = words.name("roster_problems", key).format(**values)
        self.problems.append(Problem(row, words.name("roster_fields", column) if column else "", sentence))


def read_file(content: bytes, people: Mapping[str, str]) -> Read:
    """Read .xlsx or .csv with the headings of `write_file`; `people` is id by name and by login."""
    read = Read()
    try:
        rows = sheets.read_rows(content, most_rows=MOST_ROWS, most_bytes=MOST_BYTES)
    except BadSheet as error:
        read.complain(1, "", error.key)
        return read
    places = {sheets.text_at(rows[0], place): place for place in range(len(rows[0]))} if rows else {}
    heads = {name: places.get(words.name("roster_fields", name)) for name in COLUMNS}
    for name in COLUMNS[:-1]:
        if heads[name] is None:
            read.complain(1, name, "no_column")
    if read.problems:
        return read
    for number, row in enumerate(rows[1:], 2):
        cells = {name: _cell(row, place) for name, place in heads.items() if place is not None}
        if any(cells.values()):
            read_row(cells, people, read, number)
    if not read.shifts and not read.problems:
        read.complain(1, "", "empty")
    return read


def read_row(cells: Mapping[str, str], people: Mapping[str, str], read: Read, row: int) -> None:
    """One row, or one form, as a shift; what is wrong is added to `read`."""
    before = len(read.problems)
    weekday, day = _day(cells.get("day", ""))
    if weekday is None and day is None:
        read.complain(row, "day", "no_day", value=cells.get("day", ""))
    staff_id = people.get(cells.get("who", ""), "")
    if not staff_id:
        read.complain(row, "who", "nobody", value=cells.get("who", ""))
    levels = {word: int(key) for key, word in words.group("duty_levels").items()}
    level = levels.get(cells.get("level", ""))
    if level is None:
        read.complain(row, "level", "no_level", value=cells.get("level", ""))
    minutes = {}
    for name in ("begin", "end"):
        minutes[name] = _minute(cells.get(name, ""))
        if minutes[name] is None:
            read.complain(row, name, "no_time", value=cells.get(name, ""))
    plan = cells.get("plan", "") or words.name("roster_plans", "duty")
    if plan not in words.group("roster_plans").values():
        read.complain(row, "plan", "no_plan", value=plan)
    off = plan == words.name("roster_plans", "gone")
    if off and day is None and weekday is not None:
        read.complain(row, "plan", "gone_needs_date")
    if len(read.problems) > before:
        return
    read.shifts.append(
        ShiftView(staff_id, level or 1, minutes["begin"] or 0, minutes["end"] or 0, weekday=weekday, day=day, off=off)
    )


def write_file(shifts: Iterable[ShiftView], names: Mapping[str, str]) -> bytes:
    """The roster as .xlsx, with a second sheet of the words that may be used."""
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False})
    bold = book.add_format({"bold": True, "bottom": 1})
    sheet = book.add_worksheet(words.name("roster_sheets", "roster"))
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(COLUMNS), 14)
    for place, name in enumerate(COLUMNS):
        sheet.write_string(0, place, words.name("roster_fields", name), bold)
    for number, one in enumerate(shifts, 1):
        for place, text in enumerate(_cells(one, names)):
            sheet.write_string(number, place, text)
    lists = book.add_worksheet(words.name("roster_sheets", "words"))
    choices: Sequence[Sequence[str]] = (
        [f"周{one}" for one in _WEEKDAYS],
        list(names.values()),
        list(words.group("duty_levels").values()),
        ["08:30"],
        ["17:30"],
        list(words.group("roster_plans").values()),
    )
    for place, (name, column) in enumerate(zip(COLUMNS, choices, strict=True)):
        lists.write_string(0, place, words.name("roster_fields", name), bold)
        for number, word in enumerate(column, 1):
            lists.write_string(number, place, word)
    book.close()
    return content.getvalue()


def clock_of(minute: int) -> str:
    """Minutes of a day as 08:30."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _cells(one: ShiftView, names: Mapping[str, str]) -> tuple[str, ...]:
    return (
        one.day.isoformat() if one.day else f"周{_WEEKDAYS[(one.weekday or 1) - 1]}",
        names.get(one.staff_id, ""),
        words.name("duty_levels", str(one.level)),
        clock_of(one.begin_minute),
        clock_of(one.end_minute),
        words.name("roster_plans", "gone" if one.off else "duty"),
    )


def _cell(row: Sequence[Any], place: int) -> str:
    """Dates and times of a spreadsheet are numbers there: written as people type them."""
    value = row[place] if place < len(row) else None
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.strftime("%H:%M")
    return sheets.text_at(row, place)


def _day(text: str) -> tuple[int | None, date | None]:
    plain = text.removeprefix("星期").removeprefix("周").replace("天", "日")
    if len(plain) == 1 and plain in _WEEKDAYS:
        return _WEEKDAYS.index(plain) + 1, None
    try:
        return None, date.fromisoformat(text.replace("/", "-"))
    except ValueError:
        return None, None


def _minute(text: str) -> int | None:
    hour, mark, minute = text.replace("：", ":").partition(":")
    if not (mark and hour.isdecimal() and minute.isdecimal()) or int(minute) > 59 or len(hour) > 2:
        return None
    found = int(hour) * 60 + int(minute)
    return found if found <= 24 * 60 else None
