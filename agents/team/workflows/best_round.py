"""The round with the best score of a workflow: the changes made since then, which can be taken back.

Start at `restore_best_round`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.team import transcript

if TYPE_CHECKING:
    from agents.team.workflows.stage import Stage
    from agents.team.workflows.workflow_state import WorkflowState

MOST_CHANGES = 200
"""Changes after a best score that are noted; of more, none is taken back."""

TOO_MANY = "too many"
"""Stands in place of the checkpoints of more changes."""


def note_change(state: WorkflowState, checkpoint: str) -> None:
    """Note a change as made since the best score of each step that has given one."""
    for checkpoints in state.since_best.values():
        if TOO_MANY not in checkpoints:
            checkpoints.append(checkpoint if len(checkpoints) < MOST_CHANGES else TOO_MANY)


def forget_change(state: WorkflowState, checkpoint: str) -> None:
    """Forget a change that was undone."""
    for checkpoints in state.since_best.values():
        if checkpoint in checkpoints:
            checkpoints.remove(checkpoint)


async def restore_best_round(step: str, stage: Stage) -> str:
    """Propose to undo the changes made since the best score of the step `step`, newest first.

    Returns a sentence for the person: which score the files have now, or why they could not be restored; "" if the step
    has given no score. The report of the workflow then has the judgement with the best score.
    """
    state = stage.state
    scores = state.scores.get(step)
    if not scores:
        return ""
    checkpoints = state.since_best.get(step, [])
    best = f"the highest score ({max(scores):g})"
    if TOO_MANY in checkpoints:
        return f"More than {MOST_CHANGES} changes were made after {best}, so they are kept."
    while checkpoints:
        outcome = await stage.bench.changes.undo(checkpoints[-1], cancelled=stage.bench.cancelled)
        if not outcome.applied:
            reason = transcript.hide_secrets(outcome.reason)
            return f"The changes after {best} could not all be taken back: {reason}"
        checkpoints.pop()
        await stage.save()  # a workflow that is killed here goes on with the rest
    course = ", ".join(f"{one:g}" for one in scores)
    state.report = f"Scores {course}; the judgement with the highest one:\n\n{state.best_reports.get(step, '')}"
    return f"The files are those of the round with {best}."
