"""Start of the host by a server, if none runs.

The host runs in its own session and outlives the server that started it. Start at `HostLauncher.ensure_running`.
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
AGAIN_S = 1.0  # wait before another start: a new host ends if it finds a running one, which may be ending too
POLL_S = 0.02
HANGS_S = 3.0  # time after which a host that listens without answering health checks counts as hanging
DETACHED = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)


class HostLauncher:
    """Starts the host if none runs. Thread-safe.

    Args:
        address: where the host listens.
        command: starts the host; fixed by the program, never by a workspace.
    """

    def __init__(self, address: Address, command: Sequence[str]) -> None:
        self.address = address
        self._command = list(command)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0

    def ensure_running(self, cancelled: Callable[[], bool] = lambda: False) -> HostAccess:
        """Start a host if none runs, wait until it answers health checks, and return its connection details.

        Args:
            cancelled: asked while waiting; true ends the wait.

        Raises:
            GivenUpError: `cancelled` returned true.
            SilentHostError: a host listens without answering, or is still starting.
            HostError: no host could be started, or another user's process listens at the address.
        """
        deadline = time.monotonic() + START_S
        listens_since: float | None = None
        while not cancelled():
            with self._lock:  # one start for all threads; if several servers start hosts, all but one find it and end
                found = self.address.find_host()
                if found is None:
                    self._start()
            now = time.monotonic()
            if found is not None:
                # a killed process accepts connections a moment longer, a stopped one for ever
                if fetch_health(self.address):
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
        """Return the error for a host that does not listen in time: `SilentHostError` if it is still starting."""
        without = "set `model.host` to off to do without."
        with self._lock:
            starting = self._process is not None and self._process.poll() is None
        if starting:
            return SilentHostError(f"The model host is still starting after {START_S:.0f} s; wait, or {without}")
        return HostError(f"The model host did not listen within {START_S:.0f} s; {without}")

    def is_alive(self) -> bool:
        """Return whether the host answers health checks; True also if no host runs: the next request starts one."""
        try:
            return fetch_health(self.address) != {}
        except HostError:
            return False

    def _start(self) -> None:
        """Start a host, unless the last one of this launcher still runs or was started less than `AGAIN_S` ago.

        Raises:
            HostError: a host cannot be started, or the last one failed within `START_S` seconds.
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
        """Start the host's process, detached from this one, and return it.

        Raises:
            HostError: it cannot be started.
        """
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
        # without a wait, the ended process would stay as a zombie on POSIX systems
        threading.Thread(target=process.wait, name="model-host", daemon=True).start()
        return process
