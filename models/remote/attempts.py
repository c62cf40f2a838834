"""The attempts of one call: a request is sent, and sent again after a failure that may pass.

Reads the events of the answer (`models.remote.events`) and turns failures into `ChatError`. The reader decides whether
an answer that was cut off is complete. Waits are bounded three times: connection, first event, whole call. Retries are
a loop of our own, because a wait must fit into the rest of the call's time, obey `Retry-After`, and end when the caller
gives up. Start at `Attempts.run`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING

from models.chat import ChatError, Fault
from models.remote import refusals
from models.remote.events import EventParser, Junk, OversizedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    import httpx2

    from models.remote.circuit import HourlyLimit
    from models.remote.events import Event
    from models.remote.exchange import Outgoing, Patience, Reader

OTHER_KIND = "JSON that does not fit the dialect"
SETTLED_S = 5.0  # longest wait for usage and end mark, once the rest of the answer has arrived
DRAIN_S = 0.1  # longest wait for the end of the stream after a complete answer, so that the connection can be reused
LONGEST_REFUSAL = 64 << 10  # bytes of an error's body that are read
# Errors of a reader on unexpected JSON; ArithmeticError for huge numbers, RecursionError for deep nesting.
_WRONG = (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RecursionError)


class Attempts:
    """The attempts of one call, until one succeeds or none is left.

    Attributes:
        count: number of attempts so far.
    """

    def __init__(
        self,
        url: str,
        patience: Patience,
        limit: HourlyLimit,
        outgoing: Outgoing,
        make_reader: Callable[[Callable[[str], None]], Reader],
    ) -> None:
        """Prepare a call; nothing is sent.

        Args:
            url: the endpoint's URL, without a slash at its end.
            patience: timeouts and number of attempts.
            limit: counts each attempt.
            outgoing: the request, with the headers that carry the key.
            make_reader: as in `models.remote.endpoint.Endpoint.exchange`.
        """
        self.count = 0
        self._url = url
        self._patience = patience
        self._limit = limit
        self._outgoing = outgoing
        self._make_reader = make_reader
        self._drained_at = 0.0

    async def run(self, client: httpx2.AsyncClient, pass_on: Callable[[str], None]) -> None:
        """Send the request, and again after failures that may pass, until an answer is complete.

        Args:
            client: sends the requests.
            pass_on: passes text to the caller's `on_text`.

        Raises:
            ChatError: from the last attempt, or because the time is over.
        """
        patience = self._patience
        try:
            async with asyncio.timeout(patience.total_s) as limit:
                while True:
                    self._count_request()
                    self.count += 1
                    try:
                        return await self._attempt(client, pass_on)
                    except ChatError as error:
                        wait_s = self._choose_wait_s(error, (limit.when() or 0.0) - asyncio.get_running_loop().time())
                        if wait_s is None:
                            raise
                    await asyncio.sleep(wait_s)
        except TimeoutError:
            raise refusals.explain_timeout(self._url, f"no whole answer within {patience.total_s:g} s") from None

    def _count_request(self) -> None:
        """Count one request against the hourly limit.

        Raises:
            ChatError: the limit is reached.
        """
        if wait_s := self._limit.take():
            raise ChatError(
                f"{self._limit.most} requests went to {self._url} within an hour, which is what chat.requestsPerHour "
                f"allows; there is room again in {wait_s / 60:.0f} minutes.",
                Fault.RATE_LIMITED,
                retry_s=wait_s,
            )

    def _choose_wait_s(self, error: ChatError, left_s: float) -> float | None:
        """Return the seconds to wait before another attempt; None for no further attempt.

        Args:
            error: error of the last attempt.
            left_s: seconds left for the whole call.
        """
        patience = self._patience
        if not refusals.is_worth_retrying(error) or self.count >= patience.attempts:
            return None
        wait_s = min(patience.longest_wait_s, patience.first_wait_s * 2.0 ** (self.count - 1))
        wait_s *= random.uniform(0.5, 1.0)  # noqa: S311 (jitter, so that two editor windows do not retry at the same moment)
        wait_s = max(wait_s, error.retry_s or 0.0)
        return wait_s if wait_s < left_s and wait_s <= patience.most_wait_s else None

    async def _attempt(self, client: httpx2.AsyncClient, pass_on: Callable[[str], None]) -> None:
        """Send the request once and feed the answer to a new reader.

        Raises:
            ChatError: the answer is refused, late, malformed or incomplete.
        """
        import httpx2  # noqa: PLC0415 (loaded already: there is a client)

        url, reader, came = self._url, self._make_reader(pass_on), False
        try:
            async with (
                asyncio.timeout(self._patience.first_token_s) as limit,
                client.stream(
                    "POST", url + self._outgoing.path, json=self._outgoing.body, headers=dict(self._outgoing.headers)
                ) as response,
            ):
                await _check_response(response, url)
                async with contextlib.aclosing(_read_events(response, url)) as events:
                    async for event in events:
                        came = True
                        self._feed(reader, event)
                        limit.reschedule(self._next_deadline(reader) or limit.when())
            _close_reader(reader, url, broken=False)
        except TimeoutError:
            _close_reader(reader, url, broken=True)
            if not reader.ended:
                waited_s = self._patience.idle_s if reader.started else self._patience.first_token_s
                raise refusals.explain_timeout(url, f"nothing came for {waited_s:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            _close_reader(reader, url, broken=True)
            if not reader.ended:
                raise refusals.explain_exception(url, error) from None
        if not reader.ended:
            raise _make_unfinished_error(url, nothing=came and not reader.started)

    def _feed(self, reader: Reader, event: Event) -> None:
        """Feed `event` to `reader`, unless the answer has ended.

        Raises:
            ChatError: the event makes the answer unusable.
        """
        if reader.ended:
            return
        if problem := _feed_reader(reader, event):
            raise refusals.explain_malformed(self._url, problem)

    def _next_deadline(self, reader: Reader) -> float | None:
        """Return the time by which the next event has to arrive, by the loop's clock; None before the answer begins."""
        now = asyncio.get_running_loop().time()
        if reader.ended:
            self._drained_at = self._drained_at or now + DRAIN_S
            return self._drained_at
        if reader.settled:
            return now + min(SETTLED_S, self._patience.idle_s)
        return now + self._patience.idle_s if reader.started else None


