"""From a model's or the workspace's raw text to what is inserted, or to nothing: drop rather than annoy.

Never makes text longer than it was, line endings and indentation apart. Start at `Polisher`.
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
_SHORT_LINE = 20  # shorter lines repeat the next one only when they are the same, and may come twice


@dataclass(frozen=True, slots=True)
class Insertion:
    """A text ready to insert.

    Attributes:
        text: with the document's line endings; "" when nothing is left.
        end: how many characters right of the cursor it replaces.
        problem: why nothing is left, "" for none.
    """

    text: str
    end: int = 0
    problem: str = ""


class Polisher:
    """Polishes any number of texts for one place; what they share is worked out once."""

    def __init__(self, cursor: Cursor, plan: Plan) -> None:
        self.cursor = cursor
        self._plan = plan

    def prepare(self) -> None:
        """Work out now what polishing and decoding need of the place."""
        _ = self.stop_rules

    @cached_property
    def stop_rules(self) -> StopRules:
        """The stop rules of the place, for decoding; worked out when something is to be polished or decoded."""
        return StopRules(self.cursor, self._plan, self._closing)

    @cached_property
    def _closing(self) -> Closing:
        return Closing.at(self.cursor)

    def polish(self, raw: str) -> Insertion:
        """Return the text to insert for `raw`, which continues `cursor.prefix`."""
        cursor = self.cursor
        text = clean(raw)
        text = text[: self._count_kept(text)]
        text = _without_loop(_without_repeats(text, cursor), cursor)
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
        """Return how many characters the stop rules keep of recalled text, or of a model's text that ran past them."""
        if self._plan.extent is Extent.LINE and not text.partition("\n")[0].strip():
            return 0
        keep = self.stop_rules(text)
        return len(text) if keep is None else keep

    @property
    def is_strict(self) -> bool:
        """Whether a new line begins here whose column has a meaning; suggestions that break it are never shown."""
        alone = not self.cursor.before.strip() and not self.cursor.after.strip()
        return alone and bool(self.cursor.document.entry.columns)

    def breaks_syntax(self, insertion: Insertion) -> bool:
        """Whether the document has new syntax errors with the suggestion pasted in.

        A suggestion that leaves something open is not to blame: its next line belongs to it.
        """
        text = insertion.text
        if self._closing.leaves_open(text):
            in_string = self._closing.stays_in_string(text)
            return in_string and self._fragment.breaks_python(text, insertion.end)
        is_python = self.cursor.document.entry.python_parser
        if text.endswith(_GOES_ON) and not (is_python and text.endswith(":")):
            return False
        if is_python:
            text += self._any_rest(text)
        return self._fragment.breaks_with(text, insertion.end) or self._fragment.breaks_python(text, insertion.end)

    @cached_property
    def _fragment(self) -> Fragment:
        return Fragment.around(self.cursor)

    def _any_rest(self, text: str) -> str:
        """Return what completes the Python statements that `text` leaves unfinished, so that only `text` is judged."""
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
    """Return the text without whitespace at line ends and without blank lines at either end of whole lines."""
    lines = [line.rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if not cursor.before.strip():
        while lines and not lines[0]:
            lines.pop(0)
    return "\n".join(lines)


def _without_repeats(text: str, cursor: Cursor) -> str:
    """Cut before a line that already stands below the cursor, and before a long one that is said twice in a row.

    Lone closing brackets are `closing`'s to judge. Of the standard library's lines one in 2,000 is long and repeats
    the one above it; a small model often goes on so.
    """
    lines = text.split("\n")
    above = ""
    for number, line in enumerate(lines):
        whole = cursor.before + line if number == 0 else line
        below = cursor.next_line and line.strip() and not _TRIVIAL.match(whole) and _same(whole, cursor.next_line)
        if below or (whole == above and len(whole.strip()) >= _SHORT_LINE):
            return "\n".join(lines[:number])
        above = whole
    return text


def _without_loop(text: str, cursor: Cursor) -> str:
    """Cut where the same lines are repeated again and again; keep the first round."""
    lines = text.split("\n")
    kept = count_unrepeated_lines([cursor.before + lines[0], *lines[1:]])
    return "\n".join(lines[:kept])


def _repeats_above(text: str, cursor: Cursor) -> bool:
    """Whether the suggestion repeats what stands right above it."""
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


def _same(line: str, other: str) -> bool:
    """Whether two lines say the same: nearly, for long ones; short ones must be indented alike too."""
    folded, other_folded = " ".join(line.split()), " ".join(other.split())
    if len(folded) < _SHORT_LINE:
        return line.rstrip() == other.rstrip()
    if folded == other_folded:
        return True
    if not _NEAR_EQUAL < len(folded) / max(len(other_folded), 1) < 1 / _NEAR_EQUAL:
        return False
    return SequenceMatcher(None, folded, other_folded, autojunk=False).ratio() > _NEAR_EQUAL
