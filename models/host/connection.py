"""A server's connection to the host: made on demand, and made again after the host was restarted.

Start at `HostConnection.connect`; `FixedConnection` is the same for a server that Starling does not start.
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
from models.remote.endpoint import Endpoint
from models.remote.exchange import Patience
from models.remote.http import HttpClient, HttpOptions
from models.remote.keys import KeySource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from models.host.address import HostAccess
    from models.host.launcher import HostLauncher
    from models.remote.endpoint_group import EndpointGroup
    from models.remote.exchange import HostStatus

# Name of this process: the host serves its clients in turns.
CLIENT = uuid.uuid4().hex
ENDED = (
    "The model host's process ended unexpectedly (killed, out of memory, or crashed); another one is started and loads "
    "the model again."
)
# Loading a large model and reading a long conversation take a while.
PATIENCE = Patience(first_token_s=300.0, idle_s=120.0, total_s=1800.0, attempts=1)


@dataclass(frozen=True, slots=True)
class _Token(KeySource):
    """The token in the host's record, used as a key."""

    token: str = ""

    def read(self) -> str:
        """Return the token."""
        return self.token


class Connection(Protocol):
    """A connection to a server that computes a model. Thread-safe."""

    @property
    def problem(self) -> str:
        """Current problem of the server, in one sentence; "" for none."""
        ...

    def set_listener(self, notify: Callable[[str], None]) -> None:
        """Have `notify` called, from any thread, with each later problem of the server, one sentence for a person."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of every request."""
        ...

    def connect(self, cancelled: Callable[[], bool]) -> Endpoint | EndpointGroup:
        """Return the server's endpoint; start our own host if none runs, and wait until it answers.

        Args:
            cancelled: asked many times a second while the host is starting; true ends the wait.

        Raises:
            GivenUpError: `cancelled` returned true.
            ModelError: there is no server.
        """
        ...

    def note_request(self) -> None:
        """Record that a request is being sent, so that `check` can tell how long an answer has been due."""
        ...

    def note_answer(self) -> None:
        """Record that an answer, or a piece of it, has arrived: the server does not hang."""
        ...

    def check(self) -> None:
        """Check that the server does not hang; called many times a second while an answer is due.

        Raises:
            SilentHostError: the server hangs.
        """
        ...

    def discard(self, endpoint: Endpoint | EndpointGroup) -> bool:
        """Forget `endpoint`, at which nobody answered; return whether to `connect` and ask once more."""
        ...

    def list_hosts(self) -> tuple[HostStatus, ...]:
        """Return the state of each address of the server, if it has several; else ()."""
        ...

    def close(self) -> None:
        """Cancel running requests. Idempotent."""
        ...


class FixedConnection:
    """A connection to a server of which only the address is known."""

    headers: Mapping[str, str] = {}

    def __init__(self, endpoint: Endpoint | EndpointGroup, client: HttpClient) -> None:
        self._endpoint = endpoint
        self._client = client

    @property
    def problem(self) -> str:
        """Problems of the addresses that are left out, if the server has several; "" if none is."""
        return " ".join(host.problem for host in self._endpoint.list_statuses() if host.rest_s)

    def set_listener(self, _: Callable[[str], None]) -> None:
        """Do nothing: the server is not watched."""

    def connect(self, _: Callable[[], bool]) -> Endpoint | EndpointGroup:
        """Return the fixed endpoint."""
        return self._endpoint

    def note_request(self) -> None:
        """Do nothing: the server is not watched."""

    def note_answer(self) -> None:
        """Do nothing: the server is not watched."""

    def check(self) -> None:
        """Do nothing: the server is not watched."""

    def discard(self, _: Endpoint | EndpointGroup) -> bool:
        """Return False: there is no other endpoint."""
        return False

    def list_hosts(self) -> tuple[HostStatus, ...]:
        """Return the state of each address, if there are several; else ()."""
        return self._endpoint.list_statuses()

    def close(self) -> None:
        """Cancel running requests."""
        self._client.close()


