"""A step in which the program proposes to commit what the workflow has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from agents.team.failure import ToolFailed
from agents.team.git import find_root, run_git
from agents.team.tools.git_changes import MOST_FILES
from agents.team.workflows.stage import StepOutcome
from agents.team.workflows.steps.step import Step

if TYPE_CHECKING:
    from agents.team.workflows.stage import Stage

LONGEST_SUBJECT = 72


class CommitStep(Step):
    """A commit of the changed files is proposed, with the request as its message.

    Attributes:
        then: the next step, whether or not there was a commit.
    """

    kind: Literal["commit"]
    then: str = ""


async def run(step: CommitStep, stage: Stage) -> StepOutcome:
    """Propose a commit of those changed files that git has not committed yet, unless the task commits them.

    The workflow goes on with `then`, whether or not there was a commit.
    """
    if not stage.commits:
        return StepOutcome("The changes are committed with the task.", step.then)
    try:
        names = await _list_uncommitted(stage)
    except ToolFailed as error:
        return StepOutcome(f"No commit was proposed: {error}", step.then)
    if not names:
        return StepOutcome("There is nothing to commit.", step.then)
    result = await stage.call(
        "git_commit", {"message": _make_message(stage.state.request), "paths": names[:MOST_FILES]}
    )
    if result.failed:
        return StepOutcome(f"The changes were not committed: {result.text}", step.then)
    return StepOutcome(f"Committed: {', '.join(names[:MOST_FILES])}.", step.then)


async def _list_uncommitted(stage: Stage) -> list[str]:
    """Return those of the changed files that differ from the last commit.

    Raises:
        ToolFailed: git failed, or cannot be run.
    """
    bench, options = stage.bench, ("status", "--porcelain", "--untracked-files=all", "--")
    return [
        name
        for name in stage.state.files
        if await run_git(bench, (*options, name), find_root(bench, await bench.resolve(name)))
    ]


def _make_message(request: str) -> str:
    """Return the message of a commit: the first line of the request, cut, and the whole request if that is longer."""
    whole = request.strip()
    first = whole.splitlines()[0].strip()
    if len(first) <= LONGEST_SUBJECT:
        return first if first == whole else f"{first}\n\n{whole[len(first) :].strip()}"[:5000]
    return f"{first[: LONGEST_SUBJECT - 3]}...\n\n{whole}"[:5000]
