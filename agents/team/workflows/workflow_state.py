"""The state of a workflow in a session, stored with the session's notes. Start at `WorkflowState`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MOST_NAMES = 200
LONGEST_ANSWER = 4_000
LONGEST_REQUEST = 20_000


@dataclass(slots=True)
class WorkflowState:
    """The state of a workflow: its open step, and results of its steps for later ones.

    Attributes:
        name: name of the workflow.
        request: the person's request.
        step: name of the step that is open; the last one if the workflow has ended.
        visits: how often each step was run to its end.
        answers: the last answer of each step, cut to `LONGEST_ANSWER`.
        files: names of the files that agents have changed, in order.
        fingerprints: hashes of the test files by name, as they were when the last step that may change tests ended.
        failures: the failures of the last run of the tests, for a prompt.
        log: a line for each step that was run.
        tokens: tokens that were read and written in all.
        boards: the questions before a decision board, by the step that asks the roles, as JSON objects.
        scores: the scores that a step's role gave, in order, by the step.
        since_best: ids of the checkpoints of changes since the best score, oldest first, by the step that gave it.
        best_reports: the judgement with the best score, by the step.
        inner: the state of the workflow that the open step runs; {} for none.
        delegated: a line for each part that was handed out: to whom, and what came of it.
        report: a report of a step, which the end of the workflow shows whole; "" for none.
        end: the sentence with which the workflow ended; "" before that.
        is_done: whether it reached its aim.
    """

    name: str
    request: str
    step: str
    visits: dict[str, int] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    fingerprints: dict[str, str] = field(default_factory=dict)
    failures: str = ""
    log: list[str] = field(default_factory=list)
    tokens: int = 0
    boards: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, list[float]] = field(default_factory=dict)
    since_best: dict[str, list[str]] = field(default_factory=dict)
    best_reports: dict[str, str] = field(default_factory=dict)
    inner: dict[str, Any] = field(default_factory=dict)
    delegated: list[str] = field(default_factory=list)
    report: str = ""
    end: str = ""
    is_done: bool = False

    def add_file(self, name: str) -> bool:
        """Add the name of a changed file; return False if it is there already or there are `MOST_NAMES`."""
        if name in self.files or len(self.files) >= MOST_NAMES:
            return False
        self.files.append(name)
        return True

    def add_delegation(self, line: str) -> None:
        """Add a line about a part that was handed out; the oldest beyond `MOST_NAMES` go."""
        self.delegated = [*self.delegated, line][-MOST_NAMES:]

    def dump(self) -> dict[str, Any]:
        """Return the state as a JSON object, which `load_state` reads."""
        return {name: getattr(self, name) for name in _TYPES}


_TYPES: dict[str, type] = {
    "name": str, "request": str, "step": str, "visits": dict, "answers": dict, "files": list, "fingerprints": dict,
    "failures": str, "log": list, "tokens": int, "boards": dict, "scores": dict, "since_best": dict,
    "best_reports": dict, "inner": dict, "delegated": list, "report": str, "end": str, "is_done": bool,
}  # fmt: skip
_LATER = frozenset({"boards", "scores", "since_best", "best_reports", "inner", "delegated", "report"})
"""Fields that states of earlier versions do not have."""


def load_state(stored: object) -> WorkflowState | None:
    """Return the state that `WorkflowState.dump` turned into `stored`; None if it is something else."""
    if not isinstance(stored, dict) or not set(_TYPES) - _LATER <= set(stored) <= set(_TYPES):
        return None
    if not all(isinstance(value, _TYPES[name]) for name, value in stored.items()):
        return None
    return WorkflowState(**stored)
