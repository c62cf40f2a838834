"""The state database on a PostgreSQL server, which several machines share; needs the extra `postgres`.

A transaction first takes advisory locks of its areas, so that what it checks still holds when it writes. If PostgreSQL
goes away while it commits, asks afterwards whether it did: what was not written is reported, and nothing is written
twice. Start at `PostgresState.transaction`.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg

from agents.ports.failures import StateError
from server.state.database import Area, State
from server.state.databases import pool as pools
from server.state.databases.connections import MomentConnection, PostgresConnection, ReadingConnection
from server.state.databases.errors import explain, is_lost
from server.state.migrations import POSTGRESQL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.state.databases.addresses import Address
    from server.state.statements import Connection

    Borrowed = list[psycopg.Connection[Any]]  # of one connection, which may be replaced

STUCK_S = 60
"""Seconds after which PostgreSQL ends a transaction whose process does nothing, so that others can go on."""
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresState(State):
    """The database on a PostgreSQL server; for any thread, several at a time.

    Args:
        address: where it is.
        read_password: returns its password, "" for none of ours: libpq then looks for one itself.
    """

    skip_locked = " FOR UPDATE SKIP LOCKED"
    dialect = POSTGRESQL

    def __init__(self, address: Address, read_password: Callable[[], str] = lambda: "") -> None:
        self._pool = pools.get_pool(address, read_password)
        self.shared_as = address.url
        self._own = threading.local()  # the connection of this thread's transaction
        self._closed = False

    @contextmanager
    def transaction(self, *areas: Area) -> Iterator[Connection]:
        """Yield a connection in a transaction; commit at the end, or roll back if an exception is raised inside.

        First waits for other transactions of the same `areas`.

        Raises:
            StateError: nothing was written; or the sentence says that this is not known.
        """
        if getattr(self._own, "connection", None) is not None:
            raise StateError("A transaction was begun inside of another one, which is an error of Starling.")
        with self._borrow() as borrowed:
            connection, number = self._begin(borrowed, areas)
            self._own.connection = used = PostgresConnection(connection)
            try:
                with self._translate_errors():
                    yield used
            except BaseException:
                with suppress(psycopg.Error):
                    connection.execute("ROLLBACK")
                raise
            finally:
                self._own.connection = None
            self._commit(connection, number)

    def _begin(self, borrowed: Borrowed, areas: Sequence[Area]) -> tuple[psycopg.Connection[Any], str]:
        """Begin a transaction with the locks of `areas`; return its connection and its number."""
        with self._translate_errors():
            found = self._run(borrowed, f"{_BEGIN}; {_SET}; SELECT {_list_locks(areas)}pg_current_xact_id()::text")
            while found.nextset():
                pass
            return borrowed[0], str(found.fetchall()[0][-1])

    def _run(self, borrowed: Borrowed, statement: str, values: Sequence[object] | None = None) -> psycopg.Cursor[Any]:
        """Run a statement outside of a transaction; if the connection is lost, replace it in `borrowed` and try again.

        Raises:
            psycopg.Error: the statement failed, or the new connection was lost, too.
            StateError: there is no new connection.
        """
        try:
            return borrowed[0].execute(statement.encode(), values)
        except psycopg.OperationalError as error:
            if not is_lost(error):
                raise
            borrowed[0].close()
            borrowed[0] = self._pool.connect()
            return borrowed[0].execute(statement.encode(), values)

    def _commit(self, connection: psycopg.Connection[Any], number: str) -> None:
        """Commit the transaction with this number; if the connection is lost meanwhile, ask whether it was committed.

        Raises:
            StateError: it was not, or that cannot be said.
        """
        try:
            ended = connection.execute("COMMIT").statusmessage
        except psycopg.Error as error:
            if is_lost(error) and self._was_committed(number):
                return
            raise StateError(explain(error, self._pool.place)) from error
        if ended != "COMMIT":
            raise StateError(f"PostgreSQL ({self._pool.place}) has rolled a transaction back; try again.")

    def _was_committed(self, number: str) -> bool:
        """Return whether the transaction with this number, whose connection was lost, was committed.

        Raises:
            StateError: that cannot be said, because the database does not come back.
        """
        unknown = (
            f"PostgreSQL ({self._pool.place}) went away while something was written, and it is not known whether it "
            "was; look before you do it again."
        )
        until = time.monotonic() + pools.RETURN_S
        while time.monotonic() < until:
            try:
                connection = self._pool.connect()
            except StateError as error:
                raise StateError(unknown) from error
            try:
                row = connection.execute("SELECT pg_xact_status(%s::text::xid8)", (number,)).fetchone()
            except psycopg.OperationalError:  # again gone
                continue
            except psycopg.Error:  # a number that this server has never given: another one took over before the commit
                return False
            finally:
                connection.close()
            if row is not None and row[0] in {"committed", "aborted"}:
                return bool(row[0] == "committed")
            time.sleep(pools.STEP_S)
        raise StateError(unknown)

    @contextmanager
    def use_connection(self) -> Iterator[Connection]:
        """Yield a connection for queries, without a transaction; inside of a transaction of this thread, its own.

        Raises:
            StateError: the database cannot be read.
        """
        if (own := getattr(self._own, "connection", None)) is not None:
            yield own
            return
        with self._borrow() as borrowed, self._translate_errors():
            yield ReadingConnection(lambda statement, values: self._run(borrowed, statement, values))

    @contextmanager
    def read_moment(self) -> Iterator[Connection]:
        """Yield a connection for queries that all see the database as of one moment, and that fetch rows in parts.

        Raises:
            StateError: the database cannot be read.
        """
        with self._borrow() as borrowed, self._translate_errors():
            self._run(borrowed, _READ)
            reading = MomentConnection(borrowed[0])
            try:
                yield reading
            finally:
                with suppress(psycopg.Error):
                    reading.close()
                    borrowed[0].execute("ROLLBACK")

    def read_stamp(self) -> tuple[object, ...]:
        """Return a value that differs after anybody has written.

        Raises:
            StateError: the database cannot be read.
        """
        with self.use_connection() as connection:
            return tuple(connection.execute("SELECT pg_current_snapshot()::text").fetchone())

    def read_mark(self) -> object:
        """Return a value that differs after anybody has written; raises StateError."""
        return self.read_stamp()

    def describe_damage(self) -> str:
        """Return a sentence for a person if the database cannot be used, else ""; blocking."""
        try:
            with self.transaction(Area.ROWS):
                pass
        except StateError as error:
            return str(error)
        return ""

    def close(self) -> None:
        """Close the database; each later use opens the database and closes it afterwards."""
        self._closed = True
        self._pool.leave(self)

    @contextmanager
    def _borrow(self) -> Iterator[Borrowed]:
        """Yield a list of one connection, which may be replaced, and take the connection back; raises StateError."""
        self._pool.join(self)
        try:
            borrowed = [self._pool.borrow()]
            try:
                yield borrowed
            finally:
                self._pool.give_back(borrowed[0])
        finally:
            if self._closed:
                self._pool.leave(self)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Replace errors of psycopg by a `StateError` with a sentence for a person."""
        try:
            yield
        except psycopg.Error as error:
            raise StateError(explain(error, self._pool.place)) from error


_SET = f"SET LOCAL lock_timeout = '{int(pools.TURN_S)}s'; SET LOCAL idle_in_transaction_session_timeout = '{STUCK_S}s'"


def _list_locks(areas: Sequence[Area]) -> str:
    """Return the beginning of a query that takes the locks of `areas`, always in the same order; of all without any."""
    if not areas or Area.ALL in areas:
        return f"pg_advisory_xact_lock({pools.LOCKS}, {int(Area.ALL)}), "
    numbers = sorted({int(area) for area in areas} - {int(Area.ROWS)})
    own = "".join(f"pg_advisory_xact_lock({pools.LOCKS}, {number}), " for number in numbers)
    return f"pg_advisory_xact_lock_shared({pools.LOCKS}, {int(Area.ALL)}), {own}"
