"""The queued tasks of one workspace, for a person who decides about them: cancel, pause, retry, merge, drop.

Each refusal is a sentence. Changes files of the workspace through the gate alone. Start at `WorkspaceTasks`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.ports.action_log import actions
from agents.ports.task_queue import TaskStatus
from server.state import paths
from server.work.commit_messages import compose_message
from server.work.merging import MergeFailed, propose_merge
from server.work.worktrees import WorktreeFailed, Worktrees

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from agents.edits import ProposedEdit
    from agents.ports.task_queue import QueuedTask, TaskQueue
    from server.gate.ports import Outcome
    from server.work.worktrees import Worktree

MOST_SEARCHED = 10_000
"""Tasks of a workspace among which one is found by the first characters of its id."""

UNFINISHED = frozenset({TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.PAUSED})
"""Statuses of tasks whose work so far is in the worktree, not yet committed."""


class TaskRefused(Exception):  # noqa: N818 (an answer, not an error of the program)
    """A person's decision about a task cannot be carried out; the message is a sentence for them."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The end of a merge.

    Attributes:
        outcome: the gate's outcome; None if the branch changes nothing, so that nothing was proposed.
        branch: name of the branch.
        kept: whether the branch is still there: nothing was applied, parts were left out, or the task has gone on.
    """

    outcome: Outcome | None
    branch: str
    kept: bool


class WorkspaceTasks:
    """The queued tasks of one workspace folder. Calls block, except for `merge`.

    Args:
        queue: the queue.
        root: the workspace folder, without links in its path.

    Attributes:
        workspace: the workspace folder as a URI, as tasks name it.
    """

    def __init__(self, queue: TaskQueue, root: Path) -> None:
        self._queue = queue
        self._root = root
        self._worktrees = Worktrees(root, paths.worktrees_dir())
        self.workspace = root.as_uri()

    def find(self, name: str) -> QueuedTask:
        """Return the task whose id begins with `name`, among the `MOST_SEARCHED` newest.

        Raises:
            TaskRefused: there is none in the workspace, or there are several.
            StateError: the queue cannot be read.
        """
        listed = self._queue.list_newest(self.workspace, MOST_SEARCHED) if name else ()
        found = [one for one in listed if one.id.startswith(name)]
        if len(found) != 1:
            what = "are several tasks" if found else "is no task"
            raise TaskRefused(f"There {what} {name!r} in this workspace; `starling tasks` lists them.")
        return found[0]

    def cancel(self, task: QueuedTask) -> str:
        """Cancel a task and delete its branch and worktree; return a sentence if these are left, "" otherwise.

        While a worker does the task, they are in use: that worker deletes them once it has stopped.

        Raises:
            TaskRefused: it has ended already.
            StateError: the queue cannot be used.
        """
        found = self._queue.get(task.id) or task
        if not self._queue.cancel(task.id):
            raise TaskRefused(f"{task.task.title!r} has ended already: {found.status.value}.")
        if not found.task.writes:
            return ""
        if self._queue.is_held(task.id):
            return "Cancelled; its worker stops within half a minute, and then deletes its branch."
        try:
            if found.attempts or task.id in self._worktrees.list_branches():  # a retried task has no attempts
                self._worktrees.remove(task.id, with_branch=True)
        except WorktreeFailed as error:
            return f"Cancelled, but its branch could not be deleted, and goes with the next `starling work`: {error}"
        return ""

    def pause(self, task: QueuedTask) -> None:
        """Pause a task until it is retried.

        Raises:
            TaskRefused: it is neither queued nor running.
            StateError: the queue cannot be written.
        """
        if not self._queue.pause(task.id):
            raise TaskRefused(f"{task.task.title!r} neither waits nor runs: {task.status.value}.")

    def retry(self, task: QueuedTask) -> None:
        """Queue a task again that was paused, cancelled, failed, or waits for a person.

        A worker that still does it stops first; until then no worker begins it.

        Raises:
            TaskRefused: it is in another status.
            StateError: the queue cannot be written.
        """
        if not self._queue.requeue(task.id):
            raise TaskRefused(f"{task.task.title!r} cannot be retried: {task.status.value}.")

    def drop(self, task: QueuedTask) -> None:
        """Delete the branch and the worktree of a task, with all its changes.

        Raises:
            TaskRefused: the task is running or has no branch, or git failed.
            StateError: the queue cannot be read.
        """
        if task.status is TaskStatus.RUNNING:
            raise TaskRefused(
                f"{task.task.title!r} is running; `starling tasks cancel {task.id[:8]}` ends and drops it."
            )
        if self._queue.is_held(task.id):
            raise TaskRefused(f"The worker of {task.task.title!r} has not stopped yet; try again in half a minute.")
        try:
            if self._worktrees.find(task.id) is None:
                raise TaskRefused(f"{task.task.title!r} has no branch.")
            self._worktrees.remove(task.id, with_branch=True)
        except WorktreeFailed as error:
            raise TaskRefused(str(error)) from error
        self._log("branch dropped", task)

    def _log(self, what: str, task: QueuedTask, outcome: str = "") -> None:
        """Log what a person decided about the branch of a task, as an action."""
        fields = {"session": task.id, "workspace": self.workspace, "role": task.task.role, "outcome": outcome}
        actions.info(what, extra=fields)

    def list_branches(self) -> dict[str, str]:
        """Return the names of the branches of tasks, by the task's id; {} if there is no repository or git failed."""
        return self._worktrees.list_branches()

    async def merge(self, task: QueuedTask, propose: Callable[[ProposedEdit], Awaitable[Outcome]]) -> Merged:
        """Propose the changes of the branch of `task` for the workspace; delete the branch once all were applied.

        A branch without changes is deleted without a proposal. The branch is kept if the task was retried, or it
        has changed, while the person was asked.

        Args:
            task: the task.
            propose: proposes an edit to the gate, and returns its outcome.

        Raises:
            TaskRefused: the task has not ended or has no branch, or its changes cannot be proposed; or they were
                applied, and the branch could not be deleted.
        """
        worktree, tip, proposal = await asyncio.to_thread(self._prepare_merge, task)
        outcome = await propose(proposal) if proposal is not None else None
        self._log("merge ended", task, outcome.verdict.value if outcome is not None else "unchanged")
        if outcome is not None and (not outcome.applied or outcome.left_out):
            return Merged(outcome, worktree.branch, kept=True)
        try:
            removed = await asyncio.to_thread(self._remove_merged, task.id, tip)
        except WorktreeFailed as error:
            raise TaskRefused(f"The changes are in your files, but the branch is left: {error}") from error
        return Merged(outcome, worktree.branch, kept=not removed)

    def _remove_merged(self, task: str, tip: str) -> bool:
        """Delete the worktree and branch of a merged task; return False, and keep them, if the task has gone on.

        Raises:
            WorktreeFailed: git failed.
            StateError: the queue cannot be read.
        """
        found = self._queue.get(task)
        if found is not None and (found.status in UNFINISHED or self._queue.is_held(task)):
            return False
        return self._worktrees.remove(task, with_branch=True, tip=tip)

    def _prepare_merge(self, task: QueuedTask) -> tuple[Worktree, str, ProposedEdit | None]:
        """Return the worktree of a task, the newest commit of its branch, and the proposal to merge that.

        The proposal is None if the branch changes nothing. What the task has left in its folder is committed before.

        Raises:
            TaskRefused: the task has not ended or has no branch, or its changes cannot be proposed.
        """
        wanted = task.task
        if task.status in UNFINISHED:
            raise TaskRefused(f"{wanted.title!r} has not ended yet: {task.status.value}.")
        try:
            worktree = self._worktrees.find(task.id)
            if worktree is None:
                raise TaskRefused(f"{wanted.title!r} has no branch: it has written nothing, or was merged.")
            self._worktrees.commit_rest(task.id, compose_message(task, done=False))
            tip = self._worktrees.read_tip(worktree)
            return worktree, tip, propose_merge(worktree, self._root, wanted.title, wanted.role or "the team")
        except (WorktreeFailed, MergeFailed) as error:
            raise TaskRefused(str(error)) from error
