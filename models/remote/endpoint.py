"""One endpoint: its address, key, timeouts, hourly limit and circuit breaker.

Knows no dialect: a reader assembles the answer from JSON objects. Requests are sent by `models.remote.attempts`. Start
at `Endpoint.exchange`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from models.chat import ChatError, Fault, Usage
from models.remote.attempts import Attempts
from models.remote.circuit import Circuit, HourlyLimit
from models.remote.exchange import Patience
from models.remote.http import GivenUpError, is_local
from models.remote.keys import KeySource, remove_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from models.remote.exchange import HostStatus, Outgoing, Reader
    from models.remote.http import HttpClient

SERVER_ERROR = 500  # statuses from here on say that a server does not work


class Endpoint:
    """One endpoint, with its key, timeouts, hourly limit and circuit breaker. Thread-safe.

    Attributes:
        url: without a slash at its end.
        local: whether it is on this machine.
    """

    def __init__(  # noqa: PLR0913 - what protects an endpoint can be shared or given
        self,
        url: str,
        client: HttpClient,
        *,
        key: KeySource | None = None,
        patience: Patience | None = None,
        circuit: Circuit | None = None,
        limit: HourlyLimit | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.local = is_local(url)
        self._client = client
        self._key = key or KeySource()
        self._patience = patience or Patience()
        self._limit = limit or HourlyLimit(self._patience.requests_per_hour)
        self._circuit = circuit or Circuit()

    def exchange(  # noqa: PLR0913 - a request, who reads the answer, and for whom
        self,
        outgoing: Outgoing,
        make_auth_headers: Callable[[str], Mapping[str, str]],
        make_reader: Callable[[Callable[[str], None]], Reader],
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
        affinity: str = "",
        patience: Patience | None = None,
    ) -> int:
        """Send a request and read the answer to its end; return the number of attempts.

        Args:
            outgoing: the request.
            make_auth_headers: returns the headers that carry the key ("" for none).
            make_reader: returns a new reader for each attempt; its argument passes text to `on_text`.
            cancelled: polled every 20 ms; once it returns true, the connection is closed.
            on_text: called with text from the reader, on the caller's thread.
            affinity: ignored here; see `models.remote.endpoint_group.EndpointGroup`.
            patience: replaces the endpoint's timeouts and number of attempts; None for those.

        Raises:
            GivenUpError: `cancelled` returned true.
            ChatError: no complete answer came, the key cannot be read, or the circuit breaker rejects the call.
        """
        del affinity
        key = self._key.read()
        if rest_s := self._circuit.admit():
            raise ChatError(
                f"{self.url} failed several times just now and is not asked for {rest_s:.0f} s; "
                "`starling doctor` says what is wrong with it.",
                Fault.RESTING,
                retry_s=rest_s,
            )
        authorized = replace(outgoing, headers={**outgoing.headers, **make_auth_headers(key)})
        attempts = Attempts(self.url, patience or self._patience, self._limit, authorized, make_reader)
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
        """Report a failed call to the circuit breaker: as a failure only without a usable response.

        A refused request counts as a success, and a rate limit as neither.
        """
        if fault in {Fault.UNREACHABLE, Fault.TIMEOUT, Fault.OVERLOADED, Fault.MALFORMED}:
            self._circuit.record_failure()
        elif fault is Fault.RATE_LIMITED:
            self._circuit.record_abandonment()
        else:
            self._circuit.record_success()

    @property
    def answering_url(self) -> str:
        """The address of other requests than those of `exchange`; one of several in a group."""
        return self.url

    def list_statuses(self) -> tuple[HostStatus, ...]:
        """Return (): one address has no state of its own besides the model's."""
        return ()

    @property
    def rest_s(self) -> float:
        """Seconds for which the circuit breaker rejects calls; 0 if it admits one now."""
        return self._circuit.rest_s

    def is_alive(self, wait_s: float) -> bool:
        """Ask the server for its health; return whether it answers within `wait_s` seconds, but for a server error.

        Without an answer the circuit breaker counts a failure.
        """
        try:
            alive = 0 < self._client.read_status(f"{self.url.removesuffix('/v1')}/health", wait_s) < SERVER_ERROR
        except (GivenUpError, ChatError):
            return True  # the client was closed, or its certificates are wrong: this says nothing about the server
        if not alive:
            self._circuit.record_failure()
        return alive

    @property
    def patience(self) -> Patience:
        """Timeouts and number of attempts."""
        return self._patience

    def make_auth_headers(self, make_headers: Callable[[str], Mapping[str, str]]) -> Mapping[str, str]:
        """Return the headers that carry the key, for requests that are not sent by `exchange`.

        Raises:
            ChatError: the key cannot be read.
        """
        return make_headers(self._key.read())


def _finish_error(error: ChatError, key: str, requests: int) -> ChatError:
    """Return a copy of `error` without secrets and without its partial answer, with `requests` added to its usage."""
    usage = error.usage + Usage(requests=requests)
    finished = ChatError(remove_secrets(str(error), key), error.fault, retry_s=error.retry_s, usage=usage)
    finished.said = remove_secrets(error.said, key)
    return finished
