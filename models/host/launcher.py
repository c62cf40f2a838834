"""How a server comes by the host: it connects, and where none listens it starts one and waits until it does.

The host is a process of its own session: it outlives whoever started it. Start at `HostLauncher.ensure_running`.
"""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from models.errors import HostError, SilentHostError
from models.host.hang_detector import SILENT
from models.host.health_check import fetch_health
from models.remote.http import GivenUpError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.host.address import Address, HostAccess

logger = logging.getLogger(__name__)

START_S = 30.0
AGAIN_S = 1.0  # a host that found another one leaves; where that one is about to leave too, one is started again
POLL_S = 0.02
HANGS_S = 3.0  # somebody listens, and does not say how it is
DETACHED = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)


class HostLauncher:
    """The host, started where there is none. Thread-safe.

    Args:
        address: where it listens.
        command: what starts it; fixed by the program, never by a workspace.
    """

    def __init__(self, address: Address, command: Sequence[str]) -> None:
        self.address = address
        self._command = list(command)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0

    def ensure_running(self, cancelled: Callable[[], bool] = lambda: False) -> HostAccess:
        """Return how the host is reached, once it has given a sign of life.

        Args:
            cancelled: asked while it is waited for.

        Raises:
            GivenUpError: `cancelled` said so.
            SilentHostError: it listens and does not answer, or is still starting.
            HostError: it could not be started, or another user is in its place.
        """
        deadline = time.monotonic() + START_S
        listens_since: float | None = None
        while not cancelled():
            with self._lock:  # threads of one server start one; of several servers, the host's own lock lets one live
                found = self.address.find_host()
                if found is None:
                    self._start()
            now = time.monotonic()
            if found is not None:
                if fetch_health(
                    self.address
                ):  # a killed process takes connections a moment longer, a stopped one for ever
                    return found
                listens_since = listens_since or now
                if time.monotonic() - listens_since > HANGS_S:
                    raise SilentHostError(SILENT)
            else:
                listens_since = None
            if now > deadline:
                raise self._make_timeout_error()
            time.sleep(POLL_S)
        raise GivenUpError

    def _make_timeout_error(self) -> HostError:
        """Return the error for a host that does not listen in time; one that still starts will listen later."""
        without = "set `model.host` to off to do without."
        with self._lock:
            starting = self._process is not None and self._process.poll() is None
        if starting:
            return SilentHostError(f"The model host is still starting after {START_S:.0f} s; wait, or {without}")
        return HostError(f"The model host did not listen within {START_S:.0f} s; {without}")

    def is_alive(self) -> bool:
        """Whether there is none, which the next request mends, or it gives a sign of life."""
        try:
            return fetch_health(self.address) != {}
        except HostError:
            return False

    def _start(self) -> None:
        """Start one, unless one of ours is on its way.

        Raises:
            HostError: it cannot be started, or ended at once.
        """
        process, now = self._process, time.monotonic()
        if process is not None:
            status = process.poll()
            if status is None:
                return
            if status > 0 and now - self._started_at < START_S:
                self._process = None
                raise HostError(
                    f"The model host ended at once (exit status {status}); "
                    "`starling models serve` says why, and `model.host = off` does without it."
                )
            if now - self._started_at < AGAIN_S:
                return
        self._process, self._started_at = self._spawn(), now
        logger.info("model host started")

    def _spawn(self) -> subprocess.Popen[bytes]:
        folder = self.address.folder
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder if folder.is_dir() else None,
                start_new_session=True,
                creationflags=DETACHED,
            )
        except OSError as error:
            raise HostError(
                f"The model host could not be started ({error.strerror or error}); `model.host = off` does without it."
            ) from error
        # it is no child to wait for, but a system that keeps dead children until they are asked for wants to be asked
        threading.Thread(target=process.wait, name="model-host", daemon=True).start()
        return process
