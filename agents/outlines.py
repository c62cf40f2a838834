"""Short outlines of the code around a piece, for prompts: heads of its classes, imports of its file, signatures.

Works on the symbols of any language's grammar; a callback `fits` bounds the length. Start at `outline_classes`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.pieces import Piece
    from indexing.syntax.documents import Symbol

_VALUES = frozenset({"variable", "constant"})
_FUNCTIONS = frozenset({"function", "method"})
_DOCSTRING = re.compile(r"""\s*[rRuU]?(?:\"{3}|'{3}|"|')(?P<line>[^\n]*?)(?:\"{3}|'{3}|"|')?\s*\Z""")
_SELF_ASSIGNMENT = re.compile(r"\b(?:self|this)\s*(?:\.|->)\s*([^\W\d]\w*)\s*(?::[^=\n]+)?=(?!=)")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_CONSTRUCTOR = re.compile(r"\s*(?:def __init__|constructor|def initialize|__construct)\b")
_LONGEST_HEAD = 12  # lines
_LONGEST_LINE = 160  # characters
_MOST = 40  # members of one class in an outline


def outline_classes(piece: Piece, fits: Callable[[str], bool]) -> str:
    """Return the classes around `piece`: signature, first docstring line, fields, signatures of the other methods.

    Fields come before methods, and methods that the piece names before others. Members are dropped from the end until
    `fits` accepts the outline; a class whose head does not fit is left out. Returns "" where the piece is in no class.
    """
    symbols = piece.syntax.symbols
    around = [one for one in symbols if one.span.start <= piece.span.start and piece.span.end <= one.span.end]
    inner = max((one for one in around if one.kind in _FUNCTIONS), key=lambda one: one.span.start, default=None)
    path = inner.container if inner is not None else ""
    holders = [one for one in around if one.kind not in _FUNCTIONS | _VALUES and one.span != piece.span]
    if not holders and path:  # languages that write methods outside of their class (Rust, Go, C++)
        holders = [one for one in symbols if _qualify(one) == path][:1]
    parts: list[str] = []
    for holder in holders:
        head = _render_head(holder, piece)
        members = _list_members(holder, piece)
        while members and not fits("\n".join([*parts, head, *members])):
            members = members[:-1]
        if fits("\n".join([*parts, head])):
            parts += [head, *members]
    return "\n".join(parts)


def select_imports(piece: Piece, fits: Callable[[str], bool]) -> str:
    """Return the imports of the file outside of `piece` and of functions, unchanged, in order, each on its own line.

    Where `fits` does not accept all imports, those that the piece uses are preferred.
    """
    text, symbols, used = piece.document.text, piece.syntax.symbols, set(_IDENTIFIER.findall(piece.text))
    found: dict[int, tuple[bool, str]] = {}
    for one in piece.syntax.imports:
        if one.span is None or piece.span.start <= one.span.start < piece.span.end:
            continue
        line = text.rfind("\n", 0, one.span.start) + 1
        inner = any(each.kind in _FUNCTIONS and each.span.start < one.span.start < each.span.end for each in symbols)
        if inner or text[line : one.span.start].strip():
            continue
        was_used = found.get(one.span.start, (False, ""))[0]
        found[one.span.start] = (was_used or bool(used.intersection(one.names)), text[line : one.span.end])
    kept: set[int] = set()
    for at, _ in sorted(found.items(), key=lambda item: (not item[1][0], item[0])):
        if fits("\n".join(found[place][1] for place in sorted({*kept, at}))):
            kept.add(at)
    return "\n".join(found[place][1] for place in sorted(kept))


