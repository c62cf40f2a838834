"""Stop rules, which end a model's text as soon as it is complete, while its tokens arrive.

They only cut the end of a text; other changes are made by `polish`. Start at `StopRules`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.completion.cursor import measure_indentation
from agents.completion.plan import Extent
from agents.completion.shaping.closing import Closing

if TYPE_CHECKING:
    from agents.completion.cursor import Cursor
    from agents.completion.plan import Plan

# A model loops if it writes the same few characters five times in a row, or the same letter or digit a dozen times; a
# ruler of one other character is no loop.
_LOOP = re.compile(
    r"(?P<unit>(?P<one>.)(?!(?P=one)+(?P=one)).{1,19}?)(?P=unit){4,}\Z|(?P<same>\w)(?P=same){11,}\Z", re.DOTALL
)
_LOOP_WINDOW = 240
_BLANK_LINES = 2
# No code comes after more spaces and line ends than this.
_MOST_BLANK = 100
_LONGEST_ROUND = 4  # lines that a loop repeats
# Lines that continue the statement above although they are not indented below it.
_CONTINUES = re.compile(r"(?:else|elif|except|finally|catch|case|end|while)\b|[)\]}]")
_CONTINUING_WORDS = ("else", "elif", "except", "finally", "catch", "case", "end", "while")


class StopRules:
    """Decides after each token whether a model's text is complete, for one cursor and plan."""

    def __init__(self, cursor: Cursor, plan: Plan, closing: Closing | None = None) -> None:
        self._plan = plan
        self._closing = closing or Closing.at(cursor)
        self._next_line = _fold(cursor.next_line)
        self._before = cursor.before

    def __call__(self, text: str) -> int | None:
        """Return how many characters to keep of `text`, all text so far, if it is complete; None to go on."""
        keep = self._count_kept(text)
        return keep if keep < len(text) else None

    def _count_kept(self, text: str) -> int:
        """Return how many characters of `text` to keep; all while it is incomplete."""
        if len(text) > _MOST_BLANK and not text.strip():
            return 0
        keep = min(self._closing.count_allowed(text), _count_before_loop(text))
        if self._plan.extent is not Extent.BLOCK:
            end = text.find("\n")
            return keep if end < 0 else min(keep, end)
        return min(keep, self._find_block_end(text))

    def _find_block_end(self, text: str) -> int:
        """Return where the planned block ends in `text`, whose last line may be incomplete; its length if it goes on.

        The block ends before a line outside it, a line that equals the one below the cursor, a line too many, two blank
        lines, or lines that repeat.
        """
        lines = text.split("\n")
        at, filled, blanks = 0, 0, 0
        for number, line in enumerate(lines):
            complete = number < len(lines) - 1
            if not line.strip():
                blanks += number > 0 and complete
                if blanks >= _BLANK_LINES and filled:
                    return at - 1
            else:
                if filled and number and self._is_outside(line, complete=complete):
                    return at - 1
                if complete and _fold(line) == self._next_line and len(self._next_line) > 1 and number:
                    return at - 1
                filled, blanks = filled + 1, 0
                if filled > self._plan.lines:
                    return at - 1
            at += len(line) + 1
        kept = count_unrepeated_lines([self._before + lines[0], *lines[1:-1]])
        return len(text) if kept >= len(lines) - 1 else len("\n".join(lines[:kept]))

    def _is_outside(self, line: str, *, complete: bool) -> bool:
        """Return whether `line` is not part of the planned block, by its indentation and its first word.

        An incomplete line that may still become a branch, such as `else`, is not outside yet.
        """
        columns = measure_indentation(line)
        if not complete and any(word.startswith(line.strip()) for word in _CONTINUING_WORDS):
            return False
        if _CONTINUES.match(line.lstrip()):
            return columns < self._plan.indentation and not line.lstrip().startswith((")", "]", "}"))
        if self._plan.one_statement:
            return columns <= self._plan.indentation
        return columns < self._plan.indentation


def _count_before_loop(text: str) -> int:
    """Return how many characters of `text` to keep: all, or, if it ends in equal groups, through the first of these."""
    tail = text[-_LOOP_WINDOW:]
    found = _LOOP.search(tail)
    if found is None or not (unit := found["unit"] or found["same"]).strip():
        return len(text)
    return len(text) - len(tail) + found.start() + len(unit)


def count_unrepeated_lines(lines: list[str]) -> int:
    """Return how many of `lines` to keep: all, or those through the first of three equal groups in a row.

    A group has at most `_LONGEST_ROUND` lines, not all blank.
    """
    for length in range(1, _LONGEST_ROUND + 1):
        for at in range(len(lines) - 3 * length + 1):
            first, second, third = (lines[at + turn * length : at + (turn + 1) * length] for turn in range(3))
            if first == second == third and any(line.strip() for line in first):
                return at + length
    return len(lines)


def _fold(line: str) -> str:
    """Return `line` without indentation and with single spaces, for comparison."""
    return " ".join(line.split())
