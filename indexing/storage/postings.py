"""Postings: for each term of a segment, the chunks that contain it and how often.

The postings of all terms are one sequence, in groups of 32 values, each packed as narrowly as its largest value needs.
A value is the distance to the term's previous chunk, and the count in three bits: larger counts are rounded. Start at
`PostingWriter` and `read_postings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexing.storage.bit_packing import GROUP, GROUP_BITS, measure_widths, pack_groups, read_groups

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexing.storage.arrays import ArrayWriter, MappedArrays, MemoryWriter

LAYOUT = {
    "terms": np.uint32,
    "term_begins": np.uint32,
    "term_chunks": np.uint32,
    "posting_words": np.uint32,
    "posting_widths": np.uint8,
    "posting_begins": np.uint32,
}
_COUNT_BITS = 3
_COUNTS = np.array([1, 2, 3, 4, 6, 9, 16, 48], dtype=np.float32)  # from 5 on rounded: BM25 hardly tells them apart
_CODES = np.searchsorted([2, 3, 4, 5, 8, 12, 28], np.arange(256), side="right").astype(np.uint32)
_BEGIN_BITS = 6  # the begin of every 64th group is stored


@dataclass(frozen=True, slots=True)
class Postings:
    """The place of a term's postings: the first, the one after the last, and the first chunk."""

    begin: int
    end: int
    chunk: int

    @property
    def count(self) -> int:
        """Number of chunks that contain the term."""
        return self.end - self.begin


NONE = Postings(0, 0, 0)


class PostingWriter:
    """Writes the terms of a segment and their postings."""

    def __init__(self, writer: ArrayWriter | MemoryWriter) -> None:
        self._writer = writer
        self._rest = np.zeros(0, dtype=np.uint32)
        self._postings = self._groups = self._words = 0
        for name, dtype in LAYOUT.items():
            writer.append(name, np.zeros(0, dtype=dtype))

    def append(self, terms: NDArray[np.uint32], chunks: NDArray[np.int64], counts: NDArray[np.uint8]) -> None:
        """Append postings, sorted by term and chunk; all of a term are in one call, and terms ascend over the calls."""
        if not len(terms):
            return
        is_first = np.ones(len(terms), dtype=np.bool_)
        is_first[1:] = terms[1:] != terms[:-1]
        gaps = np.diff(chunks, prepend=0)
        gaps[is_first] = 0
        firsts = np.flatnonzero(is_first)
        self._writer.append("terms", terms[firsts])
        self._writer.append("term_begins", (firsts + self._postings).astype(np.uint32))
        self._writer.append("term_chunks", chunks[firsts].astype(np.uint32))
        self._postings += len(terms)
        values = np.concatenate([self._rest, gaps.astype(np.uint32) << np.uint32(_COUNT_BITS) | _CODES[counts]])
        whole = len(values) >> GROUP_BITS << GROUP_BITS
        self._write_groups(values[:whole].reshape(-1, GROUP))
        self._rest = values[whole:]

    def finish(self) -> None:
        """Write the last postings, padded to a whole group, so that no array is empty."""
        filled = np.append(self._rest, np.ones(GROUP - len(self._rest), dtype=np.uint32))
        self._write_groups(filled.reshape(1, GROUP))
        self._writer.append("term_begins", np.array([self._postings], dtype=np.uint32))

    def _write_groups(self, groups: NDArray[np.uint32]) -> None:
        """Write whole groups."""
        widths = measure_widths(groups)
        begins = self._words + np.cumsum(widths, dtype=np.int64) - widths
        is_marked = (np.arange(self._groups, self._groups + len(groups)) & ((1 << _BEGIN_BITS) - 1)) == 0
        self._writer.append("posting_begins", begins[is_marked].astype(np.uint32))
        self._writer.append("posting_widths", widths)
        self._writer.append("posting_words", pack_groups(groups, widths))
        self._groups += len(groups)
        self._words += int(widths.sum(dtype=np.int64))


def find_postings(arrays: MappedArrays | MemoryWriter, term: int) -> Postings:
    """Return where the postings of `term`, a hash, are; `NONE` for an unknown term."""
    terms = arrays["terms"]
    at = int(np.searchsorted(terms, np.uint32(term)))
    if at == len(terms) or int(terms[at]) != term:
        return NONE
    begins = arrays["term_begins"]
    return Postings(int(begins[at]), int(begins[at + 1]), int(arrays["term_chunks"][at]))


def read_postings(
    arrays: MappedArrays | MemoryWriter, postings: Postings
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the chunks of some postings, ascending, and the term's count in each."""
    first, last = postings.begin >> GROUP_BITS, (postings.end - 1) >> GROUP_BITS
    mark = first >> _BEGIN_BITS
    widths = arrays["posting_widths"]
    begin = int(arrays["posting_begins"][mark]) + int(widths[mark << _BEGIN_BITS : first].sum(dtype=np.int64))
    values = read_groups(arrays["posting_words"][begin:], widths[first : last + 1])
    values = values[postings.begin & (GROUP - 1) :][: postings.count]
    counts = _COUNTS.take(values & np.uint32((1 << _COUNT_BITS) - 1))
    values >>= np.uint32(_COUNT_BITS)
    chunks = np.cumsum(values, dtype=np.int64)
    chunks += postings.chunk
    return chunks, counts
