"""One endpoint: a request goes out, events come in, and whatever goes wrong becomes a `ChatError` with a next step.

Knows HTTP and no dialect: events are JSON objects (`models.remote.events`). What came of an answer before something
that is no event may count: its reader decides. Waits
are bounded three times (connection, first event, all of it). What is worth another try is tried again here; the loop
is our own because a wait may last no longer than the call has left, obeys `Retry-After`, and ends when the caller
gives up. Start at `Endpoint.exchange`.
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
from models.remote.keys import KeySource, without_secrets

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    import httpx2

    from models.remote.events import Event
    from models.remote.http import HttpClient

OTHER_KIND = "JSON of another kind than was asked for"
SETTLED_S = 5.0  # for the bill and the end mark, once all else has come
DRAIN_S = 0.1  # for the end of a stream that has said everything, so that its connection can be used again
LONGEST_REFUSAL = 64 << 10  # bytes of an error's body that are read
# What a reader raises where something else has come than it expects; also a number beyond all bounds, or brackets.
_WRONG = (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RecursionError)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited, seconds, and how often tried.

    Attributes:
        first_token_s: until the first event; a local server may have to load its model first.
        idle_s: between two events.
        total_s: for one call, all tries and waits together.
        attempts: most tries of one call.
        first_wait_s: before the second try; each further one waits twice as long, with jitter.
        longest_wait_s: of them, unless the endpoint names a time itself.
        most_wait_s: a longer time that it names is not waited for; another endpoint may be asked meanwhile.
        requests_per_hour: the most that are sent, each try counted; 0 for no limit.
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
    """A request in its dialect: path behind the endpoint's URL, headers (the key not among them), JSON body."""

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


class Reader(Protocol):
    """Puts an answer together from its events, in one dialect."""

    @property
    def started(self) -> bool:
        """Whether something of the answer has come."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the endpoint said that this is all."""
        ...

    @property
    def settled(self) -> bool:
        """Whether all has come but the bill and the end mark, which may be missing."""
        ...

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take one event.

        Raises:
            ChatError: it tells of an error.
            KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RecursionError: it is not of
                this dialect.
        """
        ...

    def pass_over(self, *, lossy: bool) -> bool:
        """Hear of what is no event; return whether the answer counts all the same.

        Args:
            lossy: whether something of the answer may have been in it.
        """
        ...

    def close(self, *, broken: bool) -> None:
        """The stream is over: whether this is all shows in `ended`.

        Args:
            broken: it was cut off.

        Raises:
            TypeError, ValueError, RecursionError: what came does not fit together.
        """
        ...


class Endpoint:
    """One endpoint of one person. Thread-safe."""

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
        """Send and read until the end; returns how often it was asked.

        Args:
            outgoing: what is sent.
            authorize: from the key ("" for none) to the headers that carry it.
            begin: makes a fresh reader for each try; given what takes text to `on_text`.
            cancelled: asked many times a second.
            on_text: called on the caller's thread.

        Raises:
            GivenUpError: the caller no longer wants it.
            ChatError: no whole answer came.
        """
        key = self._key.read()
        if rest_s := self._circuit.admit():
            raise ChatError(
                f"{self.url} failed several times just now and is left alone for {rest_s:.0f} s; "
                "`starling doctor` says what is wrong with it.",
                Fault.RESTING,
                retry_s=rest_s,
            )
        headers = {**outgoing.headers, **authorize(key)}
        tries = _Tries(self, outgoing, headers, begin)
        try:
            self._client.call(self.url, tries.run, cancelled=cancelled, on_text=on_text)
        except ChatError as error:
            self._learn(error.fault)
            raise _told(error, key, tries.made) from None
        except BaseException:  # given up, or the caller's own `on_text` failed: nothing was learnt of the endpoint
            self._circuit.dropped()
            raise
        self._circuit.succeeded()
        return tries.made

    def _learn(self, fault: Fault) -> None:
        if fault in {Fault.UNREACHABLE, Fault.TIMEOUT, Fault.OVERLOADED, Fault.MALFORMED}:
            self._circuit.failed()
        elif fault is Fault.RATE_LIMITED:
            self._circuit.dropped()
        else:
            self._circuit.succeeded()

    @property
    def patience(self) -> Patience:
        """How long is waited for it."""
        return self._patience

    def authorized(self, authorize: Callable[[str], Mapping[str, str]]) -> Mapping[str, str]:
        """Return the headers that carry the key, for questions about the server.

        Raises:
            ChatError: the key cannot be read.
        """
        return authorize(self._key.read())

    def take(self) -> None:
        """Count one request.

        Raises:
            ChatError: it would be one too many.
        """
        if wait_s := self._limit.take():
            raise ChatError(
                f"{self._limit.most} requests went to {self.url} within an hour, which is what chat.requestsPerHour "
                f"allows; there is room again in {wait_s / 60:.0f} minutes.",
                Fault.RATE_LIMITED,
                retry_s=wait_s,
            )


class _Tries:
    """One call: tries until one succeeds or none is left."""

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
        """All tries within the time for all of them."""
        patience = self._patience
        try:
            async with asyncio.timeout(patience.total_s) as limit:
                while True:
                    self._endpoint.take()
                    self.made += 1
                    try:
                        return await self._once(client, tell)
                    except ChatError as error:
                        wait_s = self._wait_s(error, (limit.when() or 0.0) - asyncio.get_running_loop().time())
                        if wait_s is None:
                            raise
                    await asyncio.sleep(wait_s)
        except TimeoutError:
            raise refusals.too_slow(self._endpoint.url, f"no whole answer within {patience.total_s:g} s") from None

    def _wait_s(self, error: ChatError, left_s: float) -> float | None:
        """How long to wait before another try; None when there shall be none."""
        patience = self._patience
        if not refusals.worth_retrying(error) or self.made >= patience.attempts:
            return None
        wait_s = min(patience.longest_wait_s, patience.first_wait_s * 2.0 ** (self.made - 1))
        wait_s *= random.uniform(0.5, 1.0)  # noqa: S311 (jitter, so that two windows do not knock together)
        wait_s = max(wait_s, error.retry_s or 0.0)
        return wait_s if wait_s < left_s and wait_s <= patience.most_wait_s else None

    async def _once(self, client: httpx2.AsyncClient, tell: Callable[[str], None]) -> None:
        import httpx2  # noqa: PLC0415 (loaded by now: there is a client)

        url, reader, came = self._endpoint.url, self._begin(tell), False
        try:
            async with (
                asyncio.timeout(self._patience.first_token_s) as limit,
                client.stream(
                    "POST", url + self._outgoing.path, json=self._outgoing.body, headers=dict(self._headers)
                ) as response,
            ):
                await _check(response, url)
                async with contextlib.aclosing(_events(response, url)) as events:
                    async for event in events:
                        came = True
                        self._hear(reader, event)
                        limit.reschedule(self._until(reader) or limit.when())
            _close(reader, url, broken=False)
        except TimeoutError:
            _close(reader, url, broken=True)
            if not reader.ended:
                waited_s = self._patience.idle_s if reader.started else self._patience.first_token_s
                raise refusals.too_slow(url, f"nothing came for {waited_s:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            _close(reader, url, broken=True)
            if not reader.ended:
                raise refusals.of_failure(url, error) from None
        if not reader.ended:
            raise _unfinished(url, nothing=came and not reader.started)

    def _hear(self, reader: Reader, event: Event) -> None:
        """Hand an event on.

        Raises:
            ChatError: it is none, and what came before it is no answer.
        """
        if reader.ended:  # what comes behind the end holds nobody up: there is one time for it
            return
        if problem := _feed(reader, event):
            raise refusals.of_malformed(self._endpoint.url, problem)

    def _until(self, reader: Reader) -> float | None:
        """When the next event has to be there, by the loop's clock; None while the first one is waited for."""
        now = asyncio.get_running_loop().time()
        if reader.ended:
            self._drained_at = self._drained_at or now + DRAIN_S
            return self._drained_at
        if reader.settled:
            return now + min(SETTLED_S, self._patience.idle_s)
        return now + self._patience.idle_s if reader.started else None


