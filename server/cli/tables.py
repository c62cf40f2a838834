"""Tables on the terminal: the column that a person has to type is never cut, however narrow the terminal is.

Where a row does not fit, each takes several lines: what is typed on one of its own, everything else below. Into a pipe
or a file goes plain text of any width. Start at `show`.
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
        heading: "" for marks.
        right: whether its cells stand at the right, as figures do.
        typed: whether a person types its cells.
    """

    heading: str
    right: bool = False
    typed: bool = False


def show(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Write a table to stdout."""
    from rich.text import Text  # noqa: PLC0415 (as for every console)

    console = terminal.out()
    cells = [[terminal.printable(cell) for cell in row] for row in rows]
    for line in lines_of(columns, cells, console.width if console.is_terminal else None):
        console.print(Text(line), soft_wrap=True)


def lines_of(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """Return the lines of a table in a terminal of `width` columns; None for any width."""
    headings = [column.heading for column in columns]
    sizes = [max(map(_width, cells)) for cells in zip(headings, *rows, strict=True)]
    lines = [_line(columns, sizes, row) for row in (headings, *rows)]
    if width is None or max(map(_width, lines)) <= width:
        return lines
    return [line for row in rows for line in _stacked(columns, row, width)]


def _line(columns: Sequence[Column], sizes: Sequence[int], row: Sequence[str]) -> str:
    padded = []
    for column, size, cell in zip(columns, sizes, row, strict=True):
        space = " " * (size - _width(cell))
        padded.append(space + cell if column.right else cell + space)
    return GAP.join(padded).rstrip()


def _stacked(columns: Sequence[Column], row: Sequence[str], width: int) -> list[str]:
    """One row over several lines: what is typed comes whole, and is broken by the terminal alone."""
    head = [cell for column, cell in zip(columns, row, strict=True) if cell and (column.typed or not column.heading)]
    lines, rest = [" ".join(head)], ""
    for column, cell in zip(columns, row, strict=True):
        if not cell or column.typed or not column.heading:
            continue
        said = f"{column.heading} {cell}"
        if rest and _width(f"{INDENT}{rest}, {said}") > width:
            lines.append(f"{INDENT}{rest},")
            rest = said
        else:
            rest = f"{rest}, {said}" if rest else said
    return [*lines, INDENT + rest] if rest else lines


def _width(text: str) -> int:
    from rich.cells import cell_len  # noqa: PLC0415 (as for every console)

    return cell_len(text)
