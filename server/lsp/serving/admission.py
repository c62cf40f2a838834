"""Who may begin a session over a socket: whoever knows the token, which only this user can read.

A connection has one try, in its first message and in limited time. Until then nothing it sends is looked at but the
token, and nothing is started for it. Knows no transport. Start at `Admission.arrive`.
"""

from __future__ import annotations

import asyncio
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SECTION, NAME = "starling", "token"  # of `initializationOptions`
WAIT_S = 10.0  # for `initialize`; editors send it at once
MOST_BYTES = 1 << 18  # of a message before the token was right; `initialize` of an editor takes 20,000
MOST_WAITING = 16  # connections that have not shown the token; one more ends the oldest
MOST_SESSIONS = 32  # each holds an index and perhaps a model
LACKING = (
    'the token is missing or wrong; send the one that the server wrote when it started as {"starling": {"token": …}} '
    "in initializationOptions"
)
FULL = f"{MOST_SESSIONS} editors are connected already; close one of them, or start another server"


class Admission:
    """Admission control of one server process.

    Attributes:
        token: what has to be shown.
        is_new: nobody has been told of it yet.
        waiting: connections that have not shown it.
        sessions: how many have.
    """

    def __init__(self, token: str, *, is_new: bool = True) -> None:
        self.token = token
        self.is_new = is_new
        self.waiting: list[Visitor] = []
        self.sessions = 0

    def arrive(self, leave: Callable[[str], None], *, proven: bool = False) -> Visitor:
        """Take in a connection; `leave` ends it, for the reason it is called with.

        Args:
            leave: called on the event loop.
            proven: it has shown the token already.
        """
        visitor = Visitor(self, leave, proven=proven)
        self.waiting.append(visitor)
        while len(self.waiting) > MOST_WAITING:
            self.waiting.pop(0).send_away("too many connections wait to be admitted")
        return visitor

    def knows(self, shown: object) -> bool:
        """Whether that is the token; takes the same time for every wrong one."""
        return isinstance(shown, str) and hmac.compare_digest(shown.encode("utf-8", "replace"), self.token.encode())


class Visitor:
    """One connection, from its first byte to its last.

    Attributes:
        welcomed: called once it may begin a session.
    """

    def __init__(self, door: Admission, leave: Callable[[str], None], *, proven: bool) -> None:
        self._door = door
        self._leave = leave
        self._proven = proven
        self._admitted = False
        self.welcomed: Callable[[], None] = lambda: None
        self._timer = asyncio.get_running_loop().call_later(
            WAIT_S, self.send_away, f"no initialize came within {WAIT_S:.0f} seconds"
        )

    def examine(self, params: object) -> str:
        """Return why the sender of `initialize` may not begin, "" when it may; takes the token out of `params`."""
        shown = _taken(params)
        if not (self._door.knows(shown) if shown is not None else self._proven):
            return LACKING
        if self._door.sessions >= MOST_SESSIONS:
            return FULL
        self._admitted = True
        self._door.sessions += 1
        self._forget()
        self.welcomed()
        return ""

    def send_away(self, reason: str) -> None:
        """End the connection."""
        self._forget()
        self._leave(reason)

    def gone(self) -> None:
        """Take note that the connection has ended."""
        self._forget()
        if self._admitted:
            self._admitted = False
            self._door.sessions -= 1

    def _forget(self) -> None:
        self._timer.cancel()
        if self in self._door.waiting:
            self._door.waiting.remove(self)


def _taken(params: object) -> object:
    """Take the token out of `initializationOptions`, whose rest are settings; None for none."""
    options = params.get("initializationOptions") if isinstance(params, dict) else None
    ours = options.get(SECTION) if isinstance(options, dict) else None
    return ours.pop(NAME, None) if isinstance(ours, dict) else None
