"""The tables of the autopilot: proposals of tasks, and what its tasks have used on each day.

Implements `agents.ports.task_proposals.TaskProposals`. Secrets in texts are replaced. Bounded in open proposals, in
decided ones and in days. Blocking; writes to the state database only. Start at `ProposalStore`.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from agents.ports.task_proposals import DaySpending, KeptProposal, ProposalKind, ProposalStatus, TaskProposal
from indexing.workspace.secrets.literals import replace_secrets
from server.state.database import Area
from server.state.statements import make_storable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.state.database import State

MOST_OPEN = 50  # of a workspace
MOST_DECIDED = 5000  # of a user
KEPT_DAYS = 90
DAY = "%Y-%m-%d"
PLACEHOLDER = "(secret)"
_SELECT = "SELECT id, kind, name, title, details, weight, workflow, status, created, task FROM task_proposals"


class ProposalStore:
    """The tables of the autopilot.

    Args:
        state: the state database.
        clock: returns the seconds since the epoch.
    """

    def __init__(self, state: State, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock

    def replace_open(self, workspace: str, found: Sequence[TaskProposal]) -> int:
        """Replace the open proposals of a workspace by those in `found`; return how many keys are new.

        Leaves out proposals whose key was accepted or dismissed, and all but the `MOST_OPEN` of the greatest weight.
        Evicts the oldest decided proposals of the user beyond `MOST_DECIDED`.
        """
        place, now = make_storable(workspace), self._clock()
        ranked = sorted({one.key: one for one in found}.values(), key=lambda one: (-one.weight, one.key))
        with self._state.transaction(Area.JOBS) as connection:
            query = "SELECT name, status, created FROM task_proposals WHERE workspace = ?"
            rows = connection.execute(query, (place,)).fetchall()
            known = {name: created for name, _, created in rows}
            decided = {name for name, status, _ in rows if status != ProposalStatus.OPEN}
            kept = [one for one in ranked if make_storable(one.key) not in decided][:MOST_OPEN]
            connection.execute(
                "DELETE FROM task_proposals WHERE workspace = ? AND status = ?", (place, ProposalStatus.OPEN)
            )
            connection.executemany(
                "INSERT INTO task_proposals (id, workspace, kind, name, title, details, weight, workflow, status,"
                " created, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        _make_id(place, one.key), place, one.kind, make_storable(one.key), _clean(one.title),
                        _clean(one.details), one.weight, one.workflow, ProposalStatus.OPEN,
                        known.get(make_storable(one.key), now), now,
                    )
                    for one in kept
                ],
            )  # fmt: skip
            connection.execute(
                "DELETE FROM task_proposals WHERE status <> ? AND id NOT IN"
                " (SELECT id FROM task_proposals WHERE status <> ? ORDER BY changed DESC LIMIT ?)",
                (ProposalStatus.OPEN, ProposalStatus.OPEN, MOST_DECIDED),
            )
        return sum(make_storable(one.key) not in known for one in kept)

    def list_open(self, workspace: str) -> tuple[KeptProposal, ...]:
        """Return the open proposals of a workspace, the greatest weight first."""
        query = f"{_SELECT} WHERE workspace = ? AND status = ? ORDER BY weight DESC, name"
        with self._state.use_connection() as connection:
            rows = connection.execute(query, (make_storable(workspace), ProposalStatus.OPEN)).fetchall()
        return tuple(
            KeptProposal(
                identity, TaskProposal(ProposalKind(kind), name, title, details, weight, workflow),
                ProposalStatus(status), created, task,
            )
            for identity, kind, name, title, details, weight, workflow, status, created, task in rows
        )  # fmt: skip

    def accept(self, workspace: str, proposal: str, task: str) -> bool:
        """Record that an open proposal has become the queued task `task`; return False if it is not open."""
        return self._decide(workspace, proposal, ProposalStatus.ACCEPTED, task)

    def dismiss(self, workspace: str, proposal: str) -> bool:
        """Record that a person does not want an open proposal; return False if it is not open."""
        return self._decide(workspace, proposal, ProposalStatus.DISMISSED, "")

    def _decide(self, workspace: str, proposal: str, status: ProposalStatus, task: str) -> bool:
        """Set the status of an open proposal and the task that it became; return False if it is not open."""
        with self._state.transaction(Area.JOBS) as connection:
            decided = connection.execute(
                "UPDATE task_proposals SET status = ?, task = ?, changed = ?"
                " WHERE workspace = ? AND id = ? AND status = ?",
                (status, task, self._clock(), make_storable(workspace), proposal, ProposalStatus.OPEN),
            )
            return decided.rowcount == 1

    def read_spending(self, workspace: str) -> DaySpending:
        """Return the tasks, tokens and cost of the autopilot today (local date); zeros if it used none."""
        query = "SELECT tasks, tokens, cost FROM autopilot_days WHERE workspace = ? AND day = ?"
        with self._state.use_connection() as connection:
            row = connection.execute(query, (make_storable(workspace), self._format_day(0))).fetchone()
        return DaySpending(*row) if row is not None else DaySpending()

    def add_spending(self, workspace: str, spending: DaySpending) -> None:
        """Add `spending` to the figures of today (local date), and delete those of days older than `KEPT_DAYS`."""
        values = (make_storable(workspace), self._format_day(0), spending.tasks, spending.tokens, spending.cost)
        with self._state.transaction(Area.JOBS) as connection:
            connection.execute("DELETE FROM autopilot_days WHERE day < ?", (self._format_day(KEPT_DAYS),))
            connection.execute(
                "INSERT INTO autopilot_days (workspace, day, tasks, tokens, cost) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (workspace, day) DO UPDATE SET tasks = autopilot_days.tasks + excluded.tasks,"
                " tokens = autopilot_days.tokens + excluded.tokens, cost = autopilot_days.cost + excluded.cost",
                values,
            )

    def _format_day(self, before: int) -> str:
        """Return the local date `before` days ago, as "2026-11-28"."""
        return time.strftime(DAY, time.localtime(self._clock() - before * 24 * 3600.0))


def _make_id(workspace: str, key: str) -> str:
    """Return the id of a proposal: a hash of its workspace and key, so that each search finds the same id."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{workspace}\n{make_storable(key)}").hex


def _clean(text: str) -> str:
    """Return `text` as it is stored, with its secrets replaced."""
    return make_storable(replace_secrets(text, PLACEHOLDER))
