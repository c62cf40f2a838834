"""A server's connection to the host: made when it is needed, made anew when the host was started again.

Start at `HostConnection.endpoint`; `FixedConnection` is the same for a server that somebody else runs.
"""

from __future__ import annotations

import sys
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from models.circuit import Circuit
from models.endpoint import Endpoint, Patience
from models.host import forms
from models.host.pulse import Pulse
from models.http import HttpClient, HttpOptions
from models.keys import KeySource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from models.host.address import Reach
    from models.host.starting import HostProcess

# One for this process: the host gives each client its turn.
CLIENT = uuid.uuid4().hex
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
    def headers(self) -> Mapping[str, str]:
        """That go with every request."""
        ...

    def endpoint(self, cancelled: Callable[[], bool]) -> Endpoint:
        """Where to ask.

        Raises:
            ModelError: there is no way.
        """
        ...

    def asked(self) -> None:
        """Note that a request goes out."""
        ...

    def heard(self) -> None:
        """Note that an answer came."""
        ...

    def check(self) -> None:
        """See that the other side lives; called many times a second while an answer is due.

        Raises:
            SilentHostError: it hangs.
        """
        ...

    def lost(self, endpoint: Endpoint) -> bool:
        """Nobody answered there: whether it is worth asking for another endpoint, once."""
        ...

    def close(self) -> None:
        """End what runs. Safe twice."""
        ...


class FixedConnection:
    """To a server of which nothing is known but its address."""

    headers: Mapping[str, str] = {}

    def __init__(self, endpoint: Endpoint, client: HttpClient) -> None:
        self._endpoint = endpoint
        self._client = client

    def endpoint(self, _: Callable[[], bool]) -> Endpoint:
        """Where to ask."""
        return self._endpoint

    def asked(self) -> None:
        """Nothing is known of how it lives."""

    def heard(self) -> None:
        """Nothing is known of how it lives."""

    def check(self) -> None:
        """Nothing is known of how it lives."""

    def lost(self, _: Endpoint) -> bool:
        """Nothing can be done about it."""
        return False

    def close(self) -> None:
        """End what runs."""
        self._client.close()


class HostConnection:
    """To our host, which is started when there is none."""

    def __init__(self, process: HostProcess) -> None:
        self._process = process
        self._lock = threading.Lock()
        self._reach: Reach | None = None
        self._endpoint: Endpoint | None = None
        self._clients: list[HttpClient] = []
        self._closed = False
        self._pulse = Pulse(process.lives)

    @property
    def headers(self) -> Mapping[str, str]:
        """Who asks, of which version."""
        return {forms.HEADER: self._process.address.handshake, forms.CLIENT_HEADER: CLIENT}

    def endpoint(self, cancelled: Callable[[], bool]) -> Endpoint:
        """The host, started if need be."""
        if (endpoint := self._endpoint) is not None:
            return endpoint
        reach = self._process.reach(cancelled)
        with self._lock:
            if self._endpoint is None:
                if reach != self._reach or not self._clients:
                    self._clients.append(HttpClient(HttpOptions(socket=reach.socket, own=True)))
                self._reach = reach
                if self._closed:
                    self._clients[-1].close()
                never_open = Circuit(failures=sys.maxsize)  # it is started again, not left alone
                key = _Token(token=reach.token)
                url, client = f"{reach.url}/v1", self._clients[-1]
                self._endpoint = Endpoint(url, client, key=key, patience=PATIENCE, circuit=never_open)
            return self._endpoint

    def lost(self, endpoint: Endpoint) -> bool:
        """It is started again by the next `endpoint`."""
        with self._lock:
            if self._endpoint is endpoint:
                self._endpoint = self._reach = None  # with new connections: the old ones are broken
            return not self._closed

    def asked(self) -> None:
        """Note that a request goes out."""
        self._pulse.asked()

    def heard(self) -> None:
        """Note that an answer came."""
        self._pulse.heard()

    def check(self) -> None:
        """See that the host lives.

        Raises:
            SilentHostError: it hangs.
        """
        self._pulse.check()

    def close(self) -> None:
        """End what runs; the host itself stays for others."""
        with self._lock:
            self._closed = True
            clients = list(self._clients)
        for client in clients:
            client.close()
