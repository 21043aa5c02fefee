"""Counts put into tables that may be seen: by what they are counted, beside the month and the year before.

All tables about visits are protected together (small_cells.py), so that none gives away what another hides.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.console import words
from bot.console.small_cells import LEAST, Grid, Shown, protect
from storage.repositories.cases import rights_group
from storage.repositories.figures import Count

#: What visits are counted by, in the order of the pages; the first ones also by group of rights, cell by cell.
CROSSED = ("channel", "outcome", "town")
BY = ("topic", *CROSSED, "risk", "hour")


@dataclass(frozen=True, slots=True)
class Counted:
    """What one period's visits were: by all but the hour, and by category and hour of the day (local).

    Referrals are counted for themselves, by how they stand.
    """

    visits: Sequence[Count]
    hours: Sequence[tuple[str, int, int]]
    referrals: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: this period, the month before, the year before; None is hidden. `bar`: its length, 0 to 1."""

    label: str
    values: tuple[int | None, ...]
    bar: float


@dataclass(frozen=True, slots=True)
class Listing:
    """One table of lines with its totals."""

    by: str
    lines: tuple[Line, ...]
    totals: tuple[int | None, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nobody is counted in this period."""
        return self.totals[0] == 0

    @property
    def hides(self) -> bool:
        """Whether something in it is hidden."""
        return any(value is None for line in self.lines for value in line.values)


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything about visits: tables of lines by what they count, and this period's tables of rows and columns."""

    listings: Mapping[str, Listing]
    crossed: Mapping[str, Shown]
    totals: tuple[int | None, ...]
    #: Names of the columns of each crossed table, by key.
    labels: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Sums:
    """What stands alone for one period: answers in time (per cent), cases, activities, sign-ups; None is hidden."""

    in_time: int | None
    opened: int | None
    closed: int | None
    sessions: int
    sign_ups: int | None
    seats: int | None


def draw(periods: Sequence[Counted], towns: Mapping[str, str]) -> Picture:
    """The tables of this period, compared with the others; `towns` are names by id, none for one township's staff."""
    labels = _labels(towns)
    families = [_protected(one, labels) for one in periods]
    listings = {by: _listing(by, [family[by] for family in families], labels[by]) for by in labels}
    listings["group"] = _groups([family["risk"] for family in families])
    listings["referral"] = _referred([one.referrals for one in periods])
    return Picture(
        listings,
        {by: families[0][by] for by in CROSSED if by in labels},
        tuple(family["risk"].total for family in families),
        labels,
    )


def ratio(part: int, whole: int) -> int | None:
    """Whole per cent; None when it is of fewer than ten."""
    return round(part / whole * 100) if whole >= LEAST else None


def change(now: int | None, before: int | None) -> int | None:
    """By how many per cent more (or, below nought, less); None when one of them is hidden or there was nothing."""
    if now is None or not before:
        return None
    return round((now - before) / before * 100)


def small(number: int) -> int | None:
    """A number that stands alone: hidden when it is fewer than ten people."""
    return number if number == 0 or number >= LEAST else None


def _labels(towns: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """For each way of counting: what there is, by key, in order."""
    none = words.group("figures_none")
    found = {
        "topic": {**words.group("categories"), "": none["topic"]},
        "channel": {**words.group("channels"), **words.group("origins")},
        "outcome": {**words.group("outcomes"), "": none["outcome"]},
        "town": {**towns, "": none["town"]},
        "risk": {level: words.name("risk", level) for level in ("2", "1", "0")},
        "hour": {str(hour): f"{hour}" for hour in range(24)},
    }
    if not towns:
        del found["town"]
    return found


_KEY: Mapping[str, Callable[[Count], str]] = {
    "topic": lambda one: one.category,
    "channel": lambda one: one.channel,
    "outcome": lambda one: one.outcome,
    "town": lambda one: one.town,
    "risk": lambda one: str(min(one.risk, 2)),
}


def _protected(counted: Counted, labels: Mapping[str, Mapping[str, str]]) -> dict[str, Shown]:
    grids = []
    for by, columns in labels.items():
        if by == "hour":
            parts = [(category, str(hour), number) for category, hour, number in counted.hours]
        else:
            parts = [(one.category, _KEY[by](one), one.number) for one in counted.visits]
        grids.append(_grid(parts, columns, is_open=by in CROSSED))
    return dict(zip(labels, protect(grids), strict=True))


def _grid(parts: Iterable[tuple[str, str, int]], columns: Mapping[str, str], *, is_open: bool) -> Grid:
    """Groups of rights by whatever the columns are; a key nobody has a name for is counted with the last column."""
    rows = tuple(words.group("rights_groups"))
    keys = tuple(columns)
    cells = [[0] * len(keys) for _ in rows]
    place = {key: number for number, key in enumerate(keys)}
    for category, key, number in parts:
        cells[rows.index(rights_group(category))][place.get(key, len(keys) - 1)] += number
    return Grid(rows, keys, tuple(map(tuple, cells)), open=is_open)


def _listing(by: str, periods: Sequence[Shown], labels: Mapping[str, str]) -> Listing:
    columns = list(zip(*(one.column_totals for one in periods), strict=True))
    return Listing(by, _lines(list(labels.values()), columns, keep_empty=by == "hour"), _totals(periods))


def _groups(periods: Sequence[Shown]) -> Listing:
    rows = list(zip(*(one.row_totals for one in periods), strict=True))
    return Listing(
        "group", _lines(list(words.group("rights_groups").values()), rows, keep_empty=True), _totals(periods)
    )


def _referred(periods: Sequence[Mapping[str, int]]) -> Listing:
    labels = words.group("referral_states")
    shown = [
        protect([Grid(("all",), tuple(labels), (tuple(counts.get(state, 0) for state in labels),))])[0]
        for counts in periods
    ]
    return _listing("referral", shown, labels)


def _lines(labels: Sequence[str], values: Sequence[tuple[int | None, ...]], *, keep_empty: bool) -> tuple[Line, ...]:
    """A line for each label; those that were nobody in all periods are left out unless they are to be kept."""
    longest = max((one[0] or 0 for one in values), default=0) or 1
    return tuple(
        Line(label, one, (one[0] or 0) / longest)
        for label, one in zip(labels, values, strict=True)
        if keep_empty or any(value != 0 for value in one)
    )


def _totals(periods: Sequence[Shown]) -> tuple[int | None, ...]:
    return tuple(one.total for one in periods)
