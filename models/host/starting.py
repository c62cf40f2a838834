"""How a server comes by the host: it connects, and where none listens it starts one and waits until it does.

The host is a process of its own session: it outlives whoever started it. Start at `HostProcess.reach`.
"""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from models.errors import ModelError
from models.host.looking import health

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.host.address import Address, Reach

logger = logging.getLogger(__name__)

START_S = 30.0
POLL_S = 0.02
DETACHED = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)


class HostError(ModelError):
    """There is no host, and none could be started."""


class HostProcess:
    """The host, started where there is none. Thread-safe.

    Args:
        address: where it listens.
        command: what starts it; fixed by the program, never by a workspace.
    """

    def __init__(self, address: Address, command: Sequence[str]) -> None:
        self.address = address
        self._command = list(command)
        self._lock = threading.Lock()

    def reach(self, cancelled: Callable[[], bool] = lambda: False, *, lost: bool = False) -> Reach:
        """How it is reached.

        Args:
            cancelled: asked while it is waited for.
            lost: it did not answer just now. A killed process takes connections a moment longer, so it has to answer.

        Raises:
            HostError: it could not be started.
        """
        deadline = time.monotonic() + START_S
        while True:
            if cancelled():
                raise HostError("The model host was no longer wanted before it listened.")
            with self._lock:  # threads of one server start one; of several servers, the host's own lock lets one live
                found = self.address.reach() or self._start()
            if not lost or health(self.address):
                return found
            if time.monotonic() > deadline:
                raise HostError("The model host does not answer; end it, and the next request starts another.")
            time.sleep(POLL_S)

    def _start(self) -> Reach:
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=self.address.folder,
                start_new_session=True,
                creationflags=DETACHED,
            )
        except OSError as error:
            raise HostError(
                f"The model host could not be started ({error.strerror or error}); `model.host = off` does without it."
            ) from error
        # it is no child to wait for, but a system that keeps dead children until they are asked for wants to be asked
        threading.Thread(target=process.wait, name="model-host", daemon=True).start()
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if (found := self.address.reach()) is not None:
                logger.info("model host started")
                return found
            if process.poll() not in {None, 0}:
                raise HostError(
                    f"The model host ended at once (exit status {process.returncode}); "
                    "`starling models serve` says why, and `model.host = off` does without it."
                )
            time.sleep(POLL_S)
        raise HostError(f"The model host did not listen within {START_S:.0f} s; set `model.host` to off to do without.")
