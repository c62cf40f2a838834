"""Screens of a terminal as values: rows of runs of characters with the same look. Start at `Screen`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """The look of characters; colours are "#rrggbb".

    Attributes:
        colour: of the characters.
        background: behind the characters.
        bold: thicker.
        italic: slanted.
        underlined: with a line below.
    """

    colour: str
    background: str
    bold: bool = False
    italic: bool = False
    underlined: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of one row that look alike.

    Attributes:
        column: of the first character, from 0.
        text: the characters, one for each cell.
        look: how they look.
    """

    column: int
    text: str
    look: Look


Row = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Screen:
    """The content of a terminal from a moment on.

    Attributes:
        at_s: the moment, seconds since the recording began.
        rows: from top to bottom; all rows have the same number of cells.
    """

    at_s: float
    rows: tuple[Row, ...]
