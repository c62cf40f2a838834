"""Alerts as JSON to an address of the person's own settings, in a thread of its own, so that nothing waits for them.

Follows no redirect, waits `TIMEOUT_S` at most, and logs the first failure without the address, which may be secret.
Start at `Webhook.send`.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import logging
import queue
import threading
from typing import TYPE_CHECKING, Any

from models.remote.http import GivenUpError, HttpClient, HttpOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx2

logger = logging.getLogger(__name__)

TIMEOUT_S = 10.0
END_S = 5.0
"""Longest wait at the end of the process for alerts that were not sent yet."""
MOST_WAITING = 100


@functools.lru_cache(maxsize=8)
def find_webhook(url: str) -> Webhook | None:
    """Return the webhook of an address, the same for all watchers of this process; None for ""."""
    return Webhook(url) if url else None


class Webhook:
    """One address; thread-safe.

    Args:
        url: the address; https, or http on this machine.
        timeout_s: longest wait for an answer, in seconds.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._waiting: queue.Queue[Mapping[str, Any]] = queue.Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._sender: threading.Thread | None = None
        self._failed = False
        self._waits_at_end = False

    def send(self, content: Mapping[str, Any]) -> None:
        """Send a JSON object later; drop it if `MOST_WAITING` wait already. Returns at once."""
        try:
            self._waiting.put_nowait(content)
        except queue.Full:
            self._report("too many wait to be sent")
            return
        with self._lock:
            if self._sender is None or not self._sender.is_alive():
                self._sender = threading.Thread(target=self._send_all, name="starling-webhook", daemon=True)
                self._sender.start()
                if not self._waits_at_end:
                    atexit.register(self.wait)
                self._waits_at_end = True

    def wait(self, timeout_s: float = END_S) -> None:
        """Wait until everything is sent or has failed, `timeout_s` at most."""
        with self._lock:
            sender = self._sender
        if sender is not None:
            sender.join(timeout_s)

    def _send_all(self) -> None:
        """Send the waiting objects, one after the other, until none waits."""
        client = HttpClient(HttpOptions(connect_s=self._timeout_s))
        try:
            while True:
                with self._lock:
                    if self._waiting.empty():
                        self._sender = None
                        return
                self._send_one(client, self._waiting.get())
        finally:
            client.close()

    def _send_one(self, client: HttpClient, content: Mapping[str, Any]) -> None:
        """Send one object; report a failure."""

        async def post(http: httpx2.AsyncClient, _: Callable[[str], None]) -> int:
            """Send the object, and return the HTTP status of the answer."""
            async with asyncio.timeout(self._timeout_s), http.stream("POST", self._url, json=content) as answer:
                return answer.status_code  # nothing of the answer is read

        try:
            status = client.call(self._url, post, cancelled=lambda: False)
        except TimeoutError:
            self._report(f"no answer in {self._timeout_s:g} s")
        except (GivenUpError, OSError) as error:
            self._report(type(error).__name__)
        except Exception as error:  # noqa: BLE001 (the library's own classes, which are loaded at the first call)
            self._report(type(error).__name__)
        else:
            if not 200 <= status < 300:
                self._report(f"status {status}")

    def _report(self, why: str) -> None:
        """Log the first failure, with the reason `why`; do nothing for later ones."""
        if not self._failed:
            logger.warning("an alert could not be sent to team.webhook: %s; further failures are not logged", why)
        self._failed = True
