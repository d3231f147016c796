"""Lists. An id is never cut and no line end is put into it, so that it can be copied.

Where a list is wider than the terminal:

1. Words and texts are cut, down to a smallest width.
2. Columns give way, the least important first: values and words are left out and named below the list;
   further ids, and texts, move to a line below their row.
3. An id in the first column that is wider than half the terminal has a line of its own, and its row goes on
   below it.

Where stdout is no terminal, each row is a line of whole cells with tabs between them, for `cut` and
`awk -F '\\t'`, and everything that is no row goes to stderr.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, TypeVar

from rich.text import Text

from holdfastdb_server.cli.invocation import emit
from holdfastdb_server.cli.views import formatting

T = TypeVar("T")

_GAP = "  "
_WORD_WIDTH = 10
_TEXT_WIDTH = 24
_ID_WIDTH = 40
_PROSE_LENGTH = 600


class Fit(Enum):
    """What becomes of a column's cells where the terminal is too narrow for them."""

    VALUE = auto()
    """Never cut; left out where it does not fit."""
    WORD = auto()
    """Cut to 10 cells at least; left out where it does not fit."""
    TEXT = auto()
    """Cut to 24 cells at least; below its row, on one line, where it does not fit."""
    ID = auto()
    """Never cut; below its row where it does not fit or is wider than 40 cells."""
    PROSE = auto()
    """Always below its row, on as many lines as 600 characters take."""


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """A column of a list. `cell` may return any characters."""

    name: str
    cell: Callable[[T], str | Text]
    fit: Fit = Fit.VALUE
    style: str = ""
    right: bool = False


def print_list(
    columns: Sequence[Column[T]],
    rows: Sequence[T],
    *,
    importance: Sequence[str],
    noun: str,
    total: int,
    is_filtered: bool,
    nothing: str = "",
) -> None:
    """Print the rows and how many there are of `total`, or that there is none. See `print_rows`."""
    if not rows:
        print_none(noun, is_filtered, nothing)
        return
    print_rows(columns, rows, importance)
    if total > len(rows):
        remark(f"{len(rows):,} of {total:,} {_plural(noun)}; --limit or --all shows more.")
    else:
        remark(f"{len(rows):,} {noun if len(rows) == 1 else _plural(noun)}.")


def print_none(noun: str, is_filtered: bool, nothing: str = "") -> None:
    """Say that there are no such rows, or none at all; `nothing` says the latter in other words."""
    none_yet = nothing or f"There are no {_plural(noun)} here yet."
    remark(f"No {noun} is like that." if is_filtered else none_yet)


def _plural(noun: str) -> str:
    return f"{noun.removesuffix('y')}ies" if noun.endswith("y") else f"{noun}s"


def print_rows(columns: Sequence[Column[T]], rows: Sequence[T], importance: Sequence[str]) -> None:
    """Print the rows, below the names of the columns if there are several. A terminal shows no empty column.

    The first column is always there; `importance` names the others, that which gives way last first.
    """
    cells = [[_text(column, row) for row in rows] for column in columns]
    if formatting.has_width():
        first, *others = map(_Cells, columns, cells)
        others = [column for column in others if any(column.cells)]
        _Table(first, others, importance).print()
        return
    if len(columns) > 1:
        emit("\t".join(column.name for column in columns))
    for row in zip(*cells, strict=True):
        emit("\t".join(cell.plain for cell in row))


def remark(text: str) -> None:
    """Print what is no row: on stderr where stdout is no terminal."""
    formatting.console(stderr=not formatting.has_width()).print(text, style="dim", soft_wrap=True)


def _text(column: Column[T], row: T) -> Text:
    cell = column.cell(row)
    if isinstance(cell, Text):
        return cell
    # Of an id, every space counts.
    keeps_spaces = column.fit is Fit.ID or (column.fit is Fit.PROSE and formatting.has_width())
    return Text(formatting.plain(cell) if keeps_spaces else formatting.one_line(cell), column.style)


class _Cells:
    """A column with its cells, and how wide it can be."""

    def __init__(self, column: Column[T], cells: list[Text]) -> None:
        self.name = column.name
        self.fit = column.fit
        self.is_right = column.right
        self.cells = cells
        widths = [cell.cell_len for cell in cells if column.fit is not Fit.ID or cell.cell_len <= _ID_WIDTH]
        # Without a cell that fits, all are below.
        self.is_inline = column.fit is not Fit.PROSE and any(widths)
        self.widest = max(len(column.name), *widths, 0)
        narrowest = {Fit.WORD: _WORD_WIDTH, Fit.TEXT: _TEXT_WIDTH}.get(column.fit, self.widest)
        self.narrowest = max(len(column.name), min(self.widest, narrowest))


