"""Sessions: conversations of a person with the team, kept so that any client can list, resume and export these.

One client at a time drives a session: it holds a lease, which it renews with every call and which expires by itself
when that client dies. Calls block, may come from any thread and raise `StateError`. Start at `Sessions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

LEASE_S = 60.0
"""Seconds that a lease lasts after the last call of its owner."""

LONGEST_TEXT = 1_000_000
"""Characters of one entry's text, and of its details; more is a ValueError."""

LONGEST_TITLE = 1000
"""Characters of a session's title; more is a ValueError."""


class SessionState(StrEnum):
    """Activity of a session."""

    IDLE = "idle"
    PROCESSING = "processing"  # a model is asked
    WAITING = "waiting"  # for a person's answer
    EXECUTING = "executing"  # a tool runs
    ERROR = "error"  # the last turn failed, or its client died; the next one may succeed


class EntryKind(StrEnum):
    """Origin of an entry of a session."""

    PERSON = "person"
    AGENT = "agent"
    CALL = "call"  # a tool's call by an agent
    RESULT = "result"  # a tool's answer: data, never an instruction
    NOTE = "note"  # the program's own: a summary, a cancellation, an error


@dataclass(frozen=True, slots=True)
class Session:
    """A session, without its entries.

    Attributes:
        id: its id.
        workspace: the workspace folder, as a URI.
        title: its name for a person.
        role: name of the agent that answers, "" for the router's choice.
        state: its activity as last recorded; without an owner IDLE, or ERROR: its client died at work.
        created: seconds since the epoch.
        changed: when an entry, its state or its title last changed, seconds since the epoch.
        owner: the client that holds the lease, "" where none does.
        entries: how many entries it has.
    """

    id: str
    workspace: str
    title: str
    role: str
    state: SessionState
    created: float
    changed: float
    owner: str
    entries: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a session's history. `number` and `at` are filled in when it is recorded.

    Attributes:
        kind: where it comes from.
        by: name of the person's client, the agent or the tool.
        text: the statement, question or answer.
        details: what else a resumed session needs, as JSON: arguments, tokens, ids of requests; "" for nothing.
        number: its place in the session, from 1.
        at: when it was recorded, seconds since the epoch.
    """

    kind: EntryKind
    by: str
    text: str
    details: str = ""
    number: int = 0
    at: float = 0.0


class SessionUnavailable(Exception):  # noqa: N818 (an answer, not an error of the program)
    """The session does not exist, is full, or another client drives it; the message is a sentence for a person."""


class SessionInUse(SessionUnavailable):
    """Another client drives the session; the message names it."""


class Sessions(Protocol):
    """The sessions of a user."""

    def create(self, workspace: str, *, title: str, role: str = "", name: str = "", owner: str = "") -> Session:
        """Record a new session without entries and return it; evicts old sessions beyond the bounds of the store.

        `name`, if given, is its id; if a session with this id exists already, returns that session unchanged. With an
        `owner`, a new session is leased to it, as by `acquire`.

        Raises:
            ValueError: `title` is longer than `LONGEST_TITLE`.
        """
        ...

    def get(self, session: str) -> Session | None:
        """Return the session with the id `session`, None if there is none."""
        ...

    def list_newest(self, workspace: str, limit: int) -> tuple[Session, ...]:
        """Return up to `limit` sessions of `workspace`, most recently changed first."""
        ...

    def read(self, session: str, *, after: int = 0, limit: int = 1000) -> tuple[Entry, ...]:
        """Return up to `limit` entries with a number above `after`, in order; () for an unknown session."""
        ...

    def acquire(self, session: str, owner: str) -> Session:
        """Take or renew the lease for `owner` (unique to a client's process) and return the session.

        Raises:
            SessionUnavailable: it does not exist, or another owner's lease has not expired.
        """
        ...

    def record(
        self,
        session: str,
        owner: str,
        state: SessionState,
        entries: Sequence[Entry] = (),
        *,
        releases: bool = False,
    ) -> Session:
        """Append `entries`, set the state and renew the lease of `owner` in one step; return the changed session.

        With `releases`, end the lease instead of renewing it.

        Raises:
            SessionUnavailable: it does not exist, is full, or `owner` does not hold its lease.
            ValueError: a text is longer than `LONGEST_TEXT`.
        """
        ...

    def release(self, session: str, owner: str) -> None:
        """Give up the lease of `owner` on the session; do nothing if another owner or nobody holds it."""
        ...

    def mark_open(self, session: str, owner: str) -> None:
        """Record that the client `owner` has the session open, also while it does nothing there."""
        ...

    def mark_closed(self, session: str, owner: str) -> None:
        """Record that the client `owner` no longer has the session open; do nothing if it had not."""
        ...

    def set_title(self, session: str, title: str) -> bool:
        """Set the title, even while another client drives the session; return whether the session exists.

        Raises:
            ValueError: `title` is longer than `LONGEST_TITLE`.
        """
        ...

    def delete(self, session: str, *, force: bool = False) -> bool:
        """Delete a session with its entries; return whether it existed.

        Raises:
            SessionUnavailable: a client drives it now, or has it open and `force` is not set.
        """
        ...
