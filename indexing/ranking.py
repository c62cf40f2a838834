"""Lexical ranking of chunks: BM25 over words and their parts, with priors for definitions of what the asker imports.

Works on the arrays of one or several segments as one collection. Reads no text. Start at `rank`.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexing.syntax import tokens

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Sequence

    from numpy.typing import NDArray

    from indexing.storage.arrays import MappedArrays, MemoryWriter

# BM25 (Robertson and Zaragoza, 2009). K1 and B tuned on the dev packages (tests/eval/retrieval.py).
K1 = 1.2
B = 0.75
MAX_TERMS = 48  # the rarest ones of a long query; the others hardly move the order
# Priors, in units of the idf of the name (tuned likewise): a chunk that defines a name of the query, or one that
# the asking file imports; and a factor for chunks of files that the asking file imports.
DEFINES = 3.0
DEFINES_IMPORTED = 8.0
IMPORTED_FILE = 2.0
_ENDINGS = (".js", ".mjs", ".ts", ".tsx", ".jsx", ".h", ".hpp", ".php", ".rb", ".lua", ".sh", ".dart", ".css", ".scss")


@dataclass(frozen=True, slots=True)
class Shelf:
    """One segment to be ranked: its arrays and which of its files count; shape of `alive` (files,)."""

    arrays: MappedArrays | MemoryWriter
    alive: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Found:
    """A ranked chunk: which shelf, the chunk's number on it, its score."""

    shelf: int
    chunk: int
    score: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """A query in numbers: terms with weights, names it uses, names and modules that the asking file imports."""

    terms: dict[int, float]
    names: frozenset[int]
    imported: frozenset[int]
    modules: frozenset[int]

    @classmethod
    def of(cls, text: str, imported: Collection[str] = (), modules: Collection[str] = ()) -> Wanted:
        """Read a query."""
        data = tokens.fold(text)
        terms: dict[int, float] = {}
        for term in tokens.terms(data).ids.tolist():
            terms[term] = terms.get(term, 0.0) + 1.0
        words = tokens.tokenize(data).ids
        names = frozenset(words[words >= tokens.FIRST_WORD].tolist())
        return cls(
            terms={term: math.log1p(count) for term, count in terms.items()},
            names=names,
            imported=frozenset(tokens.hash_words(list(imported)).tolist()),
            modules=frozenset(tokens.hash_words([dotted(module) for module in modules]).tolist()),
        )


def dotted(module: str) -> str:
    """A module as written, in the form of `building.module_names`: dots between, none around, no file ending."""
    for ending in _ENDINGS:
        module = module.removesuffix(ending)
    return module.replace("/", ".").replace("::", ".").replace("\\", ".").strip(".")


def postings(arrays: MappedArrays | MemoryWriter, term: int) -> slice:
    """Where the postings of a term stand; an empty slice for an unknown one."""
    terms = arrays["terms"]
    at = int(np.searchsorted(terms, np.uint32(term)))
    if at == len(terms) or int(terms[at]) != term:
        return slice(0, 0)
    start = arrays["term_start"]
    return slice(int(start[at]), int(start[at + 1]))


def defining(arrays: MappedArrays | MemoryWriter, name: int) -> NDArray[np.uint32]:
    """Chunks that define a name (its hash as a word)."""
    low = int(np.searchsorted(arrays["defined"], np.uint32(name), side="left"))
    high = int(np.searchsorted(arrays["defined"], np.uint32(name), side="right"))
    return np.asarray(arrays["defined_in"][low:high], dtype=np.uint32)


def files_of_modules(arrays: MappedArrays | MemoryWriter, modules: Collection[int]) -> list[int]:
    """Files that may be imported under one of these names (hashes)."""
    files: set[int] = set()
    for module in modules:
        low = int(np.searchsorted(arrays["modules"], np.uint32(module), side="left"))
        high = int(np.searchsorted(arrays["modules"], np.uint32(module), side="right"))
        files.update(arrays["module_file"][low:high].tolist())
    return sorted(files)


def chunk_range(arrays: MappedArrays | MemoryWriter, file: int) -> slice:
    """The chunks of a file."""
    ends = arrays["file_chunk_end"]
    return slice(int(ends[file - 1]) if file else 0, int(ends[file]))


