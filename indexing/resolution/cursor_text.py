"""The text around a cursor, read without a tree: the expression that ends there, and the call around it.

Start at `read_expression_before` and `find_call`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_CHARACTERS = 2_000  # before the cursor that are read
MOST_BRACKETS = 40  # open ones between the cursor and the parentheses of a call
_CONTINUED = ("(", "[", "{", ",", "\\", "=", "+", "-", "*", "/", "|", "&", "and", "or", "not")
_LEADING = ".)]"  # a line that continues the one above it
_WORD = re.compile(r"(?:[^\W\d]|\$)[\w$]*")
_WORD_END = re.compile(r"[\w$]+$")
_CLOSERS = {")": "(", "]": "["}
_NAMED = re.compile(r"\s*([^\W\d]\w*)\s*=(?!=)")
_STRING = re.compile(
    r"\"\"\".*?(?:\"\"\"|\Z)|'''.*?(?:'''|\Z)|\"(?:[^\"\\\n]|\\.)*(?:\"|(?=\n)|\Z)|'(?:[^'\\\n]|\\.)*(?:'|(?=\n)|\Z)"
    r"|#[^\n]*",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class CallText:
    """The call around a cursor as written.

    Attributes:
        callee: the called expression.
        given: number of positional arguments that end before the cursor.
        named: names of the keyword arguments before the cursor.
    """

    callee: str
    given: int
    named: tuple[str, ...]


def find_start(text: str, offset: int) -> int:
    """Return the start of the line in which the statement at `offset` probably begins, by the ends of its lines.

    At most `MOST_CHARACTERS` before `offset`, which may be inside a long line.
    """
    start = text.rfind("\n", 0, offset) + 1
    lowest = max(0, offset - MOST_CHARACTERS)
    while start > lowest:
        above = text.rfind("\n", 0, start - 1) + 1
        line = text[above : start - 1].partition(" #")[0].rstrip()
        starts_inside = bool(begin := text[start:offset].lstrip()[:1]) and begin in _LEADING
        if above < lowest or not (line.endswith(_CONTINUED) or starts_inside):
            break
        start = above
    return max(start, lowest)


def blank_strings(text: str) -> str:
    """Return `text` with the inside of strings and comments replaced by `_`, so that their brackets do not count."""
    return _STRING.sub(_blank, text)


def _blank(found: re.Match[str]) -> str:
    """Return a string or comment with `_` inside; a mark alone, which no text follows, unchanged."""
    text = found[0]
    return text[0] + "_" * (len(text) - 2) + text[-1] if len(text) > 1 else text


def find_word(text: str, offset: int) -> tuple[int, int]:
    """Return start and end of the word at or right before `offset`; an empty range if there is none."""
    start, end = offset, offset
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] in "_$"):
        start -= 1
    while end < len(text) and (text[end].isalnum() or text[end] in "_$"):
        end += 1
    return (start, end) if _WORD.match(text, start, end) else (offset, offset)


def read_expression_before(text: str, end: int) -> str:
    """Return the chain of names, members, calls and indexes that ends at `end`; "" if none does.

    Before a dot it may end in an earlier line.
    """
    between = " \t\r\n" if text[end : end + 1] == "." else " \t"
    lowest = max(0, end - MOST_CHARACTERS)
    while end > lowest and text[end - 1] in between:
        end -= 1
    low = find_start(text, end)
    plain = blank_strings(text[low:end])
    at = _find_chain_start(plain)
    found = text[low + at : end].strip()
    return found if found and (found[0].isalpha() or found[0] in "_$\"'([{") else ""


def _find_chain_start(plain: str) -> int:
    """Return where the chain begins that ends at the end of `plain`."""
    at = len(plain)
    while at > 0:
        last = plain[at - 1]
        if last in _CLOSERS:
            opened = _find_opening(plain, at - 1)
            if opened < 0:
                return at
            at = opened
            if at > 0 and (plain[at - 1].isalnum() or plain[at - 1] in "_$)]"):
                continue  # what is called or indexed
        elif last in "\"'":
            begin = plain.rfind(last, 0, at - 1)
            return begin if begin >= 0 else at
        elif last == "?":
            at -= 1
            continue
        elif word := _WORD_END.search(plain, 0, at):
            at = word.start()
        else:
            return at
        before = plain[:at].rstrip(" \t")
        if not before.endswith("."):
            return at
        at = len(before[:-1].rstrip())
        if at == 0 or not (plain[at - 1].isalnum() or plain[at - 1] in "_$)]}\"'"):
            return at
    return at


def _find_opening(plain: str, closing: int) -> int:
    """Return where the bracket opens that closes at `closing`; -1 if it opens nowhere."""
    level = 0
    for at in range(closing, -1, -1):
        if plain[at] in ")]}":
            level += 1
        elif plain[at] in "([{":
            level -= 1
            if level == 0:
                return at
    return -1


def find_call(text: str, offset: int, brackets: int = MOST_BRACKETS) -> CallText | None:
    """Return the innermost call whose parentheses are open at `offset`; None if there is none within `brackets`."""
    low = find_start(text, offset)
    plain = blank_strings(text[low:offset])
    level = 0
    commas: list[int] = []
    for at in range(len(plain) - 1, -1, -1):
        mark = plain[at]
        if mark in ")]}":
            level += 1
        elif mark in "([{":
            if level:
                level -= 1
                continue
            if mark != "(" or at == 0 or not (plain[at - 1].isalnum() or plain[at - 1] in "_$)]"):
                return find_call(text, low + at, brackets - 1) if at and brackets and mark != "{" else None
            callee = read_expression_before(text, low + at)
            pieces = _split(plain[at + 1 :], [comma - at - 1 for comma in reversed(commas)])
            names = tuple(found[1] for piece in pieces if (found := _NAMED.match(piece)))
            given = sum(1 for piece in pieces[:-1] if piece.strip() and not _NAMED.match(piece))
            return CallText(callee, given, names) if callee else None
        elif mark == "," and level == 0:
            commas.append(at)
    return None


def _split(inside: str, commas: list[int]) -> list[str]:
    """Return the pieces of `inside` between the offsets `commas`."""
    starts, ends = [0, *(comma + 1 for comma in commas)], [*commas, len(inside)]
    return [inside[start:end] for start, end in zip(starts, ends, strict=True)]
