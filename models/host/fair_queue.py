"""Order in which clients get a model: each client's newest request first, and the least recently served client first.

An older request of a client is superseded by its newer one and comes after the newest of all other clients. The queue
is bounded: a request that finds no room fails at once. For one event loop; knows nothing of models. Start at
`FairQueue.take`.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MOST_CLIENTS = 1000  # clients whose last turn is remembered


class BusyError(Exception):
    """The queue is full."""


@dataclass(slots=True)
class _WaitingRequest:
    """A request in the queue.

    Attributes:
        client: name of its client.
        arrival: number by which older and newer requests are told apart.
        turn: done once the request has the turn.
        superseded: whether the same client sent a newer request.
    """

    client: str
    arrival: int
    turn: asyncio.Future[None]
    superseded: bool = False


class FairQueue:
    """A queue that gives one request at a time its turn. Not thread-safe: for one event loop.

    Args:
        most: most requests that may wait.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: list[_WaitingRequest] = []
        self._taken = False
        self._numbers = count(1)
        self._served: dict[str, int] = {}

    @property
    def waiting(self) -> int:
        """Number of waiting requests."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether no request has the turn or waits for it."""
        return not self._taken and not self._waiting

    @contextlib.asynccontextmanager
    async def take(self, client: str) -> AsyncIterator[None]:
        """Wait until `client` has the turn and hold it in the context; supersede older requests of the client.

        Raises:
            BusyError: the queue is full, or this request was superseded and dropped to make room for another.
        """
        await self._wait(client)
        try:
            yield
        finally:
            self._taken = False
            self._grant_next()

    async def _wait(self, client: str) -> None:
        """Wait until `client` has the turn; supersede its older requests.

        Raises:
            BusyError: as for `take`.
        """
        for other in self._waiting:
            other.superseded = other.superseded or other.client == client
        if self.idle:
            self._record_turn(client)
            return
        self._make_room()
        me = _WaitingRequest(client, next(self._numbers), asyncio.get_running_loop().create_future())
        self._waiting.append(me)
        try:
            await me.turn
        except asyncio.CancelledError:
            if me in self._waiting:
                self._waiting.remove(me)
            elif me.turn.done() and not me.turn.cancelled() and me.turn.exception() is None:
                self._taken = False  # it was given the turn and left at the same moment
                self._grant_next()
            raise

    def _make_room(self) -> None:
        """Drop the oldest superseded request if the queue is full.

        Raises:
            BusyError: no request in the full queue is superseded.
        """
        self._waiting = [one for one in self._waiting if not one.turn.done()]  # see `_grant_next`
        if len(self._waiting) < self._most:
            return
        oldest = next((one for one in self._waiting if one.superseded), None)
        if oldest is None:
            raise BusyError
        self._waiting.remove(oldest)
        oldest.turn.set_exception(BusyError())

    def _grant_next(self) -> None:
        """Give the turn to the next request, unless another one has it.

        Superseded requests come last; of the others, the client served longest ago comes first with its newest request.
        """
        # a request that was cancelled a moment ago is in the queue until its task runs again, and cannot take a turn
        wanting = [one for one in self._waiting if not one.turn.done()]
        if self._taken or not wanting:
            return
        chosen = min(wanting, key=lambda one: (one.superseded, self._served.get(one.client, 0), -one.arrival))
        self._waiting.remove(chosen)
        self._record_turn(chosen.client)
        chosen.turn.set_result(None)

    def _record_turn(self, client: str) -> None:
        """Record that `client` has the turn now."""
        self._taken = True
        self._served.pop(client, None)
        self._served[client] = next(self._numbers)
        if len(self._served) > MOST_CLIENTS:
            del self._served[next(iter(self._served))]
