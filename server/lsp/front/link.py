"""The front's connection with the resident server, which it starts if none listens. Start at `connect`.

After it has accepted a connection, the resident server sends `GREETING`. Without it, the server was about to end. Only
a process of the same user is spoken to, as the kernel reports it.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

from models.host.peers import describe_foreign_peer
from server.lsp.front.address import ENTRY

if TYPE_CHECKING:
    import subprocess

GREETING = b"Starling is here\n"
FULL = b"Starling is full\n"
START_S = 20.0
GREETING_S = 10.0  # a resident server that is busy answers late
POLL_S = 0.01
AGAIN_S = 1.0


class NoResidentError(Exception):
    """No resident server can be used; the message says why, as a clause."""


def connect(path: str) -> socket.socket:
    """Return a connection with the resident server at the socket `path`; start one if none listens.

    Raises:
        NoResidentError: there is no path (""), or the server does not listen in time, ends at once, has no room, or
            belongs to another user.
    """
    if not path:
        raise NoResidentError("its folder has a name too long for a socket; set STARLING_HOME to a shorter one")
    deadline = time.monotonic() + START_S
    process: subprocess.Popen[bytes] | None = None
    started_at = 0.0
    while True:
        connection = _try_connect(path)
        if connection is not None:
            return connection
        now = time.monotonic()
        status = process.poll() if process is not None else 0
        if status:
            raise NoResidentError(f"it ended at once, with the exit status {status}")
        if status == 0 and now - started_at > AGAIN_S:  # 0 also if another one was there, which may be ending
            process, started_at = _start(path), now
        if now > deadline:
            raise NoResidentError(f"it did not listen within {START_S:.0f} s")
        time.sleep(POLL_S)


def _try_connect(path: str) -> socket.socket | None:
    """Return a connection that the resident server at `path` has accepted; None if none listens there.

    Raises:
        NoResidentError: as `connect`.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(GREETING_S)
    try:
        connection.connect(path)
        greeting = _read_greeting(connection, path)
        if greeting == GREETING:
            connection.settimeout(None)
            return connection
    except TimeoutError:
        connection.close()
        raise NoResidentError(f"it did not answer within {GREETING_S:.0f} s") from None
    except OSError:
        connection.close()
        return None
    except NoResidentError:
        connection.close()
        raise
    connection.close()
    if greeting == FULL:
        raise NoResidentError("it serves as many windows as it may")
    return None


def _read_greeting(connection: socket.socket, path: str) -> bytes:
    """Return what the resident server says first; less than a greeting if it ends.

    Raises:
        NoResidentError: another user's process listens at `path`.
        OSError: nothing can be read.
    """
    if who := describe_foreign_peer(connection):
        raise NoResidentError(f"{who} listens at {path}")
    greeting = b""
    while len(greeting) < len(GREETING) and (more := connection.recv(len(GREETING) - len(greeting))):
        greeting += more
    return greeting


def _start(path: str) -> subprocess.Popen[bytes]:
    """Start a resident server that listens at `path`, detached from this process. Raises NoResidentError."""
    import subprocess  # noqa: PLC0415 (not needed if one listens already)

    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-E", os.path.realpath(ENTRY), "resident", path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise NoResidentError(f"it could not be started ({error.strerror or error})") from error
    # without a wait, the ended process would stay as a zombie
    threading.Thread(target=process.wait, name="resident-end", daemon=True).start()
    return process
