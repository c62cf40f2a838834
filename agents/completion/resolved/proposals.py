"""Texts that resolution proposes at a cursor, each with the evidence for its confidence.

The probability that a text is the rest of the line is a logistic regression on that evidence. Start at `Proposal`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from agents.completion.shaping.brackets import CLOSER_OF, scan_brackets
from agents.completion.shaping.closing import Closing, scan_before_cursor
from indexing.syntax.languages.language import Trait

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.completion.cursor import Cursor

# Fitted by `python -m tests.eval.resolved --fit` at places in attrs, httpx, rich and tornado.
WEIGHTS: dict[str, float] = {
    "one": -3.1883,
    "argument": -0.4190,
    "argument_all": 0.0542,
    "argument_attribute": -1.4911,
    "argument_count": 0.6437,
    "argument_given": 0.1163,
    "argument_required": -0.5110,
    "argument_typed": 0.1719,
    "argument_usual": 3.3913,
    "member": 0.2034,
    "member_arguments": -0.4418,
    "member_call": 0.8048,
    "member_function": -1.2357,
    "member_near": 0.7810,
    "member_open": 0.1376,
    "member_others": 0.1735,
    "member_place": -0.0322,
    "member_same_receiver": -0.4634,
    "member_share": 1.3106,
    "member_starts_line": -1.2530,
    "member_typed": 0.6044,
    "value_typed": 0.5972,
    # not fitted, for lack of places: values of keyword arguments, and names of parameters, which come last
    "value": 3.0,
    "value_attribute": -1.5,
    "name": -0.5,
    "name_place": -0.2,
    "name_required": 1.0,
}
_HEADER = re.compile(r"\s*(?:if|elif|while|for|with|async\s+for|async\s+with|except|match|case)\b")
_BLOCK = re.compile(r"\s*(?:\}\s*)?(?:else\b\s*)?(?:if|while|for|switch|try|catch|synchronized|match(?=\s+\w))\b")
_GOES_ON = re.compile(r"\s*\n\s*(?:[.?:+*%&|,]|/(?![/*])|-(?!-)|==|!=|[<>])")  # after the cursor
_LISTED = re.compile(r"(?:,|[=\]]\s?\{)\Z")  # before the line: it is an entry of a list
_TAIL = re.compile(r"\s*\}")  # after the cursor: the line may be the value of its block
_BINDING = re.compile(r"\s*(?:let|return|break|const|static)\b|[^=]*[^=!<>]=(?![=>])")  # a line that is no value itself
_ENTRY = re.compile(r"[^\n]*=>|\s*\w+\s*:(?!:)")  # an arm of a match, a field of a literal
_BLOCK_CHARACTERS = 4_000  # after the cursor in which the end of a block is looked for
_NEXT = 300  # characters in which the line before and after is looked for
_METHOD = re.compile(  # a type and a name before parentheses, in a line without an assignment
    r"\s*(?!(?:return|new|throw|else|yield|assert|case|do)\b)(?:@[\w.]+\s+)*"
    r"[\w.$]+(?:[\w.$<>\[\],?& \t]*[ \t>\]])\w+\s*\("
)
_NO_CODE = re.compile(
    r"\s*(?:from|import|def|class|async\s+def|@)\b|\s*@"
    r"|\s*(?:pub(?:\([^)\n]*\))?\s+)?(?:use|mod|extern)\s"
    r"|\s*(?:pub(?:\([^)\n]*\))?\s+)?(?:(?:async|unsafe|const)\s+)*(?:func|fn|impl|struct|enum|trait)\s[^{]*\Z"
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A text to insert at the cursor.

    Attributes:
        text: the text, which completes the line unless it is a `beginning`.
        evidence: a number for each name of `WEIGHTS`, from which the probability is estimated; 0 if left out.
        beginning: whether the line goes on after the text; only a person who asks gets it.
    """

    text: str
    evidence: Mapping[str, float]
    beginning: bool = False

    @property
    def confidence(self) -> float:
        """The estimated probability that `text` is the rest of the line."""
        total = WEIGHTS["one"] + sum(WEIGHTS.get(name, 0.0) * value for name, value in self.evidence.items())
        return 1 / (1 + math.exp(-max(min(total, 60.0), -60.0)))


