"""Definitions of a text as whole lines, by qualified name and kind: what a chat model's answer is matched by.

Reads symbols that are there; knows no model. Start at `definitions_of` and `matched`.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.tasks.rewriting.placeholders import is_placeholder
from indexing.syntax.documents import Span
from indexing.syntax.texts import ByteLines

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    import tree_sitter

    from indexing.syntax.documents import Symbol
    from indexing.syntax.syntax import Syntax

_SORTS = {"function": "function", "method": "function", "macro": "function", "variable": "value", "constant": "value"}
_COMMENT = re.compile(r"\s*(?:#(?!\[)|//|--|/\*|\*|;|%)")
_ATTRIBUTE = re.compile(r"\s*(?:@|#\[|\[\w)")
_BINDING = re.compile(r"definition|declaration|declarator|argument|parameter|item\Z|method\Z|specifier")
_LONGEST = 200  # definitions of one container that are compared one by one


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition.

    Attributes:
        name: the identifier.
        path: names of all that holds it, outermost first, and its own.
        sort: "function", "value" or "type", which is everything else.
        span: whole lines, without the last line's end; decorators included.
        lead: where the comments that stand right above it begin; the start of `span` where there are none.
        signature: its head on one line.
    """

    name: str
    path: tuple[str, ...]
    sort: str
    span: Span
    lead: int
    signature: str = ""

    def holds(self, other: Definition) -> bool:
        """Return whether another definition stands within this one."""
        return other is not self and self.span.start <= other.span.start and other.span.end <= self.span.end

    def lines(self, text: str) -> list[str]:
        """Return its lines."""
        return text[self.span.start : self.span.end].splitlines()


def definitions_of(syntax: Syntax) -> tuple[Definition, ...]:
    """Return the definitions of a text that stand on lines of their own, in order, without those inside functions."""
    found: list[Definition] = []
    bodies: list[Definition] = []
    for symbol in syntax.symbols:
        one = _to_definition(symbol, syntax.text)
        if one is None or any(body.holds(one) for body in bodies):
            continue
        found.append(one)
        if one.sort == "function":
            bodies = [*(body for body in bodies if body.span.end > one.span.start), one]
    return tuple(found)


def outermost(found: Collection[Definition]) -> tuple[Definition, ...]:
    """Return those that stand in no other of them."""
    made: list[Definition] = []
    for one in sorted(found, key=lambda each: (each.span.start, -each.span.end)):
        if not made or one.span.start >= made[-1].span.end:
            made.append(one)
    return tuple(made)


def within(found: Collection[Definition], span: Span) -> tuple[Definition, ...]:
    """Return those that begin and end in a span; the indentation before a span's first line is part of it."""
    return tuple(one for one in found if span.start <= one.span.start and one.span.end <= span.end)


def children(holder: Definition | None, found: Collection[Definition]) -> tuple[Definition, ...]:
    """Return what stands directly in a definition, or in no other one for None."""
    inner = found if holder is None else [one for one in found if holder.holds(one)]
    return outermost(inner)


