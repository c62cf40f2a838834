"""Tables on the terminal; names that a person has to type are never cut, however narrow the terminal is.

If a row does not fit, each row takes several lines: first the names to type, then the other cells. A pipe or a file
gets lines of any width. Start at `show`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.cli import terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = " " * 2
INDENT = " " * 4


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        heading: the heading; "" for a column of marks.
        right: whether the cells are aligned right, as for figures.
        typed: whether the cells are names that a person types into commands.
    """

    heading: str
    right: bool = False
    typed: bool = False


def show(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Write a table to stdout, fitted to the width of the terminal."""
    from rich.text import Text  # noqa: PLC0415 (as for every console)

    console = terminal.get_stdout()
    cells = [[terminal.escape(cell) for cell in row] for row in rows]
    for line in format_lines(columns, cells, console.width if console.is_terminal else None):
        console.print(Text(line), soft_wrap=True)


def format_lines(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """Return the lines of a table, with the headings first, for a terminal of `width` characters; None for no limit.

    If a line would be wider, each row takes several lines instead, and there is no line of headings.
    """
    headings = [column.heading for column in columns]
    sizes = [max(map(_measure_width, cells)) for cells in zip(headings, *rows, strict=True)]
    lines = [_format_row(columns, sizes, row) for row in (headings, *rows)]
    if width is None or max(map(_measure_width, lines)) <= width:
        return lines
    return [line for row in rows for line in _stack_row(columns, row, width)]


def _format_row(columns: Sequence[Column], sizes: Sequence[int], row: Sequence[str]) -> str:
    """Return a row on one line, its cells padded to `sizes`."""
    padded = []
    for column, size, cell in zip(columns, sizes, row, strict=True):
        space = " " * (size - _measure_width(cell))
        padded.append(space + cell if column.right else cell + space)
    return GAP.join(padded).rstrip()


def _stack_row(columns: Sequence[Column], row: Sequence[str], width: int) -> list[str]:
    """Return a row as several lines: marks and names first, then the other cells with their headings."""
    head = [cell for column, cell in zip(columns, row, strict=True) if cell and (column.typed or not column.heading)]
    lines, rest = [" ".join(head)], ""
    for column, cell in zip(columns, row, strict=True):
        if not cell or column.typed or not column.heading:
            continue
        labelled = f"{column.heading} {cell}"
        if rest and _measure_width(f"{INDENT}{rest}, {labelled}") > width:
            lines.append(f"{INDENT}{rest},")
            rest = labelled
        else:
            rest = f"{rest}, {labelled}" if rest else labelled
    return [*lines, INDENT + rest] if rest else lines


def _measure_width(text: str) -> int:
    """Return the width of `text` on a terminal, in columns; some characters take two."""
    from rich.cells import cell_len  # noqa: PLC0415 (as for every console)

    return cell_len(text)
