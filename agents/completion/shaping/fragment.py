"""The top-level statement around a cursor, to check quickly whether a suggestion breaks its syntax.

To parse a whole document for each candidate takes many milliseconds, this statement one. Start at `Fragment.around`.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from agents.completion.shaping.brackets import scan_without_positions

if TYPE_CHECKING:
    from agents.completion.cursor import Cursor
    from indexing.syntax.documents import Document

_ABOVE, _BELOW = 6_000, 2_000  # the most characters before and after the cursor
# A line that begins a statement at the top level: not indented, no closing bracket, no branch of the statement above.
_STATEMENT = re.compile(r"^(?!(?:else|elif|except|finally|catch|case|default|end)\b)[^\s)\]}#/*]", re.MULTILINE)

_INNER = re.compile(r"^(?P<lead>[ \t]+)(?:async[ \t]+def|def|class)\b", re.MULTILINE)
_BEGUN = re.compile(r"^[ \t]*(?:try[ \t]*:|@)", re.MULTILINE)  # statements that may be completed after the suggestion
_HOLDER = "class _:\n"  # header around an inner definition that is compiled alone


@dataclass(frozen=True)
class Fragment:
    """A piece of a document around a cursor.

    Attributes:
        document: a document of this piece alone.
        offset: the cursor's offset in it.
        line_start: the offset in it where the cursor's line begins.
        line_end: the offset in it where the cursor's line ends.
    """

    document: Document
    offset: int
    line_start: int
    line_end: int

    @classmethod
    def around(cls, cursor: Cursor) -> Fragment:
        """Return the top-level statement that contains `cursor`, within `_ABOVE` and `_BELOW` characters of it."""
        above = cursor.prefix[-_ABOVE:]
        line_start = len(above) - len(cursor.before)
        starts = [found.start() for found in _STATEMENT.finditer(above, 0, line_start)]
        if starts and not _STATEMENT.match(cursor.before):
            above = above[starts[-1] :]
        elif _STATEMENT.match(cursor.before):
            above = cursor.before
        elif len(cursor.prefix) > _ABOVE:
            above = above[above.find("\n") + 1 :]
        below = cursor.suffix[:_BELOW]
        language = cursor.document.language
        quote = scan_without_positions(above, language).quote
        found = _STATEMENT.finditer(below, len(cursor.after) + 1)
        following = next(
            (one for one in found if not scan_without_positions(below[: one.start()], language, quote).quote), None
        )
        if following is not None:
            below = below[: following.start()]
        elif len(cursor.suffix) > _BELOW:
            below = below[: below.rfind("\n") + 1]
        offset = len(above)
        document = replace(cursor.document, text=above + below)
        return cls(document, offset, offset - len(cursor.before), offset + len(cursor.after))

    def breaks_grammar(self, text: str, replaced: int) -> bool:
        """Return whether the piece has more syntax errors with `text` than without the cursor's line.

        `text` replaces the `replaced` characters after the cursor. The half-typed line alone may be an error, so the
        piece with that line is not what the result is compared with.
        """
        pasted = self._count_errors(self.offset, self.offset + replaced, text)
        return pasted > 0 and pasted > self._errors_without_line

    def breaks_python(self, text: str, replaced: int) -> bool:
        """Return whether `text` in place of the `replaced` characters after the cursor makes the piece invalid Python.

        False for other languages, for a `text` with a `try` or a decorator, and if neither the piece nor the function
        around the cursor was valid before. Finds wrong indentation, which `breaks_grammar` does not.
        """
        if not self.document.entry.python_parser or _BEGUN.search(text):
            return False
        around = next((piece for piece in (self, self._function) if piece is not None and piece._is_python), None)  # noqa: SLF001 - its own
        if around is None:
            return False
        code = around.document.text
        return not _can_compile(code[: around.offset] + text + code[around.offset + replaced :])

    @cached_property
    def _function(self) -> Fragment | None:
        """The method or inner function around the cursor, put alone into a class to be compiled; None without one."""
        code = self.document.text
        heads = [
            found
            for found in _INNER.finditer(code, 0, self.line_start)
            if _stays_indented(code, found, self.line_start)
        ]
        if not heads:
            return None
        start, lead = heads[-1].start(), len(heads[-1]["lead"])
        below = code[self.line_end :]
        shallower = re.search(rf"^[ \t]{{0,{lead - 1}}}[^\s#]", below, re.MULTILINE)
        end = self.line_end + (shallower.start() if shallower is not None else len(below))
        shift = len(_HOLDER) - start
        document = replace(self.document, text=_HOLDER + code[start:end])
        return Fragment(document, self.offset + shift, self.line_start + shift, self.line_end + shift)

    @cached_property
    def _is_python(self) -> bool:
        """Whether the piece is valid Python as it is, without the cursor's line, or with a statement in its place."""
        piece = self.document.text
        line = piece[self.line_start : self.line_end]
        above, below = piece[: self.line_start], piece[self.line_end :]
        filled = line[: len(line) - len(line.lstrip())] + _make_filler(above)
        return any(map(_can_compile, (piece, above + below, above + filled + below)))

    @cached_property
    def _errors_without_line(self) -> int:
        """Number of syntax errors in the piece without the cursor's line."""
        return self._count_errors(self.line_start, self.line_end, "")

    def _count_errors(self, start: int, end: int, text: str) -> int:
        """Return the number of syntax errors in the piece with `text` in place of the characters from `start` to `end`.

        Parses without the tree of the half-typed line: to start from a tree with errors is slower.
        """
        from indexing.syntax.syntax import Syntax  # noqa: PLC0415 - loads the parser with the first request

        piece = self.document.text
        return Syntax.of(replace(self.document, text=piece[:start] + text + piece[end:])).count_errors()


def _stays_indented(code: str, head: re.Match[str], line_start: int) -> bool:
    """Return whether no line from a definition's `head` to `line_start` has less indentation than the head.

    Blank lines, comments and closing brackets may have less.
    """
    lead = len(head["lead"])
    return re.compile(rf"^[ \t]{{0,{lead - 1}}}[^\s#)\]}}]", re.MULTILINE).search(code, head.end(), line_start) is None


def _make_filler(above: str) -> str:
    """Return a statement that may follow `above`: a function after a decorator, a case after `match`, else `pass`."""
    line = next((one for one in reversed(above.split("\n")) if one.strip()), "").strip()
    if line.startswith("@"):
        return "def _(): pass"
    return "case _: pass" if line.startswith("match ") and line.endswith(":") else "pass"


def _can_compile(text: str) -> bool:
    """Return whether Python compiles `text` without an error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
