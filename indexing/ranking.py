"""Lexical ranking of chunks: BM25 over words and their parts, with priors for definitions of imported names.

Treats the arrays of several segments as one collection. Reads no text. Start at `rank`.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexing.storage.postings import find_postings, read_postings
from indexing.syntax import tokens

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Sequence

    from numpy.typing import NDArray

    from indexing.storage.arrays import MappedArrays, MemoryWriter

# BM25 (Robertson and Zaragoza, 2009). K1 and B tuned on the dev packages (tests/eval/retrieval.py).
K1 = 1.2
B = 0.75
MAX_TERMS = 48  # the rarest ones of a long query; others hardly change the order
# Priors, tuned in the same way: in units of the name's idf for a chunk that defines a name of the query, and for one
# that defines a name that the edited file imports; and a factor for chunks of files that it imports.
DEFINES = 3.0
DEFINES_IMPORTED = 8.0
IMPORTED_FILE = 2.0
_ENDINGS = (".js", ".mjs", ".ts", ".tsx", ".jsx", ".h", ".hpp", ".php", ".rb", ".lua", ".sh", ".dart", ".css", ".scss")


@dataclass(frozen=True, slots=True)
class SearchedSegment:
    """A segment to be searched: its arrays, and for each file whether it is searched."""

    arrays: MappedArrays | MemoryWriter
    alive: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RankedChunk:
    """A chunk with its score: the segment's position among the searched ones, and the chunk's number in it."""

    segment: int
    chunk: int
    score: float


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A query in hashes: terms with weights, names in it, and names and modules that the edited file imports."""

    terms: dict[int, float]
    names: frozenset[int]
    imported: frozenset[int]
    modules: frozenset[int]

    @classmethod
    def of(cls, text: str, imported: Collection[str] = (), modules: Collection[str] = ()) -> ParsedQuery:
        """Parse the query `text`; `imported` and `modules` are names as the import statements write them."""
        data = tokens.fold(text)
        terms: dict[int, float] = {}
        for term in tokens.find_terms(data).ids.tolist():
            terms[term] = terms.get(term, 0.0) + 1.0
        words = tokens.tokenize(data).ids
        names = frozenset(words[words >= tokens.FIRST_WORD].tolist())
        return cls(
            terms={term: math.log1p(count) for term, count in terms.items()},
            names=names,
            imported=frozenset(tokens.hash_words(list(imported)).tolist()),
            modules=frozenset(tokens.hash_words([normalize_module(module) for module in modules]).tolist()),
        )


def normalize_module(module: str) -> str:
    """Return `module` as a dotted name, without leading dots and a file extension: `./a/b.js` gives `a.b`."""
    for ending in _ENDINGS:
        module = module.removesuffix(ending)
    return module.replace("/", ".").replace("::", ".").replace("\\", ".").strip(".")


def find_defining_chunks(arrays: MappedArrays | MemoryWriter, name: int) -> NDArray[np.uint32]:
    """Return the numbers of the chunks that define the name with the hash `name`."""
    low = int(np.searchsorted(arrays["defined"], np.uint32(name), side="left"))
    high = int(np.searchsorted(arrays["defined"], np.uint32(name), side="right"))
    return np.asarray(arrays["defined_in"][low:high], dtype=np.uint32)


def find_module_files(arrays: MappedArrays | MemoryWriter, modules: Collection[int]) -> list[int]:
    """Return the sorted indexes of the files that can be imported as one of `modules`, which are hashes of names."""
    files: set[int] = set()
    for module in modules:
        low = int(np.searchsorted(arrays["modules"], np.uint32(module), side="left"))
        high = int(np.searchsorted(arrays["modules"], np.uint32(module), side="right"))
        files.update(arrays["module_file"][low:high].tolist())
    return sorted(files)


def get_chunk_slice(arrays: MappedArrays | MemoryWriter, file: int) -> slice:
    """Return the slice of chunk numbers that belong to the file with the index `file`."""
    ends = arrays["file_chunk_end"]
    return slice(int(ends[file - 1]) if file else 0, int(ends[file]))


def rank(
    segments: Sequence[SearchedSegment], query: ParsedQuery, *, limit: int, deadline: float | None
) -> list[RankedChunk]:
    """Return up to `limit` chunks of searched files, highest score first; of chunks that overlap by half, the best.

    Scores the `MAX_TERMS` rarest terms, rarest first; after `deadline` (of `time.monotonic`) the rest is ignored.
    """
    total = sum(len(segment.arrays["chunk_terms"]) for segment in segments)
    if not total:
        return []
    average = max(1.0, sum(int(segment.arrays.meta["terms"]) for segment in segments) / total)
    scores = [np.zeros(len(segment.arrays["chunk_terms"]), dtype=np.float32) for segment in segments]
    found = []
    for term, weight in query.terms.items():
        places = [find_postings(segment.arrays, term) for segment in segments]
        frequency = sum(place.count for place in places)
        if frequency:
            found.append((compute_idf(frequency, total), weight, places))
    found.sort(key=lambda item: -item[0])
    for value, weight, places in found[:MAX_TERMS]:
        if deadline is not None and time.monotonic() > deadline:
            break
        for segment, place, score in zip(segments, places, scores, strict=True):
            if place.count:
                chunks, counts = read_postings(segment.arrays, place)
                norm = segment.arrays["chunk_terms"][chunks].astype(np.float32)
                norm *= np.float32(K1 * B / average)
                norm += np.float32(K1 * (1 - B))
                norm += counts
                counts *= np.float32(value * weight * (K1 + 1))
                counts /= norm
                score[chunks] += counts
    _add_priors(segments, query, scores, total)
    return _choose_best(segments, scores, limit)


