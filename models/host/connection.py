"""A server's connection to the host: made when it is needed, made anew when the host was started again.

Start at `HostConnection.endpoint`; `FixedConnection` is the same for a server that somebody else runs.
"""

from __future__ import annotations

import sys
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from models.errors import SilentHostError
from models.host import protocol
from models.host.hang_detector import HangDetector
from models.remote.circuit import Circuit
from models.remote.endpoint import Endpoint, Patience
from models.remote.http import HttpClient, HttpOptions
from models.remote.keys import KeySource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from models.host.address import HostAccess
    from models.host.launcher import HostLauncher

# One for this process: the host gives each client its turn.
CLIENT = uuid.uuid4().hex
ENDED = (
    "The model host's process ended unexpectedly (killed, out of memory, or crashed); another one is started and loads "
    "the model again."
)
# A large model takes a while to load, a long conversation to be read.
PATIENCE = Patience(first_token_s=300.0, idle_s=120.0, total_s=1800.0, attempts=1)


@dataclass(frozen=True, slots=True)
class _Token(KeySource):
    """The host's own key, from the file that only we can read."""

    token: str = ""

    def read(self) -> str:
        return self.token


class Connection(Protocol):
    """The way to a server. Thread-safe."""

    @property
    def problem(self) -> str:
        """What is wrong with the other side now, in one sentence; "" for nothing."""
        ...

    def listen(self, told: Callable[[str], None]) -> None:
        """Call `told`, from any thread, with what a person should know of the other side."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """That go with every request."""
        ...

    def endpoint(self, cancelled: Callable[[], bool]) -> Endpoint:
        """Where to ask.

        Raises:
            ModelError: there is no way.
        """
        ...

    def note_request(self) -> None:
        """Note that a request goes out."""
        ...

    def note_answer(self) -> None:
        """Note that an answer came."""
        ...

    def check(self) -> None:
        """See that the other side lives; called many times a second while an answer is due.

        Raises:
            SilentHostError: it hangs.
        """
        ...

    def discard(self, endpoint: Endpoint) -> bool:
        """Nobody answered there: whether it is worth asking for another endpoint, once."""
        ...

    def close(self) -> None:
        """End what runs. Safe twice."""
        ...


class FixedConnection:
    """To a server of which nothing is known but its address."""

    headers: Mapping[str, str] = {}
    problem = ""

    def __init__(self, endpoint: Endpoint, client: HttpClient) -> None:
        self._endpoint = endpoint
        self._client = client

    def listen(self, _: Callable[[str], None]) -> None:
        """Nothing is known of how it lives."""

    def endpoint(self, _: Callable[[], bool]) -> Endpoint:
        """Where to ask."""
        return self._endpoint

    def note_request(self) -> None:
        """Nothing is known of how it lives."""

    def note_answer(self) -> None:
        """Nothing is known of how it lives."""

    def check(self) -> None:
        """Nothing is known of how it lives."""

    def discard(self, _: Endpoint) -> bool:
        """Nothing can be done about it."""
        return False

    def close(self) -> None:
        """End what runs."""
        self._client.close()


class HostConnection:
    """To our host, which is started when there is none."""

    def __init__(self, process: HostLauncher) -> None:
        self._launcher = process
        self._lock = threading.Lock()
        self._reach: HostAccess | None = None
        self._endpoint: Endpoint | None = None
        self._clients: list[HttpClient] = []
        self._closed = False
        self._hang_detector = HangDetector(process.is_alive)
        self._since_ns = 0  # of the host that was reached last
        self._ended = False  # the last host left its socket behind, so it was killed; until another one answers
        self._told: Callable[[str], None] = lambda _: None

    @property
    def problem(self) -> str:
        """Say that the host ended, until another one has answered; "" otherwise."""
        return ENDED if self._ended else ""

    def listen(self, told: Callable[[str], None]) -> None:
        """Call `told`, once for each time that the host ended, from any thread."""
        self._told = told

    @property
    def headers(self) -> Mapping[str, str]:
        """Who asks, of which version."""
        return {protocol.HEADER: self._launcher.address.handshake, protocol.CLIENT_HEADER: CLIENT}

    def endpoint(self, cancelled: Callable[[], bool]) -> Endpoint:
        """The host, started if need be."""
        if (endpoint := self._endpoint) is not None:
            return endpoint
        with self._explaining():
            reach = self._launcher.ensure_running(cancelled)
        news = False
        with self._lock:
            if self._endpoint is None:
                since_ns = self._launcher.address.read_start_ns()
                if since_ns == self._since_ns:
                    self._ended = False  # the same one lives, and only a connection broke
                self._since_ns, news = since_ns, self._ended
                if reach != self._reach or not self._clients:
                    self._clients.append(HttpClient(HttpOptions(socket=reach.socket, own=True)))
                self._reach = reach
                if self._closed:
                    self._clients[-1].close()
                never_open = Circuit(failures=sys.maxsize)  # it is started again, not left alone
                key = _Token(token=reach.token)
                url, client = f"{reach.url}/v1", self._clients[-1]
                self._endpoint = Endpoint(url, client, key=key, patience=PATIENCE, circuit=never_open)
            endpoint = self._endpoint
        if news:
            self._told(ENDED)
        return endpoint

    def discard(self, endpoint: Endpoint) -> bool:
        """It is started again by the next `endpoint`."""
        with self._lock:
            if self._endpoint is endpoint:
                self._ended = self._ended or self._launcher.address.read_start_ns() == self._since_ns
                self._endpoint = self._reach = None  # with new connections: the old ones are broken
            return not self._closed

    def note_request(self) -> None:
        """Note that a request goes out."""
        self._hang_detector.note_request()

    def note_answer(self) -> None:
        """Note that an answer came."""
        self._hang_detector.note_answer()
        with self._lock:
            self._ended = self._ended and self._endpoint is None

    def check(self) -> None:
        """See that the host lives.

        Raises:
            SilentHostError: it hangs.
        """
        with self._explaining():
            self._hang_detector.check()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Where a host does not answer yet, raise that the one before it ended."""
        try:
            yield
        except SilentHostError as error:
            if self._ended:
                raise SilentHostError(ENDED) from error
            raise

    def close(self) -> None:
        """End what runs; the host itself stays for others."""
        with self._lock:
            self._closed = True
            clients = list(self._clients)
        for client in clients:
            client.close()