class _Table:
    """A list on a terminal: how wide each column is, and which give way."""

    def __init__(self, first: _Cells, others: Sequence[_Cells], importance: Sequence[str]) -> None:
        self._console = formatting.console()
        self._first = first
        self._others = others
        self._first_width = self._choose_first_width()
        inline = [column for column in others if column.is_inline]
        self._widths = self._choose_widths(sorted(inline, key=lambda column: importance.index(column.name)))

    def _choose_first_width(self) -> int:
        name, ids = len(self._first.name), [cell.cell_len for cell in self._first.cells]
        full = max(name, *ids) + sum(len(_GAP) + column.widest for column in self._others if column.is_inline)
        if full <= self._console.width:
            return max(name, *ids)
        # One long id does not narrow the columns of all other rows.
        inline = [width for width in ids if width <= self._console.width // 2]
        return max(name, *inline) if 2 * len(inline) >= len(ids) else name

    def _choose_widths(self, columns: Sequence[_Cells]) -> dict[str, int]:
        """The widths of the columns that fit, the more important first."""
        room = self._console.width - self._first_width
        widths: dict[str, int] = {}
        for column in columns:
            if len(_GAP) + column.narrowest <= room:
                widths[column.name] = column.narrowest
                room -= len(_GAP) + column.narrowest
        for column in columns:
            if column.name in widths:
                more = min(room, column.widest - column.narrowest)
                widths[column.name] += more
                room -= more
        return widths

    def print(self) -> None:
        """Print the names of the columns, the rows, and which columns are left out."""
        if self._others:
            self._print_line(lambda column: Text(column.name, "bold underline"))
        for number in range(len(self._first.cells)):
            self._print_row(number)
        left_out = [
            column.name.lower()
            for column in self._others
            if column.name not in self._widths and column.fit in (Fit.VALUE, Fit.WORD)
        ]
        if left_out:
            remark(f"The terminal is too narrow for: {', '.join(left_out)}.")

    def _print_row(self, number: int) -> None:
        cells = {column.name: column.cells[number] for column in (self._first, *self._others)}
        if cells[self._first.name].cell_len > self._first_width:
            self._print(cells.pop(self._first.name))
        below = [
            (column, cells.pop(column.name))
            for column in self._others
            if column.name not in self._widths
            or (column.fit is Fit.ID and cells[column.name].cell_len > self._widths[column.name])
        ]
        self._print_line(lambda column: cells.get(column.name, Text()))
        self._print_below([(column, cell) for column, cell in below if cell])

    def _print_line(self, cell: Callable[[_Cells], Text]) -> None:
        """Print a line of cells, each in the width of its column."""
        line = _aligned(cell(self._first), self._first_width, self._first.is_right)
        for column in self._others:
            if (width := self._widths.get(column.name)) is not None:
                line = Text.assemble(line, _GAP, _aligned(cell(column), width, column.is_right))
        line.rstrip()
        if line:
            self._print(line)

    def _print_below(self, cells: Sequence[tuple[_Cells, Text]]) -> None:
        """Print the cells that have no place in the line: as many on a line as fit, then the prose."""
        room = self._console.width - len(_GAP)
        line = Text()
        for column, cell in cells:
            label = Text(f"{column.name.lower()} ", "dim")
            if column.fit is Fit.TEXT:
                cell.truncate(max(0, room - len(label)), overflow="ellipsis")
            if column.fit not in (Fit.ID, Fit.TEXT):
                continue
            item = Text.assemble(label, cell)
            if line and line.cell_len + len(_GAP) + item.cell_len > room:
                self._print(Text.assemble(_GAP, line))
                line = Text()
            line = Text.assemble(line, _GAP, item) if line else item
        if line:
            self._print(Text.assemble(_GAP, line))
        for column, cell in cells:
            if column.fit is Fit.PROSE:
                shown, rest = formatting.shorten(cell.plain, _PROSE_LENGTH, "; --json shows them")
                prose = Text.assemble((f"{column.name.lower()} ", "dim"), shown, (rest and f" {rest}", "dim"))
                for wrapped in prose.wrap(self._console, room):
                    wrapped.rstrip()
                    self._print(Text.assemble(_GAP, wrapped))

    def _print(self, line: Text) -> None:
        # Soft: what is wider than the terminal is one line all the same, and is copied as one.
        self._console.print(line, soft_wrap=True)


def _aligned(cell: Text, width: int, is_right: bool) -> Text:
    """The cell in this width, cut where it is wider."""
    cell = cell.copy()
    cell.truncate(width, overflow="ellipsis")
    cell.align("right" if is_right else "left", width)
    return cell
