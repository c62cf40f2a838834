"""Screens of a terminal as values: rows of runs of characters with the same look. Start at `Screen`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """The look of characters; colours are "#rrggbb".

    Attributes:
        colour: colour of the characters.
        background: colour behind the characters.
        bold: whether they are bold.
        italic: whether they are italic.
        underlined: whether they are underlined.
    """

    colour: str
    background: str
    bold: bool = False
    italic: bool = False
    underlined: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring characters of a row with the same look.

    Attributes:
        column: column of the first character, from 0.
        text: the characters, one for each cell.
        look: look of the characters.
    """

    column: int
    text: str
    look: Look


Row = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Screen:
    """Content of a terminal from a moment on.

    Attributes:
        at_s: the moment, in seconds since the recording began.
        rows: rows from top to bottom; all rows have the same number of cells.
    """

    at_s: float
    rows: tuple[Row, ...]
