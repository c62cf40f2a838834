"""The queue of tasks for the team: tasks with priorities and deadlines, and the workers that claim these.

A queued task is work for an agent, which may take hours; `agents.tasks` holds the code actions, which are something
else. Any number of workers in any number of processes share a queue. A worker claims a task, renews its claim while it
works, and finishes or fails it; a claim that is not renewed in time is taken away. Whoever lost a claim is told so by
the next call, so that no result is recorded twice. Calls block, may come from any thread and raise `StateError`.
Start at `TaskQueue`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

ATTEMPTS = 3
"""Claims that a task gets before it has failed."""

STUCK_S = 3600.0
"""Seconds without a renewal after which a claim is taken away."""

SOON_S = 3600.0
"""Seconds before its deadline from which on a task counts as HIGH."""

LONGEST_TEXT = 100_000
"""Characters of one of a task's texts, and of its result; more is a ValueError."""

MOST_NEEDS = 100
"""Tasks that one task may need; more is a ValueError."""


class Priority(IntEnum):
    """Urgency of a task; the lowest number is claimed first."""

    HIGH = 1
    MEDIUM = 5
    LOW = 10


class TaskStatus(StrEnum):
    """Stage of a task in the queue."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"  # by a person
    WAITING = "waiting"  # for a person's decision
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task as somebody wants it.

    Attributes:
        workspace: the workspace folder, as a URI.
        title: an imperative of a few words.
        details: everything else that the agent is told.
        role: name of the agent that is to do it, "" for the router's choice.
        priority: how urgent it is.
        deadline: seconds since the epoch, None for none.
        needs: ids of tasks that have to be done before.
        parent: id of the task that it follows from, "" for none.
        key: a second task of the workspace with the same non-empty key is the first one, which stays as it is.
        workflow: name of the workflow that is to do it, "" for one request to an agent.
        writes: whether agents may change files, which they do in the task's own worktree.
    """

    workspace: str
    title: str
    details: str = ""
    role: str = ""
    priority: Priority = Priority.MEDIUM
    deadline: float | None = None
    needs: tuple[str, ...] = ()
    parent: str = ""
    key: str = ""
    workflow: str = ""
    writes: bool = True


@dataclass(frozen=True, slots=True)
class QueuedTask:
    """A task in the queue.

    Attributes:
        id: its id.
        task: what is wanted.
        status: its stage.
        created: seconds since the epoch.
        changed: when its status last changed, seconds since the epoch.
        attempts: how often it was claimed; with `worker`, names one claim.
        worker: who has claimed it, or did last; "" before that.
        result: what came of it, or why it failed or waits; "" before that.
    """

    id: str
    task: NewTask
    status: TaskStatus
    created: float
    changed: float
    attempts: int
    worker: str
    result: str


class QueueFull(Exception):  # noqa: N818 (an answer, not an error of the program)
    """Too many tasks are open in this workspace; the message is a sentence for a person."""


class TaskQueue(Protocol):
    """The tasks of a user's team."""

    def add(self, task: NewTask) -> QueuedTask:
        """Queue `task` and return it; if a task with its key exists already, return that one instead.

        Raises:
            QueueFull: too many tasks of the workspace are open.
            LookupError: a task of `needs` does not exist.
            ValueError: a text is longer than `LONGEST_TEXT`, or it needs more than `MOST_NEEDS` tasks.
        """
        ...

    def get(self, task: str) -> QueuedTask | None:
        """Return the task with the id `task`, None if there is none."""
        ...

    def list_newest(self, workspace: str, limit: int, *, status: TaskStatus | None = None) -> tuple[QueuedTask, ...]:
        """Return up to `limit` tasks of `workspace`, newest first; only those of `status` if that is given."""
        ...

    def claim(self, workspace: str, worker: str, roles: Collection[str] = ()) -> QueuedTask | None:
        """Claim the most urgent task for `worker` and return it; None if there is nothing to do.

        Order: priority (HIGH from `SOON_S` before the deadline on), then deadline, then age. Skips tasks
        whose needs are not all done, held tasks (`is_held`) and, unless `roles` is empty, tasks for a role that is not
        in it. First takes away claims that were not renewed for `STUCK_S`, and claims of processes that have ended.
        """
        ...

    def renew(self, claimed: QueuedTask) -> bool:
        """Renew a claim, so that it is not taken away; return False if it is lost (cancelled, paused, taken away).

        The worker has to stop then.
        """
        ...

    def finish(self, claimed: QueuedTask, result: str, follow_ups: Sequence[NewTask] = ()) -> bool:
        """Record the result and queue `follow_ups`, in one step; return False, and do nothing, if the claim is lost.

        Raises:
            QueueFull, LookupError, ValueError: as `add` does; then nothing is recorded.
        """
        ...

    def fail(self, claimed: QueuedTask, why: str) -> bool:
        """Record a failed attempt: queue the task again, or end it as failed after `ATTEMPTS` claims.

        Tasks that need an ended one wait for a person. Returns False, and does nothing, if the claim is lost.
        """
        ...

    def escalate(self, claimed: QueuedTask, why: str) -> bool:
        """Leave a task to a person until `requeue` or `cancel`; return False, and do nothing, if the claim is lost."""
        ...

    def release(self, claimed: QueuedTask, why: str = "") -> bool:
        """Queue a claimed task again without counting the attempt: the worker ends, or the task cannot be done now.

        Returns False, and does nothing, if the claim is lost.
        """
        ...

    def is_held(self, task: str) -> bool:
        """Return whether a worker may still be at work on the task with this id, even after its claim was lost.

        A worker holds a task from `claim` until it calls `finish`, `fail`, `escalate` or `release`, whatever these
        return, or until its process has ended or it gave no sign of life for `STUCK_S`.
        """
        ...

    def pause(self, task: str) -> bool:
        """Pause a queued or running task until `requeue`; return False, and do nothing, if it is neither."""
        ...

    def cancel(self, task: str) -> bool:
        """Cancel a task; tasks that need it wait for a person. Return False, and do nothing, if it has ended."""
        ...

    def requeue(self, task: str) -> bool:
        """Queue a paused, waiting, failed or cancelled task again, with no attempt counted and no result.

        A worker that still holds it (`is_held`) stops first; until then nobody can claim it.

        Returns False, and does nothing, if it is none of these.
        """
        ...