def matched(new: Sequence[Definition], old: Sequence[Definition], texts: tuple[str, str]) -> dict[int, int]:
    """Return which of the `new` definitions is which of the `old` ones, by name and sort; both of one container.

    Of several with the same name (overloads, a property and its setter) the most similar ones belong together.

    Args:
        new: of an answer.
        old: of the document.
        texts: of the answer and of the document.
    """
    by_name: dict[tuple[str, str], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, all_ in enumerate((new, old)):
        for place, one in enumerate(all_):
            by_name[one.name, one.sort][side].append(place)
    found: dict[int, int] = {}
    for news, olds in by_name.values():
        if len(news) == len(olds) == 1:
            found[news[0]] = olds[0]
        elif news and olds:
            found.update(_likest(news, olds, lambda a, b: _likeness(new[a], old[b], texts)))
    return found


def tokens_of(syntax: Syntax, span: Span) -> list[str]:
    """Return the tokens of a span without comments and white space: what is equal in them does the same."""
    parsed = syntax.parsed
    if parsed is None:
        return syntax.text[span.start : span.end].split()
    offsets = ByteLines(syntax.text, parsed.data)
    start, end = offsets.to_byte(span.start, syntax.text), offsets.to_byte(span.end, syntax.text)
    found: list[str] = []
    waiting = [parsed.tree.root_node]
    while waiting:
        node = waiting.pop()
        if node.end_byte <= start or node.start_byte >= end or "comment" in node.type:
            continue
        if node.child_count:
            waiting.extend(reversed(node.children))
        elif said := parsed.data[node.start_byte : node.end_byte].strip():
            found.append(said.decode(errors="replace"))
    return found


def uses_of(definition: Definition, syntax: Syntax) -> list[Span]:
    """Return where a text speaks of a definition by its name outside of it: as a member where it is one, else alone."""
    parsed, text = syntax.parsed, syntax.text
    if parsed is None:
        return []
    offsets, wanted = ByteLines(text, parsed.data), definition.name.encode()
    found: list[Span] = []
    waiting = [parsed.tree.root_node]
    while waiting:
        node = waiting.pop()
        if node.child_count:
            waiting.extend(reversed(node.children))
        elif parsed.data[node.start_byte : node.end_byte] == wanted and re.search(
            "identifier|name|constant", node.type
        ):
            span = Span(offsets.to_point(node.start_byte), offsets.to_point(node.end_byte))
            member = text[: span.start].rstrip().endswith((".", "->", "::"))
            outside = span.end <= definition.span.start or definition.span.end <= span.start
            if outside and not _is_bound(node) and member == (len(definition.path) > 1):
                found.append(span)
    return found


def _is_bound(node: tree_sitter.Node) -> bool:
    """Whether a name is given to something of its own there: another definition, a parameter, an argument."""
    holder = node.parent
    return holder is not None and holder.child_by_field_name("name") == node and bool(_BINDING.search(holder.type))


def _likest(news: list[int], olds: list[int], likeness: Callable[[int, int], float]) -> dict[int, int]:
    pairs = sorted(((likeness(a, b), -a, -b) for a in news[:_LONGEST] for b in olds[:_LONGEST]), reverse=True)
    found: dict[int, int] = {}
    for _, a, b in pairs:
        if -a not in found and -b not in found.values():
            found[-a] = -b
    return found


def _likeness(new: Definition, old: Definition, texts: tuple[str, str]) -> float:
    head = difflib.SequenceMatcher(None, new.signature, old.signature, autojunk=False).quick_ratio()
    body = difflib.SequenceMatcher(None, new.lines(texts[0]), old.lines(texts[1])).quick_ratio()
    return head + body / 2


def _to_definition(symbol: Symbol, text: str) -> Definition | None:
    """Return a symbol on whole lines; None where something else stands on these lines."""
    start = text.rfind("\n", 0, symbol.span.start) + 1
    end = text.find("\n", symbol.span.end)
    end = len(text) if end < 0 else end
    if text[start : symbol.span.start].strip() or re.search(r"\w", _rest_of_line(text[symbol.span.end : end])):
        return None
    path = (*(part for part in symbol.container.split(".") if part), symbol.name)
    while text[start : symbol.span.end].startswith(("\n", "\r")):
        start += 1
    lead = _find_lead(text, start)
    return Definition(
        symbol.name, path, _SORTS.get(symbol.kind, "type"), Span(start, end - text.endswith("\r", start, end)), lead,
        symbol.signature,
    )  # fmt: skip


def _rest_of_line(rest: str) -> str:
    """Return what stands behind a definition on its last line, without a comment."""
    return re.split(r"#|//|--|/\*", rest, maxsplit=1)[0]


def _find_lead(text: str, start: int) -> int:
    """Return where the comments and attributes right above a line begin, which are indented like it."""
    end = text.find("\n", start)
    line = text[start : end if end >= 0 else len(text)]
    depth = line[: len(line) - len(line.lstrip())]
    while start:
        above = text.rfind("\n", 0, start - 1) + 1
        line = text[above : start - 1].rstrip("\r")
        stripped = line.lstrip()
        known = _COMMENT.match(line) or _ATTRIBUTE.match(line)
        aligned = line.startswith(depth) and (stripped == line[len(depth) :] or stripped.startswith("*"))
        if not stripped or not known or not aligned or is_placeholder(line) or line.startswith("#!"):
            break
        start = above
    return start
