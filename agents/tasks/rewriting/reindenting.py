"""Reindentation of code for the document that it goes into: its steps of indentation become the document's.

Lines aligned with an open bracket keep their distance to it, and the inside of strings stays as it is. Knows no model.
Start at `reindent` and `detect_unit`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from indexing.syntax.syntax import Syntax
from indexing.syntax.texts import ByteLines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import tree_sitter

    from indexing.syntax.documents import Document

_TAB = 4  # columns of a tab where tabs and spaces are mixed
_STRING = re.compile(r"string|char_literal|heredoc_body|template_literal|raw_text|text_block")
_DOCSTRING = re.compile(r"""\s*[rRuU]?(?:\"{3}|'{3})""")
_OPEN, _CLOSED = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines of a text that are no ordinary code: inside of a string or docstring, or aligned with a bracket."""

    in_string: frozenset[int]
    in_docstring: frozenset[int]
    aligned: dict[int, int]  # line -> the line whose bracket it is aligned with


def reindent(lines: Sequence[str], document: Document, *, piece: str, indentation: str, unit: str) -> list[str]:
    """Return `lines` reindented: the first at `indentation`, the others relative to it in steps of `unit`.

    Args:
        lines: the code; its first line is not blank.
        document: the document it goes into, for its language.
        piece: the code that it replaces; lines inside of strings that occur there are taken from there.
        indentation: white space of the first line.
        unit: one step of indentation in the document.
    """
    known = _analyse_lines("\n".join(lines), document)
    step = detect_unit([line for at, line in enumerate(lines) if at not in known.in_string and at not in known.aligned])
    base = _count_columns(_read_indentation(lines[0]), step)
    held = piece.splitlines()
    made: list[str] = []
    for at, line in enumerate(lines):
        if not line.strip():
            made.append(line if at in known.in_string else "")
        elif at in known.in_string and (same := _find_held_line(line, held)) is not None:
            made.append(same)
        elif at in known.in_string and at not in known.in_docstring:
            made.append(line)
        elif at in known.aligned:
            opener = known.aligned[at]
            distance = _count_columns(_read_indentation(line), step) - _count_columns(
                _read_indentation(lines[opener]), step
            )
            made.append(_read_indentation(made[opener]) + " " * distance + line.lstrip())
        else:
            made.append(
                _build_indentation(_count_columns(_read_indentation(line), step) - base, step, indentation, unit)
                + line.lstrip()
            )
    return made


def detect_unit(lines: Sequence[str], default: str = "    ") -> str:
    """Return one step of indentation of some lines: a tab if any line is indented with one, else spaces.

    These are the fewest spaces, at least two, by which a line is deeper than the shallowest one; `default` if none is.
    """
    leads = [_read_indentation(line) for line in lines if line.strip()]
    if any("\t" in lead for lead in leads):
        return "\t"
    least = min(map(len, leads), default=0)
    deeper = [len(lead) - least for lead in leads if len(lead) - least > 1]
    return " " * min(deeper) if deeper else default


def detect_unit_at(piece: str, before: str, after: str, default: str) -> str:
    """Return the step of indentation of a piece, else of the 20 lines before or after it, else `default`."""
    own = detect_unit(piece.splitlines(), "")
    if own:
        return own
    above, below = before.splitlines()[-20:], after.splitlines()[:20]
    return detect_unit(above, "") or detect_unit(below, "") or default


def _build_indentation(columns: int, step: str, indentation: str, unit: str) -> str:
    """Return `indentation` made deeper by `columns`, or shallower if negative, in steps of `unit` for each `step`."""
    width = _TAB if step == "\t" else len(step)
    steps, rest = divmod(columns, width)
    if steps < 0:
        outer = indentation
        for _ in range(-steps):
            outer = outer.removesuffix(unit)
        return outer + " " * rest
    return indentation + unit * steps + " " * rest


def _find_held_line(line: str, held: Sequence[str]) -> str | None:
    """Return the line of `held` that equals `line`, whatever the indentation of both; None if there is none."""
    if line in held:
        return line
    return next((one for one in held if one.strip() == line.strip()), None)


def _analyse_lines(text: str, document: Document) -> _Lines:
    """Return the lines of a code text that are inside of strings or aligned with brackets."""
    syntax = Syntax.of(replace(document, text=text))
    parsed = syntax.parsed
    if parsed is None:
        return _Lines(frozenset(), frozenset(), {})
    offsets = ByteLines(text, parsed.data)
    hidden = [
        (offsets.to_code_point(node.start_byte), offsets.to_code_point(node.end_byte), "comment" in node.type)
        for node in _walk_quoted(parsed.tree.root_node)
    ]
    rows = [(text.count("\n", 0, start), text.count("\n", 0, end)) for start, end, comment in hidden if not comment]
    inside = frozenset(row for first, last in rows for row in range(first + 1, last + 1))
    lines = text.split("\n")
    documenting = frozenset(
        row
        for first, last in rows
        if first and _DOCSTRING.match(lines[first]) and lines[first - 1].rstrip().endswith(":")
        for row in range(first + 1, last + 1)
    )
    return _Lines(inside, documenting, _find_aligned(text, [(start, end) for start, end, _ in hidden], inside))


def _walk_quoted(root: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Yield the nodes of the outermost strings and comments."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        joined = node.type == "concatenated_string"  # in Python: its parts are separate strings
        if node is not root and not joined and ("comment" in node.type or _STRING.search(node.type)):
            yield node
        else:
            waiting.extend(node.children)


def _find_aligned(text: str, hidden: Sequence[tuple[int, int]], inside: frozenset[int]) -> dict[int, int]:
    """Return the lines aligned with the text after an open bracket, each with the line of that bracket.

    Skips brackets in the spans `hidden` and the lines `inside` of strings.
    """
    opened: list[tuple[int, int | None]] = []  # line, and column of what follows the bracket on its line
    found: dict[int, int] = {}
    quoted = {place for start, end in hidden for place in range(start, end)}
    at = 0
    for number, line in enumerate(text.split("\n")):
        lead = len(line) - len(line.lstrip())
        if opened and opened[-1][1] == lead and line.strip() and number not in inside:
            found[number] = opened[-1][0]
        for column, character in enumerate(line):
            if at + column in quoted:
                continue
            if character in _OPEN:
                rest = line[column + 1 :]
                opened.append((number, column + 1 + len(rest) - len(rest.lstrip()) if rest.strip() else None))
            elif character in _CLOSED and opened:
                opened.pop()
        at += len(line) + 1
    return found


def _count_columns(lead: str, step: str) -> int:
    """Return the width of the white space `lead` in columns; a tab is as wide as `step`."""
    width = _TAB if step == "\t" else len(step)
    return sum(width if character == "\t" else 1 for character in lead)


def _read_indentation(line: str) -> str:
    """Return the spaces and tabs that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]
