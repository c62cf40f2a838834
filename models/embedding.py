"""The embedding port, and its backend that runs in this process on CTranslate2.

Texts in, vectors of length 1 out, pooled as the catalog entry says. Knows no workspace and no index. Start at
`Embedder`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.catalog.catalog import ModelEntry
    from models.tokenizer import Tokenizer

FAILURES = (RuntimeError, ValueError, IndexError, MemoryError)  # raised by CTranslate2
MOST_BATCHED = 16  # texts in one pass: enough to occupy the cores, few enough to need little memory


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors of some texts.

    Attributes:
        vectors: one per text, each of length 1; shape (texts, width).
        tokens: number of tokens read.
    """

    vectors: tuple[tuple[float, ...], ...]
    tokens: int


class Embedder(Protocol):
    """A model that embeds texts as vectors. Thread-safe."""

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Return the vectors of `texts`, in order; texts longer than the model's window are cut.

        Raises:
            ModelError: the model cannot compute; the message says what to do.
        """
        ...

    def close(self) -> None:
        """Release the weights. Idempotent."""
        ...


class CTranslateEmbedder:
    """An `Embedder` that computes with CTranslate2 in this process."""

    def __init__(self, entry: ModelEntry, tokenizer: Tokenizer, encoder: Any) -> None:  # noqa: ANN401 (CTranslate2 has no types)
        self.entry = entry
        self._tokenizer = tokenizer
        self._encoder = encoder
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Embed `texts`, `MOST_BATCHED` at a time; see `Embedder.embed`."""
        vectors: list[tuple[float, ...]] = []
        read = 0
        tokens = [self._tokenizer.encode_with_specials(text, self.entry.context_tokens) for text in texts]
        with self._lock:
            for start in range(0, len(tokens), MOST_BATCHED):
                batch = tokens[start : start + MOST_BATCHED]
                read += sum(map(len, batch))
                vectors += self._compute_vectors(batch)
        return Embeddings(tuple(vectors), read)

    def close(self) -> None:
        """Release the weights."""
        with self._lock:
            self._encoder = None

    def _compute_vectors(self, batch: list[list[str]]) -> list[tuple[float, ...]]:
        """Return the pooled, normalized vectors of the tokenized texts in `batch`.

        Raises:
            ModelError: the model was closed or cannot compute.
        """
        import numpy as np  # noqa: PLC0415 (heavy; not before a text is embedded)

        if self._encoder is None:
            raise ModelError(f"The model {self.entry.name} was unloaded; ask again.")
        try:
            states = np.array(self._encoder.forward_batch(batch).last_hidden_state, dtype=np.float32)
        except FAILURES as error:
            raise ModelError(
                f"The model {self.entry.name} failed while computing ({error}); choose another one."
            ) from error
        found = []
        for state, tokens in zip(states, batch, strict=True):
            pooled = state[0] if self.entry.pooling == "first" else state[: len(tokens)].mean(axis=0)
            length = float(np.linalg.norm(pooled)) or 1.0
            found.append(tuple(float(value) for value in pooled / length))
        return found
