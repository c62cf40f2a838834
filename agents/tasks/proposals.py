"""From a task's result to a proposal: the change of a document, facts for the decision, and why there is none.

Start at `change`, `not_here` and `not_written`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.edits import Edit, TextChange
from agents.tasks.task import Nothing

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.tasks.edit_ranking import Ranked
    from agents.tasks.task import TestRun
    from indexing.syntax.documents import Document

_SAID = 300  # characters of a failed run that are shown


def change(document: Document, edits: tuple[Edit, ...]) -> TextChange:
    """The edits of one document as a change."""
    return TextChange(document.uri, document.path, document.text, edits)


def between(old: str, new: str) -> Edit:
    """The one edit that makes `new` of `old`."""
    same, tail = unchanged(old, new)
    return Edit(same, len(old) - tail, new[same : len(new) - tail])


def unchanged(old: str, new: str) -> tuple[int, int]:
    """Length of the start and of the end that both texts share; by halves, which is quicker than one by one."""
    shortest = min(len(old), len(new))
    same = _longest(shortest, lambda length: old.startswith(new[:length]))
    tail = _longest(shortest - same, lambda length: not length or old.endswith(new[-length:]))
    return same, tail


def _longest(most: int, fits: Callable[[int], bool]) -> int:
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def not_here(why: str) -> Nothing:
    """The place has nothing to work on: a sentence without its full stop, with the next step."""
    return Nothing(f"{why}; nothing was changed. Put the cursor elsewhere.")


def not_written(why: str) -> Nothing:
    """The model wrote nothing of use: a sentence without its full stop, with the next step."""
    return Nothing(f"{why}; nothing was changed. A larger model may do better: `starling models list --available`.")


def notes_of(best: Ranked, run: TestRun | None = None) -> tuple[str, ...]:
    """What a person should know of a candidate."""
    notes = [f"It brings a new finding: {one.message}" for one in best.new[:3]]
    if run is not None:
        notes.append(said_of(run))
    return tuple(notes)


def said_of(run: TestRun) -> str:
    """A run of tests in a line."""
    if not run.ran:
        return f"The tests were not run: {run.said}"
    if run.green:
        return f"{_tests(run.passed)} passed."
    end = " ".join(run.said.split())[-_SAID:]
    return f"{_tests(run.failed)} failed, {run.passed} passed: {end}"


def _tests(count: int) -> str:
    return f"{count} test" if count == 1 else f"{count} tests"
