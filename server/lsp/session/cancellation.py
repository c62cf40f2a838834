"""Cancellation of requests: each running request has a ticket, and a newer one for the same document supersedes it.

Tickets live on the event loop; worker threads poll the plain flag `is_cancelled`. Cancelling a ticket wakes its request
at once, so that the request is answered without waiting for its thread; the thread stops at its next poll. Start at
`Tickets.open`.
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
    """The cancellation token of one request.

    Attributes:
        superseded_another: whether this request took the place of an unanswered one.
    """

    def __init__(self, *, superseded_another: bool) -> None:
        self.superseded_another = superseded_another
        self._cancellation: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._cancelled = False

    def is_cancelled(self) -> bool:
        """Return whether the request was answered, cancelled or superseded; any thread may call this."""
        return self._cancelled

    def cancel(self) -> None:
        """Cancel the request. Idempotent; call it on the event loop."""
        self._cancelled = True
        if not self._cancellation.done():
            self._cancellation.set_result(None)

    async def sleep(self, delay_s: float) -> bool:
        """Wait for `delay_s` seconds or until the ticket is cancelled; return whether the ticket is still valid."""
        if delay_s > 0:
            await asyncio.wait((self._cancellation,), timeout=delay_s)
        return not self._cancelled

    async def wait_for(self, arrival: asyncio.Future[None], timeout_s: float) -> None:
        """Wait until `arrival` is done, the ticket is cancelled, or `timeout_s` seconds have passed."""
        await asyncio.wait((arrival, self._cancellation), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)

    async def wait_result(self, work: Future[Result]) -> Result | None:
        """Return the result of `work` or raise its error; cancel `work` and return None if the ticket is cancelled."""
        wrapped = asyncio.wrap_future(work)
        try:
            await asyncio.wait((wrapped, self._cancellation), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not wrapped.done():
                work.cancel()
                wrapped.cancel()
        return None if self._cancelled else wrapped.result()


class Tickets:
    """The tickets of running requests, one for each document: that of its newest request."""

    def __init__(self) -> None:
        self._newest: dict[str, Ticket] = {}
        self._superseded: set[str] = set()  # documents whose last request was cancelled before its answer

    @contextlib.contextmanager
    def open(self, uri: str) -> Iterator[Ticket]:
        """Yield a ticket for a new request about the document `uri`, and cancel the older request about it.

        The ticket is cancelled at the end of the `with` block.
        """
        self.cancel(uri)
        ticket = Ticket(superseded_another=uri in self._superseded)
        self._superseded.discard(uri)
        self._newest[uri] = ticket
        try:
            yield ticket
        finally:
            ticket.cancel()
            if self._newest.get(uri) is ticket:
                del self._newest[uri]

    def has_running(self) -> bool:
        """Return whether any request is being computed; any thread may call this."""
        return bool(self._newest)

    def cancel(self, uri: str) -> None:
        """Cancel the running request about the document `uri`, if there is one; the next request then supersedes it."""
        if (ticket := self._newest.pop(uri, None)) is not None:
            ticket.cancel()
            self._superseded.add(uri)

    def forget(self, uri: str) -> None:
        """Cancel the running request about a closed document, and forget the document."""
        self.cancel(uri)
        self._superseded.discard(uri)

    def cancel_all(self) -> None:
        """Cancel all running requests."""
        for uri in tuple(self._newest):
            self.cancel(uri)
