"""Numbers under ten leave no table, and none that is left out can be worked out from the rest (safety.md).

A count of three women in one township under one heading tells their neighbours who they are. Leaving out the three is
not enough: the row's total minus what is shown gives it back. So more cells are left out, until in every table each
hidden number could still be a larger or a smaller one with all sums as shown. Several tables about the same rows are
protected together: what one of them hides in the margin, no other shows.

Nought is shown: it is nobody. Whoever reads knows that what is hidden is at least one; the search counts with that.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

#: Fewer than so many people are not shown (domain facts, section 14: 小样本（少于10）).
LEAST = 10

Cell = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Grid:
    """Counts by row and column; `cells` has a tuple for each row. Not `open`: only the totals are to be shown."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[int, ...], ...]
    open: bool = True


@dataclass(frozen=True, slots=True)
class Shown:
    """A grid as it may be seen: None is hidden."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[int | None, ...], ...]
    row_totals: tuple[int | None, ...]
    column_totals: tuple[int | None, ...]
    total: int | None


def protect(grids: Sequence[Grid]) -> list[Shown]:
    """The grids as they may be seen together. All have the same rows, the same row totals and so the same total."""
    sheets = [_Sheet.of(grid) for grid in grids]
    for sheet in sheets:
        if sheet.totals() != sheets[0].totals():
            raise ValueError("grids that are shown together must have the same row totals")
    margins: set[int] = set()
    while True:
        for sheet in sheets:
            sheet.hidden |= {(row, sheet.width - 1) for row in margins}
            sheet.settle()
        found = {row for sheet in sheets for row, column in sheet.hidden if column == sheet.width - 1}
        if found == margins:
            return [sheet.shown(grid) for sheet, grid in zip(sheets, grids, strict=True)]
        margins = found


@dataclass(slots=True)
class _Sheet:
    """A grid with its totals as last row and column: inner cells count up in a line, totals count down, to nought."""

    values: list[list[int]]
    hidden: set[Cell] = field(default_factory=set)
    #: Large numbers that merely stand in no table: it does no harm when somebody works them out.
    harmless: set[Cell] = field(default_factory=set)

    @classmethod
    def of(cls, grid: Grid) -> "_Sheet":
        values = [[*row, sum(row)] for row in grid.cells]
        values.append(
            [sum(column) for column in zip(*values, strict=True)] if values else [0] * (len(grid.columns) + 1)
        )
        sheet = cls(values)
        for row, column in sheet.every():
            is_total = row == sheet.height - 1 or column == sheet.width - 1
            if 0 < values[row][column] < LEAST:
                sheet.hidden.add((row, column))
            elif values[row][column] and not (is_total or grid.open):
                sheet.harmless.add((row, column))
        sheet.hidden |= sheet.harmless
        return sheet

    @property
    def height(self) -> int:
        return len(self.values)

    @property
    def width(self) -> int:
        return len(self.values[0])

    def every(self) -> Iterator[Cell]:
        return ((row, column) for row in range(self.height) for column in range(self.width))

    def totals(self) -> list[int]:
        return [row[-1] for row in self.values]

    def settle(self) -> None:
        """Hide more until nothing hidden can be worked out; in the worst case everything is."""
        while True:
            before = len(self.hidden)
            for line in self._lines():
                while self._tells_a_small_sum(line) and self._hide_one(line):
                    pass
            for row, column in sorted(self.hidden - self.harmless):
                if self._is_pinned(row, column) and not self._make_way(row, column):
                    self._hide_one([*self._row(row), *self._column(column)])
            if len(self.hidden) == before:
                return

    def shown(self, grid: Grid) -> Shown:
        def seen(row: int, column: int) -> int | None:
            return None if (row, column) in self.hidden else self.values[row][column]

        last_row, last_column = self.height - 1, self.width - 1
        return Shown(
            rows=grid.rows,
            columns=grid.columns,
            cells=tuple(tuple(seen(row, column) for column in range(last_column)) for row in range(last_row)),
            row_totals=tuple(seen(row, last_column) for row in range(last_row)),
            column_totals=tuple(seen(last_row, column) for column in range(last_column)),
            total=seen(last_row, last_column),
        )

    def _row(self, row: int) -> list[Cell]:
        return [(row, column) for column in range(self.width)]

    def _column(self, column: int) -> list[Cell]:
        return [(row, column) for row in range(self.height)]

    def _lines(self) -> Iterator[list[Cell]]:
        yield from (self._row(row) for row in range(self.height))
        yield from (self._column(column) for column in range(self.width))

    def _tells_a_small_sum(self, line: list[Cell]) -> bool:
        """Whether a shown total minus what is shown gives the sum of fewer than ten people."""
        *parts, total = line
        left = [self.values[row][column] for row, column in parts if (row, column) in self.hidden]
        return total not in self.hidden and bool(left) and sum(left) < LEAST

    def _hide_one(self, cells: Sequence[Cell]) -> bool:
        """Hide the least of the cells still shown, totals last; False when there is none."""
        choice = [one for one in cells if one not in self.hidden and self.values[one[0]][one[1]]]
        if not choice:
            return False
        self.hidden.add(min(choice, key=lambda one: (self._rank(one), self.values[one[0]][one[1]], one)))
        return True

    def _make_way(self, row: int, column: int) -> bool:
        """Hide what is least missed so that this number can move round a square; False when there is none."""
        best: tuple[int, int, list[Cell]] | None = None
        for row_2 in set(range(self.height)) - {row}:
            for column_2 in set(range(self.width)) - {column}:
                ring = [(row_2, column), (row_2, column_2), (row, column_2)]
                if not any(
                    self._could(row, column, up=up)
                    and all(self._could(*cell, up=up == (place == 1)) for place, cell in enumerate(ring))
                    for up in (True, False)
                ):
                    continue
                new = [cell for cell in ring if cell not in self.hidden]
                regret = sum(map(self._rank, new)), sum(self.values[one[0]][one[1]] for one in new), new
                best = regret if best is None else min(best, regret)
        if best is None:
            return False
        self.hidden |= set(best[2])
        return True

    def _rank(self, cell: Cell) -> int:
        return (cell[0] == self.height - 1) + (cell[1] == self.width - 1)

    def _is_pinned(self, row: int, column: int) -> bool:
        """Whether no other number fits into this hidden cell with all sums as they are."""
        return not (self._moves(row, column, up=True) or self._moves(row, column, up=False))

    def _moves(self, row: int, column: int, *, up: bool) -> bool:
        """Whether one more (or less) here can be made good by other hidden cells, line after line, back to here."""
        if not self._can(row, column, up=up):
            return False
        seen_rows, seen_columns, todo = set(), {column}, deque([column])
        while todo:
            at = todo.popleft()
            for other in range(self.height):
                if other in seen_rows or (other, at) == (row, column) or not self._can(other, at, up=not up):
                    continue
                if other == row:
                    return True
                seen_rows.add(other)
                for next_column in range(self.width):
                    if next_column not in seen_columns and self._can(other, next_column, up=up):
                        seen_columns.add(next_column)
                        todo.append(next_column)
        return False

    def _can(self, row: int, column: int, *, up: bool) -> bool:
        """Whether this cell is hidden and its part of the line may go up (or down)."""
        return (row, column) in self.hidden and self._could(row, column, up=up)

    def _could(self, row: int, column: int, *, up: bool) -> bool:
        """The same of a cell that may still be shown: nothing hidden is nought, before or after."""
        if not self.values[row][column]:
            return False
        # A total stands on the other side of its equation: to let the line grow it has to shrink.
        counts_up = (row == self.height - 1) == (column == self.width - 1)
        return up == counts_up or self.values[row][column] > 1
