"""Indentation of a suggestion: the first line continues what is before the cursor, the others use the document's unit.

Never looks at anything but leading whitespace. Start at `indented`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.generator.cursor import width
from agents.generator.plan import expected_width

if TYPE_CHECKING:
    from agents.generator.cursor import Cursor


def indented(text: str, cursor: Cursor) -> str:
    """`text` with the first line's indentation fitting to the cursor and tabs or spaces as in the document."""
    first, line_end, rest = text.partition("\n")
    lines = [_in_units(line, cursor.unit) for line in rest.split("\n")] if line_end else []
    return "\n".join([_first(first, cursor), *lines])


def _first(line: str, cursor: Cursor) -> str:
    """The first line: never indented twice, never with a second space."""
    body = line.lstrip(" \t")
    if not body:
        return line if cursor.before.strip() else ""
    if cursor.before.strip():
        return body if cursor.before[-1:].isspace() else line
    missing = expected_width(cursor) - width(cursor.before)
    if cursor.before or not line[: len(line) - len(body)]:
        return body
    return whitespace(min(width(line), max(missing, 0)), cursor.unit) + body


def _in_units(line: str, unit: str) -> str:
    body = line.lstrip(" \t")
    lead = line[: len(line) - len(body)]
    if not lead or (unit[0] == " " and "\t" not in lead) or (unit == "\t" and " " not in lead):
        return line
    return whitespace(width(line), unit) + body


def whitespace(columns: int, unit: str) -> str:
    """Indentation of so many columns in units of the document."""
    if unit == "\t":
        return "\t" * (columns // 4) + " " * (columns % 4)
    return " " * columns
