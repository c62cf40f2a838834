"""The statement around a cursor cut out of its document, to see quickly whether a suggestion breaks its syntax.

Parsing a whole document for each candidate costs many milliseconds, the statement around the cursor one.
Start at `Fragment.around`.
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

_ABOVE, _BELOW = 6_000, 2_000  # characters at most
# A line that begins a statement at the top: not indented, no closing bracket, no branch of the statement above.
_STATEMENT = re.compile(r"^(?!(?:else|elif|except|finally|catch|case|default|end)\b)[^\s)\]}#/*]", re.MULTILINE)

_INNER = re.compile(r"^(?P<lead>[ \t]+)(?:async[ \t]+def|def|class)\b", re.MULTILINE)
_BEGUN = re.compile(r"^[ \t]*(?:try[ \t]*:|@)", re.MULTILINE)  # what goes on behind the suggestion
_HOLDER = "class _:\n"  # what an inner definition is put into, to be read alone


@dataclass(frozen=True)
class Fragment:
    """A piece of a document around a cursor.

    Attributes:
        document: of this piece alone.
        offset: the cursor in it.
        line_start: where the cursor's line begins.
        line_end: where it ends.
    """

    document: Document
    offset: int
    line_start: int
    line_end: int

    @classmethod
    def around(cls, cursor: Cursor) -> Fragment:
        """Return the top-level statement that contains `cursor`, as far as its windows reach."""
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

    def breaks_with(self, text: str, replaced: int) -> bool:
        """Whether the line with `text` in place of the `replaced` characters behind the cursor does not parse.

        The yardstick is the piece without the line: a line half typed is an error itself and must not excuse another.
        """
        pasted = self._errors_with(self.offset, self.offset + replaced, text)
        return pasted > 0 and pasted > self._errors

    def breaks_python(self, text: str, replaced: int) -> bool:
        """Whether Python reads the piece, as it stands, without its line or with any in its place, and not with `text`.

        The grammar for editors forgives indentation that Python does not.
        """
        if not self.document.entry.python_parser or _BEGUN.search(text):
            return False
        around = next((piece for piece in (self, self._function) if piece is not None and piece._python_reads), None)  # noqa: SLF001 - its own
        if around is None:
            return False
        code = around.document.text
        return not _python_reads(code[: around.offset] + text + code[around.offset + replaced :])

    @cached_property
    def _function(self) -> Fragment | None:
        """The method or inner function around the cursor, as if its class held nothing else; None for none."""
        code = self.document.text
        heads = [found for found in _INNER.finditer(code, 0, self.line_start) if _reaches(code, found, self.line_start)]
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
    def _python_reads(self) -> bool:
        piece = self.document.text
        line = piece[self.line_start : self.line_end]
        above, below = piece[: self.line_start], piece[self.line_end :]
        filled = line[: len(line) - len(line.lstrip())] + _filler(above)
        return any(map(_python_reads, (piece, above + below, above + filled + below)))

    @cached_property
    def _errors(self) -> int:
        return self._errors_with(self.line_start, self.line_end, "")

    def _errors_with(self, start: int, end: int, text: str) -> int:
        """Return the number of syntax errors with `text` in place of [start, end).

        Parsed anew: a tree of the half-typed line would only be an expensive start, as recovery from errors is slow.
        """
        from indexing.syntax.syntax import Syntax  # noqa: PLC0415 - loads the parser with the first request

        piece = self.document.text
        return Syntax.of(replace(self.document, text=piece[:start] + text + piece[end:])).count_errors()


def _reaches(code: str, head: re.Match[str], line_start: int) -> bool:
    """Whether all lines from a definition's head to the cursor's stand as deep as it does at least."""
    lead = len(head["lead"])
    return re.compile(rf"^[ \t]{{0,{lead - 1}}}[^\s#)\]}}]", re.MULTILINE).search(code, head.end(), line_start) is None


def _filler(above: str) -> str:
    """Return a statement that may come behind `above`."""
    line = next((one for one in reversed(above.split("\n")) if one.strip()), "").strip()
    if line.startswith("@"):
        return "def _(): pass"
    return "case _: pass" if line.startswith("match ") and line.endswith(":") else "pass"


def _python_reads(text: str) -> bool:
    """Whether Python compiles a text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
