"""The connections of this process to PostgreSQL databases: few, used again, replaced once they are broken.

All states of a process with the same address share one pool of at most `MOST` connections. After PostgreSQL was
restarted, waits up to `RETURN_S` for it to come back. Start at `get_pool` and `Pool.borrow`.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from agents.ports.failures import StateError
from server.state import migrations
from server.state.databases.connections import PostgresConnection
from server.state.databases.errors import explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.state.databases.addresses import Address

logging.getLogger("psycopg").setLevel(logging.ERROR)  # a lost connection is reported where it matters

MOST = 8
"""Connections of a process to one database."""
IDLE_S = 300.0
"""Time after which an unused connection is closed."""
TURN_S = 30.0
"""Longest wait for a connection that another thread uses, or for a lock that another transaction has."""
RETURN_S = 30.0
"""Longest wait for PostgreSQL to come back after it was restarted."""
STEP_S = 0.2
CONNECT_S = 10
OLDEST_SERVER = 130000
LOCKS = "hashtext('starling ' || current_schema())"
"""The first number of the advisory locks of Starling; the second one is the area."""

OPTIONS: dict[str, Any] = {
    "connect_timeout": CONNECT_S,
    "application_name": "starling",
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


class Pool:
    """The connections to one database.

    Attributes:
        place: the database, for a person.
        read_password: returns its password, "" for none of ours.
    """

    def __init__(self, address: Address, read_password: Callable[[], str]) -> None:
        """Store where the database is, and who knows its password."""
        self.place = address.place
        self._url = address.url
        self.read_password = read_password
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(MOST)
        self._idle: list[tuple[float, psycopg.Connection[Any]]] = []
        self._users: weakref.WeakSet[object] = weakref.WeakSet()
        self._was_reached = False

    def join(self, user: object) -> None:
        """Keep connections open for `user` until it leaves, or is gone."""
        with self._lock:
            self._users.add(user)

    def leave(self, user: object) -> None:
        """Close the unused connections if `user` was the last one."""
        with self._lock:
            self._users.discard(user)
            is_last = not self._users
        if is_last:
            self.close_idle()

    def close_idle(self) -> None:
        """Close the unused connections."""
        with self._lock:
            closed, self._idle = self._idle, []
        for _, connection in closed:
            connection.close()

    def borrow(self) -> psycopg.Connection[Any]:
        """Return a connection in autocommit that works, to be given to `give_back`.

        Raises:
            StateError: the database cannot be reached, is of a newer program, or all connections are used.
        """
        if not self._turns.acquire(timeout=TURN_S):
            raise StateError(f"All {MOST} connections to PostgreSQL ({self.place}) are in use; try again.")
        try:
            return self._take_idle() or self.connect()
        except BaseException:
            self._turns.release()
            raise

    def give_back(self, connection: psycopg.Connection[Any]) -> None:
        """Take a borrowed connection back; close it if it is broken, in a transaction, or nobody uses the pool."""
        try:
            if connection.closed or connection.info.transaction_status is not TransactionStatus.IDLE:
                connection.close()
                return
            with self._lock:
                if self._users:
                    self._idle.append((time.monotonic(), connection))
                    return
            connection.close()
        finally:
            self._turns.release()

    def _take_idle(self) -> psycopg.Connection[Any] | None:
        """Return an unused connection that is not broken, None if there is none; close broken and old ones."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                since, connection = self._idle.pop()
            if time.monotonic() - since < IDLE_S and is_alive(connection):
                return connection
            connection.close()

    def connect(self) -> psycopg.Connection[Any]:
        """Return a new connection, with the tables migrated; wait if the database was reached before.

        Raises:
            StateError: the database cannot be reached or used.
        """
        until = time.monotonic() + RETURN_S
        while True:
            try:
                connection = self._connect_once()
            except psycopg.OperationalError as error:
                if not self._was_reached or time.monotonic() >= until:
                    raise StateError(explain(error, self.place)) from error
                time.sleep(STEP_S)
            except psycopg.Error as error:
                raise StateError(explain(error, self.place)) from error
            else:
                self._was_reached = True
                return connection

    def _connect_once(self) -> psycopg.Connection[Any]:
        """Return a new connection, with the tables migrated.

        Raises:
            psycopg.Error: the database cannot be reached, or its tables cannot be made.
            StateError: it is of a newer program, or not fit.
        """
        try:
            named = conninfo_to_dict(self._url)
        except psycopg.Error:  # its message may repeat what was pasted into the address
            raise StateError(f"The address of PostgreSQL ({self.place}) has unknown options; correct it.") from None
        if password := self.read_password():
            named["password"] = password
        connection: psycopg.Connection[Any] = psycopg.connect(
            **{**OPTIONS, **named, "client_encoding": "UTF8"}, autocommit=True, prepare_threshold=None
        )
        try:
            self._check(connection)
            _migrate(connection, self.place)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, connection: psycopg.Connection[Any]) -> None:
        """Check that PostgreSQL is new enough and stores every character.

        Raises:
            StateError: it is not.
        """
        if connection.info.server_version < OLDEST_SERVER:
            raise StateError(f"PostgreSQL ({self.place}) is older than version 13; upgrade it.")
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise StateError(
                f"The database {self.place} has the encoding {encoding}; create one with the encoding UTF8."
            )


def is_alive(connection: psycopg.Connection[Any]) -> bool:
    """Return whether an unused connection is open, as far as this machine knows; asks no server."""
    try:
        for _ in range(2):  # the first time there may be the server's last words, and then the end
            connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return False
    return connection.pgconn.status == psycopg.pq.ConnStatus.OK


def _migrate(connection: psycopg.Connection[Any], place: str) -> None:
    """Bring the tables to the newest version, unless they are; one process at a time.

    Raises:
        psycopg.Error: the tables cannot be made.
        StateError: the database is of a newer program.
    """
    if _read_version(connection) == migrations.NEWEST:
        return
    with connection.transaction():
        connection.execute(f"SET LOCAL lock_timeout = '{int(TURN_S)}s'")
        connection.execute(f"SELECT pg_advisory_xact_lock({LOCKS}, 0)")
        try:
            migrations.migrate(PostgresConnection(connection), migrations.POSTGRESQL)
        except migrations.NewerDatabase as error:
            raise StateError(
                f"PostgreSQL ({place}) has the tables of a newer Starling; install that one, or name another database."
            ) from error


def _read_version(connection: psycopg.Connection[Any]) -> int:
    """Return the version of the tables, 0 for a new database."""
    row = connection.execute("SELECT to_regclass('starling') IS NOT NULL").fetchone()
    used = PostgresConnection(connection)
    return migrations.read_version(used, migrations.POSTGRESQL) if row is not None and row[0] else 0


_pools: dict[str, Pool] = {}
_pools_lock = threading.Lock()


@atexit.register
def close_all() -> None:
    """Close the unused connections of all pools; also called when the process ends."""
    for pool in tuple(_pools.values()):
        pool.close_idle()


def get_pool(address: Address, read_password: Callable[[], str]) -> Pool:
    """Return the pool of this process for `address`; its next connection takes the password of `read_password`.

    The newest place counts, so that a person can correct it while the process runs.
    """
    with _pools_lock:
        pool = _pools.setdefault(address.url, Pool(address, read_password))
        pool.read_password = read_password
        return pool
