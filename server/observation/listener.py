"""A tiny HTTP listener on loopback for a person's monitoring: one page for each path, GET only.

Runs its own event loop in a thread, so that reading the pages never delays an editor. Requests under foreign host names
are refused, because a web page may make one lead here (DNS rebinding). Time, size and number of requests are bounded.
Start at `Listener`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)

LONGEST_HEAD = 8192
REQUEST_S = 30.0
START_S = 5.0
MOST_CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Page:
    """The answer to a request.

    Attributes:
        text: its text.
        kind: its media type.
        status: its HTTP status, with words.
    """

    text: str
    kind: str = "text/plain; charset=utf-8"
    status: str = "200 OK"


class Listener:
    """Listens until it is closed.

    Args:
        host: a loopback address.
        port: the port; 0 for any free one.
        pages: for each path a function that returns its page, run in a thread.
    """

    def __init__(self, host: str, port: int, pages: Mapping[str, Callable[[], Page]]) -> None:
        self._address = (host, port)
        self._pages = pages
        self._open = 0
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._problem: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="monitoring", daemon=True)
        self.port = 0

    def start(self) -> str:
        """Begin to listen; return why that is not possible, "" if it is."""
        self._thread.start()
        self._started.wait(START_S)
        problem = self._problem
        return "" if problem is None else problem.strerror or str(problem)

    def close(self) -> None:
        """Stop listening, and wait for the thread. Idempotent."""
        loop, ended = self._loop, self._ended
        if loop is not None and ended is not None and not loop.is_closed():
            loop.call_soon_threadsafe(ended.set)
        self._thread.join(START_S)

    def _run(self) -> None:
        """Serve until `close`; runs in the thread."""
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._problem = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        """Listen until `close`. Raises OSError if the address cannot be used."""
        self._ended = asyncio.Event()
        listener = await asyncio.start_server(self._answer, *self._address, limit=LONGEST_HEAD)
        self.port = int(listener.sockets[0].getsockname()[1])
        self._loop = asyncio.get_running_loop()
        self._started.set()
        async with listener:
            await self._ended.wait()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close the connection; close it without an answer if there are too many."""
        self._open += 1
        try:
            if self._open <= MOST_CONNECTIONS:
                async with asyncio.timeout(REQUEST_S):
                    head = await reader.readuntil(b"\r\n\r\n")
                    page, has_body = await self._choose(head.decode("latin-1"))
                    writer.write(_format(page, has_body=has_body))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # nobody can be answered
        finally:
            self._open -= 1
            writer.close()

    async def _choose(self, head: str) -> tuple[Page, bool]:
        """Return the page for a request, and whether its text is wanted."""
        first, *lines = head.split("\r\n")
        method, _, rest = first.partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        hosts = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("host:")]
        if len(hosts) != 1 or not is_own_name(hosts[0]):
            return Page("Starling is not served under this name.\n", status="403 Forbidden"), True
        if method not in {"GET", "HEAD"}:
            return Page("Only GET is answered.\n", status="405 Method Not Allowed"), True
        make = self._pages.get(path)
        if make is None:
            return Page(f"There are {', '.join(self._pages)}.\n", status="404 Not Found"), method == "GET"
        try:
            page = await asyncio.to_thread(make)
        except Exception:  # BLE001 allows this because it is logged: monitoring goes on
            logger.exception("a page for monitoring could not be made", extra={"page": path})
            page = Page("See Starling's log.\n", status="500 Internal Server Error")
        return page, method == "GET"


def is_own_name(header: str) -> bool:
    """Return whether the `Host` of a request is "localhost" or a loopback address, with or without a port."""
    name = header[1 : header.find("]")] if header.startswith("[") else header.partition(":")[0]
    if name.lower() == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _format(page: Page, *, has_body: bool) -> bytes:
    """Return the answer with `page` as HTTP sends it; without its text unless `has_body`."""
    body = page.text.encode()
    head = (
        f"HTTP/1.1 {page.status}\r\nContent-Type: {page.kind}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (body if has_body else b"")
