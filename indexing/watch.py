"""Watches the workspace folders itself, for editors that cannot be asked to.

Reports changed paths in batches, from a thread of its own; judges nothing (the index filters). Where the system cannot
watch (too many folders, odd file systems) it says so once and ends. Start at `Watcher`.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

_SETTLE_MS = 400  # a checkout comes as one batch, not as thousands
_LOOK_MS = 200  # how soon `close` is noticed


class Watcher:
    """Watches `roots` and calls `changed` with paths that were created, changed or deleted.

    Args:
        roots: workspace folders.
        changed: called from the watching thread.
        failed: called once with one sentence when watching is not possible, or not any more.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        changed: Callable[[Collection[Path]], None],
        failed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._roots = [root for root in roots if root.is_dir()]
        self._changed = changed
        self._failed = failed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="index-watch", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        if self._roots:
            self._thread.start()

    def close(self) -> None:
        """End. Safe twice."""
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        from watchfiles import DefaultFilter, watch  # noqa: PLC0415  # 39 ms that only editors without watching pay

        try:
            for batch in watch(
                *self._roots,
                watch_filter=DefaultFilter(),  # without the folders that change all the time and are never indexed
                debounce=_SETTLE_MS,
                rust_timeout=_LOOK_MS,
                stop_event=self._stop,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                self._changed({Path(path) for _, path in batch})
        except (OSError, RuntimeError) as error:
            self._failed(
                f"The workspace is not watched ({error}); what changes outside the editor is found at the next start."
            )
