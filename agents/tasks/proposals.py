"""Building blocks of a task's result: the change of a document, notes for the decision, and reasons for no proposal.

Start at `build_change`, `decline_place` and `decline_answer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.edits import Edit, TextChange
from agents.tasks.task import Nothing

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.tasks.edit_ranking import RankedCandidate
    from agents.tasks.task import TestRun
    from indexing.syntax.documents import Document

_SHOWN_OUTPUT = 300  # characters of a failed run that are shown


def build_change(document: Document, edits: tuple[Edit, ...]) -> TextChange:
    """Return the change that applies `edits` to `document`."""
    return TextChange(document.uri, document.path, document.text, edits)


def build_edit(old: str, new: str) -> Edit:
    """Return the smallest single edit that turns `old` into `new`."""
    same, tail = measure_unchanged(old, new)
    return Edit(same, len(old) - tail, new[same : len(new) - tail])


def measure_unchanged(old: str, new: str) -> tuple[int, int]:
    """Return the lengths of the longest common start and end of two texts, without overlap; by binary search."""
    shortest = min(len(old), len(new))
    same = _find_longest(shortest, lambda length: old.startswith(new[:length]))
    tail = _find_longest(shortest - same, lambda length: not length or old.endswith(new[-length:]))
    return same, tail


def _find_longest(most: int, fits: Callable[[int], bool]) -> int:
    """Return the largest length from 0 to `most` that `fits`; every smaller length has to fit too."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def decline_place(why: str) -> Nothing:
    """Return a `Nothing` result for a place that a task does not apply to.

    `why` is a sentence without its full stop; the message adds what to do next.
    """
    return Nothing(f"{why}; nothing was changed. Put the cursor elsewhere.")


def decline_answer(why: str) -> Nothing:
    """Return a `Nothing` result for a model's answer that is of no use.

    `why` is a sentence without its full stop; the message adds what to do next.
    """
    return Nothing(f"{why}; nothing was changed. A larger model may do better: `starling models list --available`.")


def list_notes(best: RankedCandidate, run: TestRun | None = None) -> tuple[str, ...]:
    """Return notes about a candidate for the person who decides: its new findings, at most 3, and its test run."""
    notes = [f"It brings a new finding: {one.message}" for one in best.new[:3]]
    if run is not None:
        notes.append(summarise_run(run))
    return tuple(notes)


def summarise_run(run: TestRun) -> str:
    """Return one line that says how a test run ended."""
    if not run.ran:
        return f"The tests were not run: {run.output}"
    if run.green:
        return f"{_format_count(run.passed)} passed."
    end = " ".join(run.output.split())[-_SHOWN_OUTPUT:]
    return f"{_format_count(run.failed)} failed, {run.passed} passed: {end}"


def _format_count(count: int) -> str:
    """Return a number of tests in words: "1 test", "2 tests"."""
    return f"{count} test" if count == 1 else f"{count} tests"
