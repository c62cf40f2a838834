"""Search by meaning as a part of an index: does nothing without an embedding model. Start at `VectorSearch`."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from indexing.records import VectorStatus
from indexing.vectors.vector_store import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from indexing.segments import FileKey, Ranked, View
    from indexing.snapshots import Snapshot
    from indexing.vectors.embedding_thread import EmbeddingThread
    from indexing.vectors.text_embedder import TextEmbedder
    from indexing.vectors.vector_store import IndexNote, VectorStore
    from indexing.vectors.vectors import Coverage, Vectors

EXCHANGE_S = 60.0
DEPTH = 50  # chunks found by words that are fused


class VectorSearch:
    """Search by meaning for one index. Thread-safe.

    Args:
        storage: folder of the indexes.
        embedder: the embedding model; None for none.
        get_snapshot: returns the current state of the index; None if it is not loaded.
        is_shown: returns whether a model may see a file of that state.
        store: vectors that other servers computed; None for none.
        describe: returns what this server tells others about its index.
    """

    def __init__(  # noqa: PLR0913 (each is one dependency)
        self,
        storage: Path,
        embedder: TextEmbedder | None,
        get_snapshot: Callable[[], Snapshot | None],
        is_shown: Callable[[Snapshot, FileKey], bool],
        *,
        store: VectorStore | None = None,
        describe: Callable[[], IndexNote] | None = None,
    ) -> None:
        self._storage = storage
        self._embedder = embedder
        self._get_snapshot = get_snapshot
        self._is_shown = is_shown
        self._store = store
        self._describe = describe
        self._notes: tuple[IndexNote, ...] = ()
        self._exchange_at = 0.0  # the next time, by the monotonic clock
        self._roots: Sequence[Path] = ()
        self._lock = threading.Lock()
        self._vectors: Vectors | None = None
        self._thread: EmbeddingThread | None = None

    @property
    def is_on(self) -> bool:
        """Whether there is an embedding model."""
        return self._embedder is not None

    def set_roots(self, roots: Sequence[Path]) -> None:
        """Replace the workspace folders; a thread that embeds goes on with the new ones."""
        with self._lock:
            thread, self._thread, self._vectors = self._thread, None, None
            self._roots = tuple(roots)
        if thread is not None:
            thread.stop()
            self.start()

    def start(self) -> None:
        """Embed in the background what is missing, now and later. Idempotent; does nothing without a model."""
        vectors = self._load()
        if vectors is None:
            return
        from indexing.vectors.embedding_thread import EmbeddingThread  # noqa: PLC0415 (numpy, with a model alone)

        with self._lock:
            if self._thread is None:
                self._thread = EmbeddingThread(vectors, self._get_snapshot, self._is_shown, self._exchange)

    def note_edit(self) -> None:
        """Note that the person edits, so that nothing is embedded for a while."""
        if (thread := self._thread) is not None:
            thread.note_edit()

    def fuse(self, view: View, text: str, words: Sequence[Ranked], limit: int) -> Sequence[Ranked]:
        """Return up to `limit` chunks for `text`: those of `words`, which search by words found, and near ones."""
        vectors = self._load()
        return words[:limit] if vectors is None else vectors.search(view, text, words, limit)

    def embed_all(self, wait: Callable[[], bool], report: Callable[[Coverage], None]) -> bool:
        """Embed what is missing now, with the priority of the caller; return whether all is done.

        False without a loaded index, if another process embeds, and after `wait`, which is called often, returned
        false. `report` is called after each batch.

        Raises:
            EmbeddingError: the model cannot compute.
            OSError: the vectors cannot be written.
        """
        vectors, snapshot = self._load(), self._get_snapshot()
        if vectors is None or snapshot is None:
            return False
        from indexing.vectors.embedding_thread import hold_locks  # noqa: PLC0415 (as above)

        with ExitStack() as held:
            done = hold_locks(vectors, held) and vectors.embed_missing(
                snapshot.view,
                is_shown=lambda key: self._is_shown(snapshot, key),
                wait=wait,
                report=lambda: report(vectors.measure()),
            )
        self._exchange()
        return done

    def measure(self) -> VectorStatus:
        """Return the figures for people; empty without a model."""
        vectors = self._load()
        if vectors is None or self._embedder is None:
            return VectorStatus()
        found = vectors.measure()
        share = round(found.embedded / found.pieces, 4) if found.pieces else None
        sharing = self._store.problem if self._store is not None else ""
        return VectorStatus(
            self._embedder.name,
            found.vectors,
            share,
            vectors.problem,
            vectors.fetched,
            sharing,
            self._notes,
            found.lag_s,
            vectors.quality,
        )

    def _exchange(self) -> None:
        """Tell other servers about this index and read their notes, every `EXCHANGE_S`, if there is a shared store."""
        if self._store is None or self._describe is None or self._get_snapshot() is None:
            return
        if time.monotonic() < self._exchange_at:
            return
        self._exchange_at = time.monotonic() + EXCHANGE_S
        workspace = digest("\n".join(map(str, self._roots)))
        self._notes = self._store.exchange(workspace, self._describe())

    def close(self) -> None:
        """End the thread, if there is one, and release the model. Idempotent."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.close()
        if self._embedder is not None:
            self._embedder.close()

    def _load(self) -> Vectors | None:
        """Return the vectors; None without a model."""
        if self._embedder is None:
            return None
        from indexing.vectors.vectors import Vectors  # noqa: PLC0415 (numpy, with a model alone)

        with self._lock:
            if self._vectors is None:
                self._vectors = Vectors(self._roots, self._storage, self._embedder, self._store)
            return self._vectors