class HostConnection:
    """A connection to Starling's host, which is started if none runs."""

    def __init__(self, process: HostLauncher) -> None:
        self._launcher = process
        self._lock = threading.Lock()
        self._access: HostAccess | None = None
        self._endpoint: Endpoint | None = None
        self._clients: list[HttpClient] = []
        self._closed = False
        self._hang_detector = HangDetector(process.is_alive)
        self._since_ns = 0  # when the host that was reached last began to listen
        self._ended = False  # whether the last host ended without deleting its socket, until another one has answered
        self._notify: Callable[[str], None] = lambda _: None

    @property
    def problem(self) -> str:
        """`ENDED` after the host ended unexpectedly, until a new one has answered; "" otherwise."""
        return ENDED if self._ended else ""

    def set_listener(self, notify: Callable[[str], None]) -> None:
        """Have `notify` called with `ENDED`, from any thread, when a host runs again after one ended unexpectedly."""
        self._notify = notify

    @property
    def headers(self) -> Mapping[str, str]:
        """Version and name of this client."""
        return {protocol.HEADER: self._launcher.address.handshake, protocol.CLIENT_HEADER: CLIENT}

    def connect(self, cancelled: Callable[[], bool]) -> Endpoint:
        """Return the host's endpoint; start a host if none runs, and notify the listener if the last one crashed."""
        if (endpoint := self._endpoint) is not None:
            return endpoint
        with self._explain_silence():
            access = self._launcher.ensure_running(cancelled)
        news = False
        with self._lock:
            if self._endpoint is None:
                since_ns = self._launcher.address.read_start_ns()
                if since_ns == self._since_ns:
                    self._ended = False  # the same host still runs, and only a connection broke
                self._since_ns, news = since_ns, self._ended
                if access != self._access or not self._clients:
                    self._clients.append(HttpClient(HttpOptions(socket=access.socket, own=True)))
                self._access = access
                if self._closed:
                    self._clients[-1].close()
                never_open = Circuit(failures=sys.maxsize)  # a failed host is restarted, not left alone
                key = _Token(token=access.token)
                url, client = f"{access.url}/v1", self._clients[-1]
                self._endpoint = Endpoint(url, client, key=key, patience=PATIENCE, circuit=never_open)
            endpoint = self._endpoint
        if news:
            self._notify(ENDED)
        return endpoint

    def discard(self, endpoint: Endpoint | EndpointGroup) -> bool:
        """Forget `endpoint`, so that the next `connect` starts a host if none runs; return False after `close`.

        If the host's socket or record is still there, its end counts as unexpected.
        """
        with self._lock:
            if self._endpoint is endpoint:
                self._ended = self._ended or self._launcher.address.read_start_ns() == self._since_ns
                self._endpoint = self._access = None  # with new connections: the old ones are broken
            return not self._closed

    def list_hosts(self) -> tuple[HostStatus, ...]:
        """Return (): the host has one address."""
        return ()

    def note_request(self) -> None:
        """Record that a request is being sent."""
        self._hang_detector.note_request()

    def note_answer(self) -> None:
        """Record that an answer, or a piece of it, has arrived: the host neither hangs nor has ended."""
        self._hang_detector.note_answer()
        with self._lock:
            self._ended = self._ended and self._endpoint is None

    def check(self) -> None:
        """Raise if the last health check failed; begin one in the background if an answer has been due for long.

        Returns at once; called many times a second while an answer is due.

        Raises:
            SilentHostError: the host did not answer the last health check.
        """
        with self._explain_silence():
            self._hang_detector.check()

    @contextmanager
    def _explain_silence(self) -> Iterator[None]:
        """Replace the message of a SilentHostError in the context by `ENDED` if the last host ended unexpectedly."""
        try:
            yield
        except SilentHostError as error:
            if self._ended:
                raise SilentHostError(ENDED) from error
            raise

    def close(self) -> None:
        """Cancel running requests; the host keeps running for others."""
        with self._lock:
            self._closed = True
            clients = list(self._clients)
        for client in clients:
            client.close()
