"""Code from elsewhere in the indentation of the document it goes into: its steps become the document's steps.

What is aligned below an open bracket keeps its distance, and the inside of strings stays as it is. Knows no model.
Start at `reindented` and `unit_of`.
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

_TAB = 4  # columns of a tab where somebody mixes both
_STRING = re.compile(r"string|char_literal|heredoc_body|template_literal|raw_text|text_block")
_DOCSTRING = re.compile(r"""\s*[rRuU]?(?:\"{3}|'{3})""")
_OPEN, _CLOSED = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class _Lines:
    """What is known of the lines of a text: those that begin inside a string, and the columns open brackets ask for."""

    in_string: frozenset[int]
    in_docstring: frozenset[int]
    aligned: dict[int, int]  # line -> the line whose bracket it is aligned with


def reindented(lines: Sequence[str], document: Document, *, piece: str, indentation: str, unit: str) -> list[str]:
    """Return `lines` with the first at `indentation`, and all others as deep below it as they are, in steps of `unit`.

    Args:
        lines: the code, its first line not blank.
        document: the one it goes into, for its language.
        piece: what it replaces: the inside of a string that stands there stays as it stands there.
        indentation: white space before the first line.
        unit: one step of indentation of the document.
    """
    known = _known("\n".join(lines), document)
    step = unit_of([line for at, line in enumerate(lines) if at not in known.in_string and at not in known.aligned])
    base = _columns(_lead(lines[0]), step)
    held = piece.splitlines()
    made: list[str] = []
    for at, line in enumerate(lines):
        if not line.strip():
            made.append(line if at in known.in_string else "")
        elif at in known.in_string and (same := _as_held(line, held)) is not None:
            made.append(same)
        elif at in known.in_string and at not in known.in_docstring:
            made.append(line)
        elif at in known.aligned:
            opener = known.aligned[at]
            distance = _columns(_lead(line), step) - _columns(_lead(lines[opener]), step)
            made.append(_lead(made[opener]) + " " * distance + line.lstrip())
        else:
            made.append(_stepped(_columns(_lead(line), step) - base, step, indentation, unit) + line.lstrip())
    return made


def unit_of(lines: Sequence[str], default: str = "    ") -> str:
    """Return one step of indentation of some lines, `default` where none of them is deeper than another."""
    leads = [_lead(line) for line in lines if line.strip()]
    if any("\t" in lead for lead in leads):
        return "\t"
    least = min(map(len, leads), default=0)
    deeper = [len(lead) - least for lead in leads if len(lead) - least > 1]
    return " " * min(deeper) if deeper else default


def unit_at(piece: str, before: str, after: str, default: str) -> str:
    """Return the step of indentation at a place: of its own lines, else of the nearest lines that have one."""
    own = unit_of(piece.splitlines(), "")
    if own:
        return own
    above, below = before.splitlines()[-20:], after.splitlines()[:20]
    return unit_of(above, "") or unit_of(below, "") or default


def _stepped(columns: int, step: str, indentation: str, unit: str) -> str:
    """Return the white space that stands `columns` deeper than `indentation`, or less deep."""
    width = _TAB if step == "\t" else len(step)
    steps, rest = divmod(columns, width)
    if steps < 0:
        outer = indentation
        for _ in range(-steps):
            outer = outer.removesuffix(unit)
        return outer + " " * rest
    return indentation + unit * steps + " " * rest


def _as_held(line: str, held: Sequence[str]) -> str | None:
    """Return a line of a string as the document has it already, None where it does not."""
    if line in held:
        return line
    return next((one for one in held if one.strip() == line.strip()), None)


def _known(text: str, document: Document) -> _Lines:
    syntax = Syntax.of(replace(document, text=text))
    parsed = syntax.parsed
    if parsed is None:
        return _Lines(frozenset(), frozenset(), {})
    offsets = ByteLines(text, parsed.data)
    hidden = [
        (offsets.to_point(node.start_byte), offsets.to_point(node.end_byte), "comment" in node.type)
        for node in _quoted(parsed.tree.root_node)
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
    return _Lines(inside, documenting, _aligned(text, [(start, end) for start, end, _ in hidden], inside))


def _quoted(root: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Yield the outermost strings and comments."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        joined = node.type == "concatenated_string"  # Python's, whose lines are strings of their own
        if node is not root and not joined and ("comment" in node.type or _STRING.search(node.type)):
            yield node
        else:
            waiting.extend(node.children)


def _aligned(text: str, hidden: Sequence[tuple[int, int]], inside: frozenset[int]) -> dict[int, int]:
    """Return the lines that stand right below what follows an open bracket, and the line of that bracket."""
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


def _columns(lead: str, step: str) -> int:
    width = _TAB if step == "\t" else len(step)
    return sum(width if character == "\t" else 1 for character in lead)


def _lead(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]
