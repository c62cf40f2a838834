"""A thread of the lowest priority that embeds what is missing while the person pauses. Start at `EmbeddingThread`."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from indexing.vectors.text_embedder import EmbeddingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexing.segments import FileKey
    from indexing.snapshots import Snapshot
    from indexing.vectors.vectors import Vectors

QUIET_S = 3.0  # without an edit, before a batch is embedded
CHECK_S = 5.0  # between two looks for changes
RETRY_S = 600.0  # after the model or the disk failed
END_S = 10.0
_LOWEST = 19

logger = logging.getLogger(__name__)


class EmbeddingThread:
    """Embeds what is missing, as long as it is not closed.

    Args:
        vectors: the vectors.
        get_snapshot: returns the current state of the index; None if it is not loaded.
        is_shown: returns whether a model may see a file of that state.
        exchange: is called from time to time; may wait for other servers.
    """

    def __init__(
        self,
        vectors: Vectors,
        get_snapshot: Callable[[], Snapshot | None],
        is_shown: Callable[[Snapshot, FileKey], bool],
        exchange: Callable[[], None] = lambda: None,
    ) -> None:
        self._vectors = vectors
        self._get_snapshot = get_snapshot
        self._is_shown = is_shown
        self._exchange = exchange
        self._edited_at = 0.0
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="index-vectors", daemon=True)
        self._thread.start()

    def note_edit(self) -> None:
        """Note that the person edits, so that nothing is embedded for a while."""
        self._edited_at = time.monotonic()

    def stop(self) -> None:
        """End the thread after the batch that is computed; return at once."""
        self._closed.set()

    def close(self) -> None:
        """End the thread, and wait up to `END_S` seconds for the batch that is computed. Idempotent."""
        self.stop()
        self._thread.join(END_S)

    def _run(self) -> None:
        """Look for what is missing from time to time, and embed it."""
        lower_priority()
        done: Snapshot | None = None
        pause_s = 0.2
        while not self._closed.wait(pause_s):
            pause_s = CHECK_S
            self._vectors.release_idle()
            self._exchange()
            snapshot = self._get_snapshot()
            if snapshot is None or snapshot is done:
                continue
            try:
                if self._embed(snapshot):
                    done = snapshot
            except (EmbeddingError, OSError) as error:
                self._vectors.problem = str(error)
                logger.warning("The code cannot be embedded (%s).", error)
                pause_s = RETRY_S
            except KeyError:  # a segment was replaced meanwhile
                continue

    def _embed(self, snapshot: Snapshot) -> bool:
        """Embed what is missing of `snapshot`; return False if it is not done, or if another process does it."""
        with ExitStack() as held:
            if not hold_locks(self._vectors, held):
                return False
            return self._vectors.embed_missing(
                snapshot.view, is_shown=lambda key: self._is_shown(snapshot, key), wait=self._wait
            ) and self._vectors.measure_quality(snapshot.view, self._wait)

    def _wait(self) -> bool:
        """Wait until the person has paused; return False if the thread has to end."""
        while (rest := self._edited_at + QUIET_S - time.monotonic()) > 0:
            if self._closed.wait(min(rest, CHECK_S)):
                return False
        return not self._closed.is_set()


def hold_locks(vectors: Vectors, held: ExitStack) -> bool:
    """Take the locks of all files of `vectors` until `held` ends; return False if another process has one of them."""
    from filelock import FileLock, Timeout  # noqa: PLC0415 (only where an embedding model is installed)

    from starling_files import FILE_MODE, make_folder  # noqa: PLC0415 (as above)

    for path in vectors.locks:
        make_folder(path.parent)
        try:
            held.enter_context(FileLock(path, timeout=0, mode=FILE_MODE))
        except Timeout:
            return False
    return True


def lower_priority() -> None:
    """Give this thread, and the threads of a model that it loads, the lowest priority, where the system can do that."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST)
