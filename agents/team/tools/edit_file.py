"""The tool `edit_file`: replaces pieces of a file, each of which has to occur in it exactly once.

A piece that does not occur is answered with the nearest real lines, so that the model can correct itself. Line endings
and trailing spaces of the file are kept: a piece is compared without them.
"""

from __future__ import annotations

import difflib
import itertools
from typing import TYPE_CHECKING

from pydantic import Field

from agents.edits import Edit, TextChange
from agents.team.edit_proposals import propose
from agents.team.failure import ToolFailed
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from agents.team.tool import Workbench

NEAR_LINES = 12
"""Lines of the file that are shown where a piece was not found."""

MOST_COMPARED = 20_000
"""Lines of a file beyond which no nearest lines are looked for."""


class Replacement(Arguments):
    """One piece to replace."""

    old: str = Field(min_length=1, description="The exact text to replace, whole lines, without line numbers.")
    new: str = Field(description="The text in its place; empty to remove it.")


class EditFile(Arguments):
    """Arguments of `edit_file`."""

    path: str = Field(description="File, relative to the workspace folder.")
    replacements: tuple[Replacement, ...] = Field(min_length=1, max_length=50, description="Pieces to replace.")
    why: str = Field(default="", description="Why, in one sentence, for the person who decides.")


async def run(given: EditFile, bench: Workbench) -> ToolResult:
    """Propose the replacements as one edit; return or raise as `propose` does.

    Raises:
        ToolFailed: a piece is not found exactly once, two overlap, or nothing would change.
    """
    path = await bench.resolve(given.path)
    text = await bench.read_text(path)
    name = bench.display(path)
    edits = sorted((_locate(text, one, name) for one in given.replacements), key=lambda one: one.start)
    for before, after in itertools.pairwise(edits):
        if after.start < before.end:
            raise ToolFailed(f"Two of the pieces overlap in {name}; make one replacement of both.")
    change = TextChange(path.as_uri(), path, text, tuple(edits))
    if change.after == text:
        raise ToolFailed(f"The replacements leave {name} as it is.")
    return await propose(bench, f"Edit {name}", given.why, (change,))


def _locate(text: str, wanted: Replacement, name: str) -> Edit:
    """Return the edit for one replacement, with the line endings of `text`.

    A piece that does not occur as it is, is looked for again by lines whose trailing spaces are ignored.

    Raises:
        ToolFailed: its piece occurs nowhere, or more than once; the message shows where, or the nearest lines.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    old, new = (one.replace("\r\n", "\n").replace("\n", newline) for one in (wanted.old, wanted.new))
    count = text.count(old)
    if count == 1:
        start = text.index(old)
        return Edit(start, start + len(old), new)
    if count > 1:
        places = [number for number, line in enumerate(text.splitlines(), 1) if old.splitlines()[0] in line][:10]
        raise ToolFailed(
            f"This piece occurs {count} times in {name} (lines {', '.join(map(str, places))}); include more lines "
            "around the one you mean."
        )
    found = _locate_by_lines(text, old)
    if found is None:
        raise ToolFailed(
            f"This piece does not occur in {name}. The nearest lines there are:\n{_find_nearest(text, old)}\n"
            "Read the file again, and copy the lines exactly."
        )
    start, end = found
    ends = new.endswith(newline) or not new or not text[start:end].endswith("\n")
    return Edit(start, end, new if ends else new + newline)


def _locate_by_lines(text: str, old: str) -> tuple[int, int] | None:
    """Return the span of the one place with the lines of `old`, spaces at their ends ignored; None for none or several.

    None, too, if `old` has only empty lines.
    """
    lines = text.splitlines(keepends=True)
    wanted = [line.rstrip() for line in old.strip("\r\n").splitlines()]
    stripped = [line.rstrip() for line in lines]
    places = [at for at in range(len(lines) - len(wanted) + 1) if stripped[at : at + len(wanted)] == wanted]
    if len(places) != 1 or not any(wanted):
        return None
    start = sum(map(len, lines[: places[0]]))
    return start, start + sum(map(len, lines[places[0] : places[0] + len(wanted)]))


def _find_nearest(text: str, old: str) -> str:
    """Return the lines of `text` around the one that is most like the first non-empty line of `old`, with numbers.

    Return a note in brackets if a text is empty, or `text` is too large to compare.
    """
    lines = text.splitlines()
    if len(lines) > MOST_COMPARED:
        return "[the file is too large to compare; search it]"
    wanted = [line for line in old.splitlines() if line.strip()][:NEAR_LINES]
    if not wanted or not lines:
        return "[the file is empty]"
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted[0].strip())

    def rate(at: int) -> float:
        """Return how like the line `at` is the first wanted line, from 0 to 1."""
        matcher.set_seq1(lines[at].strip())
        return matcher.ratio() if matcher.real_quick_ratio() > 0.3 else 0.0

    best = max(range(len(lines)), key=rate)
    shown = range(max(0, best - 2), min(len(lines), best + max(len(wanted), 3) + 2))
    return "\n".join(f"{at + 1}  {lines[at]}" for at in shown)


TOOL = TeamTool(
    Tool("edit_file", Risk.HIGH, edits=True),
    "Change a file by replacing exact pieces of it. Each old piece has to occur exactly once.",
    EditFile,
    run,
    lambda given: f"Edit {given.path}",
    list_paths=lambda given: (given.path,),
    capabilities=("engineering", "infrastructure", "project_management"),
)