def rank(shelves: Sequence[Shelf], wanted: Wanted, *, limit: int, deadline: float | None) -> list[Found]:
    """The best chunks over all shelves, best first; past the deadline with the rarest terms only."""
    total = sum(len(shelf.arrays["chunk_terms"]) for shelf in shelves)
    if not total:
        return []
    average = max(1.0, sum(int(shelf.arrays.meta["terms"]) for shelf in shelves) / total)
    scores = [np.zeros(len(shelf.arrays["chunk_terms"]), dtype=np.float32) for shelf in shelves]
    found = []
    for term, weight in wanted.terms.items():
        places = [postings(shelf.arrays, term) for shelf in shelves]
        frequency = sum(place.stop - place.start for place in places)
        if frequency:
            found.append((idf(frequency, total), weight, places))
    found.sort(key=lambda item: -item[0])
    for value, weight, places in found[:MAX_TERMS]:
        if deadline is not None and time.monotonic() > deadline:
            break
        for shelf, place, score in zip(shelves, places, scores, strict=True):
            if place.stop > place.start:
                chunks = shelf.arrays["posting_chunk"][place]
                counts = shelf.arrays["posting_count"][place].astype(np.float32)
                norm = shelf.arrays["chunk_terms"][chunks].astype(np.float32)
                norm *= np.float32(K1 * B / average)
                norm += np.float32(K1 * (1 - B))
                norm += counts
                counts *= np.float32(value * weight * (K1 + 1))
                counts /= norm
                score[chunks] += counts
    _add_priors(shelves, wanted, scores, total)
    return _best(shelves, scores, limit)


def idf(frequency: int, total: int) -> float:
    """Inverse document frequency, in the form that is never negative."""
    return float(np.log1p((total - frequency + 0.5) / (frequency + 0.5)))


def _add_priors(shelves: Sequence[Shelf], wanted: Wanted, scores: list[NDArray[np.float32]], total: int) -> None:
    for name in wanted.names | wanted.imported:
        homes = [defining(shelf.arrays, name) for shelf in shelves]
        count = sum(map(len, homes))
        if count:
            weight = DEFINES * (name in wanted.names) + DEFINES_IMPORTED * (name in wanted.imported)
            for score, home in zip(scores, homes, strict=True):
                score[home] += np.float32(weight * idf(count, total))
    for shelf, score in zip(shelves, scores, strict=True):
        for file in files_of_modules(shelf.arrays, wanted.modules):
            score[chunk_range(shelf.arrays, file)] *= np.float32(IMPORTED_FILE)


def repeats(one: tuple[Hashable, int, int], other: tuple[Hashable, int, int]) -> bool:
    """Whether two places (file, start, end) show mostly the same: at least half of the shorter is in the other."""
    common = min(one[2], other[2]) - max(one[1], other[1])
    return one[0] == other[0] and 2 * common >= min(one[2] - one[1], other[2] - other[1])


def _best(shelves: Sequence[Shelf], scores: list[NDArray[np.float32]], limit: int) -> list[Found]:
    """The highest scores; of chunks that show mostly the same the best one."""
    found: list[Found] = []
    wide = 4 * limit  # definitions and windows overlap about twice
    for number, (shelf, score) in enumerate(zip(shelves, scores, strict=True)):
        if not shelf.alive.all():
            for file in np.flatnonzero(~shelf.alive).tolist():
                score[chunk_range(shelf.arrays, file)] = 0
        top = np.argpartition(-score, wide)[:wide] if len(score) > wide else np.arange(len(score))
        found += [Found(number, int(chunk), float(score[chunk])) for chunk in top if score[chunk] > 0]
    found.sort(key=lambda item: (-item.score, item.shelf, item.chunk))
    kept: list[Found] = []
    taken: dict[Hashable, list[tuple[Hashable, int, int]]] = {}
    for item in found:
        arrays = shelves[item.shelf].arrays
        source: Hashable = (item.shelf, int(np.searchsorted(arrays["file_chunk_end"], item.chunk, side="right")))
        start, end = arrays["chunk_spans"][4 * item.chunk : 4 * item.chunk + 2].tolist()
        place: tuple[Hashable, int, int] = (source, start, end)
        others = taken.setdefault(source, [])
        if not any(repeats(place, other) for other in others):
            others.append(place)
            kept.append(item)
            if len(kept) == limit:
                break
    return kept


def rank_definitions(
    shelves: Sequence[Shelf], names: Sequence[str], modules: Collection[str], *, limit: int, deadline: float | None
) -> list[Found]:
    """Chunks that define some of `names`, best first: those in files of `modules`, early names, rare names."""
    scores = [np.zeros(len(shelf.arrays["chunk_terms"]), dtype=np.float32) for shelf in shelves]
    for place, name in enumerate(tokens.hash_words(list(names)).tolist()):
        if deadline is not None and time.monotonic() > deadline:
            break
        homes = [defining(shelf.arrays, name) for shelf in shelves]
        count = max(sum(map(len, homes)), 1)
        for score, home in zip(scores, homes, strict=True):
            score[home] += np.float32(1.0 / count + 1.0 / (1 + place))
    wanted = Wanted.of("", (), modules)
    for shelf, score in zip(shelves, scores, strict=True):
        for file in files_of_modules(shelf.arrays, wanted.modules):
            score[chunk_range(shelf.arrays, file)] *= np.float32(4.0)
    return _best(shelves, scores, limit)
