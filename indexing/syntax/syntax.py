"""The syntax of one text: definitions, imports, errors, and the surroundings of an offset.

An immutable value made from a document, incrementally if the previous version's syntax is given. Never fails: a text
in an unknown language, or one too large to parse in an editor, is not `available`; of broken code, only what parses is
found. Start at `Syntax.of`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from indexing.syntax import grammars, layout, texts
from indexing.syntax.documents import Span
from indexing.syntax.symbols import Outline, outline

if TYPE_CHECKING:
    from collections.abc import Sequence

    import tree_sitter

    from indexing.syntax.documents import Document, Import, Symbol
    from indexing.syntax.grammars import Grammar
    from indexing.syntax.layout import Surroundings

LARGEST = 512 * 1024  # characters; parsing holds the GIL, and this much takes about 100 ms
_NAMES = 200
_NAMES_WITHIN = 16_000  # bytes before the offset
_IDENTIFIER = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class _Parsed:
    grammar: Grammar
    data: bytes
    tree: tree_sitter.Tree


class Syntax:
    """The syntax of one document. Immutable and thread-safe."""

    def __init__(self, document: Document, parsed: _Parsed | None, *, given_up: bool = False) -> None:
        self._document = document
        self.parsed = parsed
        self._given_up = given_up

    @classmethod
    def of(cls, document: Document, previous: Syntax | None = None) -> Syntax:
        """Return the syntax of `document`; with that of a similar text as `previous`, parses only the difference.

        A text without a grammar, too large or too nested is not parsed, nor one about as long as a `previous` whose
        parse failed.
        """
        grammar = grammars.load(document.language) if len(document.text) <= LARGEST else None
        if grammar is None:
            return cls(document, None)
        data = texts.encode(document.text)
        if texts.is_too_nested(data):
            return cls(document, None)
        old = previous.parsed if previous is not None else None
        if previous is not None and previous._given_up and _have_similar_lengths(previous.text, document.text):  # noqa: SLF001 - its own
            return cls(document, None, given_up=True)  # the parse took too long a moment ago: do not try it at each key
        if old is not None and old.grammar is grammar:
            tree = grammar.parse(data, _copy_edited_tree(old, data)) if old.data != data else old.tree
        else:
            tree = grammar.parse(data)
        return cls(document, _Parsed(grammar, data, tree) if tree is not None else None, given_up=tree is None)

    @property
    def available(self) -> bool:
        """Whether the text was parsed."""
        return self.parsed is not None

    @property
    def text(self) -> str:
        """Text of the document."""
        return self._document.text

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """Definitions, in order of appearance."""
        return self._outline.symbols

    @property
    def imports(self) -> tuple[Import, ...]:
        """Imports, in order of appearance."""
        return self._outline.imports

    def count_errors(self, span: Span | None = None) -> int:
        """Return the number of syntax errors, or of those that touch `span`; 0 if the text was not parsed."""
        return len(self._capture_errors(span))

    def find_errors(self) -> tuple[Span, ...]:
        """Return the places of the syntax errors by their starts, in code points; () if the text was not parsed.

        A missing character has an empty span; a span may lie in another one.
        """
        places = sorted((one.start_byte, one.end_byte) for one in self._capture_errors(None))
        return tuple(Span(*map(self._lines.to_code_point, place)) for place in places)

    def _capture_errors(self, span: Span | None) -> Sequence[tree_sitter.Node]:
        """Return the nodes of the syntax errors, or of those that touch `span`; () if the text was not parsed."""
        parsed = self.parsed
        if parsed is None or not parsed.tree.root_node.has_error:
            return ()
        import tree_sitter  # noqa: PLC0415  # loaded long ago: there is a tree

        cursor = tree_sitter.QueryCursor(parsed.grammar.errors)
        if span is not None:
            start, end = self._lines.to_byte(span.start, self.text), self._lines.to_byte(span.end, self.text)
            cursor.set_byte_range(start, max(end, start + 1))
        return cursor.captures(parsed.tree.root_node).get("bad", ())

    def find_surroundings(self, offset: int, *, names: bool = True) -> Surroundings:
        """Return facts about the code around the code-point `offset`.

        `names=False` leaves out the names in scope, which take most of the time.
        """
        offset = max(0, min(offset, len(self.text)))
        parsed = self.parsed
        if parsed is None:
            return replace(layout.NOWHERE, names=self._list_names_by_text(offset) if names else ())
        around = layout.Around(
            text=self.text,
            offset=offset,
            entry=parsed.grammar.entry,
            tree=parsed.tree,
            lines=self._lines,
        )
        scope = around.find_scope()
        return replace(around.describe(scope), names=self._list_names(offset, scope) if names else ())

    def to_code_point(self, offset: int) -> int:
        """Return the code-point offset of a byte offset of the parsed text."""
        return self._lines.to_code_point(offset)

    def to_byte(self, offset: int) -> int:
        """Return the byte offset of a code-point offset into the parsed text."""
        return self._lines.to_byte(offset, self.text)

    def replace_text(self, offset: int, end: int, text: str) -> Syntax:
        """Return the syntax of the document with `text` in place of [offset, end)."""
        pasted = self.text[:offset] + text + self.text[end:]
        return Syntax.of(replace(self._document, text=pasted), self)

    @cached_property
    def _outline(self) -> Outline:
        """Definitions and imports of the document."""
        parsed = self.parsed
        return outline(parsed.tree, parsed.data, parsed.grammar) if parsed else Outline()

    @cached_property
    def _lines(self) -> texts.ByteLines:
        """Line starts of the document, for converting offsets."""
        return texts.ByteLines(self.text, self.parsed.data if self.parsed is not None else texts.encode(self.text))

    def _list_names(self, offset: int, scope: Span | None) -> tuple[str, ...]:
        """Return up to 200 names in scope: those used in `scope` before `offset`, nearest first, then the file's own.

        The file's own names are those that it defines, nearest first, and those that it imports.
        """
        parsed = self.parsed
        if parsed is None or parsed.grammar.names is None:
            return self._list_names_by_text(offset)
        import tree_sitter  # noqa: PLC0415  # see above

        end = self._lines.to_byte(offset, self.text)
        start = self._lines.to_byte(scope.start, self.text) if scope is not None else 0
        names: dict[str, None] = {}
        if start < end:
            cursor = tree_sitter.QueryCursor(parsed.grammar.names)
            cursor.set_byte_range(max(start, end - _NAMES_WITHIN), end)
            nodes = cursor.captures(parsed.tree.root_node).get("name", [])
            spans = sorted({(node.start_byte, node.end_byte) for node in nodes if node.end_byte <= end}, reverse=True)
            for low, high in spans:
                names.setdefault(parsed.data[low:high].decode(errors="replace"))
                if len(names) == _NAMES:
                    return tuple(names)
        around = [each for each in self.symbols if not each.container or _holds(each.span, offset)]
        names.update(
            dict.fromkeys(each.name for each in sorted(around, key=lambda each: _measure_distance(each.span, offset)))
        )
        names.update(dict.fromkeys(name for each in self.imports for name in each.names))
        return tuple(names)[:_NAMES]

    def _list_names_by_text(self, offset: int) -> tuple[str, ...]:
        """Return up to 200 words before `offset`, nearest first."""
        found = _IDENTIFIER.findall(self.text, max(0, offset - _NAMES_WITHIN), offset)
        return tuple(dict.fromkeys(reversed(found)))[:_NAMES]


def _have_similar_lengths(one: str, other: str) -> bool:
    """Return whether the lengths of two texts differ by a tenth at most."""
    return abs(len(one) - len(other)) * 10 <= len(one)


def _holds(span: Span, offset: int) -> bool:
    """Return whether `offset` is inside `span` or at one of its ends."""
    return span.start <= offset <= span.end


def _measure_distance(span: Span, offset: int) -> int:
    """Return how many characters `offset` is outside `span`; 0 inside."""
    return 0 if _holds(span, offset) else min(abs(offset - span.start), abs(offset - span.end))


def _copy_edited_tree(old: _Parsed, data: bytes) -> tree_sitter.Tree:
    """Return a copy of the old tree, adjusted for the one edit that turns its text into `data`."""
    shortest = min(len(old.data), len(data))
    start = _measure_common_prefix(old.data, data, shortest)
    while start > 0 and (_continues(data, start) or _continues(old.data, start)):
        start -= 1  # not in the middle of a character
    same_end = _measure_common_suffix(old.data, data, shortest - start)
    while same_end > 0 and data[len(data) - same_end] & 0xC0 == 0x80:
        same_end -= 1
    old_end, new_end = len(old.data) - same_end, len(data) - same_end
    tree = old.tree.copy()
    tree.edit(start, old_end, new_end, _to_point(data, start), _to_point(old.data, old_end), _to_point(data, new_end))
    return tree


def _continues(data: bytes, at: int) -> bool:
    """Return whether the byte at `at` continues a UTF-8 character."""
    return at < len(data) and data[at] & 0xC0 == 0x80


def _to_point(data: bytes, at: int) -> tuple[int, int]:
    """Return the row and the column, in bytes, of a byte offset."""
    return data.count(b"\n", 0, at), at - (data.rfind(b"\n", 0, at) + 1)


def _measure_common_prefix(one: bytes, other: bytes, length: int) -> int:
    """Return the length of the common start of two texts, at most `length`.

    Bisects, because comparing slices is a thousand times faster than comparing single bytes.
    """
    low, high = 0, length
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _measure_common_suffix(one: bytes, other: bytes, length: int) -> int:
    """Return the length of the common end of two texts, at most `length`."""
    low, high = 0, length
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            high = middle - 1
    return low
