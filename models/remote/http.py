"""The HTTP client: keep-alive connections on an event loop in a thread, for blocking callers that may give up.

Giving up a call closes its connection, which makes an endpoint stop computing. Never follows a redirect (a key is sent
only to the address that a person named), never uses a proxy to reach this machine, and imports no HTTP library before
the first call. Start at `HttpClient.call`.
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
from starling_python import pause_garbage_collection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import httpcore2
    import httpx2

Result = TypeVar("Result")

POLL_S = 0.02  # between two calls of `cancelled`
CLOSE_WAIT_S = 1.0  # longest wait for a connection to close
POOL = 8  # connections at once
KEEP_ALIVE_S = 60.0
LIBRARIES = ("httpx2", "httpcore2")  # their logs below WARNING hold addresses and headers


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """Settings of a client.

    Attributes:
        proxy: URL of a proxy; "" for the one in the environment (`HTTPS_PROXY`, `NO_PROXY`).
        ca_file: certificates in PEM to trust beside the system's; None for none.
        connect_s: longest wait for a connection, seconds.
        socket: a Unix socket on this machine that replaces the host of every URL; None for TCP.
        connections: most connections at once; None for no limit.
        own: whether nothing is sent unless the process that listens at `socket` belongs to this user.
    """

    proxy: str = ""
    ca_file: Path | None = None
    connect_s: float = 5.0
    socket: Path | None = None
    connections: int | None = POOL
    own: bool = False


class GivenUpError(Exception):
    """The caller gave up, and the connection was closed."""


class HttpClient:
    """One client and its thread, which the first call starts. Thread-safe."""

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
        """Run the coroutine function `work` with the client that fits `url`, wait for its end, and return its result.

        Exceptions of `work`, and of `on_text`, reach the caller.

        Args:
            url: decides whether a proxy is used.
            work: called with the client, and with a function that passes text to `on_text`.
            cancelled: polled every 20 ms; once it returns true, `work` is cancelled and its connection closed.
            on_text: called on the caller's own thread.

        Raises:
            GivenUpError: `cancelled` returned true, or the client was closed.
        """
        loop = self._start_loop()
        pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()

        async def run() -> Result:
            try:
                return await work(self._choose_client(url), pieces.put)
            finally:
                pieces.put(None)

        if cancelled():
            raise GivenUpError
        running = asyncio.run_coroutine_threadsafe(run(), loop)
        try:
            while (piece := self._wait_for_piece(pieces, cancelled)) is not None:
                if on_text is not None:
                    on_text(piece)
            return running.result(CLOSE_WAIT_S)
        except concurrent.futures.CancelledError:  # by `close`
            raise GivenUpError from None
        finally:
            _cancel_call(running, pieces)

    def _wait_for_piece(self, pieces: queue.SimpleQueue[str | None], cancelled: Callable[[], bool]) -> str | None:
        """Wait for the next piece of text and return it; None at the end.

        Raises:
            GivenUpError: the caller gave up, or the client was closed.
        """
        while True:
            if cancelled() or self._closed:
                raise GivenUpError
            with contextlib.suppress(queue.Empty):
                return pieces.get(timeout=POLL_S)

    def read_status(self, url: str, wait_s: float) -> int:
        """Send a GET request to `url`; return the status of the answer, 0 if none came within `wait_s` seconds.

        Raises:
            GivenUpError: the client was closed.
            ChatError: as for `_make_client`.
        """
        import httpx2  # noqa: PLC0415 (as for every call)

        async def ask(http: httpx2.AsyncClient, _: object) -> int:
            """Return the status; 0 for none."""
            try:
                async with asyncio.timeout(wait_s):
                    return (await http.get(url)).status_code
            except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError):
                return 0

        return self.call(url, ask, cancelled=lambda: False)

    def close(self) -> None:
        """Cancel running calls, close the connections and end the thread. Idempotent."""
        with self._lock:
            self._closed = True
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(self._shut_down(), loop)
            thread.join(CLOSE_WAIT_S)

    def _start_loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop; start it on a thread at the first call.

        Raises:
            GivenUpError: the client was closed.
        """
        with self._lock:
            if self._closed:
                raise GivenUpError
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run_loop, args=(self._loop,), name="http", daemon=True)
                self._thread.start()
            return self._loop

    def _choose_client(self, url: str) -> httpx2.AsyncClient:
        """Return the httpx client for `url`; create it at the first call. Runs on the loop."""
        local = is_local(url)
        # other machines may be reached through a proxy with TLS, even for an http:// URL
        encrypted = not local or urlsplit(url).scheme != "http"
        if (local, encrypted) not in self._clients:
            self._clients[local, encrypted] = _make_client(self._options, local=local, encrypted=encrypted)
        return self._clients[local, encrypted]

    async def _shut_down(self) -> None:
        """Cancel all tasks of the loop, close the clients and stop the loop. Runs on the loop."""
        loop = asyncio.get_running_loop()
        others = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for client in self._clients.values():
            await client.aclose()
        loop.stop()


