"""An embedder without weights: texts that share words get similar vectors.

For demonstrations, tests and trying a setup. Start at `ScriptedEmbedder`.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

from models.embedding import Embeddings
from models.scripted.scripted_completion import TOKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 64


class ScriptedEmbedder:
    """A `models.embedding.Embedder` whose vectors count words; a word's hash chooses its component of the vector."""

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Embed `texts`; see `models.embedding.Embedder.embed`."""
        words = [[word.strip().lower() for word in TOKEN.findall(text) if word.strip()] for text in texts]
        return Embeddings(tuple(map(_make_vector, words)), sum(map(len, words)))

    def close(self) -> None:
        """Do nothing: there are no weights."""


def _make_vector(words: Sequence[str]) -> tuple[float, ...]:
    """Return the vector of a text with these words, of length 1."""
    counts = [0.0] * WIDTH
    for word in words or [""]:
        counts[hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=1).digest()[0] % WIDTH] += 1
    length = math.sqrt(sum(count * count for count in counts))
    return tuple(count / length for count in counts)
