"""The parts of a proposal that a person can take or leave: runs of changed lines, and whole files.

A line diff of the texts before and after finds them, the same ones each time; a line ends as in LSP. Taken parts keep
every byte: each is a replacement of whole lines with their line endings. Changes nothing. Start at `find_hunks` and
`narrow`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate, groupby, pairwise
from typing import TYPE_CHECKING

from agents.edits import CreateFile, DeleteFile, Edit, RenameFile, TextChange
from indexing.syntax import texts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from agents.edits import Change, ProposedEdit

    Run = tuple[int, int, int, int]
    """A run of changed lines: its first line and the one after its last in the old text, and both in the new text."""

MOST_CHANGED = 2000  # removed and added lines of a text for a line diff; a text with more is one part
MOST_STEPS = 2_000_000  # comparisons of lines; a text that takes more, for example of equal lines only, is one part
MOST_HUNKS = 200  # of a text; a text with more is one part
MOST_PLACES = 20  # that are named of one file
CONTEXT_LINES = 3
NO_NEWLINE = "\\ No newline at end of file"
_BREAKS = "\r\n"


@dataclass(frozen=True, slots=True)
class Hunk:
    """A part of a proposal: a run of changed lines of a text, or a whole file that is created, renamed or deleted.

    Attributes:
        id: id of the part within its proposal.
        change: index of the change in the proposal.
        file: the file's name for a person.
        before: the lines that are replaced, half-open and from 0; empty for an insertion.
        after: the lines in the whole text after the change that replace them, half-open and from 0.
        header: the line `@@ -1,4 +1,5 @@` of a unified diff, "" for a renamed file.
        lines: the lines of a unified diff below its header; () for a renamed file. The lines of context of two
            neighbours do not overlap.
        edit: the replacement; None for a whole file.
    """

    id: str
    change: int
    file: str
    before: tuple[int, int]
    after: tuple[int, int]
    header: str
    lines: tuple[str, ...]
    edit: Edit | None = None


def find_hunks(proposal: ProposedEdit, names: Sequence[str]) -> tuple[Hunk, ...]:
    """Return the parts of `proposal`, in the order of its changes and lines; `names` has a file name for each."""
    changes = enumerate(zip(proposal.changes, names, strict=True))
    return tuple(hunk for number, (change, name) in changes for hunk in _find_parts(number, change, name))


def narrow(proposal: ProposedEdit, hunks: Sequence[Hunk], taken: Collection[str]) -> ProposedEdit:
    """Return `proposal` with only those of its parts `hunks` whose ids are in `taken`."""
    changes: list[Change] = []
    for number, change in enumerate(proposal.changes):
        own = [one for one in hunks if one.change == number]
        kept = [one for one in own if one.id in taken]
        if len(kept) == len(own):
            changes.append(change)
        elif kept and isinstance(change, TextChange):
            edits = tuple(one.edit for one in kept if one.edit is not None)
            changes.append(replace(change, edits=edits))
    return replace(proposal, changes=tuple(changes))


def describe_left_out(proposal: ProposedEdit, hunks: Sequence[Hunk], taken: Collection[str]) -> tuple[str, ...]:
    """Return a phrase for each file of `proposal` of which parts were left out: `area.py, lines 10-12 and line 30`.

    Lines count from 1 in the text before the change.
    """
    left = [one for one in hunks if one.id not in taken]
    phrases: list[str] = []
    for number, found in groupby(left, key=lambda one: one.change):
        own = list(found)
        places = [describe_place(one, proposal.changes[number]) for one in own]
        if len(places) > MOST_PLACES:
            places[MOST_PLACES - 1 :] = [f"{len(places) - MOST_PLACES + 1} more places"]
        if isinstance(proposal.changes[number], TextChange):
            phrases.append(f"{own[0].file}, {_join(places)}")
        else:
            phrases.append(f"{places[0]} {own[0].file}")
    return tuple(phrases)


def describe_place(hunk: Hunk, change: Change) -> str:
    """Return the place of `hunk`, a part of `change`, in words: "lines 3-5", or "the deletion of" a whole file.

    Lines count from 1 in the old text. A message names the file before lines, but after words about a whole file.
    """
    match change:
        case CreateFile():
            return "the new file"
        case DeleteFile():
            return "the deletion of"
        case RenameFile():
            return "the renaming of"
        case _:
            return _describe_lines(hunk)


def _describe_lines(hunk: Hunk) -> str:
    """Return the lines that `hunk` replaces, counted from 1, in words."""
    first, end = hunk.before
    if first == end:
        return f"after line {first}" if first else "before line 1"
    return f"line {end}" if end - first == 1 else f"lines {first + 1}-{end}"


def _join(words: Sequence[str]) -> str:
    """Return `words` as an enumeration that ends with "and"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _find_parts(number: int, change: Change, name: str) -> Iterator[Hunk]:
    """Yield the parts of `change`, which has the index `number` in its proposal and changes the file `name`."""
    match change:
        case RenameFile():
            yield Hunk(f"{number}.0", number, name, (0, 0), (0, 0), "", ())
            return
        case TextChange():
            old, new = split_lines(change.before), split_lines(change.after)
            runs = find_runs(old, new)
        case CreateFile():
            old, new = [], split_lines(change.text)
            runs = [(0, 0, 0, len(new))]
        case DeleteFile():
            old, new = split_lines(change.before), []
            runs = [(0, len(old), 0, 0)]
    offsets = [0, *accumulate(map(len, old))]
    mixed = len({line[len(line.rstrip(_BREAKS)) :] for line in (*old, *new)} - {""}) > 1
    for index, (low, high, first, last) in enumerate(runs):
        above, below = _count_context(runs, index, len(old))
        header = f"@@ -{_format_range(low - above, high + below)} +{_format_range(first - above, last + below)} @@"
        lines = (
            *_format_lines(" ", old[low - above : low], mixed=mixed),
            *_format_lines("-", old[low:high], mixed=mixed),
            *_format_lines("+", new[first:last], mixed=mixed),
            *_format_lines(" ", old[high : high + below], mixed=mixed),
        )
        edit = Edit(offsets[low], offsets[high], "".join(new[first:last]))
        replaced = edit if isinstance(change, TextChange) else None
        yield Hunk(f"{number}.{index}", number, name, (low, high), (first, last), header, lines, replaced)


