r"""The text around a cursor, cut to windows, with `\n` as its only line ending; all later steps of completion read it.

Its cost does not grow with the file. Start at `Cursor.at`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexing.syntax.documents import Document

PREFIX_WINDOW = 24_000
SUFFIX_WINDOW = 6_000
# The window before the cursor begins at a multiple of this, so that its beginning stays the same while a person types
# and a model's prefix cache is hit.
ANCHOR = 4_096
TAB_WIDTH = 4
_WORD_END = re.compile(r"\w*\Z")
_INDENTATION = re.compile(r"^([ \t]+)\S", re.MULTILINE)


@dataclass(frozen=True)
class Cursor:
    r"""A place in a document, with the text around it.

    Attributes:
        document: the document, with its own line endings.
        offset: code-point offset of the cursor, never outside the text.
        prefix: window of text before the cursor, with `\n` as its line ending.
        suffix: window of text after the cursor, with `\n` as its line ending.
        newline: the document's own line ending near the cursor.
    """

    document: Document
    offset: int
    prefix: str
    suffix: str
    newline: str

    @classmethod
    def at(cls, document: Document, offset: int) -> Cursor:
        """Return the cursor at `offset`, moved into the text if it lies outside."""
        text = document.text
        offset = max(0, min(offset, len(text)))
        start = max(0, offset - PREFIX_WINDOW) // ANCHOR * ANCHOR
        before = text[start:offset]
        if start and (line_end := before.find("\n")) >= 0:
            before = before[line_end + 1 :]
        after = text[offset : offset + SUFFIX_WINDOW]
        return cls(
            document,
            offset,
            normalize_line_endings(before),
            normalize_line_endings(after),
            _detect_newline(before, after),
        )

    @cached_property
    def before(self) -> str:
        """The text of the cursor's line before the cursor."""
        return self.prefix[self.prefix.rfind("\n") + 1 :]

    @cached_property
    def after(self) -> str:
        """The text of the cursor's line after the cursor, without the line ending."""
        return self.suffix.partition("\n")[0]

    @cached_property
    def word(self) -> str:
        """The partial word right before the cursor; "" if there is none."""
        found = _WORD_END.search(self.before)
        return found.group() if found else ""

    @cached_property
    def previous_line(self) -> str:
        """The last line above the cursor's line that is not blank, "" for none."""
        return next((line for line in reversed(self.prefix.split("\n")[:-1]) if line.strip()), "")

    @cached_property
    def next_line(self) -> str:
        """The first line below the cursor's line that is not blank, "" for none."""
        return next((line for line in self.suffix.split("\n")[1:] if line.strip()), "")

    @cached_property
    def unit(self) -> str:
        """One step of the document's indentation, a tab or some spaces; the language's usual step if none is found."""
        steps = _INDENTATION.findall(self.prefix[-4_000:] + self.suffix[:2_000])
        if not steps:
            return self.document.entry.unit
        if sum(step.startswith("\t") for step in steps) * 2 > len(steps):
            return "\t"
        narrow = min((len(step) for step in steps if len(step) > 1 and "\t" not in step), default=4)
        return " " * min(narrow, 8)

    @cached_property
    def splits_line_ending(self) -> bool:
        r"""Whether the cursor is between the `\r` and the `\n` of one line ending."""
        text = self.document.text
        return 0 < self.offset < len(text) and text[self.offset - 1] == "\r" and text[self.offset] == "\n"


def normalize_line_endings(text: str) -> str:
    r"""Return `text` with each `\r\n` and `\r` replaced by `\n`."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def measure_indentation(line: str) -> int:
    """Return how many columns the leading white space of `line` takes; a tab ends at the next multiple of four."""
    columns = 0
    for character in line:
        if character == "\t":
            columns += TAB_WIDTH - columns % TAB_WIDTH
        elif character == " ":
            columns += 1
        else:
            break
    return columns


def keep_first_line(text: str) -> str:
    """Return `text` up to the end of its first line that is not blank; only its first line if all are blank."""
    lines = text.split("\n")
    at = next((number for number, line in enumerate(lines) if line.strip()), 0)
    return "\n".join(lines[: at + 1])


def _detect_newline(before: str, after: str) -> str:
    """Return the line ending before the cursor, else the one after the cursor, else LF."""
    end = before.rfind("\n")
    if end >= 0:
        return "\r\n" if before[end - 1 : end] == "\r" else "\n"
    if "\r" in before.rstrip("\r"):
        return "\r\n" if "\r\n" in after else "\r"
    start = after.find("\n")
    if start >= 0:
        return "\r\n" if after[start - 1 : start] == "\r" or (start == 0 and before.endswith("\r")) else "\n"
    return "\r" if "\r" in after or "\r" in before else "\n"
