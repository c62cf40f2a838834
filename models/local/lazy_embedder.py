"""An embedding model that is loaded when first needed, and released when idle. Start at `choose_embedder`."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from models.catalog.catalog import ModelEntry
    from models.embedding import Embedder

MOST_TOKENS = 128  # of a text: with 256, searches found no more (tests/eval), and there is more to compute
IDLE_S = 300.0


class LazyEmbedder:
    """An embedding model that is loaded when it is first used. Thread-safe.

    Args:
        name: name of the model.
        identity: name of the model and of its weights.
        load: returns the loaded model, or raises ModelError.
        idle_s: seconds without use after which its memory may be released.
    """

    failures = (ModelError,)

    def __init__(self, name: str, identity: str, load: Callable[[], Embedder], *, idle_s: float = IDLE_S) -> None:
        self.name = name
        self.identity = identity
        self._load = load
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._embedder: Embedder | None = None
        self._used_at = 0.0

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return the vectors of `texts`, which are cut to the model's window.

        Raises:
            ModelError: the model cannot be loaded, or cannot compute.
        """
        with self._lock:
            if self._embedder is None:
                self._embedder = self._load()
            embedder, self._used_at = self._embedder, time.monotonic()
        return embedder.embed(texts).vectors

    def release_idle(self) -> None:
        """Release the weights if they have not been used for `idle_s` seconds."""
        if time.monotonic() - self._used_at > self._idle_s:
            self.close()

    def close(self) -> None:
        """Release the weights. Idempotent; a later text loads them again."""
        with self._lock:
            embedder, self._embedder = self._embedder, None
        if embedder is not None:
            embedder.close()


def choose_embedder(entries: Iterable[ModelEntry], name: str) -> LazyEmbedder | None:
    """Return the embedding model `name` of `entries`, not loaded; of "auto" the smallest one. None if there is none."""
    fitting = sorted(
        (entry for entry in entries if "embedding" in entry.roles and name in {"auto", entry.name}),
        key=lambda entry: (entry.parameters, entry.name),
    )
    return _make_lazy(fitting[0]) if fitting else None


def _make_lazy(entry: ModelEntry) -> LazyEmbedder:
    """Return the model of `entry`, not loaded, with a window of at most `MOST_TOKENS`."""
    cut = replace(entry, context_tokens=min(entry.context_tokens, MOST_TOKENS))
    size = 0
    with contextlib.suppress(OSError):
        size = (entry.weights / "model.bin").stat().st_size

    def load() -> Embedder:
        """Load the model on the CPU, with one thread for a small one."""
        from models.local.loading import load_embedder  # noqa: PLC0415 (CTranslate2)

        return load_embedder(cut, device="cpu")

    return LazyEmbedder(entry.name, f"{entry.name} {size} {cut.context_tokens} {entry.pooling}", load)
