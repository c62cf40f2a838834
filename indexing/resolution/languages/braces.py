"""Unfinished text of languages with braces: placeholders for edited lines, and brackets that a text leaves open.

Start at `Braces`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BRACKET = re.compile(r"[()\[\]{}]")
_OPENERS, _CLOSERS = "([{", ")]}"


@dataclass(frozen=True)
class Braces:
    """The marks and statements of a language with braces.

    Attributes:
        head: pattern of the end of the head of a function or type, before the names that are used in it.
        defining: pattern of what makes a `{` after it the end of such a head.
        block: a statement that opens a block.
        function: an expression that opens the block of a function, as an argument.
        arm: what opens the block of an arm of a match; "" if the language has no `=>`.
    """

    head: re.Pattern[str]
    defining: re.Pattern[str]
    block: str
    function: str
    arm: str = ""

    def make_placeholder(self, line: str, plain: str, column: int, following: str) -> tuple[str, int]:
        """Return what takes the place of the edited `line`, so that the lines around it parse, and the cursor in it.

        That is the head of the innermost function or type before the cursor, and brackets that other lines close.

        Args:
            line: the line.
            plain: the line without the content of strings and comments, as long as it is.
            column: the cursor in it, in code points.
            following: the next line that is not blank; "" for none.
        """
        heads = list(self.head.finditer(plain, 0, column)) if self.defining.search(plain, 0, column) else []
        at = heads[-1].end() if heads else 0
        closed, opened = list_brackets(plain[at:])
        text = line[:at] if heads else line[: len(line) - len(line.lstrip())]
        if heads and not text.endswith("{"):
            text += " x"
        place = len(text)
        text += "".join(closed)
        for number, mark in enumerate(opened):
            if mark != "{":
                text += "x(" if mark == "(" else "x["
            elif number and opened[number - 1] == "(":
                text += self.function
            else:
                text += self.arm if self.arm and "=>" in plain else self.block
        if not opened and heads and not closed:
            text += "," if "=>" in plain[:at] else ";" if line[:at].endswith("->") else ""
        elif not opened:
            text += "," if plain.rstrip().endswith(",") and (closed or following.strip()) else ";"
        return text, place if heads else len(text)


def list_brackets(plain: str) -> tuple[list[str], list[str]]:
    """Return the brackets in a text that close what is open before it, and those that it leaves open."""
    closed: list[str] = []
    opened: list[str] = []
    for mark in _BRACKET.findall(plain):
        if mark in _OPENERS:
            opened.append(mark)
        elif opened:
            opened.pop()
        else:
            closed.append(mark)
    return closed, opened


def close(plain: str) -> str:
    """Return what has to follow a text, without strings and comments, to close its open brackets; "" for nothing."""
    _, opened = list_brackets(plain)
    return "\n" + "".join(_CLOSERS[_OPENERS.index(mark)] for mark in reversed(opened)) if opened else ""
