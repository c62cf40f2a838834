"""One endpoint: its address, key, timeouts, hourly limit and circuit breaker.

Knows no dialect: a reader assembles the answer from JSON objects. Requests are sent by `models.remote.attempts`. Start
at `Endpoint.exchange`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from models.chat import ChatError, Fault, Usage
from models.remote.attempts import Attempts
from models.remote.circuit import Circuit, HourlyLimit
from models.remote.http import is_local
from models.remote.keys import KeySource, remove_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from models.remote.http import HttpClient


@dataclass(frozen=True, slots=True)
class Patience:
    """Timeouts, in seconds, and the number of attempts.

    Attributes:
        first_token_s: until the first event; a local server may have to load its model first.
        idle_s: between two events.
        total_s: for one call, with all attempts and the waits between them.
        attempts: most attempts of one call.
        first_wait_s: before the second attempt; doubled before each further attempt, with jitter.
        longest_wait_s: bound of these waits; a time that the endpoint demands (`Retry-After`) may be longer.
        most_wait_s: longest time that an endpoint may demand; if it demands more, the call fails at once, so that
            another endpoint can be asked.
        requests_per_hour: most requests sent, each attempt counted; 0 for no limit.
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
    """A reader that assembles one answer from its events, in one dialect."""

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
        """Finish the answer at the end of the stream; `ended` is true afterwards if the answer is complete.

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
        make_reader: Callable[[Callable[[str], None]], Reader],
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> int:
        """Send a request and read the answer to its end; return the number of attempts.

        Args:
            outgoing: the request.
            authorize: returns the headers that carry the key ("" for none).
            make_reader: returns a new reader for each attempt; its argument passes text to `on_text`.
            cancelled: polled every 20 ms; once it returns true, the connection is closed.
            on_text: called with text from the reader, on the caller's thread.

        Raises:
            GivenUpError: `cancelled` returned true.
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
        attempts = Attempts(self, outgoing, headers, make_reader)
        try:
            self._client.call(self.url, attempts.run, cancelled=cancelled, on_text=on_text)
        except ChatError as error:
            self._record_fault(error.fault)
            raise _finish_error(error, key, attempts.count) from None
        except BaseException:  # the caller gave up, or its `on_text` failed: this says nothing about the endpoint
            self._circuit.record_abandonment()
            raise
        self._circuit.record_success()
        return attempts.count

    def _record_fault(self, fault: Fault) -> None:
        """Report a failed call to the circuit breaker; an endpoint that refuses a request is alive."""
        if fault in {Fault.UNREACHABLE, Fault.TIMEOUT, Fault.OVERLOADED, Fault.MALFORMED}:
            self._circuit.record_failure()
        elif fault is Fault.RATE_LIMITED:
            self._circuit.record_abandonment()
        else:
            self._circuit.record_success()

    @property
    def patience(self) -> Patience:
        """Timeouts and number of attempts."""
        return self._patience

    def make_auth_headers(self, authorize: Callable[[str], Mapping[str, str]]) -> Mapping[str, str]:
        """Return the headers that carry the key, for requests beside `exchange` (about the server's models).

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


def _finish_error(error: ChatError, key: str, requests: int) -> ChatError:
    """Return a copy of `error` without secrets, with `requests` added to its usage."""
    usage = error.usage + Usage(requests=requests)
    finished = ChatError(remove_secrets(str(error), key), error.fault, retry_s=error.retry_s, usage=usage)
    finished.said = remove_secrets(error.said, key)
    return finished
