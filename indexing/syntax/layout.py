"""The surroundings of a cursor: code, comment or string, an empty body, the docstring above, and the scope.

Reads the syntax tree; where the code is half typed and the tree has errors, the lines decide instead. Start at
`Around.describe`.
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

_LINES_BACK = 2000  # lines above the cursor in which the head of its scope is looked for
_DEFINITION = re.compile(r"\s*(?:async\s+def|def|class)\b")  # where indentation groups statements
_COMMENT_LINE = re.compile(r"\s*(?:#|//|--|;|\*|/\*)")
_CLOSERS = ('"', "'", "`", "]]", ")", "*/", "-->")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Facts about the code around an offset.

    Attributes:
        kind: "none" if the text was not parsed.
        in_empty_body: whether it is on a blank line in a body without statements.
        after_docstring: whether it is on a blank line after the docstring of a body without other statements.
        at_top_level_line: whether it is at the start of a blank line outside all definitions and brackets.
        scope: the innermost enclosing definition or block.
        names: identifiers in scope, nearest first, without duplicates.
    """

    kind: Kind
    in_empty_body: bool
    after_docstring: bool
    at_top_level_line: bool
    scope: Span | None
    names: tuple[str, ...] = ()


NOWHERE = Surroundings("none", in_empty_body=False, after_docstring=False, at_top_level_line=False, scope=None)


