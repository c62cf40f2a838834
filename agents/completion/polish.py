"""Turns raw text of a model or of the workspace into text to insert, or drops it.

Never adds characters other than line endings and indentation. Start at `Polisher`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import TYPE_CHECKING

from agents.completion.cursor import measure_indentation
from agents.completion.plan import Extent
from agents.completion.shaping.cleaning import clean
from agents.completion.shaping.closing import Closing
from agents.completion.shaping.fragment import Fragment
from agents.completion.shaping.indentation import fit, indent
from agents.completion.shaping.repetition import find_repetition
from agents.completion.shaping.unknown_names import find_unknown_name
from agents.completion.stop_rules import StopRules, count_unrepeated_lines

if TYPE_CHECKING:
    from agents.completion.cursor import Cursor
    from agents.completion.plan import Plan

_TRIVIAL = re.compile(r"[\s()\[\]{};,:]*\Z")
_NEAR_EQUAL = 0.95
_BLOCK_LINES = 3
_ABOVE = 3_000
_GOES_ON = (":", "{", "(", "[", ",", "\\", "=", "->", "=>")
_TRY = re.compile(r"^([ \t]*)try[ \t]*:", re.MULTILINE)
_HANDLER = re.compile(r"^[ \t]*(?:except|finally)\b", re.MULTILINE)
_SHORT_LINE = 20  # shorter lines repeat another one only if they are equal, and may occur twice in a row


@dataclass(frozen=True, slots=True)
class Insertion:
    """A text that is ready to be inserted at the cursor.

    Attributes:
        text: the text, with the document's line endings; "" if it was dropped.
        end: how many characters after the cursor it replaces.
        problem: why the text was dropped, in one word; "" if it was not.
    """

    text: str
    end: int = 0
    problem: str = ""


class Polisher:
    """Polishes texts for one cursor and one plan; analyses the code around the cursor only once."""

    def __init__(self, cursor: Cursor, plan: Plan) -> None:
        self.cursor = cursor
        self._plan = plan

    def prepare(self) -> None:
        """Build the stop rules now, so that the first text is polished without delay."""
        _ = self.stop_rules

    @cached_property
    def stop_rules(self) -> StopRules:
        """The stop rules for decoding at the cursor, built on first use."""
        return StopRules(self.cursor, self._plan, self._closing)

    @cached_property
    def _closing(self) -> Closing:
        """The brackets around the cursor."""
        return Closing.at(self.cursor)

    def polish(self, raw: str) -> Insertion:
        """Return the insertion for `raw`, a text that continues `cursor.prefix`.

        Removes markers and control characters, cuts the text by the stop rules and before repeated lines, and fits it
        to the document's indentation and line endings. If nothing useful is left, the insertion is empty.
        """
        cursor = self.cursor
        text = clean(raw)
        text = text[: self._count_kept(text)]
        text = _cut_loop(_cut_repeats(text, cursor), cursor)
        text = _trim(indent(text, cursor), cursor)
        if not text.strip():
            return Insertion("", problem="nothing")
        text = fit(text, cursor)
        if not text.strip():
            return Insertion("", problem="indentation")
        if _repeats_above(text, cursor):
            return Insertion("", problem="repeats")
        covered = self._closing.count_covered(text)
        if covered and text.strip() == cursor.after[:covered].strip():
            return Insertion("", problem="nothing")
        final = text.replace("\n", cursor.newline) if cursor.newline != "\n" else text
        return Insertion(final, covered)

    def _count_kept(self, text: str) -> int:
        """Return how many characters of `text` the stop rules keep; 0 if only one line is planned and it is blank."""
        if self._plan.extent is Extent.LINE and not text.partition("\n")[0].strip():
            return 0
        keep = self.stop_rules(text)
        return len(text) if keep is None else keep

    @property
    def is_strict(self) -> bool:
        """Whether texts that break the syntax are not even shown to a person who asks.

        True on a blank line in a language where indentation has a meaning.
        """
        alone = not self.cursor.before.strip() and not self.cursor.after.strip()
        return alone and bool(self.cursor.document.entry.columns)

    def breaks_syntax(self, insertion: Insertion) -> bool:
        """Return whether the document would have new syntax errors with `insertion` in it.

        A text that ends inside brackets or a string, or with a token such as a comma or a colon, is incomplete, not
        wrong; of such texts, only Python headers and texts that end in the cursor's own string are checked.
        """
        text = insertion.text
        if self._closing.leaves_open(text):
            in_string = self._closing.stays_in_string(text)
            return in_string and self._fragment.breaks_python(text, insertion.end)
        is_python = self.cursor.document.entry.python_parser
        if text.endswith(_GOES_ON) and not (is_python and text.endswith(":")):
            return False
        if is_python:
            text += self._make_rest(text)
        return self._fragment.breaks_grammar(text, insertion.end) or self._fragment.breaks_python(text, insertion.end)

    def find_repetition(self, insertion: Insertion) -> str:
        """Return in one word what kind of code the first line of `insertion` would repeat, "" for none."""
        return find_repetition(self.cursor, insertion.text)

    def has_unknown_name(self, insertion: Insertion) -> bool:
        """Return whether the first line of `insertion` has a name that nothing in the document or Python defines."""
        return bool(find_unknown_name(self.cursor, insertion.text))

    @cached_property
    def _fragment(self) -> Fragment:
        """The statement around the cursor, in which suggestions are checked."""
        return Fragment.around(self.cursor)

    def _make_rest(self, text: str) -> str:
        """Return code that completes the Python statements that `text` leaves unfinished, "" if there are none.

        A decorator gets a function, a header without a body gets one, and a `try` gets a `finally`.
        """
        cursor = self.cursor
        whole = cursor.before + text
        line = whole.rpartition("\n")[2]
        lead = line[: len(line) - len(line.lstrip())]
        rest = ""
        if line[len(lead) :].startswith("@"):
            rest = f"{cursor.newline}{lead}def _(): pass"
        elif line.endswith(":") and measure_indentation(cursor.next_line) <= measure_indentation(line):
            body = "case _: pass" if line.split()[0] == "match" else "pass"
            rest = f"{cursor.newline}{lead}{cursor.unit}{body}"
        tries = _TRY.findall(whole)
        if tries and not _HANDLER.search(whole) and not _HANDLER.match(cursor.next_line):
            rest += f"{cursor.newline}{tries[-1]}finally: pass"
        return rest


def _trim(text: str, cursor: Cursor) -> str:
    """Return `text` without white space at line ends and blank lines at its end; on a blank line, at its start too."""
    lines = [line.rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if not cursor.before.strip():
        while lines and not lines[0]:
            lines.pop(0)
    return "\n".join(lines)


def _cut_repeats(text: str, cursor: Cursor) -> str:
    """Return `text` up to the first line that repeats another line.

    That is a line that nearly equals the one below the cursor, or a long line that equals the one above it. Lines of
    closing brackets only are left to `closing`. Of the standard library's lines, one in 2,000 is long and repeats the
    line above it; a small model often writes such lines.
    """
    lines = text.split("\n")
    above = ""
    for number, line in enumerate(lines):
        whole = cursor.before + line if number == 0 else line
        below = cursor.next_line and line.strip() and not _TRIVIAL.match(whole) and _is_same(whole, cursor.next_line)
        if below or (whole == above and len(whole.strip()) >= _SHORT_LINE):
            return "\n".join(lines[:number])
        above = whole
    return text


def _cut_loop(text: str, cursor: Cursor) -> str:
    """Return `text` up to and including the first of three equal repetitions of a few lines; all of it if none."""
    lines = text.split("\n")
    kept = count_unrepeated_lines([cursor.before + lines[0], *lines[1:]])
    return "\n".join(lines[:kept])


def _repeats_above(text: str, cursor: Cursor) -> bool:
    """Return whether `text` repeats code above the cursor.

    Its first line equals the last line above, or all its lines, three or more, follow each other in the code above.
    False if the first line is only brackets and punctuation.
    """
    lines = (cursor.before + text).split("\n")
    above = [line.rstrip() for line in cursor.prefix[-_ABOVE:].split("\n")[:-1] if line.strip()]
    if not above or _TRIVIAL.match(lines[0]):
        return False
    if lines[0].rstrip() == above[-1]:
        return True
    filled = [line.rstrip() for line in lines if line.strip()]
    return len(filled) >= _BLOCK_LINES and any(
        above[at : at + len(filled)] == filled for at in range(len(above) - len(filled) + 1)
    )


def _is_same(line: str, other: str) -> bool:
    """Return whether two lines are nearly equal apart from white space; short lines must be exactly equal."""
    folded, other_folded = " ".join(line.split()), " ".join(other.split())
    if len(folded) < _SHORT_LINE:
        return line.rstrip() == other.rstrip()
    if folded == other_folded:
        return True
    if not _NEAR_EQUAL < len(folded) / max(len(other_folded), 1) < 1 / _NEAR_EQUAL:
        return False
    return SequenceMatcher(None, folded, other_folded, autojunk=False).ratio() > _NEAR_EQUAL
