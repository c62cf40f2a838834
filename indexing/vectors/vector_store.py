"""The port of a store of vectors that several servers share, and the note of a server about its index.

The store sees digests of texts and their vectors, never a text. Its methods may wait for a network for some seconds, so
the thread that embeds alone calls them. They raise nothing: a store that cannot be used says why in `problem`, and
the vectors are computed here. Start at `VectorStore`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_FETCHED = 256
"""Vectors that are fetched with one query."""


@dataclass(frozen=True, slots=True)
class IndexNote:
    """The state of one server's index of a workspace, as it tells the others.

    Attributes:
        server: name of the machine.
        indexed_at: when the last full pass ended, seconds since the epoch; None before the first.
        files: files indexed.
        chunks: chunks indexed.
        model: the embedding model.
        share: share of the pieces of code that have a vector, 0 to 1; None until they have been counted.
        noted_at: when this was written, by the clock of the store; 0 for a note that was not.
    """

    server: str
    indexed_at: float | None
    files: int
    chunks: int
    model: str
    share: float | None
    noted_at: float = 0.0


class VectorStore(Protocol):
    """A store of vectors that several servers share."""

    @property
    def problem(self) -> str:
        """The reason why the store is not used, and what to do; "" if it is used, or was not needed yet."""
        ...

    def fetch(self, model: str, digests: Sequence[bytes]) -> Mapping[bytes, Sequence[float]]:
        """Return the stored vectors of up to `MOST_FETCHED` of `digests`; of those that it has."""
        ...

    def store(self, model: str, vectors: Mapping[bytes, Sequence[float]]) -> None:
        """Store vectors by the digests of their texts; those that are there stay."""
        ...

    def exchange(self, workspace: bytes, note: IndexNote) -> tuple[IndexNote, ...]:
        """Replace this server's note about a workspace, and return notes of all servers, the newest first."""
        ...


def digest(text: str) -> bytes:
    """Return a digest of 32 bytes, from which `text` cannot be computed."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32, person=b"starling-vector").digest()
