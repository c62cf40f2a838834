"""Authentication of socket connections: a session begins only with the token, which only this user can read.

A connection has one try, in its first message and within `WAIT_S`. Before, nothing but the token is read from it, and
nothing is started for it. Knows no transport. Start at `Admission.register`.
"""

from __future__ import annotations

import asyncio
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SECTION, NAME = "starling", "token"  # the token's place in `initializationOptions`
WAIT_S = 10.0  # for `initialize`, which editors send at once
MOST_BYTES = 1 << 18  # of a message before the admission; an editor's `initialize` takes 20,000
MOST_WAITING = 16  # connections that are not admitted yet; one more ends the oldest
MOST_SESSIONS = 32  # each holds an index and perhaps a model
LACKING = (
    'the token is missing or wrong; send the one that the server wrote when it started as {"starling": {"token": …}} '
    "in initializationOptions"
)
FULL = f"{MOST_SESSIONS} editors are connected already; close one of them, or start another server"


class Admission:
    """The admission control of one server process.

    Attributes:
        token: the token that each client has to send.
        is_new: whether the token was generated at this start, so that the person has to be told.
        waiting: connections that are not admitted yet, oldest first.
        sessions: the number of admitted connections.
    """

    def __init__(self, token: str, *, is_new: bool = True) -> None:
        self.token = token
        self.is_new = is_new
        self.waiting: list[ConnectionAdmission] = []
        self.sessions = 0

    def register(self, disconnect: Callable[[str], None], *, proven: bool = False) -> ConnectionAdmission:
        """Register and return a new connection; end the oldest waiting ones if more than `MOST_WAITING` wait.

        Args:
            disconnect: ends the connection, given the reason; called on the event loop.
            proven: whether the connection has already sent the token, in an HTTP header.
        """
        connection = ConnectionAdmission(self, disconnect, proven=proven)
        self.waiting.append(connection)
        while len(self.waiting) > MOST_WAITING:
            self.waiting.pop(0).end_connection("too many connections wait to be admitted")
        return connection

    def is_token(self, shown: object) -> bool:
        """Return whether `shown` is the token; takes the same time for every wrong one."""
        return isinstance(shown, str) and hmac.compare_digest(shown.encode("utf-8", "replace"), self.token.encode())


class ConnectionAdmission:
    """The admission of one connection: it waits, then it is admitted or ended.

    Attributes:
        on_admitted: called once the connection is admitted.
    """

    def __init__(self, control: Admission, disconnect: Callable[[str], None], *, proven: bool) -> None:
        self._control = control
        self._disconnect = disconnect
        self._proven = proven
        self._admitted = False
        self.on_admitted: Callable[[], None] = lambda: None
        self._timer = asyncio.get_running_loop().call_later(
            WAIT_S, self.end_connection, f"no initialize came within {WAIT_S:.0f} seconds"
        )

    def admit(self, params: object) -> str:
        """Admit the connection if its token is right and fewer than `MOST_SESSIONS` are admitted.

        Takes the token out of the `params` of `initialize`; without one there, the one in an HTTP header counts.
        Returns "" after the admission, else the reason for the refusal.
        """
        shown = _take_token(params)
        if not (self._control.is_token(shown) if shown is not None else self._proven):
            return LACKING
        if self._control.sessions >= MOST_SESSIONS:
            return FULL
        self._admitted = True
        self._control.sessions += 1
        self._stop_waiting()
        self.on_admitted()
        return ""

    def end_connection(self, reason: str) -> None:
        """End the connection, and tell the client the `reason`."""
        self._stop_waiting()
        self._disconnect(reason)

    def release(self) -> None:
        """Stop counting the connection, waiting or admitted, because it has ended. Idempotent."""
        self._stop_waiting()
        if self._admitted:
            self._admitted = False
            self._control.sessions -= 1

    def _stop_waiting(self) -> None:
        """Stop the timer, and do not count the connection as waiting any more."""
        self._timer.cancel()
        if self in self._control.waiting:
            self._control.waiting.remove(self)


def _take_token(params: object) -> object:
    """Remove the token from `initializationOptions` in `params` and return it; None if there is none."""
    options = params.get("initializationOptions") if isinstance(params, dict) else None
    ours = options.get(SECTION) if isinstance(options, dict) else None
    return ours.pop(NAME, None) if isinstance(ours, dict) else None
