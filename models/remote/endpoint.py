"""One endpoint: sends a request, feeds the events of the answer to a reader, and turns failures into `ChatError`.

Knows HTTP and no dialect: events are JSON objects (`models.remote.events`). The reader decides whether an answer that
is cut short still counts. Waits are bounded three times: connection, first event, whole call. Retries are our own loop,
because a wait must fit into what is left of the call, obey `Retry-After`, and end when the caller gives up. Start at
`Endpoint.exchange`.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from models.chat import ChatError, Fault, Usage
from models.remote import refusals
from models.remote.circuit import Circuit, HourlyLimit
from models.remote.events import EventParser, Junk, OversizedError
from models.remote.http import is_local
from models.remote.keys import KeySource, remove_secrets

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    import httpx2

    from models.remote.events import Event
    from models.remote.http import HttpClient

OTHER_KIND = "JSON that does not fit the dialect"
SETTLED_S = 5.0  # for usage and end mark, once the rest of the answer has arrived
DRAIN_S = 0.1  # for the end of the stream after a complete answer, so that the connection can be reused
LONGEST_REFUSAL = 64 << 10  # bytes of an error's body that are read
# Errors of a reader on unexpected JSON; ArithmeticError for huge numbers, RecursionError for deep nesting.
_WRONG = (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RecursionError)


@dataclass(frozen=True, slots=True)
class Patience:
    """Timeouts, in seconds, and the number of tries.

    Attributes:
        first_token_s: until the first event; a local server may have to load its model first.
        idle_s: between two events.
        total_s: for one call, with all tries and the waits between them.
        attempts: most tries of one call.
        first_wait_s: before the second try; doubled before each further one, with jitter.
        longest_wait_s: bound of these waits, unless the endpoint names a time itself.
        most_wait_s: bound of the time that an endpoint names; a call with a longer one fails at once, so that another
            endpoint can be asked.
        requests_per_hour: most requests sent, each try counted; 0 for no limit.
    """

    first_token_s: float = 30.0
    idle_s: float = 30.0
    total_s: float = 120.0
    attempts: int = 3
    first_wait_s: float = 0.5
    longest_wait_s: float = 8.0
    most_wait_s: float = math.inf
    requests_per_hour: int = 0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request in its dialect.

    Attributes:
        path: appended to the endpoint's URL.
        body: sent as JSON.
        headers: without the key.
    """

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


class Reader(Protocol):
    """Assembles an answer from its events, in one dialect."""

    @property
    def started(self) -> bool:
        """Whether some part of the answer has arrived."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the answer is complete."""
        ...

    @property
    def settled(self) -> bool:
        """Whether only the usage and the end mark are missing, which some endpoints never send."""
        ...

    def feed(self, event: Mapping[str, Any]) -> None:
        """Read one event.

        Raises:
            ChatError: the event reports an error.
            KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RecursionError: the event is
                not of this dialect.
        """
        ...

    def skip_junk(self, *, lossy: bool) -> bool:
        """Skip input that is no event; return whether the answer is still usable.

        Args:
            lossy: whether a part of the answer may have been in it.
        """
        ...

    def close(self, *, broken: bool) -> None:
        """Mark the end of the stream; `ended` then tells whether the answer is complete.

        Args:
            broken: whether the stream was cut off.

        Raises:
            TypeError, ValueError, RecursionError: the parts of the answer do not fit together.
        """
        ...