@dataclass(frozen=True)
class Around:
    """A parsed text, looked at from one offset."""

    text: str
    offset: int
    entry: Language
    tree: tree_sitter.Tree
    lines: ByteLines

    def describe(self, scope: Span | None) -> Surroundings:
        """Return the facts about the cursor's surroundings, without names; `scope` is the result of `find_scope`."""
        kind = self.classify()
        blank = kind == "code" and not self.head.strip() and not self._rest_of_line.strip()
        return Surroundings(
            kind,
            in_empty_body=blank and self._is_in_empty_body(),
            after_docstring=blank and self.entry.docstrings and self._is_after_docstring(),
            at_top_level_line=blank and not self.head and self._is_at_top(scope),
            scope=scope,
        )

    @cached_property
    def head(self) -> str:
        """Text of the cursor's line before the cursor."""
        return self.text[self._line_start : self.offset]

    @cached_property
    def _line_start(self) -> int:
        """Offset of the start of the cursor's line."""
        return max(self.text.rfind("\n", 0, self.offset), self.text.rfind("\r", 0, self.offset)) + 1

    @cached_property
    def _rest_of_line(self) -> str:
        """Text of the cursor's line after the cursor."""
        end = self.text.find("\n", self.offset)
        return self.text[self.offset : end if end >= 0 else len(self.text)]

    @cached_property
    def _last(self) -> int:
        """Offset of the last character before the cursor that is not white space; -1 for none."""
        return len(self.text[: self.offset].rstrip()) - 1

    @cached_property
    def _previous_line(self) -> str:
        """Last line above the cursor that is neither blank nor a comment, "" for none."""
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
        """First line below the cursor that is not blank; None if there is none."""
        rest = self.text[self.offset + len(self._rest_of_line) :]
        stripped = rest.lstrip()
        if not stripped:
            return None
        at = len(rest) - len(stripped)
        return rest[rest.rfind("\n", 0, at) + 1 :].split("\n", 1)[0]

    def find_nodes(self, offset: int) -> list[tree_sitter.Node]:
        """Return the nodes that contain the character at `offset`, outermost first."""
        at = self.lines.to_byte(max(0, offset), self.text)
        cursor = self.tree.walk()
        nodes = [self.tree.root_node]
        while cursor.goto_first_child_for_byte(at) is not None:
            node = cursor.node
            if node is None or node.start_byte > at or node.end_byte <= at:
                break
            nodes.append(node)
        return nodes

    def classify(self) -> Kind:
        """Return "code", "comment" or "string": the kind of text that the cursor is in."""
        if self.offset == 0:
            return "code"
        around = self.find_nodes(self.offset - 1)
        for node in reversed(around):
            if node.type in self.entry.comments:
                closed = self._ends_here(node, ("*/", "-->", "]]"))
                one_line = self.text[self.offset - 1] == "\n"
                return "code" if closed or (one_line and not self._continues_after(node)) else "comment"
            if node.type in self.entry.strings:
                return "code" if self._ends_here(node, _CLOSERS) else "string"
            if "interpolation" in node.type or "substitution" in node.type:
                return "code"
        if any(node.is_error for node in around) or self.tree.root_node.has_error:
            return self._classify_by_line()
        return "code"

    def _ends_here(self, node: tree_sitter.Node, closers: tuple[str, ...]) -> bool:
        """Return whether `node` ends at the cursor, with one of `closers`."""
        return (
            self.lines.to_code_point(node.end_byte) == self.offset
            and self.text.endswith(closers, 0, self.offset)
            and node.end_byte - node.start_byte > 1
        )

    def _continues_after(self, node: tree_sitter.Node) -> bool:
        """Return whether `node` ends after the cursor."""
        return self.lines.to_code_point(node.end_byte) > self.offset

    def _classify_by_line(self) -> Kind:
        """Return the kind of text at the cursor, by the quotes and comment marks before it on its line.

        A half-typed string is no string node in the tree.
        """
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

    def find_scope(self) -> Span | None:
        """Return the span of the innermost definition or block around the cursor; None at the top level."""
        if self.entry.columns == "statements":
            return self._find_scope_by_indentation()
        around = self.find_nodes(self.offset - 1)
        for depth in range(len(around) - 1, 0, -1):
            node = around[depth]
            if node.type in self.entry.blocks and around[depth - 1].type in self.entry.functions:
                node = around[depth - 1]  # with its parameters
            if node.type in self.entry.functions or node.type in self.entry.blocks:
                start, end = self.lines.to_code_point(node.start_byte), self.lines.to_code_point(node.end_byte)
                closed = self.text.endswith(("}", "end", ")"), start, end)
                if start < self.offset < end or (self.offset == end and not closed):
                    return Span(start, end)
        return None

    def _find_scope_by_indentation(self) -> Span | None:
        """Return the span of the innermost definition around the cursor by indentation; None if there is none."""
        inner = _count_columns(self.head) if self.head.strip() else len(self.head.expandtabs())
        end = self._line_start
        for _ in range(_LINES_BACK):
            if end <= 0 or inner == 0:
                return None
            start = self.text.rfind("\n", 0, end - 1) + 1
            line = self.text[start : end - 1]
            if line.strip() and not _COMMENT_LINE.match(line) and _count_columns(line) < inner:
                if _DEFINITION.match(line):
                    return Span(start + len(line) - len(line.lstrip()), self._find_end_of_block(_count_columns(line)))
                if not line.lstrip().startswith((")", "]", "}")):
                    inner = _count_columns(line)
            end = start
        return None

    def _find_end_of_block(self, indent: int) -> int:
        """Return the offset at which the block ends that contains the cursor and whose head has `indent` columns."""
        at = self.offset + len(self._rest_of_line)
        end = at
        while at < len(self.text):
            stop = self.text.find("\n", at + 1)
            stop = stop if stop >= 0 else len(self.text)
            line = self.text[at + 1 : stop]
            if line.strip():
                if _count_columns(line) <= indent:
                    break
                end = stop
            at = stop
        return end

    def _is_in_empty_body(self) -> bool:
        """Return whether the line above opens a body that has no content below the cursor, judged by the lines.

        Where indentation groups statements, the cursor must be indented deeper than the line above.
        """
        last = self.text[self._last] if self._last >= 0 else ""
        previous = self._previous_line
        deeper = self._next_line is not None and _count_columns(self._next_line) > _count_columns(previous)
        if self.entry.columns == "statements":
            code = previous.split(" #", 1)[0].rstrip()
            return code.endswith(":") and not deeper and len(self.head.expandtabs()) > _count_columns(previous)
        following = (self._next_line or "").lstrip()
        if last == "{" or previous.rstrip().endswith("{"):
            return following.startswith("}") or not deeper
        if self.entry.word_opener and re.search(self.entry.word_opener, previous):
            return following.startswith(self.entry.word_closers) or not deeper
        return False

    def _is_after_docstring(self) -> bool:
        """Return whether the text above ends with a docstring that is alone in the body around the cursor."""
        around = self.find_nodes(self._last)
        for depth, node in enumerate(around):
            if node.type in self.entry.strings and depth >= 3:
                statement, body, owner = around[depth - 1], around[depth - 2], around[depth - 3]
                if owner.type in self.entry.functions and body.type in self.entry.blocks:
                    return body.named_child_count == 1 and body.named_child(0) == statement and self._is_right_of(owner)
        return False

    def _is_right_of(self, owner: tree_sitter.Node) -> bool:
        """Return whether the cursor is farther right than the start of `owner`."""
        return len(self.head.expandtabs()) > owner.start_point.column

    def _is_at_top(self, scope: Span | None) -> bool:
        """Return whether the cursor is in no `scope` and the text above does not end with a sign that continues it."""
        if scope is not None:
            return False
        before = self.text[self._last] if self._last >= 0 else ""
        return before not in ("(", "[", "{", ",", "\\", ":") and before != "="


def _count_columns(line: str) -> int:
    """Return the columns of indentation of `line`; a tab reaches to the next multiple of eight."""
    expanded = line.expandtabs()
    return len(expanded) - len(expanded.lstrip())
