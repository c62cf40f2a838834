"""The statement around a cursor cut out of its document, to see quickly whether a suggestion breaks its syntax.

Parsing a whole document for each candidate costs many milliseconds, the statement around the cursor one.
Start at `Fragment.around`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.generator.cursor import Cursor
    from indexing.syntax import Syntax

_ABOVE, _BELOW = 6_000, 2_000  # characters at most
# A line that begins a statement at the top: not indented, no closing bracket, no branch of the statement above.
_STATEMENT = re.compile(r"^(?!(?:else|elif|except|finally|catch|case|default|end)\b)[^\s)\]}#/*]", re.MULTILINE)


@dataclass(frozen=True)
class Fragment:
    """A piece of a document around a cursor.

    Attributes:
        syntax: its own tree.
        offset: the cursor in it.
        line_start: where the cursor's line begins.
        line_end: where it ends.
    """

    syntax: Syntax
    offset: int
    line_start: int
    line_end: int

    @classmethod
    def around(cls, cursor: Cursor) -> Fragment:
        """The statement at the top level that `cursor` stands in, as far as its windows reach."""
        from indexing.syntax import Syntax  # noqa: PLC0415 - loads the parser with the first request

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
        following = _STATEMENT.search(below, len(cursor.after) + 1)
        if following is not None:
            below = below[: following.start()]
        elif len(cursor.suffix) > _BELOW:
            below = below[: below.rfind("\n") + 1]
        offset = len(above)
        syntax = Syntax.of(replace(cursor.document, text=above + below))
        return cls(syntax, offset, offset - len(cursor.before), offset + len(cursor.after))

    def breaks_with(self, text: str, replaced: int) -> bool:
        """Whether the line with `text` in place of the `replaced` characters behind the cursor does not parse.

        The yardstick is the piece without the line: a line half typed is an error itself and must not excuse another.
        """
        if not self.syntax.available:
            return False
        pasted = self.syntax.with_text_inserted(self.offset, self.offset + replaced, text).error_count()
        return pasted > 0 and pasted > self._errors

    @cached_property
    def _errors(self) -> int:
        return self.syntax.with_text_inserted(self.line_start, self.line_end, "").error_count()
