"""Authentication of socket connections: a session begins only with the token, which only this user can read.

On a server with accounts, it begins only with an access token of an account. A connection has one try, in its first
message and within `WAIT_S`. Before, nothing but the token is read from it, and nothing is started for it. Knows no
transport. Start at `Admission.register`.
"""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.access.records import TokenRefused
from server.lsp.serving.visitors import read_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.access.identities import Identity
    from server.lsp.serving.visitors import Visitors
    from server.lsp.session.visits import Visit

SECTION, NAME = "starling", "token"  # the token's place in `initializationOptions`
WAIT_S = 10.0  # for `initialize`, which editors send at once
MOST_BYTES = 1 << 18  # of a message before the admission; an editor's `initialize` takes 20,000
MOST_WAITING = 16  # connections that are not admitted yet; one more ends the oldest
MOST_WAITING_VISITS = 64  # the same on a server with accounts, where others than accounts connect, too
MOST_SESSIONS = 32  # each holds an index and perhaps a model
MOST_VISITS = 128  # the same on a server with accounts
LACKING = (
    'the token is missing or wrong; send the one that the server wrote when it started as {"starling": {"token": …}} '
    "in initializationOptions"
)
NEEDED = (
    "an access token is needed; log in with `starling login`, and send the token as `Authorization: Bearer …`, or as "
    '{"starling": {"token": …}} in initializationOptions'
)
FULL_ACCOUNT = "this account has as many sessions as it may have; close one of them"
FULL = f"{MOST_SESSIONS} editors are connected already; close one of them, or start another server"


@dataclass(frozen=True, slots=True)
class Arrival:
    """The facts about a connection that are known before its first message.

    Attributes:
        proven: whether it has already sent the token, in an HTTP header.
        identity: the account whose access token it has already sent there, None for none.
        peer: the address of the client, "" if it is not known.
    """

    proven: bool = False
    identity: Identity | None = None
    peer: str = ""


NOTHING_KNOWN = Arrival()


class Admission:
    """The admission control of one server process.

    Attributes:
        token: the token that each client has to send, "" on a server with accounts.
        is_new: whether the token was generated at this start, so that the person has to be told.
        waiting: connections that are not admitted yet, oldest first.
        sessions: the number of admitted connections.
        visitors: the accounts that are connected; None without accounts.
    """

    def __init__(self, token: str, *, is_new: bool = True, visitors: Visitors | None = None) -> None:
        self.token = token
        self.visitors = visitors
        self.is_new = is_new
        self.waiting: list[ConnectionAdmission] = []
        self.sessions = 0

    def register(self, disconnect: Callable[[str], None], arrival: Arrival = NOTHING_KNOWN) -> ConnectionAdmission:
        """Register and return a new connection; end the oldest waiting ones if too many wait.

        Those of accounts, which have sent a valid access token, are ended last.

        Args:
            disconnect: ends the connection, given the reason; called on the event loop.
            arrival: what is known of it before its first message.
        """
        connection = ConnectionAdmission(self, disconnect, arrival)
        self.waiting.append(connection)
        while len(self.waiting) > (MOST_WAITING if self.visitors is None else MOST_WAITING_VISITS):
            ended = next((one for one in self.waiting if not one.is_identified), self.waiting[0])
            self.waiting.remove(ended)
            ended.end_connection("too many connections wait to be admitted")
        return connection

    def is_token(self, shown: object) -> bool:
        """Return whether `shown` is the token; takes the same time for every wrong one."""
        return (
            isinstance(shown, str)
            and bool(self.token)
            and hmac.compare_digest(shown.encode("utf-8", "replace"), self.token.encode())
        )


class ConnectionAdmission:
    """The admission of one connection: it waits, then it is admitted or ended.

    Attributes:
        on_admitted: called once the connection is admitted.
        on_visit: called before, with the visit of the account, on a server with accounts.
    """

    def __init__(self, control: Admission, disconnect: Callable[[str], None], arrival: Arrival) -> None:
        self._control = control
        self._disconnect = disconnect
        self._arrival = arrival
        self._identity = arrival.identity
        self._admitted = False
        self._problem = NEEDED
        self._prepared = False
        self._visit: Visit | None = None
        self.on_admitted: Callable[[], None] = lambda: None
        self.on_visit: Callable[[Visit], None] = lambda _: None
        self._timer = asyncio.get_running_loop().call_later(
            WAIT_S, self.end_connection, f"no initialize came within {WAIT_S:.0f} seconds"
        )

    @property
    def is_identified(self) -> bool:
        """Whether an access token of the connection was verified."""
        return self._identity is not None

    async def prepare(self, body: bytes) -> None:
        """Verify the access token in the first message, before it is handled; only on a server with accounts.

        Does nothing for later messages, and without a token in the message: then the one in an HTTP header counts.
        """
        visitors = self._control.visitors
        if visitors is None or self._prepared:
            return
        self._prepared = True
        token = await asyncio.to_thread(read_token, body)
        if token is None:
            return
        self._identity = None
        try:
            self._identity = await visitors.identify(token, self._arrival.peer)
        except TokenRefused as error:
            self._problem = str(error)

    def admit(self, params: object) -> str:
        """Admit the connection if its token is right and fewer than `MOST_SESSIONS` are admitted.

        On a server with accounts, admits it if an access token was verified before (`prepare`).

        Takes the token out of the `params` of `initialize`; without one there, the one in an HTTP header counts.
        Returns "" after the admission, else the reason for the refusal.
        """
        shown = _take_token(params)
        visitors = self._control.visitors
        if visitors is not None:
            if self._identity is None:
                return self._problem
            if self._control.sessions >= MOST_VISITS or visitors.is_full(self._identity):
                return FULL_ACCOUNT if visitors.is_full(self._identity) else FULL
            self._visit = visitors.add(self._identity, self.end_connection)
            self.on_visit(self._visit)
        elif not (self._control.is_token(shown) if shown is not None else self._arrival.proven):
            return LACKING
        elif self._control.sessions >= MOST_SESSIONS:
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
        if self._visit is not None and self._control.visitors is not None:
            self._control.visitors.remove(self._visit)
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