@dataclass(frozen=True)
class Line:
    """The cursor's line: what it lacks after a text that ends its expression."""

    cursor: Cursor

    @cached_property
    def is_code(self) -> bool:
        """Whether the cursor is outside of strings, comments, and lines that define or import."""
        before, comment = self.cursor.before, self.cursor.document.entry.line_comment
        if Trait.TYPE_BEGINS_METHOD in self.cursor.document.entry.traits and _METHOD.match(before):
            return False
        return not self._closing.quote and not (comment and comment in before) and not _NO_CODE.match(before)

    @cached_property
    def _closing(self) -> Closing:
        """The brackets around the cursor."""
        return Closing.at(self.cursor)

    def finish(self) -> str:
        """Return what the line needs after its expression: brackets, and a mark that ends a statement or opens a block.

        The head of a block that is there already gets a brace. No semicolon inside of brackets, in a list of values in
        braces, before other text and before a line that goes on.
        """
        cursor = self.cursor
        if Trait.SEMICOLONS not in cursor.document.entry.traits or cursor.after.strip():
            return self.close()
        if _BLOCK.match(cursor.before):
            return self.close() + (" {" if self._has_block else "")
        opened = scan_brackets(cursor.before, cursor.document.language, "").unclosed
        around = scan_before_cursor(cursor).unclosed
        is_in_block = around[: len(around) - len(opened)][-1:] in {"{", ""}  # "": its beginning is too far above
        above = cursor.prefix[: len(cursor.prefix) - len(cursor.before)].rstrip()
        is_statement = is_in_block and not _LISTED.search(above, max(0, len(above) - _NEXT))
        goes_on = _GOES_ON.match(cursor.suffix[:_NEXT]) is not None
        return self.close() + (";" if is_statement and not goes_on and not self._may_be_value else "")

    @cached_property
    def _may_be_value(self) -> bool:
        """Whether the line may be a value by itself: the last one of its block, or an entry of a match or a literal."""
        cursor = self.cursor
        if Trait.BLOCKS_HAVE_VALUES not in cursor.document.entry.traits:
            return False
        is_last = _TAIL.match(cursor.suffix[:_NEXT]) is not None and not _BINDING.match(cursor.before)
        return is_last or _ENTRY.match(cursor.before) is not None

    def close(self, closed: int = 0) -> str:
        """Return the closing brackets that the line needs, in Python with its colon; `closed` are closed already."""
        cursor = self.cursor
        opened = scan_brackets(cursor.before, cursor.document.language, "").unclosed
        closers = "".join(CLOSER_OF[each] for each in reversed(opened))[closed:]
        if len(opened) < closed or self._closing.needed[len(opened) :]:  # the statement goes on in the next line
            return closers
        has_colon = cursor.document.entry.columns == "statements" and _HEADER.match(cursor.before)
        return closers + (":" if has_colon else "")

    @cached_property
    def _has_block(self) -> bool:
        """Whether lines below are indented more than this one, up to a closing brace that is indented as it is."""
        before = self.cursor.before
        indent = before[: len(before) - len(before.lstrip())]
        below = [line for line in self.cursor.suffix[:_BLOCK_CHARACTERS].split("\n")[1:] if line.strip()]
        for number, line in enumerate(below):
            if not line.startswith((f"{indent} ", f"{indent}\t")):
                return number > 0 and line.startswith(f"{indent}}}")
        return False

    @cached_property
    def is_inner(self) -> bool:
        """Whether the innermost bracket around the cursor opens in an earlier line."""
        opened = scan_brackets(self.cursor.before, self.cursor.document.language, "").unclosed
        return not opened and bool(self._closing.needed)
