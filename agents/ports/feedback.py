"""Feedback of a person on entries of sessions: thumbs up or down, kept on this machine only.

Calls block, may come from any thread and raise `StateError`. Start at `FeedbackRecords`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

LONGEST_COMMENT = 10_000
"""Characters of one comment; more is a ValueError."""


class Thumb(StrEnum):
    """Direction of a thumb."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Feedback:
    """A person's feedback on one entry of a session.

    Attributes:
        number: the entry's number.
        thumb: whether the person liked the entry.
        comment: the person's words, "" for none.
        at: when it was given, seconds since the epoch.
    """

    number: int
    thumb: Thumb
    comment: str = ""
    at: float = 0.0


class FeedbackRecords(Protocol):
    """The feedback of a user on all sessions."""

    def give(self, session: str, number: int, thumb: Thumb, comment: str = "") -> bool:
        """Store feedback on an entry, in place of earlier feedback on it; return whether the entry exists.

        Raises:
            ValueError: the comment is longer than `LONGEST_COMMENT`.
        """
        ...

    def withdraw(self, session: str, number: int) -> bool:
        """Delete the feedback on an entry; return whether there was any."""
        ...

    def list_feedback(self, session: str) -> tuple[Feedback, ...]:
        """Return the feedback on all entries of a session, by number."""
        ...
