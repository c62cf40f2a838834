"""The record of workflows in the state database: rounds, scores, tokens, times, and what became of the proposal.

Holds figures and titles, never code. Blocking. Start at `Workflows`.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from agents.workflow import Round

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.state.database import State

KEPT_S = 365 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class WorkflowRecord:
    """One workflow.

    Attributes:
        id: its own.
        at: when it ended, seconds since the epoch.
        uri: the document.
        task: what was generated first.
        model: that wrote, "" for none.
        rounds: in order.
        best: number of the round that was proposed, 0 for none.
        outcome: what became of it, in the gate's words, "cancelled", or "failed".
        reason: why it was not applied, "" where it was.
        seconds: from the beginning to the outcome, a person's time to decide included.
        proposal: id of the request at the gate, "" for none.
    """

    id: str
    at: float
    uri: str
    task: str
    model: str
    rounds: tuple[Round, ...]
    best: int
    outcome: str
    reason: str
    seconds: float
    proposal: str


class Workflows:
    """The table of workflows."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(  # noqa: PLR0913 (one row)
        self,
        *,
        uri: str,
        task: str,
        model: str,
        rounds: Sequence[Round],
        best: int,
        outcome: str,
        reason: str,
        seconds: float,
        proposal: str,
    ) -> str:
        """Keep one; returns its id.

        Raises:
            StateError: it cannot be written.
        """
        identity = uuid.uuid4().hex
        told = json.dumps([asdict(one) for one in rounds])
        row = (identity, time.time(), uri, task, model, told, best, outcome, reason, seconds, proposal)
        with self._state.transaction() as connection:
            connection.execute("DELETE FROM workflows WHERE at < ?", (time.time() - KEPT_S,))
            connection.execute("INSERT INTO workflows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        return identity

    def listed(self, limit: int) -> tuple[WorkflowRecord, ...]:
        """The newest first.

        Raises:
            StateError: it cannot be read.
        """
        with self._state.reading() as connection:
            rows = connection.execute("SELECT * FROM workflows ORDER BY at DESC LIMIT ?", (limit,)).fetchall()
        return tuple(_record(*row) for row in rows)


def _record(*row: Any) -> WorkflowRecord:  # noqa: ANN401 (a row of the database)
    rounds = tuple(Round(**one) for one in json.loads(row[5]))
    identity, at, uri, task, model, _, best, outcome, reason, seconds, proposal = row
    return WorkflowRecord(identity, at, uri, task, model, rounds, best, outcome, reason, seconds, proposal)
