"""Several addresses of one model: each request goes to the least busy one that answers.

The fewest requests in hand decide, then the time until an answer began. The same document prefers the same address,
whose server has its prompt in a cache. An address that fails is left out by its circuit breaker. A request of which no
part of an answer has arrived is sent to one other address at most. Start at `EndpointGroup.exchange`.
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from models.chat import ChatError, Fault, Usage
from models.remote.circuit import Circuit, HourlyLimit
from models.remote.endpoint import Endpoint
from models.remote.exchange import HostStatus, Patience
from models.remote.http import GivenUpError
from models.remote.refusals import LONGEST_QUOTE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from models.remote.exchange import Outgoing, Reader
    from models.remote.http import HttpClient
    from models.remote.keys import KeySource

REST_S = 5.0  # first rest of an address after one failure: the others take its requests
SILENT_S = 1.0  # without a part of an answer, after which the server is asked whether it is alive
PROBE_S = 1.0  # longest wait for the answer to that question
SLACK = 1  # requests that the preferred address may have in hand beyond the least busy one
BUSY_S = 2.0  # during which an address that had too many requests is asked last, if it states no time
LONGEST_BUSY_S = 60.0
WEIGHT = 0.3  # of the newest time in the running average
_ELSEWHERE = frozenset({Fault.UNREACHABLE, Fault.TIMEOUT, Fault.OVERLOADED, Fault.RATE_LIMITED, Fault.RESTING})


@dataclass(slots=True)
class _Host:
    """One address, with what this process knows of its load.

    Attributes:
        endpoint: the address.
        in_hand: requests under way.
        answered: requests answered.
        begins_s: average time until an answer began; 0 before any answer.
        waited_s: time that given-up requests waited in vain since the last sign of life.
        busy_until: time until which it is asked last, by the monotonic clock.
        probing: whether it is being asked whether it is alive.
        silences: number of times that it was not.
        problem: why the last request failed; "" if it did not.
    """

    endpoint: Endpoint
    in_hand: int = 0
    answered: int = 0
    begins_s: float = 0.0
    waited_s: float = 0.0
    busy_until: float = 0.0
    probing: bool = False
    silences: int = 0
    problem: str = ""


@dataclass(slots=True)
class _Ask:
    """One request at one address.

    Attributes:
        host: the address.
        since: when it was sent, by the monotonic clock.
        silences: number of times, before it was sent, that the server was not alive.
        readers: the readers of its answer, one for each attempt.
        begun: whether a part of the answer has arrived.
        silent: whether the server is not alive, so that the request was given up.
    """

    host: _Host
    since: float
    silences: int
    readers: list[Reader] = field(default_factory=list)
    begun: bool = False
    silent: bool = False


@dataclass(frozen=True, slots=True)
class _Request:
    """The arguments of `EndpointGroup.exchange` but for `affinity`."""

    outgoing: Outgoing
    make_auth_headers: Callable[[str], Mapping[str, str]]
    make_reader: Callable[[Callable[[str], None]], Reader]
    cancelled: Callable[[], bool]
    on_text: Callable[[str], None] | None


class EndpointGroup:
    """Several addresses of one model; used like `models.remote.endpoint.Endpoint`. Thread-safe.

    Attributes:
        url: the first address, which names the group.
        local: whether all addresses are on this machine.
        patience: timeouts and number of attempts.
    """

    def __init__(
        self,
        urls: Sequence[str],
        client: HttpClient,
        *,
        key: KeySource | None = None,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a group of `urls`, at least one; opens no connection.

        Args:
            urls: the addresses.
            client: sends the requests; bounds no number of connections (`HttpOptions.connections`).
            key: the API key, sent to every address.
            patience: timeouts and number of attempts; the hourly limit counts the requests to all addresses together.
            clock: returns the time in seconds.
        """
        self.patience = patience or Patience()
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        limit = HourlyLimit(self.patience.requests_per_hour)
        self._hosts = tuple(
            _Host(
                Endpoint(
                    url,
                    client,
                    key=key,
                    patience=self.patience,
                    circuit=Circuit(failures=1, rest_s=REST_S, clock=clock),
                    limit=limit,
                )
            )
            for url in dict.fromkeys(one.rstrip("/") for one in urls)
        )
        self.url = self._hosts[0].endpoint.url
        self.local = all(host.endpoint.local for host in self._hosts)

    @property
    def answering_url(self) -> str:
        """The address that the next request would go to."""
        return self._rank("")[0].endpoint.url

    def make_auth_headers(self, make_headers: Callable[[str], Mapping[str, str]]) -> Mapping[str, str]:
        """Return the headers that carry the key, as `Endpoint.make_auth_headers` does."""
        return self._hosts[0].endpoint.make_auth_headers(make_headers)

    def list_statuses(self) -> tuple[HostStatus, ...]:
        """Return the state of each address, in the order of the settings."""
        with self._lock:
            return tuple(
                HostStatus(
                    host.endpoint.url,
                    host.in_hand,
                    host.answered,
                    host.endpoint.rest_s,
                    host.begins_s,
                    host.problem,
                )
                for host in self._hosts
            )

    def exchange(  # noqa: PLR0913 - as `Endpoint.exchange`
        self,
        outgoing: Outgoing,
        make_auth_headers: Callable[[str], Mapping[str, str]],
        make_reader: Callable[[Callable[[str], None]], Reader],
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
        affinity: str = "",
    ) -> int:
        """Send a request and read the answer to its end; return the number of attempts.

        If an address does not answer, and no part of an answer has arrived, one other address is asked. See
        `Endpoint.exchange` for the arguments; `affinity` names the document or conversation, which prefers one address.

        Raises:
            GivenUpError: `cancelled` returned true.
            ChatError: no complete answer came.
        """
        request = _Request(outgoing, make_auth_headers, make_reader, cancelled, on_text)
        first, *others = self._rank(affinity)
        requests = 0
        try:
            alone = all(host.endpoint.rest_s for host in others)
            return self._ask(first, request, alone=alone)
        except ChatError as error:
            requests = error.usage.requests
            second = next((host for host in others if not host.endpoint.rest_s), None)
            if second is None or error.fault not in _ELSEWHERE or error.begun:
                raise
        try:
            return requests + self._ask(second, request, alone=False)
        except ChatError as error:
            error.usage += Usage(requests=requests)
            raise

    def _ask(self, host: _Host, request: _Request, *, alone: bool) -> int:
        """Send a request to `host`; return the number of attempts, more than one only if it is `alone` in answering.

        While no part of an answer has arrived, a silent server is asked whether it is alive.

        Raises:
            GivenUpError: `cancelled` returned true.
            ChatError: no complete answer came, or the server is not alive.
        """
        asked = _Ask(host, time.monotonic(), host.silences)

        def make_watched_reader(pass_on: Callable[[str], None]) -> Reader:
            """Return a new reader, and keep it to see when an answer begins."""
            asked.readers.append(request.make_reader(pass_on))
            return asked.readers[-1]

        def has_ended() -> bool:
            """Return whether the caller gave up, or the server turned out not to be alive."""
            return request.cancelled() or (len(self._hosts) > 1 and self._is_silent(asked))

        with self._lock:
            host.in_hand += 1
        try:
            patience = self.patience if alone else replace(self.patience, attempts=1)
            requests = host.endpoint.exchange(
                request.outgoing,
                request.make_auth_headers,
                make_watched_reader,
                cancelled=has_ended,
                on_text=request.on_text,
                patience=patience,
            )
        except GivenUpError:
            self._note_begin(asked)
            if asked.silent and not request.cancelled():
                raise self._explain_silence(asked) from None
            raise
        except ChatError as error:
            self._note_begin(asked)
            self._note_failure(asked, error)
            raise
        else:
            self._note_begin(asked, ended=True)
            return requests
        finally:
            with self._lock:
                host.in_hand -= 1
                if not asked.begun:
                    host.waited_s += time.monotonic() - asked.since

    def _rank(self, affinity: str) -> list[_Host]:
        """Return the addresses in the order in which they are to be asked.

        Those that rest after a failure come last, before them those with too many requests. The address that `affinity`
        prefers comes first, unless it has more than `SLACK` requests in hand beyond the least busy one.
        """
        now = self._clock()
        with self._lock:
            loads = {
                id(host): (host.endpoint.rest_s, host.busy_until > now, host.in_hand, host.begins_s)
                for host in self._hosts
            }
        ranked = sorted(self._hosts, key=lambda host: loads[id(host)])
        if affinity:
            best = loads[id(ranked[0])]
            preferred = max(
                (host for host in ranked if loads[id(host)][:2] == best[:2]),
                key=lambda host: _weigh(affinity, host.endpoint.url),
            )
            if loads[id(preferred)][2] <= best[2] + SLACK:
                ranked.remove(preferred)
                ranked.insert(0, preferred)
        return ranked

    def _note_begin(self, asked: _Ask, *, ended: bool = False) -> None:
        """Record that an answer has begun, if it has, with the time that this took; with `ended` count it."""
        host = asked.host
        with self._lock:
            if not asked.begun and (ended or any(reader.started for reader in asked.readers)):
                asked.begun, took_s = True, time.monotonic() - asked.since
                host.waited_s = 0.0
                host.begins_s = host.begins_s + WEIGHT * (took_s - host.begins_s) if host.begins_s else took_s
            if ended:
                host.answered += 1
                host.problem = ""

    def _note_failure(self, asked: _Ask, error: ChatError) -> None:
        """Record why a request failed, and that an address with too many requests is busy."""
        error.begun = asked.begun
        with self._lock:
            quoted = f' ("{error.said[:LONGEST_QUOTE]}")' if error.said else ""
            asked.host.problem = f"{asked.host.endpoint.url} did not answer: {error.fault.value}{quoted}."
            if error.fault is Fault.RATE_LIMITED:
                wait_s = BUSY_S if error.retry_s is None else error.retry_s
                asked.host.busy_until = self._clock() + min(wait_s, LONGEST_BUSY_S)

    def _is_silent(self, asked: _Ask) -> bool:
        """Return whether the server is known not to be alive; begin a question in the background if that is in doubt.

        It is in doubt once requests without a part of an answer have waited for `SILENT_S` together, those included
        that their callers gave up.
        """
        self._note_begin(asked)
        if asked.begun:
            return False
        host, waited_s = asked.host, time.monotonic() - asked.since
        with self._lock:
            asked.silent = host.silences > asked.silences
            if asked.silent or host.probing or host.waited_s + waited_s < SILENT_S:
                return asked.silent
            host.probing = True
        threading.Thread(target=self._probe, args=(host,), name="host-probe", daemon=True).start()
        return False

    def _probe(self, host: _Host) -> None:
        """Ask the server of `host` for its health; if it does not answer within `PROBE_S`, leave it out for a while.

        Every answer below status 500 is a sign of life: not all servers have a page of health.
        """
        alive = host.endpoint.is_alive(PROBE_S)
        with self._lock:
            host.probing = False
            host.waited_s = 0.0 if alive else host.waited_s
            if not alive:
                host.silences += 1
                host.problem = _describe_silence(host.endpoint.url)

    def _explain_silence(self, asked: _Ask) -> ChatError:
        """Return the error for a server that is not alive."""
        return ChatError(_describe_silence(asked.host.endpoint.url), Fault.TIMEOUT, usage=Usage(requests=1))


def _describe_silence(url: str) -> str:
    """Return the sentence about a server at `url` that is not alive."""
    return f"{url} does not answer; see whether the server runs."


def _weigh(affinity: str, url: str) -> bytes:
    """Return the weight of `url` for `affinity`: the highest is preferred, and stays so if other addresses go."""
    return hashlib.sha256(f"{affinity}\0{url}".encode("utf-8", "surrogatepass")).digest()
