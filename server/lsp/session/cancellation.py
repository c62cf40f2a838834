"""One ticket per running completion request; a newer one for the same document calls the older one in.

A ticket lives on the event loop and is asked from worker threads by `cancelled`, a plain flag. Being called in
resolves it at once, so that the old request is answered without waiting for its thread; the thread stops when it next
asks. Start at `Tickets.open`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

Result = TypeVar("Result")


class Ticket:
    """The right to go on working for one request."""

    def __init__(self, *, overtook: bool) -> None:
        self.overtook = overtook  # whether an unanswered request had to make room for this one
        self._called_in: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._cancelled = False

    def cancelled(self) -> bool:
        """Whether nobody wants the answer any more; for any thread."""
        return self._cancelled

    def cancel(self) -> None:
        """Call it in; on the event loop, safe twice."""
        self._cancelled = True
        if not self._called_in.done():
            self._called_in.set_result(None)

    async def sleep(self, delay_s: float) -> bool:
        """Wait that long; whether the ticket is still good afterwards."""
        if delay_s > 0:
            await asyncio.wait((self._called_in,), timeout=delay_s)
        return not self._cancelled

    async def either(self, arrival: asyncio.Future[None], timeout_s: float) -> None:
        """Wait for `arrival`, but no longer than that, nor longer than the ticket is good."""
        await asyncio.wait((arrival, self._called_in), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)

    async def first_of(self, work: Future[Result]) -> Result | None:
        """The result of `work`, or None as soon as the ticket is called in; work that has not begun never begins."""
        wrapped = asyncio.wrap_future(work)
        try:
            await asyncio.wait((wrapped, self._called_in), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not wrapped.done():
                work.cancel()
                wrapped.cancel()
        return None if self._cancelled else wrapped.result()


class Tickets:
    """The tickets of all running requests by document; the newest of each document counts."""

    def __init__(self) -> None:
        self._newest: dict[str, Ticket] = {}
        self._overtaken: set[str] = set()

    @contextlib.contextmanager
    def open(self, uri: str) -> Iterator[Ticket]:
        """A ticket for a new request; the older one of that document is called in."""
        self.cancel(uri)
        ticket = Ticket(overtook=uri in self._overtaken)
        self._overtaken.discard(uri)
        self._newest[uri] = ticket
        try:
            yield ticket
        finally:
            ticket.cancel()
            if self._newest.get(uri) is ticket:
                del self._newest[uri]

    def running(self) -> bool:
        """Whether any request is being computed; for any thread."""
        return bool(self._newest)

    def cancel(self, uri: str) -> None:
        """Call in what runs for that document: its text is another now, or it was closed."""
        if (ticket := self._newest.pop(uri, None)) is not None:
            ticket.cancel()
            self._overtaken.add(uri)

    def forget(self, uri: str) -> None:
        """Cancel what runs for a document that was closed, and remember nothing of it."""
        self.cancel(uri)
        self._overtaken.discard(uri)

    def cancel_all(self) -> None:
        """Call in everything, at the end."""
        for uri in tuple(self._newest):
            self.cancel(uri)
