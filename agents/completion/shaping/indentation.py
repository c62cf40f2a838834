"""Indentation of a suggestion: its first line continues the cursor's line, the others use the document's unit.

In languages where indentation has a meaning, `blocks` and `yaml_blocks` decide which columns are possible; in others,
no text is dropped for its columns. Start at `indent`; `compute_padding`, `move_to_column` and `fit` handle wrong ones.
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

_OUTER = ("}", ")", "]", "#", "<", "@")  # closing brackets, and beginnings of lines that are often not indented
_LINES = 200  # lines above the cursor that are searched for columns


def find_blocks(cursor: Cursor) -> PythonBlocks | YamlBlocks | None:
    """Return the blocks that are open at `cursor`; None in a language where indentation has no meaning."""
    columns = cursor.document.entry.columns
    if columns == "statements":
        return PythonBlocks.at(cursor)
    return YamlBlocks.at(cursor) if columns == "mappings" else None


def compute_padding(cursor: Cursor) -> str | None:
    """Return the white space that is missing on the cursor's blank line up to the next column where a line may begin.

    "" if none is missing, for a line with text, and for an empty line, which may be at the top level. None, only where
    indentation has a meaning, if no such column is right of the cursor.
    """
    if not cursor.before or cursor.before.strip():
        return ""
    if (blocks := find_blocks(cursor)) is not None:
        return blocks.compute_padding()
    if cursor.document.entry.is_prose or _is_in_brackets(cursor):
        return ""
    here = measure_indentation(cursor.before)
    deeper = [one for one in _list_columns(cursor) if one >= here]
    if not deeper:
        return ""
    whole = make_indentation(min(deeper), cursor.unit)
    return whole.removeprefix(cursor.before) if whole.startswith(cursor.before) else ""


def move_to_column(column: int | None, text: str, cursor: Cursor) -> str:
    """Return recalled `text`, whose first line began at `column`, adjusted to the cursor's line.

    On an empty line, all lines of `text` are indented by `column`. On a line with white space up to another column, the
    result is "" if indentation has a meaning there. Otherwise `text` is unchanged, as it is for a `column` of None.
    """
    here = measure_indentation(cursor.before)
    if column is None or cursor.before.strip() or column == here:
        return text
    if cursor.before:
        blocks = find_blocks(cursor)
        return text if blocks is None or blocks.state.is_continued else ""
    lead = make_indentation(column, cursor.unit)
    return "\n".join(lead + line if line.strip() else line for line in text.split("\n"))


def fit(text: str, cursor: Cursor) -> str:
    """Return the beginning of `text` that fits the open blocks, maybe ""; all of it if indentation has no meaning."""
    blocks = find_blocks(cursor) if text else None
    return text if blocks is None else blocks.fit(text)


def _list_columns(cursor: Cursor) -> set[int]:
    """Return the columns at which the cursor's line may begin, by the indentation of the lines above and below it."""
    above, below, step = cursor.previous_line, cursor.next_line, max(measure_indentation(cursor.unit), 1)
    if opens_body(above, cursor.document.entry):
        return {measure_indentation(above) + step, measure_indentation(above)} | (
            {measure_indentation(below)} if measure_indentation(below) > measure_indentation(above) else set()
        )
    widths = [measure_indentation(line) for line in cursor.prefix.split("\n")[:-1][-_LINES:] if line.strip()]
    return {*range(0, widths[-1], step), widths[-1]} if widths else {0}


def _is_in_brackets(cursor: Cursor) -> bool:
    """Return whether the cursor is inside parentheses, square brackets or a string, where any column is possible."""
    left = scan_before_cursor(cursor)
    return bool(left.quote) or any(one in left.unclosed for one in "([")


def indent(text: str, cursor: Cursor) -> str:
    """Return `text` with its first line indented for the cursor and the others with the document's tabs or spaces."""
    first, line_end, rest = text.partition("\n")
    lines = [_convert_indentation(line, cursor.unit) for line in rest.split("\n")] if line_end else []
    return "\n".join([_indent_first_line(first, cursor), *lines])


def _indent_first_line(line: str, cursor: Cursor) -> str:
    """Return the first line of a suggestion without the white space that is before the cursor already.

    At the very start of a line, it keeps its own indentation within bounds: at most what the code before predicts, and
    at least that of `_find_least_width`.
    """
    body = line.lstrip(" \t")
    if not body:
        return line if cursor.before.strip() else ""
    if cursor.before.strip():
        return body if cursor.before[-1:].isspace() else line
    if cursor.before:
        return body
    return (
        make_indentation(
            max(min(measure_indentation(line), predict_indentation(cursor)), _find_least_width(body, cursor)),
            cursor.unit,
        )
        + body
    )


def _find_least_width(body: str, cursor: Cursor) -> int:
    """Return the least indentation, in columns, of a line that begins with `body` at the cursor.

    0 if indentation has a meaning, or `body` often is at the left margin, or the cursor is in brackets.
    """
    language = cursor.document.entry
    if language.columns or language.is_prose or body.startswith(_OUTER) or _is_in_brackets(cursor):
        return 0
    return min(measure_indentation(cursor.previous_line), measure_indentation(cursor.next_line))


def _convert_indentation(line: str, unit: str) -> str:
    """Return `line` with its indentation in tabs or spaces, as `unit` has it."""
    body = line.lstrip(" \t")
    lead = line[: len(line) - len(body)]
    if not lead or (unit[0] == " " and "\t" not in lead) or (unit == "\t" and " " not in lead):
        return line
    return make_indentation(measure_indentation(line), unit) + body


def make_indentation(columns: int, unit: str) -> str:
    """Return white space of `columns` columns: tabs and up to three spaces if `unit` is a tab, else spaces."""
    if unit == "\t":
        return "\t" * (columns // 4) + " " * (columns % 4)
    return " " * columns
