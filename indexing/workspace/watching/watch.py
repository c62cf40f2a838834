"""The server's side of the watching process, for editors that do not watch files.

A thread starts the process and passes on the paths that it reports; the index filters them. The watchers of this server
with the same folders and limits share a process. The last one that is closed kills it; it has no state to lose. Start
at `Watcher`.
"""

from __future__ import annotations

import json
import tempfile
import threading
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from indexing import bounds
from indexing.limits import IndexLimits
from indexing.process import spawning

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Collection, Sequence

_DEATHS_IN_A_ROW = 4  # after which the process is not started again
_AGAIN_AFTER_S = 1.0


class Watcher:
    """Watches `roots` and calls `changed` with paths that were created, changed or deleted.

    Args:
        roots: workspace folders.
        changed: runs in the reading thread.
        failed: is called with one sentence if not everything, or nothing any more, can be watched.
        limits: which folders are entered, and how many are watched.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        changed: Callable[[Collection[Path]], None],
        failed: Callable[[str], None] = lambda _: None,
        limits: IndexLimits | None = None,
    ) -> None:
        self._key = (tuple(str(root) for root in roots if root.is_dir()), limits or IndexLimits())
        self.changed = changed
        self.failed = failed
        self._process: _WatchingProcess | None = None

    @property
    def pid(self) -> int | None:
        """Id of the process; None while none runs."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Watch the roots, in a separate process; returns at once. Does nothing without roots."""
        if not self._key[0]:
            return
        with _sharing:
            process = _processes.get(self._key)
            if process is None:
                process = _processes[self._key] = _WatchingProcess(*self._key)
                process.start()
            process.watchers = (*process.watchers, self)
            self._process = process

    def close(self) -> None:
        """Watch no longer; if no other watcher uses the process, kill it without waiting. Idempotent."""
        with _sharing:
            process, self._process = self._process, None
            if process is None:
                return
            process.watchers = tuple(one for one in process.watchers if one is not self)
            if process.watchers:
                return
            _forget(process)
        process.close()


class _WatchingProcess:
    """A process that watches some roots for all `watchers`, which change only under `_sharing`."""

    def __init__(self, roots: tuple[str, ...], limits: IndexLimits) -> None:
        """Store what to watch. No process is started."""
        self.key = (roots, limits)
        self.watchers: tuple[Watcher, ...] = ()
        self._closed = threading.Event()
        self._lock = threading.Lock()  # around starting and ending the process
        self._process: subprocess.Popen[bytes] | None = None
        self._deaths = 0
        self._thread = threading.Thread(target=self._run, name="index-watch", daemon=True)

    @property
    def pid(self) -> int | None:
        """Id of the process; None while none runs."""
        process = self._process
        return process.pid if process is not None else None

    def start(self) -> None:
        """Start the process; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """Kill the process without waiting, and start none any more. Idempotent."""
        self._closed.set()
        with self._lock:
            if self._process is not None:
                self._process.kill()

    def _run(self) -> None:
        """Run the process, pass on its reports, and start it again if it dies; gives up after a few deaths in a row."""
        while not self._closed.is_set():
            try:
                process = self._spawn()
            except OSError as error:
                self._give_up(f"the watching process could not be started: {error.strerror or error}")
                return
            if process is None:
                return
            self._read(process)
            status = process.wait()
            with self._lock:
                self._process = None
            self._deaths += 1
            if self._deaths > _DEATHS_IN_A_ROW and not self._closed.is_set():
                self._give_up(f"the watching process ended {self._deaths} times, exit status {status}")
                return
            self._closed.wait(_AGAIN_AFTER_S * self._deaths)

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        """Start the process and send it roots and limits; return None after `close`."""
        with self._lock:
            if self._closed.is_set():
                return None
            process = self._process = spawning.spawn(
                "indexing.workspace.watching.watcher", Path(tempfile.gettempdir()), bounds.WATCHING_MEMORY_BYTES
            )
        roots, limits = self.key
        head = {"roots": roots, "limits": asdict(limits)}
        if process.stdin is not None:  # stays open: its end ends the process if the server is killed
            with suppress(OSError):
                process.stdin.write(json.dumps(head).encode() + b"\n")
                process.stdin.flush()
        return process

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        """Pass on the changed paths and problems that the process reports, until it ends or `close` is called."""
        with closing(spawning.read_events(process)) as events:
            for event in events:
                if self._closed.is_set():
                    break
                if paths := event.get("changed"):
                    self._deaths = 0
                    for watcher in self.watchers:
                        watcher.changed({Path(path) for path in paths})
                elif problem := event.get("problem"):
                    self._report(problem)
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()

    def _give_up(self, why: str) -> None:
        """Report that the workspace is no longer watched, because of `why`; a later watcher has it tried again."""
        with _sharing:
            _forget(self)
        self._report(
            f"The workspace is not watched ({why}); what changes outside the editor is found at the next start."
        )

    def _report(self, problem: str) -> None:
        """Tell all watchers of a problem."""
        for watcher in self.watchers:
            watcher.failed(problem)


_sharing = threading.Lock()  # around `_processes` and the watchers of each
_processes: dict[tuple[tuple[str, ...], IndexLimits], _WatchingProcess] = {}


def _forget(process: _WatchingProcess) -> None:
    """Have later watchers start a process of their own; the caller holds `_sharing`."""
    if _processes.get(process.key) is process:
        del _processes[process.key]
