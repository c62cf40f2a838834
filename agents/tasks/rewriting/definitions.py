"""Definitions of a text as whole lines, by qualified name and kind, for matching a model's answer with a document.

Reads existing symbols; knows no model. Start at `list_definitions` and `match`.
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
_LONGEST = 200  # definitions of one container that are compared pairwise


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition on whole lines.

    Attributes:
        name: the identifier.
        path: names of everything around it, outermost first, then its own.
        sort: "function", "value", or "type" for everything else.
        span: whole lines, decorators included, without the last line's end.
        lead: offset where the comments right above it begin; the start of `span` where there are none.
        signature: its head on one line.
    """

    name: str
    path: tuple[str, ...]
    sort: str
    span: Span
    lead: int
    signature: str = ""

    def contains(self, other: Definition) -> bool:
        """Return whether `other` is inside of this definition."""
        return other is not self and self.span.start <= other.span.start and other.span.end <= self.span.end

    def read_lines(self, text: str) -> list[str]:
        """Return the lines of the definition in `text`."""
        return text[self.span.start : self.span.end].splitlines()


def list_definitions(syntax: Syntax) -> tuple[Definition, ...]:
    """Return the definitions of a text in order.

    Leaves out definitions inside of functions, and definitions with other code on their first or last line.
    """
    found: list[Definition] = []
    bodies: list[Definition] = []
    for symbol in syntax.symbols:
        one = _to_definition(symbol, syntax.text)
        if one is None or any(body.contains(one) for body in bodies):
            continue
        found.append(one)
        if one.sort == "function":
            bodies = [*(body for body in bodies if body.span.end > one.span.start), one]
    return tuple(found)


def select_outermost(found: Collection[Definition]) -> tuple[Definition, ...]:
    """Return the definitions that are inside of no other definition of `found`, in order."""
    made: list[Definition] = []
    for one in sorted(found, key=lambda each: (each.span.start, -each.span.end)):
        if not made or one.span.start >= made[-1].span.end:
            made.append(one)
    return tuple(made)


def select_within(found: Collection[Definition], span: Span) -> tuple[Definition, ...]:
    """Return the definitions whose whole lines are in `span`."""
    return tuple(one for one in found if span.start <= one.span.start and one.span.end <= span.end)


def list_children(holder: Definition | None, found: Collection[Definition]) -> tuple[Definition, ...]:
    """Return the definitions directly inside of `holder`; for None, the outermost ones of `found`."""
    inner = found if holder is None else [one for one in found if holder.contains(one)]
    return select_outermost(inner)


def match(new: Sequence[Definition], old: Sequence[Definition], texts: tuple[str, str]) -> dict[int, int]:
    """Return the index of the old definition for each index in `new` that has one of the same name and sort.

    Of several with the same name (overloads, a property and its setter), the most similar ones are paired.

    Args:
        new: definitions of one container in the answer.
        old: definitions of the same container in the document.
        texts: the texts of the answer and of the document.
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
            found.update(_pair_most_similar(news, olds, lambda a, b: _rate_likeness(new[a], old[b], texts)))
    return found


def list_tokens(syntax: Syntax, span: Span) -> list[str]:
    """Return the tokens of a span, without comments; if the text was not parsed, the span split at white space."""
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


def find_uses(definition: Definition, syntax: Syntax) -> list[Span]:
    """Return the spans of identifiers outside of `definition` that have its name and define nothing.

    For a member, these are the ones after `.`, `->` or `::`, else the others. Empty if the text was not parsed.
    """
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
            span = Span(offsets.to_code_point(node.start_byte), offsets.to_code_point(node.end_byte))
            member = text[: span.start].rstrip().endswith((".", "->", "::"))
            outside = span.end <= definition.span.start or definition.span.end <= span.start
            if outside and not _is_binding_name(node) and member == (len(definition.path) > 1):
                found.append(span)
    return found


def _is_binding_name(node: tree_sitter.Node) -> bool:
    """Return whether `node` names a definition, a parameter or a keyword argument, so that it is not a use."""
    holder = node.parent
    return holder is not None and holder.child_by_field_name("name") == node and bool(_BINDING.search(holder.type))


def _pair_most_similar(news: list[int], olds: list[int], likeness: Callable[[int, int], float]) -> dict[int, int]:
    """Return the index in `olds` for each index in `news` that gets a partner, paired greedily by `likeness`."""
    pairs = sorted(((likeness(a, b), -a, -b) for a in news[:_LONGEST] for b in olds[:_LONGEST]), reverse=True)
    found: dict[int, int] = {}
    for _, a, b in pairs:
        if -a not in found and -b not in found.values():
            found[-a] = -b
    return found


def _rate_likeness(new: Definition, old: Definition, texts: tuple[str, str]) -> float:
    """Return the similarity of two signatures (0 to 1) plus half of the similarity of the definitions' lines."""
    head = difflib.SequenceMatcher(None, new.signature, old.signature, autojunk=False).quick_ratio()
    body = difflib.SequenceMatcher(None, new.read_lines(texts[0]), old.read_lines(texts[1])).quick_ratio()
    return head + body / 2


def _to_definition(symbol: Symbol, text: str) -> Definition | None:
    """Return the definition of a symbol; None where other code is on its first or last line."""
    start = text.rfind("\n", 0, symbol.span.start) + 1
    end = text.find("\n", symbol.span.end)
    end = len(text) if end < 0 else end
    if text[start : symbol.span.start].strip() or re.search(r"\w", _strip_comment(text[symbol.span.end : end])):
        return None
    path = (*(part for part in symbol.container.split(".") if part), symbol.name)
    while text[start : symbol.span.end].startswith(("\n", "\r")):
        start += 1
    lead = _find_lead(text, start)
    return Definition(
        symbol.name, path, _SORTS.get(symbol.kind, "type"), Span(start, end - text.endswith("\r", start, end)), lead,
        symbol.signature,
    )  # fmt: skip


def _strip_comment(rest: str) -> str:
    """Return the part of `rest`, the text after a definition on its last line, before a comment."""
    return re.split(r"#|//|--|/\*", rest, maxsplit=1)[0]


def _find_lead(text: str, start: int) -> int:
    """Return the offset where the comments and attributes right above the line at `start` begin; `start` for none.

    Stops at blank lines, placeholders, a shebang and lines with another indentation.
    """
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
