"""Slow and obvious conversions of positions, with which tests compare those of the server."""

from __future__ import annotations

import re

CODECS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


def units(text: str, encoding: str) -> int:
    """Return the number of code units of `text`."""
    codec, size = CODECS[encoding]
    return len(text.encode(codec, "surrogatepass")) // size


def starts(text: str) -> list[int]:
    """Return the offsets at which lines begin."""
    return [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]


def line_text(text: str, line: int) -> str:
    """Return the text of a line, without its end."""
    begins = [*starts(text), len(text)]
    return re.sub(r"[\r\n]+\Z", "", text[begins[line] : begins[line + 1]])


def offset(text: str, line: int, character: int, encoding: str) -> int:
    """Return the code-point offset of a position, clamped to the text."""
    begins = starts(text)
    if line >= len(begins):
        return len(text)
    column = 0
    for one in line_text(text, line):
        character -= units(one, encoding)
        if character < 0:
            break
        column += 1
    return begins[line] + column


def position(text: str, at: int, encoding: str) -> tuple[int, int]:
    """Return the line and character of a code-point offset."""
    line = max(number for number, begin in enumerate(starts(text)) if begin <= at)
    return line, units(text[starts(text)[line] : at], encoding)
