"""The tokens that an edit has changed, found by comparing the lines before and after it. Start at `list_changes`."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from agents.next_edit.history import find_line_span

if TYPE_CHECKING:
    from agents.next_edit.history import PastEdit

TOKENS = 400  # an edit with more of them on one side is not compared
PAIRS = 30_000  # nor one with more pairs of equal tokens, which takes seconds
_TOKEN = re.compile(r"[^\W\d]\w*|\d[\w.]*|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number or a mark, with its place in a text."""

    text: str
    start: int

    @property
    def end(self) -> int:
        """Offset after its last character."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class TokenChange:
    """Adjacent tokens that an edit replaced.

    Attributes:
        old: the tokens before, with offsets in the text before the edit.
        new: the tokens after, with offsets in the current text.
        left: equal tokens before them on the edited lines, with offsets in the current text; nearest last.
        right: equal tokens after them, likewise; nearest first.
        old_text: the text before the edit, between the nearest tokens that stayed equal.
        new_text: the same after the edit.
        start: start of `new_text` in the current text.
    """

    old: tuple[Token, ...]
    new: tuple[Token, ...]
    left: tuple[Token, ...]
    right: tuple[Token, ...]
    old_text: str
    new_text: str
    start: int


def split_tokens(text: str, start: int, end: int) -> list[Token]:
    """Return the tokens of `text` in [start, end)."""
    return [Token(found.group(), found.start()) for found in _TOKEN.finditer(text, start, end)]


def list_changes(edit: PastEdit, text: str) -> tuple[TokenChange, ...]:
    """Return what `edit` changed, in the order of the current `text`; () if it is too large or changed no token."""
    old_span = find_line_span(edit.before, edit.old_start, edit.old_end)
    new_span = find_line_span(text, edit.start, edit.end)
    old, new = split_tokens(edit.before, *old_span), split_tokens(text, *new_span)
    if max(len(old), len(new)) > TOKENS or _count_pairs(old, new) > PAIRS:
        return ()
    matcher = SequenceMatcher(None, [one.text for one in old], [one.text for one in new], autojunk=False)
    changes = []
    for action, first, last, new_first, new_last in matcher.get_opcodes():
        if action == "equal":
            continue
        start = new[new_first - 1].end if new_first else new_span[0]
        changes.append(
            TokenChange(
                tuple(old[first:last]),
                tuple(new[new_first:new_last]),
                tuple(new[:new_first]),
                tuple(new[new_last:]),
                edit.before[old[first - 1].end if first else old_span[0] : _find_start(old, last, old_span[1])],
                text[start : _find_start(new, new_last, new_span[1])],
                start,
            )
        )
    return tuple(changes)


def count_word(text: str, word: str, most: int = 2) -> int:
    """Return how often the name `word` occurs in `text` as a whole word; counts up to `most`."""
    count = 0
    at = text.find(word)
    while at >= 0 and count < most:
        end = at + len(word)
        around = text[max(at - 1, 0) : at] + text[end : end + 1]
        count += not any(mark.isalnum() or mark == "_" for mark in around)
        at = text.find(word, end)
    return count


def _count_pairs(old: list[Token], new: list[Token]) -> int:
    """Return the number of pairs of a token before and an equal one after."""
    counts = Counter(one.text for one in old)
    return sum(counts[one.text] for one in new)


def _find_start(tokens: list[Token], at: int, end: int) -> int:
    """Return the start of the token with the index `at`; `end` if there is no such token."""
    return tokens[at].start if at < len(tokens) else end
