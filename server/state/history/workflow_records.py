"""The table of workflows: rounds, scores, tokens, times, and the outcome of the proposal.

Holds figures and titles, never code. Blocking; writes to the state database only. Start at `Workflows`.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from agents.workflow import Round
from server.state.database import Area
from server.state.statements import make_storable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.state.database import State

KEPT_S = 365 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class WorkflowRecord:
    """One workflow that has ended.

    Attributes:
        id: id of the workflow.
        at: when the workflow ended, seconds since the epoch.
        uri: URI of the document.
        task: name of the task of the first round.
        model: name of the model that wrote the code, "" for none.
        rounds: the rounds, in order.
        best: number of the round that was proposed, 0 for none.
        outcome: the gate's verdict on the proposal, "cancelled", or "failed".
        reason: why the proposal was not applied, "" if it was.
        seconds: duration from the start to the outcome, including the time that the person took to decide.
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
        """Insert a workflow that has ended, and return its id; delete workflows older than a year.

        The arguments are the attributes of `WorkflowRecord`.

        Raises:
            StateError: the workflow cannot be recorded.
        """
        identity = uuid.uuid4().hex
        packed = json.dumps([asdict(one) for one in rounds])
        texts = (make_storable(uri), make_storable(task), make_storable(model), packed)
        row = (identity, time.time(), *texts, best, outcome, make_storable(reason), seconds, proposal)
        with self._state.transaction(Area.HISTORY) as connection:
            connection.execute("DELETE FROM workflows WHERE at < ?", (time.time() - KEPT_S,))
            connection.execute("INSERT INTO workflows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        return identity

    def list_newest(self, limit: int) -> tuple[WorkflowRecord, ...]:
        """Return up to `limit` workflows, newest first.

        Raises:
            StateError: the workflows cannot be read.
        """
        with self._state.use_connection() as connection:
            rows = connection.execute("SELECT * FROM workflows ORDER BY at DESC LIMIT ?", (limit,)).fetchall()
        return tuple(_unpack(*row) for row in rows)


def _unpack(*row: Any) -> WorkflowRecord:  # noqa: ANN401 (a row of the database)
    """Return the record from the values of a row, in which the rounds are JSON."""
    rounds = tuple(Round(**one) for one in json.loads(row[5]))
    identity, at, uri, task, model, _, best, outcome, reason, seconds, proposal = row
    return WorkflowRecord(identity, at, uri, task, model, rounds, best, outcome, reason, seconds, proposal)
