"""The interface of the state database: all data that cannot be computed again, in SQLite or in PostgreSQL.

Requests, audit, checkpoints, workflows, costs, sessions, feedback, memory, queued tasks. Several processes write to it
at once. `migrations` has its tables; a database of a newer program is refused unchanged. The stores know this interface
alone. Never call it on the event loop: every call may wait for a disk or a network. Start at `State.transaction`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum
from typing import TYPE_CHECKING

from server.state.migrations import SQLITE

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from server.state.migrations import Dialect
    from server.state.statements import Connection

FILE = "state.sqlite3"


class Area(IntEnum):
    """Tables that belong together: transactions of an area run one after the other, in all processes.

    So a transaction can check and then write. SQLite runs all transactions one after the other, PostgreSQL those of
    different areas at the same time. Values are part of PostgreSQL's locks, so they stay as they are.
    """

    ALL = 0
    """Every table: no other transaction runs meanwhile."""
    GATE = 1
    """Requests, audit, checkpoints, kept proposals, given answers."""
    SESSIONS = 2
    """Sessions, entries, openings, feedback."""
    TASKS = 3
    """Queued tasks."""
    MEMORY = 4
    """Memories, activities, decisions."""
    JOBS = 5
    """Background jobs, proposals, spending of the autopilot."""
    FIGURES = 6
    """Costs, figures and alerts of the team."""
    HISTORY = 7
    """Workflows and deployments that have ended."""
    ROWS = 8
    """Rows that the statements themselves lock: nothing is checked in one statement and written in another."""
    ACCESS = 9
    """Accounts, signing keys, refresh tokens, login attempts."""


class State(ABC):
    """The database, opened at its first use; for any thread.

    Attributes:
        path: the file of the database; None for one in memory, or on a server.
        skip_locked: end of a query that locks the rows it selects and skips those that another transaction has locked;
            "" where transactions run one after the other anyway.
        dialect: the words in which its statements differ.
        shared_as: the address of a database that several machines share; "" for a file, whose processes and their
            workspaces are on this machine, or on disks that are mounted here.
    """

    path: Path | None = None
    dialect: Dialect = SQLITE
    skip_locked: str = ""
    shared_as: str = ""

    @abstractmethod
    def transaction(self, *areas: Area) -> AbstractContextManager[Connection]:
        """Yield a connection in a transaction; commit at the end, or roll back if an exception is raised inside.

        `areas` says which transactions have to wait for this one; without it, all of them.

        Raises:
            StateError: nothing was written: the database cannot be reached or written, was made by a newer program, or
                is used by others for 30 s.
        """

    @abstractmethod
    def use_connection(self) -> AbstractContextManager[Connection]:
        """Yield a connection for queries, without a transaction; inside of a transaction of this thread, its own.

        Raises:
            StateError: the database cannot be read.
        """

    @abstractmethod
    def read_moment(self) -> AbstractContextManager[Connection]:
        """Yield a connection for queries that all see the database as of one moment, and that fetch rows in parts.

        Raises:
            StateError: the database cannot be read.
        """

    @abstractmethod
    def read_stamp(self) -> tuple[object, ...]:
        """Return a value that differs after another connection has written or the database was replaced.

        Raises:
            StateError: the database cannot be read.
        """

    @abstractmethod
    def read_mark(self) -> object:
        """Return a value that differs after anybody has written; None while there is no database, and creates none.

        Raises:
            StateError: the database cannot be read.
        """

    @abstractmethod
    def describe_damage(self) -> str:
        """Return a sentence for a person if the database is damaged or cannot be used, else ""; blocking."""

    @abstractmethod
    def close(self) -> None:
        """Close the database; each later use opens the database and closes it afterwards."""
