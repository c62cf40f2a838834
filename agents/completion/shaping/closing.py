"""The brackets that a suggestion may close, and the characters after the cursor that it contains and replaces.

Prevents duplicate closing brackets and missing ones. Never parses. Start at `Closing.at`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from agents.completion.shaping.brackets import CLOSER_OF, CLOSERS, scan_brackets, scan_without_positions

if TYPE_CHECKING:
    from agents.completion.cursor import Cursor
    from agents.completion.shaping.brackets import Balance

# Characters before and after the cursor that are scanned for brackets.
_BEFORE = 8_000
_AFTER = 4_000
_MODIFIERS = (
    *("export", "default", "pub", "public", "private", "protected", "internal"),
    *("static", "final", "abstract", "override", "async"),
)
_DEFINITION = re.compile(
    rf"^[ \t]*(?:(?:{'|'.join(_MODIFIERS)})\s+)*"
    r"(?:def|class|func|fn|function|fun|interface|struct|impl|trait|enum)\b",
    re.MULTILINE,
)
_NEAR = 1_000  # characters at the end of a text that are searched for the last definition first
_LINE_END_MARKS = frozenset({":", ";", ",", "{"})


@dataclass(frozen=True, slots=True)
class Closing:
    """The brackets around a cursor.

    Attributes:
        language: the document's language.
        needed: closing brackets that the code before the cursor needs and the code after it does not have, in the
            order in which they have to come.
        quote: delimiter of the string that the cursor is in, "" for none.
        after: the text of the cursor's line after the cursor.
    """

    language: str
    needed: str
    quote: str
    after: str

    @classmethod
    def at(cls, cursor: Cursor) -> Closing:
        """Return the brackets around `cursor`."""
        language = cursor.document.language
        left = scan_before_cursor(cursor)
        right = _scan_cached(cursor.suffix[:_AFTER], language, left.quote)
        due = "".join(CLOSER_OF[opener] for opener in reversed(left.unclosed))
        return cls(language, _drop_closed(due, right.closers), left.quote, cursor.after)

    def find_excess(self, text: str) -> tuple[int, ...]:
        """Return the positions of closing brackets in `text` that neither close a bracket in `text` nor are needed."""
        balance = scan_brackets(text, self.language, self.quote)
        at = 0
        while at < min(len(balance.closers), len(self.needed)) and balance.closers[at] == self.needed[at]:
            at += 1
        return balance.unopened[at:]

    def leaves_open(self, text: str) -> bool:
        """Return whether `text`, inserted at the cursor, ends inside a bracket of its own or inside a string."""
        balance = scan_brackets(text, self.language, self.quote)
        return bool(balance.unclosed or balance.quote)

    def stays_in_string(self, text: str) -> bool:
        """Return whether the cursor is in a string and `text` ends in one with the same delimiter and in no bracket."""
        balance = scan_brackets(text, self.language, self.quote)
        return bool(self.quote) and balance.quote == self.quote and not balance.unclosed

    def count_covered(self, text: str) -> int:
        """Return how many characters after the cursor `text` contains too, and therefore has to replace.

        These are closing brackets, the string's delimiter, and a mark such as a colon that ends both the line and
        `text`.
        """
        after = self.after
        at = 0
        if (
            self.quote
            and after.startswith(self.quote)
            and scan_brackets(text, self.language, self.quote).quote != self.quote
        ):
            at = len(self.quote) if self.quote in text else 0
        spare = "".join(text[position] for position in self.find_excess(text))
        reached = at
        for position in range(at, len(after)):
            if spare and after[position] == spare[0]:
                spare = spare[1:]
                reached = position + 1
            elif not after[position].isspace():
                break
        mark = after[reached:].strip()
        if mark in _LINE_END_MARKS and text.rstrip().endswith(mark):
            return len(after.rstrip())
        return reached

    def count_allowed(self, text: str) -> int:
        """Return how many characters of `text` come before the first closing bracket too many; all if there is none.

        Brackets that close one in `text`, that are needed, or that repeat those after the cursor are not too many.
        """
        excess = self.find_excess(text)
        if not excess:
            return len(text)
        spare = 0
        for character in self.after:
            if spare < len(excess) and character == text[excess[spare]]:
                spare += 1
            elif character not in CLOSERS and not character.isspace() and character not in "\"'`":
                break
        return excess[spare] if spare < len(excess) else len(text)


def scan_before_cursor(cursor: Cursor) -> Balance:
    """Return the brackets and the string that the last definition before `cursor` leaves open, without positions.

    Without a definition in the last `_BEFORE` characters, those that these characters leave open.
    """
    return scan_without_positions(cut_to_definition(cursor.prefix[-_BEFORE:]), cursor.document.language)


def cut_to_definition(text: str) -> str:
    """Return `text` from the last line that begins a definition, with its modifiers; all of it without a definition.

    The whole text may begin inside a string; a definition does not.
    """
    near = text.rfind("\n", 0, max(len(text) - _NEAR, 0)) + 1
    start = _find_last_definition(text, near)
    # The definition may begin with modifiers on the lines above it, which only a search from farther above finds.
    if near and (start < 0 or text[:start].rstrip().endswith(_MODIFIERS)):
        start = _find_last_definition(text, 0)
    return text[max(start, 0) :]


def _find_last_definition(text: str, begin: int) -> int:
    """Return the offset of the last definition in `text` from `begin`, the start of a line, on; -1 for none."""
    starts = [found.start() for found in _DEFINITION.finditer(text, begin)]
    return starts[-1] if starts else -1


@lru_cache(maxsize=4)  # the text after the cursor stays the same while a person types
def _scan_cached(text: str, language: str, quote: str) -> Balance:
    """Return the balance of `text`, the code after the cursor, without positions."""
    return scan_without_positions(text, language, quote)


def _drop_closed(due: str, closers: str) -> str:
    """Return the closing brackets in `due` (innermost first) that are missing in `closers`, the ones after the cursor.

    The brackets after the cursor close the outermost ones; brackets of other kinds are ignored.
    """
    while closers and due:
        at = due.rfind(closers[-1])
        if at < 0:
            closers = closers[:-1]
            continue
        due, closers = due[:at], closers[:-1]
    return due
