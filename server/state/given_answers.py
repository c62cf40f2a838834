"""The table of given answers: a person's answers to the questions of workers that nobody sits in front of.

The worker waits for the answer to a request of the gate, a yes or a no, or to an agent's question, in words; any client
gives it, once. An answer is removed when it is taken; those that nobody took are there for the next attempt at the
task, and go after a week. Blocking; writes to
the state database only. Start at `GivenAnswers`.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.gate.ports import Answer
from server.gate.records import Status
from server.state.database import Area
from server.state.lease_owners import has_ended
from server.state.statements import make_storable

if TYPE_CHECKING:
    from server.state.database import State

KEPT_S = 7 * 24 * 3600.0
ANSWERS = frozenset({Answer.APPROVE, Answer.REJECT})
"""The answers that can be given from elsewhere."""


@dataclass(frozen=True, slots=True)
class AgentQuestion:
    """A question of an agent for which a worker waits; the answer is a text.

    Attributes:
        id: its id.
        session: id of the agent's session, which is also that of the queued task.
        question: the question.
        choices: the possible answers, none for any text.
        created: since when it waits, seconds since the epoch.
    """

    id: str
    session: str
    question: str
    choices: tuple[str, ...]
    created: float

    @property
    def title(self) -> str:
        """The question on one line."""
        return " ".join(self.question.split())


@dataclass(frozen=True, slots=True)
class LeftAnswer:
    """A person's answer to a question of an agent whose worker ended before it took the answer.

    Attributes:
        id: id of the question.
        question: the question.
        choices: the answers that it offered, none for any text.
        words: the answer.
    """

    id: str
    question: str
    choices: tuple[str, ...]
    words: str


class GivenAnswers:
    """The table of given answers."""

    def __init__(self, state: State) -> None:
        self._state = state

    def record_wait(self, request: str) -> None:
        """Record that a worker waits for the answer to `request`; delete rows older than a week."""
        now = time.time()
        with self._state.transaction(Area.GATE) as connection:
            connection.execute("DELETE FROM given_answers WHERE at < ?", (now - KEPT_S,))
            connection.execute(
                "INSERT INTO given_answers (request, answer, client, at) VALUES (?, '', '', ?)"
                " ON CONFLICT (request) DO NOTHING",
                (request, now),
            )

    def give(self, request: str, answer: Answer, client: str) -> bool:
        """Store the answer to a pending request; return False if no worker waits for it, or it was answered already.

        Raises:
            ValueError: `answer` is none of `ANSWERS`.
        """
        if answer not in ANSWERS:
            raise ValueError(f"{answer} cannot be given from elsewhere")
        with self._state.transaction(Area.GATE) as connection:
            given = connection.execute(
                "UPDATE given_answers SET answer = ?, client = ?, at = ? WHERE request = ? AND answer = ''"
                " AND EXISTS (SELECT 1 FROM requests WHERE requests.id = request AND status = ?)",
                (answer, make_storable(client), time.time(), request, Status.PENDING),
            )
            return given.rowcount == 1

    def find(self, request: str) -> Answer | None:
        """Return the answer to a request, None if there is none yet."""
        with self._state.use_connection() as connection:
            row = connection.execute("SELECT answer FROM given_answers WHERE request = ?", (request,)).fetchone()
        return Answer(row[0]) if row is not None and row[0] else None

    def withdraw(self, *requests: str) -> None:
        """Delete the rows of requests or questions, with their answers, if there are any."""
        with self._state.transaction(Area.GATE) as connection:
            connection.executemany("DELETE FROM given_answers WHERE request = ?", [(one,) for one in requests])

    def withdraw_open(self, question: str) -> None:
        """Remove the row of an agent's question if nobody has answered it; an answer is left to the next attempt."""
        with self._state.transaction(Area.GATE) as connection:
            connection.execute("DELETE FROM given_answers WHERE request = ? AND answer = ''", (question,))

    def record_question(self, question: AgentQuestion, owner: str) -> None:
        """Record that the worker `owner`, a name of `lease_owners.name_owner`, waits for the answer to `question`.

        Deletes rows that were a week old when the question was asked.
        """
        with self._state.transaction(Area.GATE) as connection:
            connection.execute("DELETE FROM given_answers WHERE at < ?", (question.created - KEPT_S,))
            connection.execute(
                "INSERT INTO given_answers (request, answer, client, at, question, choices, session, owner)"
                " VALUES (?, '', '', ?, ?, ?, ?, ?)",
                (
                    question.id, question.created, make_storable(question.question),
                    json.dumps(question.choices), question.session, make_storable(owner),
                ),
            )  # fmt: skip

    def give_text_answer(self, question: str, words: str, client: str) -> bool:
        """Store the answer to the agent's question with this id; return False if it is not stored or has an answer.

        Raises:
            ValueError: `words` is empty.
        """
        if not words:
            raise ValueError("an answer has at least one character")
        with self._state.transaction(Area.GATE) as connection:
            given = connection.execute(
                "UPDATE given_answers SET answer = ?, client = ?, at = ?"
                " WHERE request = ? AND answer = '' AND question <> ''",
                (make_storable(words), make_storable(client), time.time(), question),
            )
            return given.rowcount == 1

    def find_text_answer(self, question: str) -> str | None:
        """Return the answer to the agent's question with this id, None if there is none yet."""
        with self._state.use_connection() as connection:
            row = connection.execute("SELECT answer FROM given_answers WHERE request = ?", (question,)).fetchone()
        return str(row[0]) if row is not None and row[0] else None

    def list_left(self, session: str, owner: str = "") -> tuple[LeftAnswer, ...]:
        """Return the answers to agents' questions of `session` that no worker has taken, the oldest first.

        Those to questions of the worker `owner`, which takes them itself, are left out.
        """
        with self._state.use_connection() as connection:
            rows = connection.execute(
                "SELECT request, question, choices, answer FROM given_answers"
                " WHERE session = ? AND answer <> '' AND question <> '' AND owner <> ? ORDER BY at, request",
                (session, make_storable(owner)),
            ).fetchall()
        return tuple(
            LeftAnswer(name, question, tuple(json.loads(choices)), words) for name, question, choices, words in rows
        )

    def list_questions(self) -> tuple[AgentQuestion, ...]:
        """Return the agents' questions that wait for an answer, newest first.

        First removes those of workers that no longer run.
        """
        with self._state.use_connection() as connection:
            rows = connection.execute(
                "SELECT request, session, question, choices, at, owner FROM given_answers"
                " WHERE answer = '' AND question <> '' ORDER BY at DESC, request"
            ).fetchall()
        ended = [row for row in rows if has_ended(row[5])]
        if ended:
            with self._state.transaction(Area.GATE) as connection:
                connection.executemany("DELETE FROM given_answers WHERE request = ?", [(row[0],) for row in ended])
        return tuple(
            AgentQuestion(name, session, question, tuple(json.loads(choices)), at)
            for name, session, question, choices, at, _ in (row for row in rows if row not in ended)
        )

    def list_awaited(self) -> frozenset[str]:
        """Return the ids of the requests and the agents' questions that wait for an answer from any client."""
        with self._state.use_connection() as connection:
            return frozenset(
                row[0] for row in connection.execute("SELECT request FROM given_answers WHERE answer = ''")
            )