def split_lines(text: str) -> list[str]:
    """Return the lines of `text` with their line endings; a last line without one is a line, too."""
    starts = texts.find_line_starts(text)
    lines = [text[start:end] for start, end in pairwise([*starts, len(text)])]
    return lines if lines[-1] else lines[:-1]


def _count_context(runs: Sequence[Run], index: int, count: int) -> tuple[int, int]:
    """Return how many lines of context the run at `index` shows above and below; `count` is the number of old lines."""
    low, high, _, _ = runs[index]
    gap_above = low - runs[index - 1][1] if index else None
    gap_below = runs[index + 1][0] - high if index + 1 < len(runs) else None
    above = min(CONTEXT_LINES, low if gap_above is None else gap_above // 2)
    below = min(CONTEXT_LINES, count - high if gap_below is None else gap_below - gap_below // 2)
    return above, below


def _format_range(start: int, end: int) -> str:
    """Return the lines from `start` to `end`, half-open and from 0, as the header of a unified diff has them."""
    return f"{start + 1 if end > start else start},{end - start}"


def _format_lines(sign: str, lines: Sequence[str], *, mixed: bool) -> Iterator[str]:
    """Yield `lines` as lines of a unified diff with `sign`, and `NO_NEWLINE` after a line without a line ending.

    With `mixed`, ␍ shows that a line ending begins with a carriage return.
    """
    for line in lines:
        text = line.rstrip(_BREAKS)
        ending = line[len(text) :]
        yield f"{sign}{text}{'␍' if mixed and ending.startswith(chr(13)) else ''}"
        if not ending:
            yield NO_NEWLINE


def find_runs(old: Sequence[str], new: Sequence[str]) -> list[Run]:
    """Return the runs of changed lines between two texts, in order; at least one line is equal between two runs.

    [] for equal texts. A single run from the first to the last difference if the texts differ too much, or in more than
    `MOST_HUNKS` runs.
    Two runs of several lines with only one line between them, which has neither letters nor digits, are one run.
    """
    start, shortest = 0, min(len(old), len(new))
    while start < shortest and old[start] == new[start]:
        start += 1
    end = 0
    while end < shortest - start and old[-1 - end] == new[-1 - end]:
        end += 1
    inner_old, inner_new = old[start : len(old) - end], new[start : len(new) - end]
    if not inner_old and not inner_new:
        return []
    whole = [(start, len(old) - end, start, len(new) - end)]
    matches = _match_lines(inner_old, inner_new)
    if matches is None:
        return whole
    runs: list[Run] = []
    at, other = 0, 0
    for one, two in (*matches, (len(inner_old), len(inner_new))):
        if one > at or two > other:
            runs.append((start + at, start + one, start + other, start + two))
        at, other = one + 1, two + 1
    runs = _merge_runs(runs, old)
    return runs if len(runs) <= MOST_HUNKS else whole


def _merge_runs(runs: Sequence[Run], old: Sequence[str]) -> list[Run]:
    """Return `runs`; joins two runs of several lines if only one line, without letters and digits, is between them."""
    merged: list[Run] = []
    for run in runs:
        if merged and run[0] - merged[-1][1] == 1 and not any(map(str.isalnum, old[run[0] - 1])):
            last = merged[-1]
            if all(max(high - low, end - first) > 1 for low, high, first, end in (last, run)):
                merged[-1] = (last[0], run[1], last[2], run[3])
                continue
        merged.append(run)
    return merged


def _match_lines(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]] | None:
    """Return the indexes of equal lines in a shortest edit of `old` to `new`; None if too much is changed to find it.

    This is the greedy algorithm of E. Myers, "An O(ND) Difference Algorithm" (1986).
    """
    steps = _find_steps(old, new)
    if steps is None:
        return None
    matches: list[tuple[int, int]] = []
    at, other = len(old), len(new)
    for distance in range(len(steps) - 1, -1, -1):
        furthest, middle, diagonal = steps[distance], distance + 1, at - other
        down = diagonal == -distance or (
            diagonal != distance and furthest[middle + diagonal - 1] < furthest[middle + diagonal + 1]
        )
        before = diagonal + 1 if down else diagonal - 1
        start = furthest[middle + before]
        while at > max(start, 0) and other > max(start - before, 0):
            at, other = at - 1, other - 1
            matches.append((at, other))
        at, other = start, start - before
    return matches[::-1]


def _find_steps(old: Sequence[str], new: Sequence[str]) -> list[list[int]] | None:
    """Return the steps of Myers' algorithm: for each number of edits, the furthest index in `old` on each diagonal.

    None if more than `MOST_CHANGED` lines are changed, or if that takes more than `MOST_STEPS` comparisons.
    """
    end, last, spent = len(old), len(new), 0
    most = min(MOST_CHANGED, len(old) + len(new))
    middle = most + 1
    furthest = [0] * (2 * most + 3)
    steps: list[list[int]] = []
    for distance in range(most + 1):
        steps.append(furthest[middle - distance - 1 : middle + distance + 2])
        for diagonal in range(-distance, distance + 1, 2):
            left, right = furthest[middle + diagonal - 1], furthest[middle + diagonal + 1]
            down = diagonal == -distance or (diagonal != distance and left < right)
            start = at = right if down else left + 1
            other = at - diagonal
            while at < end and other < last and old[at] == new[other]:
                at, other = at + 1, other + 1
            furthest[middle + diagonal] = at
            spent += at - start + 1
            if at >= end and other >= last:
                return steps
        if spent > MOST_STEPS:
            return None
    return None
