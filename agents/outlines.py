"""What stands around a piece of code, in few lines: the heads of its classes, the file's imports, and signatures.

Takes what a grammar knows of any language; bounded by what `fits` lets through. Start at `class_heads`.
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
_DOCUMENTED = re.compile(r"""\s*[rRuU]?(?:\"{3}|'{3}|"|')(?P<line>[^\n]*?)(?:\"{3}|'{3}|"|')?\s*\Z""")
_OWN = re.compile(r"\b(?:self|this)\s*(?:\.|->)\s*([^\W\d]\w*)\s*(?::[^=\n]+)?=(?!=)")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_CONSTRUCTOR = re.compile(r"\s*(?:def __init__|constructor|def initialize|__construct)\b")
_LONGEST_HEAD = 12  # lines
_LONGEST_LINE = 160  # characters
_MOST = 40  # members of one class


def class_heads(piece: Piece, fits: Callable[[str], bool]) -> str:
    """Return the classes around a piece: signature, first line of the docstring, fields, other methods' signatures.

    What the piece names comes before the rest where not all of it fits; "" where it stands in no class.
    """
    symbols = piece.syntax.symbols
    around = [one for one in symbols if one.span.start <= piece.span.start and piece.span.end <= one.span.end]
    inner = max((one for one in around if one.kind in _FUNCTIONS), key=lambda one: one.span.start, default=None)
    path = inner.container if inner is not None else ""
    holders = [one for one in around if one.kind not in _FUNCTIONS | _VALUES and one.span != piece.span]
    if not holders and path:  # methods that stand apart from their class (Rust, Go, C++)
        holders = [one for one in symbols if _qualified(one) == path][:1]
    parts: list[str] = []
    for holder in holders:
        head = _head(holder, piece)
        members = _members(holder, piece)
        while members and not fits("\n".join([*parts, head, *members])):
            members = members[:-1]
        if fits("\n".join([*parts, head])):
            parts += [head, *members]
    return "\n".join(parts)


def imports_of(piece: Piece, fits: Callable[[str], bool]) -> str:
    """Return the imports of a text outside of the piece, unchanged; first those that the piece uses."""
    text, symbols, used = piece.document.text, piece.syntax.symbols, set(_IDENTIFIER.findall(piece.text))
    found: dict[int, tuple[bool, str]] = {}
    for one in piece.syntax.imports:
        if one.span is None or piece.span.start <= one.span.start < piece.span.end:
            continue
        line = text.rfind("\n", 0, one.span.start) + 1
        inner = any(each.kind in _FUNCTIONS and each.span.start < one.span.start < each.span.end for each in symbols)
        if inner or text[line : one.span.start].strip():
            continue
        known = found.get(one.span.start, (False, ""))[0]
        found[one.span.start] = (known or bool(used.intersection(one.names)), text[line : one.span.end])
    kept: set[int] = set()
    for at, _ in sorted(found.items(), key=lambda item: (not item[1][0], item[0])):
        if fits("\n".join(found[place][1] for place in sorted({*kept, at}))):
            kept.add(at)
    return "\n".join(found[place][1] for place in sorted(kept))


def signature_of(text: str, name: str = "") -> str:
    """Return the head of a definition that is given as a text: what stands before its body.

    Its docstring is left out: small models take it for that of the code they write.
    """
    lines = text.splitlines()
    first = next((at for at, line in enumerate(lines) if not name or re.search(rf"\b{re.escape(name)}\b", line)), 0)
    made = _until_closed(lines, first)
    if made and re.match(r"\s*(?:export\s+)?class\b", made[0]):  # what it is called with
        makes = next((at for at, line in enumerate(lines) if _CONSTRUCTOR.match(line)), None)
        made += _until_closed(lines, makes) if makes is not None else []
    return "\n".join(line[:_LONGEST_LINE] for line in made)


def _until_closed(lines: Sequence[str], first: int) -> list[str]:
    """Return the lines of a head, up to where its brackets are closed."""
    made: list[str] = []
    open_ = 0
    for line in lines[first : first + _LONGEST_HEAD]:
        made.append(line.rstrip())
        open_ += sum(line.count(one) for one in "([") - sum(line.count(one) for one in ")]")
        if open_ <= 0:
            break
    return made


def _qualified(symbol: Symbol) -> str:
    return f"{symbol.container}.{symbol.name}" if symbol.container else symbol.name


def _head(holder: Symbol, piece: Piece) -> str:
    text = piece.document.text
    line = text.rfind("\n", 0, holder.span.start) + 1
    lead = text[line : holder.span.start]
    head = (lead if not lead.strip() else "") + holder.signature
    lines = text[holder.span.start : holder.span.end].splitlines()
    for at, first in enumerate(lines[:8]):
        if first.rstrip().endswith((":", "{")) and at + 1 < len(lines):
            said = _DOCUMENTED.match(lines[at + 1])
            if said is not None and said["line"]:
                return f"{head}\n{lines[at + 1][:_LONGEST_LINE]}"
            break
    return head


def _members(holder: Symbol, piece: Piece) -> list[str]:
    text, path = piece.document.text, _qualified(holder)
    inside = [
        one
        for one in piece.syntax.symbols
        if one.container == path and not (one.span.start < piece.span.end and piece.span.start < one.span.end)
    ]
    named = set(_IDENTIFIER.findall(piece.text))
    fields = [one for one in inside if one.kind in _VALUES]
    others = _distinct([one for one in inside if one.kind not in _VALUES])
    others.sort(key=lambda one: (one.name not in named, one.name.startswith("_"), one.span.start))
    lead = _lead(inside[0], text) if inside else "    "
    made = [lead + _first_line(one, text) for one in fields[:_MOST]]
    own = dict.fromkeys(_OWN.findall(text[holder.span.start : holder.span.end]))
    own_names = [name for name in own if name not in {one.name for one in fields}][:_MOST]
    mark = piece.document.entry.line_comment or "//"
    if own_names:
        made.append(f"{lead}{mark} fields: {', '.join(own_names)}")
    return made + [lead + one.signature for one in others[:_MOST]]


def _distinct(symbols: Sequence[Symbol]) -> list[Symbol]:
    return list({one.signature: one for one in symbols}.values())


def _lead(symbol: Symbol, text: str) -> str:
    line = text[text.rfind("\n", 0, symbol.span.start) + 1 : symbol.span.start]
    return line if not line.strip() else "    "


def _first_line(symbol: Symbol, text: str) -> str:
    return text[symbol.span.start : symbol.span.end].split("\n", 1)[0][:_LONGEST_LINE]
