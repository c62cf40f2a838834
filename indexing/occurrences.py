"""In how many chunks some names occur, and which words of the lines near a cursor occur there with them.

Imports numpy, so import this module where it is needed. Start at `count_occurrences`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexing import ranking
from indexing.storage import postings
from indexing.syntax import tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from indexing.ranking import SearchedSegment

_MOST_CHUNKS = 4_000  # of a segment, that are read for one name or word; a more common one says little
_COMMON_SHARE = 4  # a word in more than one of so many chunks says nothing
_FEW_CHUNKS = 50  # in which a word always counts, as in a small workspace


@dataclass(frozen=True, slots=True)
class Occurrences:
    """The places of a name in the workspace.

    Attributes:
        chunks: number of chunks that contain it as a word.
        shared: for each group of words, the sum over these chunks of the words that they contain, where a word weighs
            the logarithm of how rare it is.
    """

    chunks: int
    shared: tuple[float, ...]


def count_occurrences(
    searched: Sequence[SearchedSegment], names: Sequence[str], groups: Sequence[Sequence[str]]
) -> dict[str, Occurrences]:
    """Return where each of `names` occurs in the visible files, and which words of each of `groups` occur with it.

    Of a name in more than `_MOST_CHUNKS` chunks of a segment, those of hidden files count too, and its words do not.
    """
    chunks, shared = dict.fromkeys(names, 0), {name: [0.0] * len(groups) for name in names}
    hashes = dict(zip(chunks, tokens.hash_terms(list(chunks)).tolist(), strict=True))
    for segment in searched:
        is_hidden = _mark_hidden(segment)
        weights = [_weigh_chunks(segment, words, is_hidden) for words in groups]
        for name, term in hashes.items():
            place = postings.find_postings(segment.arrays, term)
            if place.count > _MOST_CHUNKS:
                chunks[name] += place.count
            elif place.count:
                found = postings.read_postings(segment.arrays, place)[0]
                chunks[name] += len(found) - int(np.count_nonzero(is_hidden[found]))
                for number, weight in enumerate(weights):
                    shared[name][number] += float(weight[found].sum())
    return {name: Occurrences(chunks[name], tuple(shared[name])) for name in chunks}


def _mark_hidden(segment: SearchedSegment) -> NDArray[np.bool_]:
    """Return for each chunk whether its file is not visible."""
    ends = segment.arrays["file_chunk_end"]
    is_hidden = np.zeros(int(ends[-1]) if len(ends) else 0, dtype=np.bool_)
    for index in np.flatnonzero(~segment.alive):
        is_hidden[ranking.get_chunk_slice(segment.arrays, int(index))] = True
    return is_hidden


def _weigh_chunks(segment: SearchedSegment, words: Sequence[str], is_hidden: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return for each chunk the weight of those of `words` that it contains; 0 for hidden chunks."""
    weights = np.zeros(len(is_hidden), dtype=np.float32)
    most = min(max(_FEW_CHUNKS, len(is_hidden) // _COMMON_SHARE), _MOST_CHUNKS)
    for term in tokens.hash_terms(list(words)).tolist() if words else ():
        place = postings.find_postings(segment.arrays, term)
        if 0 < place.count <= most:
            weights[postings.read_postings(segment.arrays, place)[0]] += math.log(len(is_hidden) / place.count)
    weights[is_hidden] = 0.0
    return weights