def extract_signature(text: str, name: str = "") -> str:
    """Return the head of the definition `text`, without its body; of a class also the head of its constructor.

    With `name`, the head begins at the first line that holds that name. The docstring is left out, because small models
    take it for the docstring of the code that they write.
    """
    lines = text.splitlines()
    first = next((at for at, line in enumerate(lines) if not name or re.search(rf"\b{re.escape(name)}\b", line)), 0)
    head = _take_until_closed(lines, first)
    if head and re.match(r"\s*(?:export\s+)?class\b", head[0]):  # its constructor shows the arguments
        constructor = next((at for at, line in enumerate(lines) if _CONSTRUCTOR.match(line)), None)
        head += _take_until_closed(lines, constructor) if constructor is not None else []
    return "\n".join(line[:_LONGEST_LINE] for line in head)


def _take_until_closed(lines: Sequence[str], first: int) -> list[str]:
    """Return the lines from index `first` to the one that closes all parentheses and square brackets, at most 12."""
    made: list[str] = []
    open_ = 0
    for line in lines[first : first + _LONGEST_HEAD]:
        made.append(line.rstrip())
        open_ += sum(line.count(one) for one in "([") - sum(line.count(one) for one in ")]")
        if open_ <= 0:
            break
    return made


def _qualify(symbol: Symbol) -> str:
    """Return the symbol's name, prefixed with its container and a dot."""
    return f"{symbol.container}.{symbol.name}" if symbol.container else symbol.name


def _render_head(holder: Symbol, piece: Piece) -> str:
    """Return the head line of a class, and the first line of its docstring where there is one."""
    text = piece.document.text
    line = text.rfind("\n", 0, holder.span.start) + 1
    lead = text[line : holder.span.start]
    head = (lead if not lead.strip() else "") + holder.signature
    lines = text[holder.span.start : holder.span.end].splitlines()
    for at, first in enumerate(lines[:8]):
        if first.rstrip().endswith((":", "{")) and at + 1 < len(lines):
            docstring = _DOCSTRING.match(lines[at + 1])
            if docstring is not None and docstring["line"]:
                return f"{head}\n{lines[at + 1][:_LONGEST_LINE]}"
            break
    return head


def _list_members(holder: Symbol, piece: Piece) -> list[str]:
    """Return lines for the members of `holder` outside of `piece`: fields, then methods.

    Methods that the piece names come first. Fields that are only assigned to `self` share one comment line. Lists at
    most `_MOST` of each kind.
    """
    text, path = piece.document.text, _qualify(holder)
    inside = [
        one
        for one in piece.syntax.symbols
        if one.container == path and not (one.span.start < piece.span.end and piece.span.start < one.span.end)
    ]
    named = set(_IDENTIFIER.findall(piece.text))
    fields = [one for one in inside if one.kind in _VALUES]
    methods = _drop_duplicates([one for one in inside if one.kind not in _VALUES])
    methods.sort(key=lambda one: (one.name not in named, one.name.startswith("_"), one.span.start))
    lead = _read_indentation(inside[0], text) if inside else "    "
    members = [lead + _read_first_line(one, text) for one in fields[:_MOST]]
    assigned = dict.fromkeys(_SELF_ASSIGNMENT.findall(text[holder.span.start : holder.span.end]))
    assigned_names = [name for name in assigned if name not in {one.name for one in fields}][:_MOST]
    mark = piece.document.entry.line_comment or "//"
    if assigned_names:
        members.append(f"{lead}{mark} fields: {', '.join(assigned_names)}")
    return members + [lead + one.signature for one in methods[:_MOST]]


def _drop_duplicates(symbols: Sequence[Symbol]) -> list[Symbol]:
    """Return one symbol of each signature, the last, in the order in which the signatures first occur."""
    return list({one.signature: one for one in symbols}.values())


def _read_indentation(symbol: Symbol, text: str) -> str:
    """Return the white space before the symbol on its line; four spaces where other text is there."""
    line = text[text.rfind("\n", 0, symbol.span.start) + 1 : symbol.span.start]
    return line if not line.strip() else "    "


def _read_first_line(symbol: Symbol, text: str) -> str:
    """Return the first line of the symbol's text, at most 160 characters."""
    return text[symbol.span.start : symbol.span.end].split("\n", 1)[0][:_LONGEST_LINE]
