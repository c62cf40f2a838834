"""Indentation of a suggestion: the first line continues what is before the cursor, the others use the document's unit.

Looks at whitespace, and at which lines open a block. Start at `indented`; `padding`, `moved_to` and `is_misplaced` are
for a cursor on a blank line that is not indented as its next line has to be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.generator.closing import open_before
from agents.generator.cursor import width
from agents.generator.plan import expected_width, opens

if TYPE_CHECKING:
    from agents.generator.cursor import Cursor

_FREE = frozenset({"", "text", "plaintext", "markdown", "latex", "restructuredtext"})  # indented as anybody likes
_STRICT = frozenset({"python", "yaml"})
_OUTER = ("}", ")", "]", "#", "<", "@")  # closers, and what stands at the begin of a line in several languages
_GOES_ON = (":", "\\", "-", "|", ">", ",", "(", "[", "{")
_LINES = 200  # above the cursor, in search of the blocks it stands in


def padding(cursor: Cursor) -> str | None:
    """Return the white space that a blank line lacks to the next column a line may begin at; None where none fits.

    A line without any is left alone: it may be a line at the top.
    """
    if not cursor.before or cursor.before.strip() or cursor.document.language in _FREE or _is_inside(cursor):
        return ""
    here, step = width(cursor.before), max(width(cursor.unit), 1)
    possible = _columns(cursor)
    if here in possible:
        return ""
    deeper = [one for one in possible if one > here and one % step == 0]
    if not deeper:
        return None
    whole = whitespace(min(deeper), cursor.unit)
    return whole.removeprefix(cursor.before) if whole.startswith(cursor.before) else None


def moved_to(column: int | None, text: str, cursor: Cursor) -> str:
    """Return a recalled text for the column that its first line begins at, "" where the cursor stands elsewhere."""
    here = width(cursor.before)
    if column is None or cursor.before.strip() or column == here:
        return text
    if cursor.before:
        return ""
    lead = whitespace(column, cursor.unit)
    return "\n".join(lead + line if line.strip() else line for line in text.split("\n"))


def is_misplaced(text: str, cursor: Cursor) -> bool:
    """Return whether a text that begins on a blank line stands at columns where its lines cannot."""
    language, above, below = cursor.document.language, cursor.previous_line, cursor.next_line
    lines = [line for line in (cursor.before + text.lstrip("\n")).split("\n") if line.strip()]
    if cursor.before.strip() or language in _FREE or not lines or _is_inside(cursor):
        return False
    column, last = width(lines[0]), width(lines[-1])
    if language not in _STRICT:
        return column < min(width(above), width(below)) and not lines[0].lstrip().startswith(_OUTER)
    if language == "python" and column not in _columns(cursor) and not opens(above, language):
        return True
    if language == "python" and opens(above, language):
        inner = width(below) if width(below) > width(above) else column
        return column <= width(above) or column != inner
    return width(below) > last and not below.lstrip().startswith("#") and not lines[-1].endswith(_GOES_ON)


def _columns(cursor: Cursor) -> set[int]:
    """Return the columns at which the next line may begin: of the blocks that are open above it."""
    above, below = cursor.previous_line, cursor.next_line
    if opens(above, cursor.document.language):
        inner = width(above) + width(cursor.unit)
        if cursor.document.language == "python":
            return {width(below)} if width(below) > width(above) else {inner}
        return {inner, width(above)} | ({width(below)} if width(below) > width(above) else set())
    found = {0}
    least = None
    for line in reversed(cursor.prefix.split("\n")[:-1][-_LINES:]):
        if line.strip() and (least is None or width(line) < least):
            least = width(line)
            found.add(least)
            if cursor.document.language == "yaml" and line.lstrip().startswith("- "):
                found.add(least + 2)
            if not least:
                break
    step = max(width(cursor.unit), 1)
    most = max(found)
    if cursor.document.language != "python":
        found |= set(range(0, most, step))
    return found


def _is_inside(cursor: Cursor) -> bool:
    """Return whether the cursor stands inside of brackets or a string, where any column will do."""
    left = open_before(cursor)
    brackets = "([{" if cursor.document.language in _STRICT else "(["
    return bool(left.quote) or any(one in left.unclosed for one in brackets)


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
