"""Marks of queued tasks, workers' questions and memory, by which a client notices changes of other processes.

Reading a mark costs one small query as long as no process has written. Blocking. Start at `ChangeMarks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.state.given_answers import GivenAnswers
from server.state.statements import make_storable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.state.database import State


@dataclass(frozen=True, slots=True)
class Marks:
    """Values that are other than before once something has changed; they mean nothing else.

    Attributes:
        tasks: of the queued tasks of the workspaces.
        questions: ids of the questions that wait for an answer, in any workspace.
        memory: of the memories of the workspaces, and of those for all workspaces.
    """

    tasks: object
    questions: frozenset[str]
    memory: object


class ChangeMarks:
    """Reads the marks of some workspaces.

    Args:
        state: a connection of its own: a connection does not notice what it has written itself.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._read: tuple[object, tuple[str, ...], Marks] | None = None  # stamp, workspaces and their marks

    def read(self, workspaces: Sequence[str]) -> Marks:
        """Return the marks of the workspaces with these URIs; raises StateError."""
        places = tuple(map(make_storable, workspaces))
        stamp = self._state.read_stamp()
        if self._read is not None and self._read[:2] == (stamp, places):
            return self._read[2]
        marks = self._read_tables(places)
        self._read = stamp, places, marks
        return marks

    def _read_tables(self, places: tuple[str, ...]) -> Marks:
        """Return the marks from the tables; raises StateError."""
        names = ", ".join("?" * len(places)) or "''"
        with self._state.use_connection() as connection:
            tasks = connection.execute(
                "SELECT status, COUNT(*), MAX(changed), MAX(created) FROM queued_tasks"  # noqa: S608 (question marks)
                f" WHERE workspace IN ({names}) GROUP BY status ORDER BY status",
                places,
            ).fetchall()
            memory = connection.execute(
                f"SELECT COUNT(*), MAX(changed) FROM agent_memory WHERE workspace IN ({names}) OR workspace = ''",  # noqa: S608 (as above)
                places,
            ).fetchall()
        return Marks(tasks, GivenAnswers(self._state).list_awaited(), memory)
