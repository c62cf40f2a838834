"""Kinds of wrong suggestions in replayed typing, recognised by the code around the cursor first.

Start at `find_kind`.
"""

from __future__ import annotations

import re

from agents.completion.cursor import Cursor
from agents.completion.shaping.repetition import find_repetition
from agents.completion.shaping.unknown_names import find_unknown_name
from indexing.syntax.documents import Document

# Of several kinds, a suggestion has the first.
KINDS = (
    "column",  # its line begins at another column than the code
    "repeated",  # a parameter, an entry, a definition or a line of its block again
    "doubled",  # it has the text after the cursor, too
    "unknown_name",  # a name that neither the document nor Python defines
    "typed_on",  # its rest, which the person types instead of accepting it
    "later_word",  # its first word is right
    "first_word",
)
_WORD = re.compile(r"\s*(?:\w+|.)")


def find_kind(text: str, at: int, suggested: str, remaining: str, *, is_new: bool) -> str:
    """Return the kind of a wrong suggestion, one of `KINDS`.

    Args:
        text: the document without the code that is still to be typed.
        at: offset of the cursor.
        suggested: the suggested text.
        remaining: the code that is still to be typed.
        is_new: whether it is not the rest of the suggestion before the last key.
    """
    cursor = Cursor.at(Document("untitled:typed", None, "python", text), at)
    line, code = suggested.partition("\n")[0], remaining.partition("\n")[0]
    if not cursor.before.strip() and _count_spaces(line) != _count_spaces(code):
        return "column"
    if find_repetition(cursor, suggested):
        return "repeated"
    if _doubles_text_after(cursor, suggested):
        return "doubled"
    if find_unknown_name(cursor, suggested):
        return "unknown_name"
    if not is_new:
        return "typed_on"
    first = _WORD.match(line)
    return "later_word" if first is not None and _begins_with_word(code, first.group()) else "first_word"


def _count_spaces(line: str) -> int:
    """Return the number of spaces at the start of `line`."""
    return len(line) - len(line.lstrip(" "))


def _begins_with_word(code: str, word: str) -> bool:
    """Return whether `code` begins with the whole word or mark `word`."""
    found = _WORD.match(code)
    return found is not None and found.group() == word


def _doubles_text_after(cursor: Cursor, suggested: str) -> bool:
    """Return whether `suggested` ends with the rest of the cursor's line, or has the whole line below it."""
    after, below = cursor.after.strip(), cursor.next_line.strip()
    lines = [line.strip() for line in (cursor.before + suggested).split("\n")]
    return (bool(after) and lines[-1].endswith(after)) or (len(below) > 1 and below in lines)