async def _check_response(response: httpx2.Response, url: str) -> None:
    """Check the response's status and encoding before its body is read as an answer.

    Raises:
        ChatError: the status is not 200, or the body is compressed more than once.
    """
    if response.status_code != 200:
        raise refusals.explain_status(url, response.status_code, response.headers, await _read_refusal(response))
    if "," in response.headers.get("content-encoding", ""):  # compressed twice, kilobytes may expand to gigabytes
        raise refusals.explain_malformed(url, "an answer that is compressed more than once")


def _make_unfinished_error(url: str, *, nothing: bool) -> ChatError:
    """Return the error for an answer that broke off.

    Args:
        url: the endpoint's URL.
        nothing: whether events came, but none in this dialect.
    """
    if nothing:
        return refusals.explain_malformed(url, OTHER_KIND)
    return ChatError(
        f"The answer of {url} broke off; try again, and if it happens again, look at the server's own log.",
        Fault.UNREACHABLE,
    )


async def _read_refusal(response: httpx2.Response) -> str:
    """Return the body of a refusal, cut after about 64 KiB; "" if it is compressed more than once."""
    body = b""
    if "," in response.headers.get("content-encoding", ""):
        return ""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > LONGEST_REFUSAL:
            break
    return body.decode(errors="replace")


async def _read_events(response: httpx2.Response, url: str) -> AsyncGenerator[Event, None]:
    """Yield the events of a response as they arrive.

    Raises:
        ChatError: the body is larger than an answer can be.
    """
    whole = response.headers.get("content-type", "").partition(";")[0].strip() == "application/json"
    parser = EventParser(whole=whole)
    try:
        async for piece in response.aiter_bytes():
            for event in parser.take(piece):
                yield event
    except OversizedError:
        raise refusals.explain_malformed(url, "more than an answer can be") from None
    for event in parser.finish():
        yield event


def _feed_reader(reader: Reader, event: Event) -> str:
    """Feed `event` to `reader`; return a description of the event if it makes the answer unusable, else ""."""
    try:
        if isinstance(event, Junk):
            return "" if reader.skip_junk(lossy=event.lossy) else event.what
        reader.feed(event)
    except _WRONG:
        return OTHER_KIND
    return ""


def _close_reader(reader: Reader, url: str, *, broken: bool) -> None:
    """Close `reader` at the end of the stream; `broken` if it was cut off.

    Raises:
        ChatError: the parts of the answer do not fit together, as a tool call whose arguments are not JSON.
    """
    try:
        reader.close(broken=broken)
    except _WRONG:
        raise refusals.explain_malformed(url, "a tool call whose arguments are not JSON") from None