class Endpoint:
    """One endpoint, with its key, timeouts, hourly limit and circuit breaker. Thread-safe.

    Attributes:
        url: without a slash at its end.
        local: whether it is on this machine.
    """

    def __init__(
        self,
        url: str,
        client: HttpClient,
        *,
        key: KeySource | None = None,
        patience: Patience | None = None,
        circuit: Circuit | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.local = is_local(url)
        self._client = client
        self._key = key or KeySource()
        self._patience = patience or Patience()
        self._limit = HourlyLimit(self._patience.requests_per_hour)
        self._circuit = circuit or Circuit()

    def exchange(
        self,
        outgoing: Outgoing,
        authorize: Callable[[str], Mapping[str, str]],
        begin: Callable[[Callable[[str], None]], Reader],
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> int:
        """Send a request and read the answer to its end; return the number of tries.

        Args:
            outgoing: the request.
            authorize: returns the headers that carry the key ("" for none).
            begin: makes a new reader for each try; its argument passes text to `on_text`.
            cancelled: polled every 20 ms; True gives up.
            on_text: called on the caller's thread.

        Raises:
            GivenUpError: `cancelled` returned True.
            ChatError: no complete answer came.
        """
        key = self._key.read()
        if rest_s := self._circuit.admit():
            raise ChatError(
                f"{self.url} failed several times just now and is not asked for {rest_s:.0f} s; "
                "`starling doctor` says what is wrong with it.",
                Fault.RESTING,
                retry_s=rest_s,
            )
        headers = {**outgoing.headers, **authorize(key)}
        tries = _Tries(self, outgoing, headers, begin)
        try:
            self._client.call(self.url, tries.run, cancelled=cancelled, on_text=on_text)
        except ChatError as error:
            self._record_fault(error.fault)
            raise _finish_error(error, key, tries.made) from None
        except BaseException:  # the caller gave up, or its `on_text` failed: this says nothing about the endpoint
            self._circuit.record_abandonment()
            raise
        self._circuit.record_success()
        return tries.made

    def _record_fault(self, fault: Fault) -> None:
        """Tell the circuit breaker how a call failed; a refusal counts as a sign of life."""
        if fault in {Fault.UNREACHABLE, Fault.TIMEOUT, Fault.OVERLOADED, Fault.MALFORMED}:
            self._circuit.record_failure()
        elif fault is Fault.RATE_LIMITED:
            self._circuit.record_abandonment()
        else:
            self._circuit.record_success()

    @property
    def patience(self) -> Patience:
        """Its timeouts and number of tries."""
        return self._patience

    def make_auth_headers(self, authorize: Callable[[str], Mapping[str, str]]) -> Mapping[str, str]:
        """Return the headers that carry the key, for requests that ask about the server.

        Raises:
            ChatError: the key cannot be read.
        """
        return authorize(self._key.read())

    def count_request(self) -> None:
        """Count one request against the hourly limit.

        Raises:
            ChatError: the limit is reached.
        """
        if wait_s := self._limit.take():
            raise ChatError(
                f"{self._limit.most} requests went to {self.url} within an hour, which is what chat.requestsPerHour "
                f"allows; there is room again in {wait_s / 60:.0f} minutes.",
                Fault.RATE_LIMITED,
                retry_s=wait_s,
            )


class _Tries:
    """The tries of one call, until one succeeds or none is left.

    Attributes:
        made: how many there were so far.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        outgoing: Outgoing,
        headers: Mapping[str, str],
        begin: Callable[[Callable[[str], None]], Reader],
    ) -> None:
        self.made = 0
        self._endpoint = endpoint
        self._patience = endpoint.patience
        self._outgoing = outgoing
        self._headers = headers
        self._begin = begin
        self._drained_at = 0.0

    async def run(self, client: httpx2.AsyncClient, tell: Callable[[str], None]) -> None:
        """Try until an answer is complete, within the time for the whole call.

        Raises:
            ChatError: from the last try, or because the time is over.
        """
        patience = self._patience
        try:
            async with asyncio.timeout(patience.total_s) as limit:
                while True:
                    self._endpoint.count_request()
                    self.made += 1
                    try:
                        return await self._try_once(client, tell)
                    except ChatError as error:
                        wait_s = self._choose_wait_s(error, (limit.when() or 0.0) - asyncio.get_running_loop().time())
                        if wait_s is None:
                            raise
                    await asyncio.sleep(wait_s)
        except TimeoutError:
            raise refusals.explain_timeout(
                self._endpoint.url, f"no whole answer within {patience.total_s:g} s"
            ) from None

    def _choose_wait_s(self, error: ChatError, left_s: float) -> float | None:
        """Return the seconds to wait before another try; None for no further try.

        Args:
            error: of the try before.
            left_s: what is left of the time for the whole call.
        """
        patience = self._patience
        if not refusals.is_worth_retrying(error) or self.made >= patience.attempts:
            return None
        wait_s = min(patience.longest_wait_s, patience.first_wait_s * 2.0 ** (self.made - 1))
        wait_s *= random.uniform(0.5, 1.0)  # noqa: S311 (jitter, so that two editor windows do not retry at the same moment)
        wait_s = max(wait_s, error.retry_s or 0.0)
        return wait_s if wait_s < left_s and wait_s <= patience.most_wait_s else None

    async def _try_once(self, client: httpx2.AsyncClient, tell: Callable[[str], None]) -> None:
        """Send the request once and feed the answer to a new reader.

        Raises:
            ChatError: the answer is refused, late, malformed or incomplete.
        """
        import httpx2  # noqa: PLC0415 (loaded already: there is a client)

        url, reader, came = self._endpoint.url, self._begin(tell), False
        try:
            async with (
                asyncio.timeout(self._patience.first_token_s) as limit,
                client.stream(
                    "POST", url + self._outgoing.path, json=self._outgoing.body, headers=dict(self._headers)
                ) as response,
            ):
                await _check(response, url)
                async with contextlib.aclosing(_read_events(response, url)) as events:
                    async for event in events:
                        came = True
                        self._feed(reader, event)
                        limit.reschedule(self._next_deadline(reader) or limit.when())
            _close(reader, url, broken=False)
        except TimeoutError:
            _close(reader, url, broken=True)
            if not reader.ended:
                waited_s = self._patience.idle_s if reader.started else self._patience.first_token_s
                raise refusals.explain_timeout(url, f"nothing came for {waited_s:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            _close(reader, url, broken=True)
            if not reader.ended:
                raise refusals.explain_exception(url, error) from None
        if not reader.ended:
            raise _make_unfinished_error(url, nothing=came and not reader.started)

    def _feed(self, reader: Reader, event: Event) -> None:
        """Feed `event` to `reader`; events after the end are ignored.

        Raises:
            ChatError: the event makes the answer unusable.
        """
        if reader.ended:
            return
        if problem := _feed(reader, event):
            raise refusals.explain_malformed(self._endpoint.url, problem)

    def _next_deadline(self, reader: Reader) -> float | None:
        """Return when the next event has to arrive, by the loop's clock; None until the first one has."""
        now = asyncio.get_running_loop().time()
        if reader.ended:
            self._drained_at = self._drained_at or now + DRAIN_S
            return self._drained_at
        if reader.settled:
            return now + min(SETTLED_S, self._patience.idle_s)
        return now + self._patience.idle_s if reader.started else None


async def _check(response: httpx2.Response, url: str) -> None:
    """Check that an answer follows.

    Raises:
        ChatError: the status is not 200, or the body is compressed more than once.
    """
    if response.status_code != 200:
        raise refusals.explain_status(url, response.status_code, response.headers, await _read_refusal(response))
    if "," in response.headers.get("content-encoding", ""):  # compressed twice, kilobytes may expand to gigabytes
        raise refusals.explain_malformed(url, "an answer that is compressed more than once")


def _make_unfinished_error(url: str, *, nothing: bool) -> ChatError:
    """Return the error of an answer that broke off; `nothing`: no event of it was understood."""
    if nothing:
        return refusals.explain_malformed(url, OTHER_KIND)
    return ChatError(
        f"The answer of {url} broke off; try again, and if it happens again, look at the server's own log.",
        Fault.UNREACHABLE,
    )


async def _read_refusal(response: httpx2.Response) -> str:
    """Return the body of a refusal, at most about 64 KiB of it; "" where it is compressed more than once."""
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


def _feed(reader: Reader, event: Event) -> str:
    """Feed `event` to `reader`; return what makes the answer unusable as the end of "sent ...", "" for nothing."""
    try:
        if isinstance(event, Junk):
            return "" if reader.skip_junk(lossy=event.lossy) else event.what
        reader.feed(event)
    except _WRONG:
        return OTHER_KIND
    return ""


def _close(reader: Reader, url: str, *, broken: bool) -> None:
    """Close `reader`.

    Raises:
        ChatError: a tool call has arguments that are not JSON.
    """
    try:
        reader.close(broken=broken)
    except _WRONG:
        raise refusals.explain_malformed(url, "a tool call whose arguments are not JSON") from None


def _finish_error(error: ChatError, key: str, requests: int) -> ChatError:
    """Return a copy of `error` without secrets, with `requests` added to its usage."""
    usage = error.usage + Usage(requests=requests)
    finished = ChatError(remove_secrets(str(error), key), error.fault, retry_s=error.retry_s, usage=usage)
    finished.said = remove_secrets(error.said, key)
    return finished
