"""A terminal emulator (`pyte`) whose screen is read as rows of runs. Start at `Emulator.feed`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyte

from docs.recording.screen import Look, Run

if TYPE_CHECKING:
    from docs.recording.screen import Row

COLOUR, BACKGROUND = "#e0e2ea", "#14161b"  # Neovim's own dark colours, for text in the terminal's default colours
NAMED = {
    "black": "#07080d", "red": "#ffc0b9", "green": "#b3f6c0", "brown": "#fce094", "blue": "#a6dbff",
    "magenta": "#ffcaff", "cyan": "#8cf8f7", "white": "#eef1f8",
}  # fmt: skip
# Sequences that pyte would misread: device controls, private modes of SGR, and underlines with a shape or a colour.
UNKNOWN = re.compile(rb"\x1bP.*?\x1b\\|\x1b\[[>?=][0-9;]*[mu]|\x1b\[[<>=?][0-9;]*u|\x1b\[58[:;0-9]*m", re.DOTALL)
SHAPED = re.compile(rb"\x1b\[([0-9;]*)4:([0-9])([0-9;]*)m")


class Emulator:
    """The screen of a terminal, to which a program writes."""

    def __init__(self, columns: int, rows: int) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)

    def feed(self, data: bytes) -> None:
        """Show what a program has written; a sequence must not be divided between two calls."""
        self._stream.feed(SHAPED.sub(_simplify_underline, UNKNOWN.sub(b"", data)))

    def read_lines(self) -> list[str]:
        """Return the text of the screen, a string for each row."""
        return list(self._screen.display)

    def read_after_cursor(self) -> str:
        """Return the text of the cursor's row, from the cursor to the end of the row, without trailing spaces."""
        return self.read_lines()[self._screen.cursor.y][self._screen.cursor.x :].rstrip()

    def read_rows(self) -> tuple[Row, ...]:
        """Return the rows of the screen."""
        return tuple(self._read_row(number) for number in range(self._screen.lines))

    def _read_row(self, number: int) -> Row:
        """Return a row of the screen as runs of characters with the same look; the cursor's cell is reversed."""
        cursor = self._screen.cursor
        at = -1 if cursor.hidden or cursor.y != number else cursor.x
        cells = self._screen.buffer[number]
        runs: list[Run] = []
        for column in range(self._screen.columns):
            cell = cells[column]
            look = _get_look(cell, reverse=bool(cell.reverse) != (column == at))
            if runs and runs[-1].look == look:
                runs[-1] = Run(runs[-1].column, runs[-1].text + cell.data, look)
            else:
                runs.append(Run(column, cell.data, look))
        return tuple(runs)


def _get_look(cell: Any, *, reverse: bool) -> Look:  # noqa: ANN401 (pyte carries no types)
    """Return the look of a cell of pyte, with its colours exchanged if `reverse`."""
    colour, background = _get_colour(cell.fg, COLOUR), _get_colour(cell.bg, BACKGROUND)
    if reverse:
        colour, background = background, colour
    return Look(colour, background, cell.bold, cell.italics, cell.underscore)


def _get_colour(name: str, default: str) -> str:
    """Return a colour of pyte as "#rrggbb"; `default` for the terminal's own colour and for unknown names."""
    if name == "default":
        return default
    if re.fullmatch(r"[0-9a-fA-F]{6}", name):
        return f"#{name.lower()}"
    return NAMED.get(name.removeprefix("bright"), default)


def _simplify_underline(found: re.Match[bytes]) -> bytes:
    """Return the sequence for an underline with a shape as one for a plain underline, or for none if the shape is 0."""
    line = b"24" if found[2] == b"0" else b"4"
    return b"\x1b[" + found[1] + line + found[3] + b"m"
