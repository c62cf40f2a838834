"""Proposals of tasks: work that the autopilot has found, and that waits for a person's yes.

A proposal has a key by which it is known again: what a person dismissed or accepted is not proposed a second time. The
budget counts what tasks of the autopilot have used on a day. Calls block, may come from any thread and raise
`StateError`. Start at `TaskProposals`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY_PREFIX = "autopilot:"
"""Beginning of the keys of queued tasks that come from a proposal."""


class ProposalKind(StrEnum):
    """Origin of a proposal."""

    FAILING_TEST = "failing-test"
    FINDING = "finding"
    COMMENT = "comment"  # one that says what is to be done
    DEPENDENCY = "dependency"
    COVERAGE = "coverage"


class ProposalStatus(StrEnum):
    """Stage of a proposal."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class TaskProposal:
    """A task that may be worth doing.

    Attributes:
        kind: where it comes from.
        key: the same for the same work, also after lines have moved.
        title: an imperative of a few words.
        details: everything else that the agent is told.
        weight: its value for the person; the largest is proposed first.
        workflow: name of the workflow that is to do it, "" for one request.
    """

    kind: ProposalKind
    key: str
    title: str
    details: str
    weight: float
    workflow: str = ""


@dataclass(frozen=True, slots=True)
class KeptProposal:
    """A stored proposal.

    Attributes:
        id: its id.
        proposal: what is proposed.
        status: its stage.
        created: when it was first found, seconds since the epoch.
        task: id of the queued task that it has become, "" for none.
    """

    id: str
    proposal: TaskProposal
    status: ProposalStatus
    created: float
    task: str


@dataclass(frozen=True, slots=True)
class DaySpending:
    """Use of the budget on one day.

    Attributes:
        tasks: tasks begun by a rule.
        tokens: tokens read and written by tasks of the autopilot.
        cost: their cost.
    """

    tasks: int = 0
    tokens: int = 0
    cost: float = 0.0


class TaskProposals(Protocol):
    """The proposals of a user's workspaces."""

    def replace_open(self, workspace: str, found: Sequence[TaskProposal]) -> int:
        """Make `found` the open proposals of a workspace, except decided keys; return how many keys are new."""
        ...

    def list_open(self, workspace: str) -> tuple[KeptProposal, ...]:
        """Return the open proposals of a workspace, the greatest weight first."""
        ...

    def accept(self, workspace: str, proposal: str, task: str) -> bool:
        """Record that an open proposal has become the queued task `task`; return False if it is not open."""
        ...

    def dismiss(self, workspace: str, proposal: str) -> bool:
        """Record that a person does not want an open proposal; return False if it is not open."""
        ...

    def read_spending(self, workspace: str) -> DaySpending:
        """Return the tasks, tokens and cost of the autopilot in a workspace today."""
        ...

    def add_spending(self, workspace: str, spending: DaySpending) -> None:
        """Add `spending` to the figures of today."""
        ...
