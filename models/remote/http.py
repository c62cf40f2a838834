"""The one HTTP client: keep-alive connections on an event loop of their own, used by blocking callers who may give up.

A call that is given up closes its connection, which is how an endpoint learns to stop computing. Never follows a
redirect (a key goes only where a person sent it), never takes a proxy for this machine itself, and imports nothing
heavy before the first call. Start at `HttpClient.call`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import ipaddress
import logging
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from models.chat import ChatError, Fault
from starling_python import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import httpcore2
    import httpx2

Result = TypeVar("Result")

POLL_S = 0.02  # how soon a caller who gives up is heard
CLOSE_WAIT_S = 1.0  # for a connection to close; after that nobody waits for it
POOL = 8  # connections kept at once: a person does not have more windows in use
KEEP_ALIVE_S = 60.0
LIBRARIES = ("httpx2", "httpcore2")  # they log addresses and headers


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How the outside is reached.

    Attributes:
        proxy: URL of a proxy; "" for what the environment says (`HTTPS_PROXY`, `NO_PROXY`).
        ca_file: certificates in PEM to trust beside the system's; None for none.
        connect_s: longest wait for a connection, seconds.
        socket: a Unix socket on this machine to speak through, whatever the URL says; None for TCP.
        own: whether nothing is sent unless this user listens at the socket.
    """

    proxy: str = ""
    ca_file: Path | None = None
    connect_s: float = 5.0
    socket: Path | None = None
    own: bool = False


class GivenUpError(Exception):
    """The caller no longer wants the answer, and the connection was closed."""


class HttpClient:
    """One client and its thread. Thread-safe; made cheaply, started by the first call."""

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._clients: dict[tuple[bool, bool], httpx2.AsyncClient] = {}  # by (local, encrypted)
        self._closed = False

    def call(
        self,
        url: str,
        work: Callable[[httpx2.AsyncClient, Callable[[str], None]], Awaitable[Result]],
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Result:
        """Run `work` with the client that fits `url`; blocks until it ends.

        Args:
            url: what will be asked; decides whether a proxy is used.
            work: given the client, and a function that hands text to `on_text`.
            cancelled: asked many times a second.
            on_text: called on the caller's own thread.

        Raises:
            GivenUpError: `cancelled` said so, or the client was closed.
        """
        loop = self._started()
        told: queue.SimpleQueue[str | None] = queue.SimpleQueue()

        async def run() -> Result:
            try:
                return await work(self._client(url), told.put)
            finally:
                told.put(None)

        if cancelled():
            raise GivenUpError
        running = asyncio.run_coroutine_threadsafe(run(), loop)
        try:
            while (piece := self._next(told, cancelled)) is not None:
                if on_text is not None:
                    on_text(piece)
            return running.result(CLOSE_WAIT_S)
        except concurrent.futures.CancelledError:  # `close` was quicker
            raise GivenUpError from None
        finally:
            _stop(running, told)

    def _next(self, told: queue.SimpleQueue[str | None], cancelled: Callable[[], bool]) -> str | None:
        """The next piece, None at the end."""
        while True:
            if cancelled() or self._closed:
                raise GivenUpError
            with contextlib.suppress(queue.Empty):
                return told.get(timeout=POLL_S)

    def close(self) -> None:
        """Give up what runs, close the connections and end the thread. Safe twice."""
        with self._lock:
            self._closed = True
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(self._end(), loop)
            thread.join(CLOSE_WAIT_S)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise GivenUpError
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="http", daemon=True)
                self._thread.start()
            return self._loop

    def _client(self, url: str) -> httpx2.AsyncClient:
        """On the loop."""
        local = is_local(url)
        # a proxy, which only other machines are reached through, may want TLS
        encrypted = not local or urlsplit(url).scheme != "http"
        if (local, encrypted) not in self._clients:
            self._clients[local, encrypted] = _made(self._options, local=local, encrypted=encrypted)
        return self._clients[local, encrypted]

    async def _end(self) -> None:
        loop = asyncio.get_running_loop()
        others = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for client in self._clients.values():
            await client.aclose()
        loop.stop()


def is_local(url: str) -> bool:
    """Whether `url` is on this machine: no proxy, no limit, and it may take its time to load a model."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.set_exception_handler(_complain)
    try:
        loop.run_forever()
    finally:
        loop.close()


def _complain(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """As usual, but for what anyio's Unix sockets do: a read that was given up is told of its data all the same."""
    if not isinstance(context.get("exception"), asyncio.InvalidStateError):
        loop.default_exception_handler(context)


def _stop(running: concurrent.futures.Future[Any], told: queue.SimpleQueue[str | None]) -> None:
    """Cancel what runs and wait until its connection is closed."""
    if running.done() or not running.cancel():
        return
    with contextlib.suppress(queue.Empty):
        while told.get(timeout=CLOSE_WAIT_S) is not None:
            pass


def _own_pool(path: str, limits: httpx2.Limits) -> httpcore2.AsyncConnectionPool:
    """Connections to a Unix socket that carry nothing unless this user listens there."""
    import httpcore2  # noqa: PLC0415 (loaded by now: httpx2 brings it)

    from models.host.peers import restrict_to_own_sockets  # noqa: PLC0415 (for the model host alone)

    return httpcore2.AsyncConnectionPool(
        uds=path,
        max_connections=limits.max_connections,
        keepalive_expiry=limits.keepalive_expiry,
        network_backend=restrict_to_own_sockets(httpcore2.AnyIOBackend()),
    )


def _made(options: HttpOptions, *, local: bool, encrypted: bool) -> httpx2.AsyncClient:
    import importlib.util  # noqa: PLC0415 (with the next, at the first call)
    import ssl  # noqa: PLC0415 (as above)

    with uninterrupted():
        import httpx2  # noqa: PLC0415 (150 ms that only a person with an endpoint pays)

    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    timeout = httpx2.Timeout(None, connect=options.connect_s)
    limits = httpx2.Limits(max_connections=POOL, keepalive_expiry=KEEP_ALIVE_S)
    if options.socket is not None:
        through = httpx2.AsyncHTTPTransport(uds=str(options.socket), limits=limits, verify=False)
        if options.own:
            through._pool = _own_pool(str(options.socket), limits)  # noqa: SLF001 (the transport takes no backend)
        return httpx2.AsyncClient(transport=through, trust_env=False, follow_redirects=False, timeout=timeout)
    # reading the system's certificates takes 25 ms, which a client for plain HTTP does without
    context = httpx2.create_ssl_context() if encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if options.ca_file is not None:
        try:
            context.load_verify_locations(cafile=str(options.ca_file))
        except OSError as error:  # ssl's own errors are some too
            raise ChatError(
                f"The certificates in {options.ca_file} cannot be read ({error.strerror or error}); chat.caFile takes "
                "a file in PEM.",
                Fault.REFUSED,
            ) from None
    return httpx2.AsyncClient(
        http2=importlib.util.find_spec("h2") is not None and not local,
        verify=context,
        proxy=None if local or not options.proxy else options.proxy,
        trust_env=not local and not options.proxy,
        follow_redirects=False,
        timeout=timeout,
        limits=limits,
    )
