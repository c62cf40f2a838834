"""What kind of place a cursor stands in: code, comment or string; an empty body; behind a docstring; which scope.

The tree says what it knows; for half-typed code, where trees are least reliable, the layout of the lines decides.
Start at `Around.place`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from indexing.syntax.documents import Span

if TYPE_CHECKING:
    import tree_sitter

    from indexing.syntax.languages import Language
    from indexing.syntax.texts import ByteLines

Kind = Literal["code", "comment", "string", "none"]

_LINES_BACK = 2000  # how far a scope's head is looked for
_DEFINITION = re.compile(r"\s*(?:async\s+def|def|class)\b")  # languages whose blocks are made by indentation
_COMMENT_LINE = re.compile(r"\s*(?:#|//|--|;|\*|/\*)")
_CLOSERS = ('"', "'", "`", "]]", ")", "*/", "-->")


@dataclass(frozen=True, slots=True)
class Place:
    """What kind of place an offset is.

    Attributes:
        kind: "none" where the text was not parsed.
        in_empty_body: a blank line in a body that holds nothing yet.
        after_docstring: a blank line behind the docstring of a body that holds nothing else.
        at_top_level_line: the start of a blank line outside of everything.
        scope: the innermost enclosing definition or block.
        names: identifiers in scope, nearest first, without duplicates.
    """

    kind: Kind
    in_empty_body: bool
    after_docstring: bool
    at_top_level_line: bool
    scope: Span | None
    names: tuple[str, ...] = ()


NOWHERE = Place("none", in_empty_body=False, after_docstring=False, at_top_level_line=False, scope=None)


@dataclass(frozen=True)
class Around:
    """A parsed text, looked at from one offset."""

    text: str
    offset: int
    entry: Language
    tree: tree_sitter.Tree
    lines: ByteLines

    def place(self, scope: Span | None) -> Place:
        """The place, without its names."""
        kind = self.kind()
        blank = kind == "code" and not self.head.strip() and not self._rest_of_line.strip()
        return Place(
            kind,
            in_empty_body=blank and self._in_empty_body(),
            after_docstring=blank and self.entry.docstrings and self._after_docstring(),
            at_top_level_line=blank and not self.head and self._at_top(scope),
            scope=scope,
        )

    @cached_property
    def head(self) -> str:
        """The line up to the cursor."""
        return self.text[self._line_start : self.offset]

    @cached_property
    def _line_start(self) -> int:
        return max(self.text.rfind("\n", 0, self.offset), self.text.rfind("\r", 0, self.offset)) + 1

    @cached_property
    def _rest_of_line(self) -> str:
        end = self.text.find("\n", self.offset)
        return self.text[self.offset : end if end >= 0 else len(self.text)]

    @cached_property
    def _last(self) -> int:
        """Offset of the last character before the cursor that is not white space, -1 for none."""
        return len(self.text[: self.offset].rstrip()) - 1

    @cached_property
    def _previous_line(self) -> str:
        """The last line above that holds more than a comment, "" for none."""
        end = self._line_start
        while end > 0:
            start = self.text.rfind("\n", 0, end - 1) + 1
            line = self.text[start : end - 1]
            if line.strip() and not _COMMENT_LINE.match(line):
                return line.rstrip()
            end = start
        return ""

    @cached_property
    def _next_line(self) -> str | None:
        """The next line below that holds anything, None at the end."""
        rest = self.text[self.offset + len(self._rest_of_line) :]
        stripped = rest.lstrip()
        if not stripped:
            return None
        at = len(rest) - len(stripped)
        return rest[rest.rfind("\n", 0, at) + 1 :].split("\n", 1)[0]

    def path(self, offset: int) -> list[tree_sitter.Node]:
        """The nodes around the character at `offset`, outermost first."""
        at = self.lines.to_byte(max(0, offset), self.text)
        cursor = self.tree.walk()
        nodes = [self.tree.root_node]
        while cursor.goto_first_child_for_byte(at) is not None:
            node = cursor.node
            if node is None or node.start_byte > at or node.end_byte <= at:
                break
            nodes.append(node)
        return nodes

    def kind(self) -> Kind:
        """Code, comment or string."""
        if self.offset == 0:
            return "code"
        around = self.path(self.offset - 1)
        for node in reversed(around):
            if node.type in self.entry.comments:
                closed = self._ends_here(node, ("*/", "-->", "]]"))
                one_line = self.text[self.offset - 1] == "\n"
                return "code" if closed or (one_line and not self._goes_on(node)) else "comment"
            if node.type in self.entry.strings:
                return "code" if self._ends_here(node, _CLOSERS) else "string"
            if "interpolation" in node.type or "substitution" in node.type:
                return "code"
        if any(node.is_error for node in around) or self.tree.root_node.has_error:
            return self._kind_by_line()
        return "code"

    def _ends_here(self, node: tree_sitter.Node, closers: tuple[str, ...]) -> bool:
        return (
            self.lines.to_point(node.end_byte) == self.offset
            and self.text.endswith(closers, 0, self.offset)
            and node.end_byte - node.start_byte > 1
        )

    def _goes_on(self, node: tree_sitter.Node) -> bool:
        return self.lines.to_point(node.end_byte) > self.offset

    def _kind_by_line(self) -> Kind:
        """By the quotes and comment signs on this line: half-typed strings are not strings to the grammar."""
        comment = self.entry.line_comment
        quote, at, line = "", 0, self.head
        while at < len(line):
            if quote:
                if line[at] == "\\":
                    at += 1
                elif line.startswith(quote, at):
                    at += len(quote) - 1
                    quote = ""
            elif comment and line.startswith(comment, at):
                return "comment"
            elif line[at] in "\"'`" and not (line[at] == "'" and self.entry.apostrophe == "name"):
                quote = line[at] * 3 if line.startswith(line[at] * 3, at) else line[at]
                at += len(quote) - 1
            at += 1
        return "string" if quote and len(quote) < 3 else "code"

    def scope(self) -> Span | None:
        """The innermost definition or block around the cursor."""
        if self.entry.columns == "statements":
            return self._scope_by_indentation()
        around = self.path(self.offset - 1)
        for depth in range(len(around) - 1, 0, -1):
            node = around[depth]
            if node.type in self.entry.blocks and around[depth - 1].type in self.entry.functions:
                node = around[depth - 1]  # with its parameters
            if node.type in self.entry.functions or node.type in self.entry.blocks:
                start, end = self.lines.to_point(node.start_byte), self.lines.to_point(node.end_byte)
                closed = self.text.endswith(("}", "end", ")"), start, end)
                if start < self.offset < end or (self.offset == end and not closed):
                    return Span(start, end)
        return None

    def _scope_by_indentation(self) -> Span | None:
        inner = _indent(self.head) if self.head.strip() else len(self.head.expandtabs())
        end = self._line_start
        for _ in range(_LINES_BACK):
            if end <= 0 or inner == 0:
                return None
            start = self.text.rfind("\n", 0, end - 1) + 1
            line = self.text[start : end - 1]
            if line.strip() and not _COMMENT_LINE.match(line) and _indent(line) < inner:
                if _DEFINITION.match(line):
                    return Span(start + len(line) - len(line.lstrip()), self._end_of_block(_indent(line)))
                if not line.lstrip().startswith((")", "]", "}")):
                    inner = _indent(line)
            end = start
        return None

    def _end_of_block(self, indent: int) -> int:
        """Where the block ends whose head is indented by `indent`, looking from the cursor."""
        at = self.offset + len(self._rest_of_line)
        end = at
        while at < len(self.text):
            stop = self.text.find("\n", at + 1)
            stop = stop if stop >= 0 else len(self.text)
            line = self.text[at + 1 : stop]
            if line.strip():
                if _indent(line) <= indent:
                    break
                end = stop
            at = stop
        return end

    def _in_empty_body(self) -> bool:
        last = self.text[self._last] if self._last >= 0 else ""
        previous = self._previous_line
        deeper = self._next_line is not None and _indent(self._next_line) > _indent(previous)
        if self.entry.columns == "statements":
            code = previous.split(" #", 1)[0].rstrip()
            return code.endswith(":") and not deeper and len(self.head.expandtabs()) > _indent(previous)
        following = (self._next_line or "").lstrip()
        if last == "{" or previous.rstrip().endswith("{"):
            return following.startswith("}") or not deeper
        if self.entry.word_opener and re.search(self.entry.word_opener, previous):
            return following.startswith(self.entry.word_closers) or not deeper
        return False

    def _after_docstring(self) -> bool:
        around = self.path(self._last)
        for depth, node in enumerate(around):
            if node.type in self.entry.strings and depth >= 3:
                statement, body, owner = around[depth - 1], around[depth - 2], around[depth - 3]
                if owner.type in self.entry.functions and body.type in self.entry.blocks:
                    return body.named_child_count == 1 and body.named_child(0) == statement and self._in_body(owner)
        return False

    def _in_body(self, owner: tree_sitter.Node) -> bool:
        return len(self.head.expandtabs()) > owner.start_point.column

    def _at_top(self, scope: Span | None) -> bool:
        if scope is not None:
            return False
        before = self.text[self._last] if self._last >= 0 else ""
        return before not in ("(", "[", "{", ",", "\\", ":") and before != "="


def _indent(line: str) -> int:
    expanded = line.expandtabs()
    return len(expanded) - len(expanded.lstrip())
