"""Indentation of a suggestion: the first line continues what is before the cursor, the others use the document's unit.

Where columns have a meaning `blocks` and `yaml_blocks` say which may be used; elsewhere they are a matter of looks, and
nothing is refused for them. Start at `indent`; compute_padding, `move_to` and `fit` are for columns that do not fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.completion.cursor import measure_indentation
from agents.completion.plan import opens_body, predict_indentation
from agents.completion.shaping.blocks import PythonBlocks
from agents.completion.shaping.closing import scan_before_cursor
from agents.completion.shaping.yaml_blocks import YamlBlocks

if TYPE_CHECKING:
    from agents.completion.cursor import Cursor

_OUTER = ("}", ")", "]", "#", "<", "@")  # closers, and what stands at the begin of a line in several languages
_LINES = 200  # above the cursor, in search of the blocks it stands in


def find_blocks(cursor: Cursor) -> PythonBlocks | YamlBlocks | None:
    """Return the open blocks at a place, None in a language where they are not made of indentation."""
    columns = cursor.document.entry.columns
    if columns == "statements":
        return PythonBlocks.at(cursor)
    return YamlBlocks.at(cursor) if columns == "mappings" else None


def compute_padding(cursor: Cursor) -> str | None:
    """Return the white space that a blank line lacks to the next column a line may begin at; None where none fits.

    A line without any is left alone: it may be a line at the top.
    """
    if not cursor.before or cursor.before.strip():
        return ""
    if (blocks := find_blocks(cursor)) is not None:
        return blocks.compute_padding()
    if cursor.document.entry.is_prose or _is_inside(cursor):
        return ""
    here = measure_indentation(cursor.before)
    deeper = [one for one in _columns(cursor) if one >= here]
    if not deeper:
        return ""
    whole = make_indentation(min(deeper), cursor.unit)
    return whole.removeprefix(cursor.before) if whole.startswith(cursor.before) else ""


def move_to(column: int | None, text: str, cursor: Cursor) -> str:
    """Return a recalled text for the column that its first line begins at, "" where another block stands there."""
    here = measure_indentation(cursor.before)
    if column is None or cursor.before.strip() or column == here:
        return text
    if cursor.before:
        blocks = find_blocks(cursor)
        return text if blocks is None or blocks.state.is_continued else ""
    lead = make_indentation(column, cursor.unit)
    return "\n".join(lead + line if line.strip() else line for line in text.split("\n"))


def fit(text: str, cursor: Cursor) -> str:
    """Return `text` up to the last line that may stand where it does, "" for none."""
    blocks = find_blocks(cursor) if text else None
    return text if blocks is None else blocks.fit(text)


def _columns(cursor: Cursor) -> set[int]:
    """Return the columns at which the next line usually begins: of the blocks that are open above it."""
    above, below, step = cursor.previous_line, cursor.next_line, max(measure_indentation(cursor.unit), 1)
    if opens_body(above, cursor.document.entry):
        return {measure_indentation(above) + step, measure_indentation(above)} | (
            {measure_indentation(below)} if measure_indentation(below) > measure_indentation(above) else set()
        )
    widths = [measure_indentation(line) for line in cursor.prefix.split("\n")[:-1][-_LINES:] if line.strip()]
    return {*range(0, widths[-1], step), widths[-1]} if widths else {0}


def _is_inside(cursor: Cursor) -> bool:
    """Return whether the cursor stands inside of brackets or a string, where any column will do."""
    left = scan_before_cursor(cursor)
    return bool(left.quote) or any(one in left.unclosed for one in "([")


def indent(text: str, cursor: Cursor) -> str:
    """Return `text` with its first line indented for the cursor, and with the document's tabs or spaces."""
    first, line_end, rest = text.partition("\n")
    lines = [_in_units(line, cursor.unit) for line in rest.split("\n")] if line_end else []
    return "\n".join([_first(first, cursor), *lines])


def _first(line: str, cursor: Cursor) -> str:
    """Return the first line, indented once and without a second space."""
    body = line.lstrip(" \t")
    if not body:
        return line if cursor.before.strip() else ""
    if cursor.before.strip():
        return body if cursor.before[-1:].isspace() else line
    if cursor.before:
        return body
    return (
        make_indentation(
            max(min(measure_indentation(line), predict_indentation(cursor)), _least_width(body, cursor)), cursor.unit
        )
        + body
    )


def _least_width(body: str, cursor: Cursor) -> int:
    """Return the columns that a line without indentation lacks, where they do not change what it means."""
    language = cursor.document.entry
    if language.columns or language.is_prose or body.startswith(_OUTER) or _is_inside(cursor):
        return 0
    return min(measure_indentation(cursor.previous_line), measure_indentation(cursor.next_line))


def _in_units(line: str, unit: str) -> str:
    body = line.lstrip(" \t")
    lead = line[: len(line) - len(body)]
    if not lead or (unit[0] == " " and "\t" not in lead) or (unit == "\t" and " " not in lead):
        return line
    return make_indentation(measure_indentation(line), unit) + body


def make_indentation(columns: int, unit: str) -> str:
    """Return an indentation of `columns` columns in units of the document."""
    if unit == "\t":
        return "\t" * (columns // 4) + " " * (columns % 4)
    return " " * columns
