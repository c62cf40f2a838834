"""The autopilot of one workspace: looks for work, proposes it, and starts what a standing rule allows, in its budget.

When a look finds nothing new, the next one is later, up to a day. Start at `Autopilot.look`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.ports.task_proposals import KEY_PREFIX, DaySpending
from agents.ports.task_queue import NewTask, QueueFull, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from agents.ports.task_proposals import KeptProposal, ProposalKind, TaskProposal, TaskProposals
    from agents.ports.task_queue import QueuedTask, TaskQueue

LONGEST_SLEEP_S = 24 * 3600.0
MOST_OF_A_KIND = 20
"""Proposals of one kind; the less valuable ones are left out."""

MOST_TASKS = 1000
"""Newest tasks of the queue among which those of the autopilot are looked for."""

ROLE = "coder"
"""The role that does a proposal without a workflow."""

_UNDER_WAY = (TaskStatus.QUEUED, TaskStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that tasks of the autopilot may use on one day.

    Attributes:
        tasks: tasks started by a rule.
        tokens: tokens read and written; no task is started once these are used up.
        cost: money, 0 for no limit.
    """

    tasks: int
    tokens: int
    cost: float

    def find_exhausted(self, used: DaySpending) -> str:
        """Return the first limit of the budget that `used` reaches, in words; "" if it reaches none."""
        if used.tasks >= self.tasks:
            return f"{used.tasks:,} of {self.tasks:,} tasks"
        if used.tokens >= self.tokens:
            return f"{used.tokens:,} of {self.tokens:,} tokens"
        if self.cost and used.cost >= self.cost:
            return f"{used.cost:.2f} of {self.cost:.2f} in money"
        return ""


class Autopilot:
    """The autopilot of one workspace.

    Args:
        workspace: the workspace folder, as a URI.
        find: yields all work that can be found now. Blocking.
        proposals: where proposals are kept.
        queue: the queue of tasks.
        starts: the kinds that a standing rule starts without a yes.
        budget: the most that may be used on a day.
        interval_s: seconds between two looks, as long as there is something new.
    """

    def __init__(  # noqa: PLR0913 (its ports)
        self,
        workspace: str,
        find: Callable[[], Iterable[TaskProposal]],
        proposals: TaskProposals,
        queue: TaskQueue,
        *,
        starts: Collection[ProposalKind],
        budget: Budget,
        interval_s: float,
    ) -> None:
        self._workspace = workspace
        self._find = find
        self._proposals = proposals
        self._queue = queue
        self._starts = starts
        self._budget = budget
        self._interval_s = interval_s
        self.sleep_s = interval_s
        """Seconds until the next look is worth it."""

    def look(self) -> str:
        """Replace the open proposals by the work found now, queue at most one of them, and return a sentence. Blocking.

        Queues only a proposal that a rule allows, within the budget. Sets `sleep_s`, the time until the next look.

        Raises:
            StateError: the state cannot be read or written.
        """
        new = self._proposals.replace_open(self._workspace, choose(self._find()))
        waiting = self._proposals.list_open(self._workspace)
        task, said = self._start_by_rule(waiting)
        is_busy = new or task is not None
        self.sleep_s = self._interval_s if is_busy else min(self.sleep_s * 2, LONGEST_SLEEP_S)
        if not waiting:
            return "Nothing is worth doing."
        counted = f"{len(waiting):,} proposals, {new:,} of them new; `starling autopilot` lists them."
        return f"{counted} {said}".rstrip()

    def _start_by_rule(self, waiting: Iterable[KeptProposal]) -> tuple[QueuedTask | None, str]:
        """Queue the most valuable proposal that a rule allows; return its task, and a sentence about it.

        Without a task the sentence says why none was queued; it is "" if no rule allows any, the proposal is not open
        any more, or an earlier task of the autopilot has not ended: the use of each task is counted before the next one
        starts.
        """
        chosen = next((one for one in waiting if one.proposal.kind in self._starts), None)
        if chosen is None:
            return None, ""
        newest = self._queue.list_newest(self._workspace, MOST_TASKS)
        if any(one.task.key.startswith(KEY_PREFIX) and one.status in _UNDER_WAY for one in newest):
            return None, ""
        if exhausted := self._budget.find_exhausted(self._proposals.read_spending(self._workspace)):
            return None, f"Today's budget is used up: {exhausted}."
        try:
            task = accept(chosen, self._workspace, self._proposals, self._queue)
        except QueueFull as error:
            return None, str(error)
        if task is None:
            return None, ""
        self._proposals.add_spending(self._workspace, DaySpending(tasks=1))
        return task, f"Your rule for {chosen.proposal.kind} has started {task.id[:8]}: {chosen.proposal.title}"


def choose(found: Iterable[TaskProposal]) -> list[TaskProposal]:
    """Return at most `MOST_OF_A_KIND` proposals of each kind, the most valuable ones, together by kind."""
    kinds: dict[ProposalKind, list[TaskProposal]] = {}
    for one in sorted(found, key=lambda one: (-one.weight, one.key)):
        kinds.setdefault(one.kind, []).append(one)
    return [one for of_kind in kinds.values() for one in of_kind[:MOST_OF_A_KIND]]


def accept(kept: KeptProposal, workspace: str, proposals: TaskProposals, queue: TaskQueue) -> QueuedTask | None:
    """Queue an open proposal as a task, record that, and return the task; None if the proposal is not open any more.

    A task that was queued for it before is not queued twice.

    Raises:
        QueueFull: too many tasks are open; the proposal stays open.
        StateError: the state cannot be read or written.
    """
    if all(other.id != kept.id for other in proposals.list_open(workspace)):
        return None
    one = kept.proposal
    key = f"{KEY_PREFIX}{one.key}"
    role = "" if one.workflow else ROLE
    task = queue.add(NewTask(workspace, one.title, one.details, role, key=key, workflow=one.workflow))
    return task if proposals.accept(workspace, kept.id, task.id) else None
