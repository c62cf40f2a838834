"""The port of an embedding model, as the index uses it: texts in, vectors out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class EmbeddingError(Exception):
    """The embedding model cannot compute; the message says why and what to do."""


class TextEmbedder(Protocol):
    """An embedding model as the index uses it. Thread-safe."""

    @property
    def name(self) -> str:
        """Name of the model."""
        ...

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """Exceptions that `embed` raises; their texts say what is wrong and what to do."""
        ...

    @property
    def identity(self) -> str:
        """Name of the model and of its weights: vectors of different identities cannot be compared."""
        ...

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return a vector of length 1 for each of `texts`; raises one of `failures` if the model cannot compute."""
        ...

    def release_idle(self) -> None:
        """Release the model's memory if it has not been used for a while; it is loaded again when needed."""
        ...

    def close(self) -> None:
        """Release the model's memory. Idempotent."""
        ...
