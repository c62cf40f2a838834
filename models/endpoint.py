"""One endpoint: a request goes out, events come in, and whatever goes wrong becomes a `ChatError` with a next step.

Knows HTTP and no dialect: events are JSON objects, told apart from server-sent events and lines of JSON alike. Waits
are bounded three times (connection, first event, all of it). What is worth another try is tried again here; the loop
is our own because a wait may last no longer than the call has left, obeys `Retry-After`, and ends when the caller
gives up. Start at `Endpoint.exchange`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from models import refusals
from models.chat import ChatError, Fault, Usage
from models.circuit import Circuit, HourlyLimit
from models.http import is_local
from models.keys import KeySource, without_secrets

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    import httpx2

    from models.http import HttpClient

LONGEST_LINE = 1 << 20  # bytes of one event
LONGEST_ANSWER = 16 << 20  # bytes of all
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

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take one event.

        Raises:
            ChatError: it tells of an error.
            KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RecursionError: it is not of
                this dialect.
        """
        ...

    def close(self) -> None:
        """The stream is over: whether this is all shows in `ended`.

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

        url, reader = self._endpoint.url, self._begin(tell)
        try:
            async with (
                asyncio.timeout(self._patience.first_token_s) as limit,
                client.stream(
                    "POST", url + self._outgoing.path, json=self._outgoing.body, headers=dict(self._headers)
                ) as response,
            ):
                if response.status_code != httpx2.codes.OK:
                    raise refusals.of_status(url, response.status_code, response.headers, await _refusal(response))
                if "," in response.headers.get("content-encoding", ""):  # packed twice, some kB are some GB
                    raise refusals.of_malformed(url, "an answer that is packed more than once")
                async with contextlib.aclosing(_events(response, url)) as events:
                    async for event in events:
                        if not reader.ended:  # what comes behind the end holds nobody up: there is one time for it
                            _feed(reader, event, url)
                            limit.reschedule(self._until(reader) or limit.when())
        except TimeoutError:
            if not reader.ended:
                waited_s = self._patience.idle_s if reader.started else self._patience.first_token_s
                raise refusals.too_slow(url, f"nothing came for {waited_s:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            if not reader.ended:
                raise refusals.of_failure(url, error) from None
        _close(reader, url)
        if not reader.ended:
            raise ChatError(
                f"The answer of {url} broke off; try again, and if it stays so, look at the server's own log.",
                Fault.UNREACHABLE,
            )

    def _until(self, reader: Reader) -> float | None:
        """When the next event has to be there, by the loop's clock; None while the first one is waited for."""
        now = asyncio.get_running_loop().time()
        if reader.ended:
            return now + DRAIN_S
        return now + self._patience.idle_s if reader.started else None


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


async def _events(response: httpx2.Response, url: str) -> AsyncGenerator[dict[str, Any], None]:
    """The JSON objects of an answer: `data:` lines of server-sent events, lines of JSON, or one object over all."""
    whole = response.headers.get("content-type", "").partition(";")[0].strip() == "application/json"
    size, rest, lines = 0, bytearray(), list[bytearray]()
    async for piece in response.aiter_bytes():
        size += len(piece)
        rest += piece  # in place, for it may come byte by byte
        if not whole and b"\n" in piece:
            *lines, rest = rest.split(b"\n")
        if size > LONGEST_ANSWER or (len(rest) > LONGEST_LINE and not whole):
            raise refusals.of_malformed(url, "more than an answer can be")
        for line in lines:
            if (event := _event(bytes(line), url)) is not None:
                yield event
        lines = []
    if (event := _event(bytes(rest), url)) is not None:
        yield event


def _event(line: bytes, url: str) -> dict[str, Any] | None:
    """The object of a line; None for a line that holds none (a comment, an event's name, the end mark)."""
    line = line.strip()
    if line.startswith(b"data:"):
        line = line[5:].strip()
        if line == b"[DONE]":
            return {}
    elif not line.startswith((b"{", b"[")):
        if line and not line.startswith((b":", b"event:", b"id:", b"retry:")):
            raise refusals.of_malformed(url, "what is no JSON")
        return None
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        raise refusals.of_malformed(url, "what is no JSON") from None
    if not isinstance(event, dict):
        raise refusals.of_malformed(url, "JSON of another kind than was asked for")
    return event


def _feed(reader: Reader, event: Mapping[str, Any], url: str) -> None:
    try:
        reader.feed(event)
    except _WRONG:
        raise refusals.of_malformed(url, "JSON of another kind than was asked for") from None


def _close(reader: Reader, url: str) -> None:
    try:
        reader.close()
    except _WRONG:
        raise refusals.of_malformed(url, "a tool call whose arguments are no JSON") from None


def _told(error: ChatError, key: str, made: int) -> ChatError:
    """The error without a secret in it, and with what it cost."""
    usage = error.usage + Usage(requests=made)
    told = ChatError(without_secrets(str(error), key), error.fault, retry_s=error.retry_s, usage=usage)
    told.said = without_secrets(error.said, key)
    return told
