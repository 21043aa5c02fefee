"""Small numbers are left out of tables, and nobody can work out what was left out."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.console.small_cells import LEAST, Grid, Shown, protect


def grid(*cells: tuple[int, ...]) -> Grid:
    rows = tuple(f"row {number}" for number in range(len(cells)))
    return Grid(rows, tuple(f"column {number}" for number in range(len(cells[0]))), cells)


COUNT = st.one_of(st.integers(0, 12), st.integers(0, 60), st.sampled_from([0, 1, 9, 10, 500]))


@st.composite
def one_grid(draw: st.DrawFn) -> Grid:
    height, width = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    return grid(*(tuple(draw(COUNT) for _ in range(width)) for _ in range(height)))


@st.composite
def several_grids(draw: st.DrawFn) -> list[Grid]:
    """The same women counted in two or three ways: each grid spreads the same row totals differently."""
    totals = draw(st.lists(COUNT, min_size=1, max_size=5))
    grids = []
    for _ in range(draw(st.integers(2, 3))):
        width = draw(st.integers(1, 5))
        cells = []
        for total in totals:
            cuts = sorted(draw(st.lists(st.integers(0, total), min_size=width - 1, max_size=width - 1)))
            cells.append(tuple(b - a for a, b in itertools.pairwise([0, *cuts, total])))
        grids.append(replace(grid(*cells), open=draw(st.booleans())))
    return grids


def equations(shown: list[Shown]) -> tuple[list[tuple[object, ...]], np.ndarray]:
    """What an onlooker knows: the hidden numbers by name, and one line of coefficients for each sum."""
    names: dict[tuple[object, ...], int] = {}
    lines: list[dict[int, int]] = []

    def part(name: tuple[object, ...], value: int | None, sign: int, line: dict[int, int]) -> None:
        if value is None:
            line[names.setdefault(name, len(names))] = sign

    for place, one in enumerate(shown):
        for row, cells in enumerate(one.cells):
            line: dict[int, int] = {}
            for column, value in enumerate(cells):
                part((place, row, column), value, 1, line)
            part(("row", row), one.row_totals[row], -1, line)
            lines.append(line)
        for column, total in enumerate(one.column_totals):
            line = {}
            for row, cells in enumerate(one.cells):
                part((place, row, column), cells[column], 1, line)
            part((place, "column", column), total, -1, line)
            lines.append(line)
        for margin, label in ((one.row_totals, "row"), (one.column_totals, "column")):
            line = {}
            for number, value in enumerate(margin):
                part((label, number) if label == "row" else (place, label, number), value, 1, line)
            part(("all",), one.total, -1, line)
            lines.append(line)
    matrix = np.zeros((len(lines), max(len(names), 1)))
    for number, line in enumerate(lines):
        for column, sign in line.items():
            matrix[number, column] = sign
    return list(names), matrix


def worked_out(shown: list[Shown]) -> list[tuple[object, ...]]:
    """The hidden numbers that all sums together leave only one value for."""
    names, matrix = equations(shown)
    if not names:
        return []
    _, sizes, directions = np.linalg.svd(matrix)
    rank = int((sizes > 1e-9).sum())
    free = directions[rank:]
    return [name for number, name in enumerate(names) if not (np.abs(free[:, number]) > 1e-9).any()]


@given(one_grid())
def test_nothing_hidden_can_be_worked_out_from_the_sums(given_grid: Grid) -> None:
    assert worked_out(protect([given_grid])) == []


@given(several_grids())
def test_nothing_hidden_can_be_worked_out_from_several_tables_together(grids: list[Grid]) -> None:
    # Of a table that shows its totals only, large cells are not hidden but left out: they may be known.
    left_out = {
        (place, row, column)
        for place, one in enumerate(grids)
        for row, cells in enumerate(one.cells)
        for column, value in enumerate(cells)
        if not one.open and value >= LEAST
    }
    assert set(worked_out(protect(grids))) <= left_out


@given(several_grids())
def test_no_small_number_is_shown_and_what_is_shown_is_true(grids: list[Grid]) -> None:
    for of, one in zip(grids, protect(grids), strict=True):
        everything = [value for row in one.cells for value in row] + [*one.row_totals, *one.column_totals, one.total]
        assert all(value is None or value == 0 or value >= LEAST for value in everything)
        for row, true in zip(one.cells, of.cells, strict=True):
            assert all(value in (None, real) for value, real in zip(row, true, strict=True))
        assert all(total in (None, sum(true)) for total, true in zip(one.row_totals, of.cells, strict=True))


@given(several_grids())
def test_tables_shown_together_hide_the_same_totals(grids: list[Grid]) -> None:
    assert len({(one.row_totals, one.total) for one in protect(grids)}) == 1


@given(st.lists(COUNT, min_size=1, max_size=8))
def test_what_is_left_of_a_line_is_never_a_small_group(counts: list[int]) -> None:
    (one,) = protect([grid(tuple(counts))])
    if one.row_totals[0] is not None:
        left = one.row_totals[0] - sum(value for value in one.cells[0] if value is not None)
        hidden = one.cells[0].count(None)
        assert left == 0 or left >= LEAST
        assert hidden != 1
        # Whoever knows that each of them is at least one must not be able to say: then each of them is one.
        assert not hidden or left > hidden


def test_zero_is_nobody_and_large_tables_stay_as_they_are() -> None:
    (one,) = protect([grid((0, 40, 12), (25, 0, 33))])
    assert one.cells == ((0, 40, 12), (25, 0, 33))
    assert (one.row_totals, one.column_totals, one.total) == ((52, 58), (25, 40, 45), 110)


def test_a_second_number_goes_with_the_small_one() -> None:
    (one,) = protect([grid((3, 20, 40))])
    assert one.cells == ((None, None, 40),)
    assert one.row_totals == (63,)


def test_ring_that_leaves_one_answer_is_broken_by_hiding_more() -> None:
    # Every line hides two, yet with at least one in each there is only one way to fill them: more must go.
    (one,) = protect([grid((1, 9, 30), (30, 9, 1), (9, 30, 9))])
    assert worked_out([one]) == []
    assert sum(row.count(None) for row in one.cells) > 6


def test_tables_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match="same row totals"):
        protect([grid((1, 2)), grid((2, 2))])
