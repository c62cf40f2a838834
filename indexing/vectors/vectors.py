"""Search by meaning over the files of the index, and the computation of the vectors that are missing.

Knows no model: it is given a `TextEmbedder`. Reads only texts of the index, of files that may be shown to a model.
Start at `Vectors`.
"""

from __future__ import annotations

import glob
import hashlib
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexing.segments import Ranked
from indexing.storage.index_files import IndexPaths
from indexing.vectors import self_measurement
from indexing.vectors.fusion import VECTORS, WORDS, fuse
from indexing.vectors.pieces import choose_pieces, describe_piece
from indexing.vectors.text_embedder import EmbeddingError
from indexing.vectors.vector_file import ENDING, FORMAT, VectorFile
from indexing.vectors.vector_store import MOST_FETCHED, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from indexing.records import SearchQuality
    from indexing.segments import FileKey, View
    from indexing.vectors.text_embedder import TextEmbedder
    from indexing.vectors.vector_store import VectorStore

BATCH = 8  # texts that are embedded at once, so that a pause begins soon
LEAST_WORDS = 3  # of a query that is searched by meaning; names are found by words
MEASURE_S = 120.0  # for the measurement of the search
_SLACK = 0.01  # by which the length of a fetched vector may differ from 1
_SPARE = 3  # times as many pieces are looked up as are wanted, because some are stale


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a file: the ordinal of its chunk, the hash of its text, and the text that a model sees."""

    ordinal: int
    hash: int
    text: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A file whose pieces were compared with the stored vectors: its version, and the pieces' hashes."""

    version: Hashable
    hashes: NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Coverage:
    """The numbers of stored vectors, of pieces that have one, and of all pieces; 0 pieces until they are counted.

    `lag_s` is the seconds since the oldest change whose vectors are missing was noticed; 0 for none.
    """

    vectors: int = 0
    embedded: int = 0
    pieces: int = 0
    lag_s: float = 0.0


