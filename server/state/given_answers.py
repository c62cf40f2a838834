"""The table of given answers: a person's answers to the questions of workers that nobody sits in front of.

The worker waits for the answer to its request; any client gives it, once. An answer is removed when it is taken, and
those that nobody took go after a week. Blocking; writes to the state database only. Start at `GivenAnswers`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from server.gate.ports import Answer
from server.gate.records import Status
from server.state.statements import make_storable

if TYPE_CHECKING:
    from server.state.database import State

KEPT_S = 7 * 24 * 3600.0
ANSWERS = frozenset({Answer.APPROVE, Answer.REJECT})
"""The answers that can be given from elsewhere."""


class GivenAnswers:
    """The table of given answers."""

    def __init__(self, state: State) -> None:
        self._state = state

    def await_answer(self, request: str) -> None:
        """Record that a worker waits for the answer to `request`, which is pending."""
        now = time.time()
        with self._state.transaction() as connection:
            connection.execute("DELETE FROM given_answers WHERE at < ?", (now - KEPT_S,))
            connection.execute(
                "INSERT INTO given_answers (request, answer, client, at) VALUES (?, '', '', ?)"
                " ON CONFLICT (request) DO NOTHING",
                (request, now),
            )

    def give(self, request: str, answer: Answer, client: str) -> bool:
        """Answer a request for which a worker waits; return False if none waits, or it was answered already.

        Raises:
            ValueError: `answer` is none of `ANSWERS`.
        """
        if answer not in ANSWERS:
            raise ValueError(f"{answer} cannot be given from elsewhere")
        with self._state.transaction() as connection:
            given = connection.execute(
                "UPDATE given_answers SET answer = ?, client = ?, at = ? WHERE request = ? AND answer = ''"
                " AND EXISTS (SELECT 1 FROM requests WHERE requests.id = request AND status = ?)",
                (answer, make_storable(client), time.time(), request, Status.PENDING),
            )
            return given.rowcount == 1

    def find(self, request: str) -> Answer | None:
        """Return the answer to a request, None if there is none yet."""
        with self._state.reading() as connection:
            row = connection.execute("SELECT answer FROM given_answers WHERE request = ?", (request,)).fetchone()
        return Answer(row[0]) if row is not None and row[0] else None

    def withdraw(self, request: str) -> None:
        """Remove a request's row: its answer was taken, or nobody waits for one any more."""
        with self._state.transaction() as connection:
            connection.execute("DELETE FROM given_answers WHERE request = ?", (request,))

    def list_awaited(self) -> frozenset[str]:
        """Return the ids of the requests that wait for an answer from any client."""
        with self._state.reading() as connection:
            return frozenset(
                row[0] for row in connection.execute("SELECT request FROM given_answers WHERE answer = ''")
            )
