"""Heartbeats: a process with open requests shows in a shared database that it lives, and others see when it has ended.

Only for a database that several machines share: on one machine, process ids say it. All times are those of the
database's clock. Start at `HEARTBEATS` and `read_dead`.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
from functools import cache
from typing import TYPE_CHECKING

import psutil

from agents.ports.failures import StateError
from server.state.database import Area

if TYPE_CHECKING:
    from server.state.database import State
    from server.state.statements import Connection

logger = logging.getLogger(__name__)

Process = tuple[str, int, float]
"""Host name, process id and start time, which together identify a process uniquely."""

BEAT_S = 3.0
"""Seconds between two heartbeats of a process."""
DEAD_S = 15.0
"""Seconds without a heartbeat after which a process counts as ended."""
KEPT_S = 24 * 3600.0
_CLOCK = "extract(epoch FROM clock_timestamp())::double precision"
_BEAT = (
    f"INSERT INTO heartbeats (host, pid, begun, beat) VALUES (?, ?, ?, {_CLOCK})"  # noqa: S608 (our own names)
    f" ON CONFLICT (host, pid, begun) DO UPDATE SET beat = {_CLOCK}"
)
# before PostgreSQL started, no process could record that it lives
_DEAD = (
    f"SELECT host, pid, begun FROM heartbeats WHERE beat < {_CLOCK} - ?"  # noqa: S608 (our own names)
    f" AND extract(epoch FROM pg_postmaster_start_time()) < {_CLOCK} - ?"
)


@cache
def identify_process() -> Process:
    """Return host name, process id and start time of this process."""
    return platform.node(), os.getpid(), psutil.Process().create_time()


def beat(connection: Connection) -> None:
    """Record that this process lives, and forget those that ended long ago, in the caller's transaction."""
    connection.execute(_BEAT, identify_process())
    connection.execute(f"DELETE FROM heartbeats WHERE beat < {_CLOCK} - ?", (KEPT_S,))  # noqa: S608 (our own names)


def read_dead(connection: Connection) -> frozenset[Process]:
    """Return the processes that have shown no life for `DEAD_S`; none within that time of PostgreSQL's start."""
    rows = connection.execute(_DEAD, (DEAD_S, DEAD_S)).fetchall()
    return frozenset((str(host), int(pid), float(begun)) for host, pid, begun in rows)


class Heartbeats:
    """The heartbeats of this process: a thread beats in each shared database in which requests of it are open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, tuple[State, set[str]]] = {}
        self._is_beating = False

    def hold(self, state: State, request: str) -> None:
        """Record heartbeats until all requests of `state` are released; does nothing if the database is not shared.

        The caller has recorded the first heartbeat.
        """
        if not state.shared_as:
            return
        with self._lock:
            self._open.setdefault(state.shared_as, (state, set()))[1].add(request)
            if self._is_beating:
                return
            self._is_beating = True
        threading.Thread(target=self._beat_until_released, name="heartbeats", daemon=True).start()

    def release(self, state: State, request: str) -> None:
        """Stop the heartbeats for a request, which has ended. Idempotent."""
        with self._lock:
            if (held := self._open.get(state.shared_as)) is not None:
                held[1].discard(request)
                if not held[1]:
                    del self._open[state.shared_as]

    def _beat_until_released(self) -> None:
        """Record heartbeats in all databases with open requests, until there are none."""
        pause = threading.Event()
        while True:
            pause.wait(BEAT_S)
            with self._lock:
                states = [state for state, _ in self._open.values()]
                if not states:
                    self._is_beating = False
                    return
            for state in states:
                try:
                    with state.transaction(Area.ROWS) as connection:
                        beat(connection)
                except StateError as error:
                    logger.warning("a heartbeat was not recorded: %s", error)


HEARTBEATS = Heartbeats()
