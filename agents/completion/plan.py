"""The plan of a suggestion, made before any text is known: nothing, the rest of a line, or a block.

By the syntax tree, or by the lines around the cursor where there is none. Start at `needs_syntax` and `plan`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from agents.completion.cursor import measure_indentation
from agents.suggestions import Trigger

if TYPE_CHECKING:
    from agents.completion.completion_policy import CompletionPolicy
    from agents.completion.cursor import Cursor
    from indexing.syntax.languages import Language
    from indexing.syntax.layout import Surroundings

_DEFINITION = re.compile(r"\s*(?:async\s+)?(?:def|class)\s")
_TRIPLE_QUOTE = ('"""', "'''")


class Extent(StrEnum):
    """Largest extent of a suggestion."""

    NOTHING = "nothing"
    LINE = "line"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a suggestion.

    Attributes:
        extent: the largest extent.
        indentation: least indentation of the block's lines below the first, columns.
        one_statement: the block is a single statement with its body and branches.
        lines: the most lines of a block.
        tokens: budget of new model tokens.
    """

    extent: Extent
    indentation: int = 0
    one_statement: bool = False
    lines: int = 1
    tokens: int = 48


def plan(cursor: Cursor, place: Surroundings | None, *, trigger: Trigger, policy: CompletionPolicy) -> Plan:
    """Return the plan of a suggestion at `cursor`.

    While a person types, the extent is "nothing" after a complete line, and "block" only in an empty body or at the top
    level.

    Args:
        cursor: the cursor to complete at.
        place: the cursor's place in the syntax tree, None without a tree.
        trigger: a person who asks gets a block wherever `policy` allows one, and never the extent "nothing".
        policy: settings, such as the longest block.
    """
    line = Plan(Extent.LINE, lines=1, tokens=policy.line_tokens)
    blank = not cursor.before.strip()
    in_text = place is not None and place.kind in {"comment", "string"}
    if trigger is Trigger.AUTOMATIC and not in_text and _is_finished(cursor) and not opens_empty_body(cursor, place):
        return Plan(Extent.NOTHING)
    if not policy.blocks or in_text or cursor.after.strip():
        return line
    indentation, one_statement = predict_indentation(cursor), False
    if opens_empty_body(cursor, place):
        pass
    elif blank and not measure_indentation(cursor.before) and _is_at_top_level(cursor, place):
        indentation, one_statement = 0, True
    elif trigger is Trigger.INVOKED:
        if not blank:  # only the statement on the cursor's line, with its body and branches
            indentation, one_statement = measure_indentation(cursor.before), True
    else:
        return line
    return Plan(Extent.BLOCK, indentation, one_statement, policy.block_lines, policy.block_tokens)


def needs_syntax(cursor: Cursor, *, trigger: Trigger) -> bool:
    """Return whether the plan may depend on the syntax tree.

    False only while a person types in a line with text that neither is complete nor opens a body.
    """
    if trigger is Trigger.INVOKED or not cursor.before.strip():
        return True
    return _is_finished(cursor) or opens_body(cursor.before, cursor.document.entry)


def opens_empty_body(cursor: Cursor, place: Surroundings | None) -> bool:
    """Return whether a body begins at the cursor and is empty, or has only a docstring, which is above the cursor."""
    if place is not None and place.kind != "none":
        return (place.in_empty_body or place.after_docstring) and _can_begin_body(cursor)
    header = cursor.before if cursor.before.strip() else cursor.previous_line
    if opens_body(header, cursor.document.entry):
        return measure_indentation(cursor.next_line) <= measure_indentation(header)
    if cursor.before.strip() or not header.rstrip().endswith(_TRIPLE_QUOTE):
        return False
    return measure_indentation(cursor.next_line) < measure_indentation(header) and _is_docstring(cursor)


def predict_indentation(cursor: Cursor) -> int:
    """Return the indentation, in columns, that the next line of code at the cursor should have."""
    if not cursor.before.strip():
        if cursor.before:
            return measure_indentation(cursor.before)
        header = cursor.previous_line
    else:
        header = cursor.before
    columns = measure_indentation(header)
    return columns + measure_indentation(cursor.unit) if opens_body(header, cursor.document.entry) else columns


def opens_body(line: str, language: Language) -> bool:
    """Return whether `line` ends with a token that opens a body in `language`, such as a colon or a brace."""
    return line.rstrip().endswith(language.openers)


def _can_begin_body(cursor: Cursor) -> bool:
    """Return whether the cursor is on a blank line or right after the token that opens a body."""
    return not cursor.before.strip() or opens_body(cursor.before, cursor.document.entry)


def _is_finished(cursor: Cursor) -> bool:
    """Return whether the text before the cursor ends as complete lines do in its language; False if that is unknown."""
    finished = cursor.document.entry.finished
    return bool(finished) and re.search(finished, cursor.before.rstrip()) is not None


def _is_at_top_level(cursor: Cursor, place: Surroundings | None) -> bool:
    """Return whether a line at the top level may begin at the cursor; without a tree, judged by the line below."""
    if place is not None and place.kind != "none":
        return place.at_top_level_line
    return measure_indentation(cursor.next_line) == 0


def _is_docstring(cursor: Cursor) -> bool:
    """Return whether the triple-quoted string that ends above the cursor began right below a definition."""
    lines = [line for line in cursor.prefix.split("\n")[:-1] if line.strip()][-40:]
    for at in range(len(lines) - 1, 0, -1):
        opens_here = lines[at].lstrip().lstrip("rRbBuU").startswith(_TRIPLE_QUOTE)
        if opens_here and (at < len(lines) - 1 or lines[at].strip() not in _TRIPLE_QUOTE):
            return bool(_DEFINITION.match(lines[at - 1]))
    return False
