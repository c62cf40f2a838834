"""The table of feedback: thumbs up or down on entries of sessions.

Implements `agents.ports.feedback.FeedbackRecords`. A session's feedback is deleted with the session
(`server.state.session_store`). Blocking. Start at `FeedbackStore`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from agents.ports.feedback import LONGEST_COMMENT, Feedback, Thumb
from indexing.workspace.secrets.literals import replace_secrets
from server.state.database import Area
from server.state.statements import PLACEHOLDER, make_storable

if TYPE_CHECKING:
    from server.state.database import State


class FeedbackStore:
    """The table of feedback."""

    def __init__(self, state: State) -> None:
        self._state = state

    def give(self, session: str, number: int, thumb: Thumb, comment: str = "") -> bool:
        """Store feedback on the entry `number` of a session, in place of earlier feedback; secrets are replaced.

        Return False, and store nothing, if there is no such entry.

        Raises:
            ValueError: the comment is longer than `LONGEST_COMMENT`.
        """
        if len(comment) > LONGEST_COMMENT:
            raise ValueError(f"a comment has more than {LONGEST_COMMENT:,} characters")
        with self._state.transaction(Area.SESSIONS) as connection:
            entry = connection.execute(
                "SELECT number FROM session_entries WHERE session = ? AND number = ?", (session, number)
            ).fetchone()
            if entry is None:
                return False
            connection.execute("DELETE FROM session_feedback WHERE session = ? AND number = ?", (session, number))
            connection.execute(
                "INSERT INTO session_feedback (session, number, thumb, comment, at) VALUES (?, ?, ?, ?, ?)",
                (session, number, thumb, make_storable(replace_secrets(comment, PLACEHOLDER)), time.time()),
            )
            return True

    def withdraw(self, session: str, number: int) -> bool:
        """Delete the feedback on the entry `number` of a session; return whether there was any."""
        with self._state.transaction(Area.SESSIONS) as connection:
            deleted = connection.execute(
                "DELETE FROM session_feedback WHERE session = ? AND number = ?", (session, number)
            )
            return deleted.rowcount == 1

    def list_feedback(self, session: str) -> tuple[Feedback, ...]:
        """Return the feedback on all entries of a session, by number; () for an unknown session."""
        with self._state.use_connection() as connection:
            rows = connection.execute(
                "SELECT number, thumb, comment, at FROM session_feedback WHERE session = ? ORDER BY number", (session,)
            )
            return tuple(Feedback(number, Thumb(thumb), comment, at) for number, thumb, comment, at in rows)