def is_local(url: str) -> bool:
    """Return whether `url` names this machine: localhost or a loopback address."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Run `loop` on this thread until it is stopped, and close it."""
    asyncio.set_event_loop(loop)
    loop.set_exception_handler(_handle_loop_error)
    try:
        loop.run_forever()
    finally:
        loop.close()


def _handle_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error of the loop as usual; ignore InvalidStateError.

    anyio causes that error when data arrives on a Unix socket after the read was cancelled.
    """
    if not isinstance(context.get("exception"), asyncio.InvalidStateError):
        loop.default_exception_handler(context)


def _cancel_call(running: concurrent.futures.Future[Any], pieces: queue.SimpleQueue[str | None]) -> None:
    """Cancel a call, unless it has ended, and wait for its end, at most `CLOSE_WAIT_S` for each piece of text."""
    if running.done() or not running.cancel():
        return
    with contextlib.suppress(queue.Empty):
        while pieces.get(timeout=CLOSE_WAIT_S) is not None:
            pass


def _make_own_pool(path: str, limits: httpx2.Limits) -> httpcore2.AsyncConnectionPool:
    """Return a pool of connections to the Unix socket `path`, which send nothing unless this user listens there."""
    import httpcore2  # noqa: PLC0415 (loaded already: httpx2 brings it)

    from models.host.peers import restrict_to_own_sockets  # noqa: PLC0415 (for the model host alone)

    return httpcore2.AsyncConnectionPool(
        uds=path,
        max_connections=limits.max_connections,
        keepalive_expiry=limits.keepalive_expiry,
        network_backend=restrict_to_own_sockets(httpcore2.AnyIOBackend()),
    )


def _make_client(options: HttpOptions, *, local: bool, encrypted: bool) -> httpx2.AsyncClient:
    """Import httpx and return a new client.

    Args:
        options: proxy, certificates and socket.
        local: whether its URLs are on this machine: then it uses neither a proxy nor HTTP/2.
        encrypted: whether the system's certificates are needed.

    Raises:
        ChatError: the certificates in `options.ca_file` cannot be read.
    """
    import importlib.util  # noqa: PLC0415 (with the next, at the first call)
    import ssl  # noqa: PLC0415 (as above)

    with pause_garbage_collection():
        import httpx2  # noqa: PLC0415 (150 ms that only a person with an endpoint pays)

    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    timeout = httpx2.Timeout(None, connect=options.connect_s)
    limits = httpx2.Limits(max_connections=options.connections, keepalive_expiry=KEEP_ALIVE_S)
    if options.socket is not None:
        through = httpx2.AsyncHTTPTransport(uds=str(options.socket), limits=limits, verify=False)
        if options.own:
            through._pool = _make_own_pool(str(options.socket), limits)  # noqa: SLF001 (the transport takes no backend)
        return httpx2.AsyncClient(transport=through, trust_env=False, follow_redirects=False, timeout=timeout)
    # reading the system's certificates takes 25 ms, which a client for plain HTTP does without
    context = httpx2.create_ssl_context() if encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if options.ca_file is not None:
        try:
            context.load_verify_locations(cafile=str(options.ca_file))
        except OSError as error:  # ssl.SSLError is one
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