def compute_idf(frequency: int, total: int) -> float:
    """Return the inverse document frequency of a term in `frequency` of `total` chunks; never negative."""
    return float(np.log1p((total - frequency + 0.5) / (frequency + 0.5)))


def _add_priors(
    segments: Sequence[SearchedSegment], query: ParsedQuery, scores: list[NDArray[np.float32]], total: int
) -> None:
    """Raise, in place, the `scores` of chunks that define a queried or imported name, or are in an imported file.

    `total` is the number of chunks.
    """
    for name in query.names | query.imported:
        homes = [find_defining_chunks(segment.arrays, name) for segment in segments]
        count = sum(map(len, homes))
        if count:
            weight = DEFINES * (name in query.names) + DEFINES_IMPORTED * (name in query.imported)
            for score, home in zip(scores, homes, strict=True):
                score[home] += np.float32(weight * compute_idf(count, total))
    for segment, score in zip(segments, scores, strict=True):
        for file in find_module_files(segment.arrays, query.modules):
            score[get_chunk_slice(segment.arrays, file)] *= np.float32(IMPORTED_FILE)


def do_overlap_by_half(one: tuple[Hashable, int, int], other: tuple[Hashable, int, int]) -> bool:
    """Return whether two places (file, start, end) overlap by at least half of the shorter one, in the same file."""
    common = min(one[2], other[2]) - max(one[1], other[1])
    return one[0] == other[0] and 2 * common >= min(one[2] - one[1], other[2] - other[1])


def _choose_best(
    segments: Sequence[SearchedSegment], scores: list[NDArray[np.float32]], limit: int
) -> list[RankedChunk]:
    """Return up to `limit` chunks with the highest scores, best first; of chunks that overlap by half, the best.

    Leaves out chunks with the score 0, and sets the `scores` in files that are not searched to 0.
    """
    found: list[RankedChunk] = []
    wide = 4 * limit  # definitions and windows overlap about twice
    for number, (segment, score) in enumerate(zip(segments, scores, strict=True)):
        if not segment.alive.all():
            for file in np.flatnonzero(~segment.alive).tolist():
                score[get_chunk_slice(segment.arrays, file)] = 0
        top = np.argpartition(-score, wide)[:wide] if len(score) > wide else np.arange(len(score))
        found += [RankedChunk(number, int(chunk), float(score[chunk])) for chunk in top if score[chunk] > 0]
    found.sort(key=lambda item: (-item.score, item.segment, item.chunk))
    kept: list[RankedChunk] = []
    taken: dict[Hashable, list[tuple[Hashable, int, int]]] = {}
    for item in found:
        arrays = segments[item.segment].arrays
        source: Hashable = (item.segment, int(np.searchsorted(arrays["file_chunk_end"], item.chunk, side="right")))
        start, end = arrays["chunk_spans"][4 * item.chunk : 4 * item.chunk + 2].tolist()
        place: tuple[Hashable, int, int] = (source, start, end)
        others = taken.setdefault(source, [])
        if not any(do_overlap_by_half(place, other) for other in others):
            others.append(place)
            kept.append(item)
            if len(kept) == limit:
                break
    return kept


def rank_definitions(
    segments: Sequence[SearchedSegment],
    names: Sequence[str],
    modules: Collection[str],
    *,
    limit: int,
    deadline: float | None,
) -> list[RankedChunk]:
    """Return up to `limit` chunks that define at least one of `names`, best first.

    Earlier names, names with few definitions and files of `modules` score higher. After `deadline` (of
    `time.monotonic`) the remaining names are ignored.
    """
    scores = [np.zeros(len(segment.arrays["chunk_terms"]), dtype=np.float32) for segment in segments]
    for place, name in enumerate(tokens.hash_words(list(names)).tolist()):
        if deadline is not None and time.monotonic() > deadline:
            break
        homes = [find_defining_chunks(segment.arrays, name) for segment in segments]
        count = max(sum(map(len, homes)), 1)
        for score, home in zip(scores, homes, strict=True):
            score[home] += np.float32(1.0 / count + 1.0 / (1 + place))
    query = ParsedQuery.of("", (), modules)
    for segment, score in zip(segments, scores, strict=True):
        for file in find_module_files(segment.arrays, query.modules):
            score[get_chunk_slice(segment.arrays, file)] *= np.float32(4.0)
    return _choose_best(segments, scores, limit)
