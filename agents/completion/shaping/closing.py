"""The number of brackets a suggestion may close, and of characters after the cursor that it already contains.

The two complaints this answers: duplicate closing brackets, and post-processing that eats needed ones.
Never parses. Start at `Closing.at`.
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

# Brackets are looked at in so many characters before and behind the cursor: what is farther away closes itself.
_BEFORE = 8_000
_BEHIND = 4_000
_MODIFIERS = (
    *("export", "default", "pub", "public", "private", "protected", "internal"),
    *("static", "final", "abstract", "override", "async"),
)
_DEFINITION = re.compile(
    rf"^[ \t]*(?:(?:{'|'.join(_MODIFIERS)})\s+)*"
    r"(?:def|class|func|fn|function|fun|interface|struct|impl|trait|enum)\b",
    re.MULTILINE,
)
_NEAR = 1_000  # characters in which the last definition is looked for first
_LINE_END_MARKS = frozenset({":", ";", ",", "{"})


@dataclass(frozen=True, slots=True)
class Closing:
    """The brackets around a cursor.

    Attributes:
        language: the document's.
        needed: closers that the code before the cursor still needs and the code behind it does not give,
            in the order in which they are due.
        quote: delimiter of the string the cursor stands in, "" for none.
        after: text right of the cursor on its line.
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
        right = _weigh(cursor.suffix[:_BEHIND], language, left.quote)
        due = "".join(CLOSER_OF[opener] for opener in reversed(left.unclosed))
        return cls(language, _without_tail(due, right.closers), left.quote, cursor.after)

    def find_excess(self, text: str) -> tuple[int, ...]:
        """Return the positions of closing brackets in `text` beyond those that the code before the cursor needs."""
        balance = scan_brackets(text, self.language, self.quote)
        at = 0
        while at < min(len(balance.closers), len(self.needed)) and balance.closers[at] == self.needed[at]:
            at += 1
        return balance.unopened[at:]

    def leaves_open(self, text: str) -> bool:
        """Whether `text` opens a bracket or a string that it does not close."""
        balance = scan_brackets(text, self.language, self.quote)
        return bool(balance.unclosed or balance.quote)

    def stays_in_string(self, text: str) -> bool:
        """Whether the string that the cursor stands in goes on behind `text`, or another of its kind does."""
        balance = scan_brackets(text, self.language, self.quote)
        return bool(self.quote) and balance.quote == self.quote and not balance.unclosed

    def count_covered(self, text: str) -> int:
        """Return how many characters after the cursor `text` already contains and has to replace."""
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
        """Return how many characters come before the first closing bracket that neither closes nor repeats one."""
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
    """Return what the code before the cursor leaves open."""
    return scan_without_positions(_from_definition(cursor.prefix[-_BEFORE:]), cursor.document.language)


def _from_definition(text: str) -> str:
    """Return `text` from its last line that begins a definition.

    A window may begin inside of a string and a docstring's quotes would then be read inside out; a definition does not.
    """
    near = text.rfind("\n", 0, max(len(text) - _NEAR, 0)) + 1
    start = _last_definition(text, near)
    # Modifiers on the lines above belong to it, and are seen from farther above only.
    if near and (start < 0 or text[:start].rstrip().endswith(_MODIFIERS)):
        start = _last_definition(text, 0)
    return text[max(start, 0) :]


def _last_definition(text: str, begin: int) -> int:
    """Return the start of the last definition after `begin`, the start of a line; -1 for none."""
    starts = [found.start() for found in _DEFINITION.finditer(text, begin)]
    return starts[-1] if starts else -1


@lru_cache(maxsize=4)  # what follows the cursor stays the same while one types
def _weigh(text: str, language: str, quote: str) -> Balance:
    return scan_without_positions(text, language, quote)


def _without_tail(due: str, given: str) -> str:
    """Return the closing brackets of `due` that the code after the cursor does not contain.

    The outermost ones are due last; the code behind closes them, as far as its brackets fit at all.
    """
    while given and due:
        at = due.rfind(given[-1])
        if at < 0:
            given = given[:-1]
            continue
        due, given = due[:at], given[:-1]
    return due