def hash_text(text: str) -> int:
    """Return a hash of 64 bits."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def is_description(text: str) -> bool:
    """Return whether a query is words on one line, at least `LEAST_WORDS`, rather than a name or lines of code."""
    return "\n" not in text.strip() and len(re.findall(r"\w+", text)) >= LEAST_WORDS


def list_pieces(view: View, key: FileKey) -> list[Piece]:
    """Return the pieces of a file. Raises KeyError for an unknown file."""
    relative = view.read_relative_path(key)
    chunks = [view.read_chunk(key, ordinal) for ordinal in range(view.count_chunks(key))]
    text = view.read_text(key)
    pieces = []
    for ordinal in choose_pieces(chunks):
        span = chunks[ordinal].span
        described = describe_piece(relative, chunks[ordinal].name, text[span.start : span.end])
        pieces.append(Piece(ordinal, hash_text(described), described))
    return pieces


class Vectors:
    """The vectors of the pieces of some workspace folders. Thread-safe, but one thread at a time embeds.

    Args:
        roots: the workspace folders.
        storage: folder of the indexes.
        embedder: the embedding model.
        store: vectors that other servers computed; None for none.
    """

    def __init__(
        self, roots: Sequence[Path], storage: Path, embedder: TextEmbedder, store: VectorStore | None = None
    ) -> None:
        self._embedder = embedder
        self._store = store
        self._width = 0  # of the model's vectors, once one was computed
        self.fetched = 0
        self._noticed: dict[FileKey, float] = {}  # when a file changed that has no vectors yet
        self.quality: SearchQuality | None = None
        self._measured = 0  # pieces at that time
        self._changed = 0  # vectors since then
        self._files = {}
        for root in roots:
            paths = IndexPaths.of(storage, root)
            name = f"{paths.key}.{hash_text(embedder.identity):016x}-e{FORMAT}{ENDING}"
            self._files[paths.key] = VectorFile(paths.storage / name)
        self._seen: dict[FileKey, Seen] = {}
        self._paths: tuple[Hashable, Mapping[tuple[str, int], FileKey]] = (None, {})
        self._is_counted = False  # whether `_seen` has all files
        self.problem = ""

    @property
    def locks(self) -> list[Path]:
        """Paths of the lock files that a process holds while it embeds."""
        return [file.path.with_suffix(".lock") for file in self._files.values()]

    def search(self, view: View, text: str, words: Sequence[Ranked], limit: int) -> list[Ranked]:
        """Return up to `limit` chunks for a query in natural language, best first.

        Chunks that are near to `text` are fused with `words`, those that search by words found. Returns `words` for a
        query that is no description, without vectors, and if the model cannot compute; `problem` then says why.
        """
        if not is_description(text):
            return list(words)[:limit]
        for file in self._files.values():
            file.refresh()
        if not any(map(len, self._files.values())):
            return list(words)[:limit]
        try:
            (query,) = self._compute([text])
        except EmbeddingError as error:
            self.problem = str(error)
            return list(words)[:limit]
        nearest = self._find_nearest(view, query, limit)
        return [Ranked(each.key, each.chunk, score) for each, score in self._fuse(view, words, nearest, limit)]

    def _compute(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of `texts`, shape (texts, width).

        Raises:
            EmbeddingError: the model cannot compute.
        """
        try:
            found = np.array(self._embedder.embed(texts), dtype=np.float32)
        except self._embedder.failures as error:
            raise EmbeddingError(str(error)) from error
        self._width = found.shape[1]
        return found

    def _find_nearest(self, view: View, query: NDArray[np.float32], limit: int) -> list[Ranked]:
        """Return up to `_SPARE` times `limit` chunks of current files that are near to the vector `query`."""
        found = [
            (root, *each) for root, file in self._files.items() for each in file.find_nearest(query, 2 * _SPARE * limit)
        ]
        found.sort(key=lambda each: -each[1])
        paths = self._list_paths(view)
        pieces: dict[FileKey, dict[int, int]] = {}
        nearest: dict[tuple[FileKey, int], Ranked] = {}
        for root, score, path, piece, _ in found:
            key = paths.get((root, path))
            if key is None:
                continue
            if key not in pieces:
                pieces[key] = {each.hash: each.ordinal for each in list_pieces(view, key)}
            ordinal = pieces[key].get(piece)
            if ordinal is not None:
                nearest.setdefault((key, ordinal), Ranked(key, ordinal, score))
            if len(nearest) == _SPARE * limit:
                break
        return list(nearest.values())

    @staticmethod
    def _fuse(view: View, words: Sequence[Ranked], nearest: Sequence[Ranked], limit: int) -> list[tuple[Ranked, float]]:
        """Return the fusion of both rankings with the new scores, best first."""
        rankings = []
        for votes, ranking in ((WORDS, words), (VECTORS, nearest)):
            spans = [view.read_chunk(each.key, each.chunk).span for each in ranking]
            places = [(each.key, span.start, span.end) for each, span in zip(ranking, spans, strict=True)]
            rankings.append((votes, list(zip(ranking, places, strict=True))))
        return fuse(rankings, limit)

    def _list_paths(self, view: View) -> Mapping[tuple[str, int], FileKey]:
        """Return the keys of all files by their root and the hash of their path."""
        known, paths = self._paths
        if known != view.files_key:
            paths = {(key[0], hash_text(relative)): key for relative, key in view.iterate_paths()}
            self._paths = (view.files_key, paths)
        return paths

    def embed_missing(
        self,
        view: View,
        *,
        is_shown: Callable[[FileKey], bool],
        wait: Callable[[], bool],
        report: Callable[[], None] = lambda: None,
    ) -> bool:
        """Compute and store the vectors of all pieces that have none; return whether all have one then.

        Args:
            view: the files.
            is_shown: returns whether a model may see a file; others get no vectors.
            wait: is called before each file and each batch, waits while the person works, and returns false to end.
            report: is called after each batch.

        Raises:
            EmbeddingError: the model cannot compute.
            OSError: the vectors cannot be written.
        """
        self._discard_others()
        for file in self._files.values():
            file.refresh()
        if not self._count(view, is_shown, wait):
            return False
        for key in sorted(self._seen):
            if not is_shown(key):  # the rules may have changed while others were embedded
                self._seen.pop(key)
            elif not self._embed(view, key, wait, report):
                return False
            self._noticed.pop(key, None)
        used = [each.hashes for each in self._seen.values()]
        for file in self._files.values():
            file.drop_unused(np.concatenate(used) if used else np.zeros(0, np.uint64))
        self.problem = ""
        return True

    def measure_quality(self, view: View, wait: Callable[[], bool]) -> bool:
        """Measure how well functions are found by their descriptions, unless that was done and little has changed.

        Returns False if `wait` says that this has to end; then the next call begins anew. Takes at most `MEASURE_S`.

        Raises:
            EmbeddingError: the model cannot compute.
        """
        if not self._seen or (self.quality is not None and self._changed * 10 < self._measured):
            return True
        paths = self._list_paths(view)

        def find(query: NDArray[np.float32], count: int) -> list[tuple[FileKey, int, float]]:
            """Return the pieces of the workspace nearest to `query`."""
            found = [(root, *each) for root, file in self._files.items() for each in file.find_nearest(query, count)]
            found.sort(key=lambda each: -each[1])
            pieces: dict[FileKey, dict[int, int]] = {}
            nearest = []
            for root, score, path, piece, _ in found[:count]:
                key = paths.get((root, path))
                if key is None or key not in self._seen:
                    continue
                if key not in pieces:
                    pieces[key] = {each.hash: each.ordinal for each in list_pieces(view, key)}
                if (ordinal := pieces[key].get(piece)) is not None:
                    nearest.append((key, ordinal, score))
            return nearest

        quality = self_measurement.measure(
            view, list(self._seen), self._compute, find, wait=wait, deadline=time.monotonic() + MEASURE_S
        )
        if quality is None:
            return False
        self.quality, self._changed = quality, 0
        self._measured = sum(len(each.hashes) for each in self._seen.values())
        return True

    def _count(self, view: View, is_shown: Callable[[FileKey], bool], wait: Callable[[], bool]) -> bool:
        """Note the pieces of all files that a model may see; return False if `wait` says that this has to end."""
        current = {key for _, key in view.iterate_paths()}
        self._seen = {key: each for key, each in self._seen.items() if key in current}
        for key in sorted(current):
            if not wait():
                return False
            if key[0] not in self._files:
                continue
            if not is_shown(key):
                self._seen.pop(key, None)
                continue
            version = view.identify(key)
            seen = self._seen.get(key)
            if seen is None or seen.version != version:
                hashes = [each.hash for each in list_pieces(view, key)]
                self._seen[key] = Seen(version, np.array(hashes, dtype=np.uint64))
                self._noticed.setdefault(key, time.monotonic())
        self._noticed = {key: at for key, at in self._noticed.items() if key in self._seen}
        self._is_counted = True
        return True

    def _discard_others(self) -> None:
        """Delete the vectors of other models and formats."""
        for key, file in self._files.items():
            for path in file.path.parent.glob(f"{glob.escape(key)}.*{ENDING}"):
                if path != file.path:
                    with suppress(OSError):
                        path.unlink()

    def _embed(self, view: View, key: FileKey, wait: Callable[[], bool], report: Callable[[], None]) -> bool:
        """Embed the pieces of a file that have no vector; return False if `wait` says that this has to end."""
        file = self._files[key[0]]
        if not file.list_missing(self._seen[key].hashes.tolist()):
            return True
        pieces = list_pieces(view, key)
        path = hash_text(view.read_relative_path(key))
        missing = [pieces[position] for position in file.list_missing([each.hash for each in pieces])]
        for start in range(0, len(missing), MOST_FETCHED):
            if not wait():
                return False
            part = missing[start : start + MOST_FETCHED]
            there = self._fetch(part)
            known = [(each, there[each.hash]) for each in part if each.hash in there]
            if known and not file.is_full:
                self._append(file, path, [each for each, _ in known], np.stack([vector for _, vector in known]))
                self.fetched += len(known)
                report()
            rest = [each for each in part if each.hash not in there]
            for first in range(0, len(rest), BATCH):
                if not wait():
                    return False
                if file.is_full:
                    return True
                batch = rest[first : first + BATCH]
                vectors = self._compute([each.text for each in batch])
                self._append(file, path, batch, vectors)
                if self._store is not None:
                    digests = [digest(each.text) for each in batch]
                    self._store.store(self._embedder.identity, dict(zip(digests, vectors.tolist(), strict=True)))
                report()
        return True

    def _append(self, file: VectorFile, path: int, pieces: Sequence[Piece], vectors: NDArray[np.float32]) -> None:
        """Write the vectors of `pieces` of the file with the hash `path`; raises OSError."""
        file.append([path] * len(pieces), [each.hash for each in pieces], [each.ordinal for each in pieces], vectors)
        self._changed += len(pieces)

    def _fetch(self, pieces: Sequence[Piece]) -> dict[int, NDArray[np.float32]]:
        """Return the vectors of `pieces` that other servers computed, by the pieces' hashes; none without a store.

        Leaves out what cannot be of this model: another width, another length than 1, no numbers.

        Raises:
            EmbeddingError: the model cannot compute its first vector, which tells the width.
        """
        if self._store is None:
            return {}
        hashes = {digest(each.text): each.hash for each in pieces}
        stored = self._store.fetch(self._embedder.identity, list(hashes))
        if stored and not self._width:
            self._compute([pieces[0].text])
        found = {}
        for key, values in stored.items():
            vector = np.array(values, dtype=np.float32)
            # a comparison with NaN is false
            if key in hashes and vector.shape == (self._width,) and abs(float(np.linalg.norm(vector)) - 1) < _SLACK:
                found[hashes[key]] = vector
        return found

    def release_idle(self) -> None:
        """Release the memory of a model that has not been used for a while."""
        self._embedder.release_idle()

    def measure(self) -> Coverage:
        """Return how many vectors there are, and, once the pieces of all files are counted, how many have one."""
        embedded = pieces = 0
        for file in self._files.values():
            file.refresh()
        for (root, _), seen in list(self._seen.items()) if self._is_counted else ():
            pieces += len(seen.hashes)
            embedded += len(seen.hashes) - len(self._files[root].list_missing(seen.hashes.tolist()))
        oldest = min(list(self._noticed.values()), default=None)
        lag_s = 0.0 if oldest is None else round(time.monotonic() - oldest, 3)
        return Coverage(sum(map(len, self._files.values())), embedded, pieces, lag_s)