async def _check(response: httpx2.Response, url: str) -> None:
    """See that an answer follows.

    Raises:
        ChatError: it is a refusal, or packed as no answer is.
    """
    if response.status_code != 200:
        raise refusals.of_status(url, response.status_code, response.headers, await _refusal(response))
    if "," in response.headers.get("content-encoding", ""):  # packed twice, some kB are some GB
        raise refusals.of_malformed(url, "an answer that is packed more than once")


def _unfinished(url: str, *, nothing: bool) -> ChatError:
    """The error of an answer without an end; `nothing` of it was understood."""
    if nothing:
        return refusals.of_malformed(url, OTHER_KIND)
    return ChatError(
        f"The answer of {url} broke off; try again, and if it stays so, look at the server's own log.",
        Fault.UNREACHABLE,
    )


async def _refusal(response: httpx2.Response) -> str:
    """The body of an error, as far as it is worth reading."""
    body = b""
    if "," in response.headers.get("content-encoding", ""):
        return ""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > LONGEST_REFUSAL:
            break
    return body.decode(errors="replace")


async def _events(response: httpx2.Response, url: str) -> AsyncGenerator[Event, None]:
    """What comes, piece by piece."""
    whole = response.headers.get("content-type", "").partition(";")[0].strip() == "application/json"
    parser = EventParser(whole=whole)
    try:
        async for piece in response.aiter_bytes():
            for event in parser.take(piece):
                yield event
    except OversizedError:
        raise refusals.of_malformed(url, "more than an answer can be") from None
    for event in parser.finish():
        yield event


def _feed(reader: Reader, event: Event) -> str:
    """Hand an event on; return what makes the answer worthless as the end of "sent ...", "" for nothing."""
    try:
        if isinstance(event, Junk):
            return "" if reader.pass_over(lossy=event.lossy) else event.what
        reader.feed(event)
    except _WRONG:
        return OTHER_KIND
    return ""


def _close(reader: Reader, url: str, *, broken: bool) -> None:
    try:
        reader.close(broken=broken)
    except _WRONG:
        raise refusals.of_malformed(url, "a tool call whose arguments are no JSON") from None


def _told(error: ChatError, key: str, made: int) -> ChatError:
    """The error without a secret in it, and with what it cost."""
    usage = error.usage + Usage(requests=made)
    told = ChatError(without_secrets(str(error), key), error.fault, retry_s=error.retry_s, usage=usage)
    told.said = without_secrets(error.said, key)
    return told
