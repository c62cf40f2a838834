"""Building a segment file from blobs: text, tokens, postings, definitions and anchors.

Memory does not grow with the workspace: files are tokenised in batches, numbers to be sorted are spooled to partitions
on disk, and the partitions are sorted one after the other. Start at `build`.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from indexing.storage import anchors, blobs
from indexing.storage.arrays import ArrayWriter, MemoryWriter
from indexing.storage.bit_packing import PackedWriter
from indexing.storage.postings import PostingWriter
from indexing.storage.stream_building import FEW_UNITS, MANY_UNITS, StreamBuilder
from indexing.syntax import tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from indexing.storage.segment_files import SegmentFile

FORMAT = 5  # part of the segment's meta; the store puts it into the file name
BATCH_CHARACTERS = 1 << 18  # measured: larger batches fall out of the processor's cache and halve the speed
PARTITIONS_BITS = 5
AHEAD = 2  # partitions that are sorted in advance; three of 32 are in memory at once
MANY_TOKENS = 1_000_000  # from here on partitions are sorted in threads
LAYOUT = {
    "paths": np.uint8,
    "file_id": np.int64,
    "file_mtime": np.float64,
    "file_language": np.uint16,
    "file_ascii": np.uint8,
    "file_chunk_end": np.uint32,
    "file_path_end": np.uint32,
    "file_token_end": np.uint32,
    "chunk_spans": np.uint32,
    "chunk_terms": np.uint32,
    "chunk_kinds": np.uint8,
    "chunk_names": np.uint8,
    "chunk_name_end": np.uint32,
    "anchor_start": np.uint32,
    "anchor_words": np.uint32,
    "defined": np.uint32,
    "defined_in": np.uint32,
    "modules": np.uint32,
    "module_file": np.uint32,
}
CHUNK_BITS = 24  # 16.7 million chunks; a posting is packed as term (32 bits), chunk (24), count (8)


def build(target: Path, files: Iterable[SegmentFile], describe: Callable[[], dict[str, Any]] = dict) -> None:
    """Write the segment of `files`, which have different ids, to `target`, atomically and in bounded memory.

    Args:
        target: path of the segment.
        files: the files.
        describe: returns what else stands in the segment's meta; is called once all files have been read.

    Raises:
        OSError: the disk is full or cannot be written; `target` is unchanged.
        indexing.storage.blobs.BlobError: a blob is damaged.
    """
    with ArrayWriter(target) as writer:
        builder = _Builder(writer)
        for batch in _group_in_batches(files):
            builder.add(batch)
        builder.finish(describe())


def build_in_memory(files: Iterable[SegmentFile]) -> MemoryWriter:
    """Build the segment of a few open or changed files in memory."""
    writer = MemoryWriter()
    builder = _Builder(writer)
    for batch in _group_in_batches(files):
        builder.add(batch)
    builder.finish({})
    return writer


def _group_in_batches(files: Iterable[SegmentFile]) -> Iterator[list[tuple[SegmentFile, blobs.Packed]]]:
    """Yield `files`, each with its unpacked blob, in batches of about `BATCH_CHARACTERS`."""
    batch: list[tuple[SegmentFile, blobs.Packed]] = []
    size = 0
    for file in files:
        packed = blobs.unpack(file.blob) if isinstance(file.blob, bytes) else file.blob
        if batch and size + packed.length > BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
        batch.append((file, packed))
        size += packed.length
    if batch:
        yield batch


def list_module_names(relative: str) -> list[str]:
    """Return the names a file may be imported by: `a/b/c.py` is `c`, `b.c` and `a.b.c`; `a/__init__.py` is `a`."""
    parts = relative.split("/")
    parts[-1] = parts[-1].split(".", 1)[0]  # `index.test` of `index.test.js` gets no name of its own
    if parts[-1] in {"__init__", "index", "mod", "lib"} and len(parts) > 1:
        parts.pop()
    return list(accumulate(reversed(parts), lambda tail, head: f"{head}.{tail}"))


def count_terms(
    data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Count the terms in spans of a folded text.

    Args:
        data: the folded text.
        starts: first byte of each span.
        ends: byte after each span.

    Returns:
        `term << 32 | span number` for each occurrence of a term, sorted, and the number of terms in each span.
    """
    found = tokens.find_terms(data)
    low = np.searchsorted(found.starts, starts)
    counts = np.searchsorted(found.starts, ends) - low
    offsets = np.cumsum(counts) - counts
    at = np.arange(int(counts.sum())) - np.repeat(offsets - low, counts)
    pairs = found.ids[at].astype(np.uint64) << np.uint64(32)
    pairs |= np.repeat(np.arange(len(starts), dtype=np.uint64), counts)
    pairs.sort()
    return pairs, counts


def _accumulate(lengths: list[int], base: int) -> NDArray[np.int64]:
    """Return the end offset of each of several consecutive pieces with these `lengths`; the first begins at `base`."""
    return np.cumsum(np.array(lengths, dtype=np.int64)) + base


class _Builder:
    """The state of one build: how much has been written, and what stays in memory until the end."""

    def __init__(self, writer: ArrayWriter | MemoryWriter) -> None:
        self._writer = writer
        self._stream = StreamBuilder(writer, FEW_UNITS if isinstance(writer, MemoryWriter) else MANY_UNITS)
        self._last_length = 0  # code points of the file whose separator is not in the stream yet
        self._terms = self._chunks = 0
        self._names_end = self._paths_end = 0
        self._defined: list[NDArray[np.uint64]] = []
        self._modules: list[tuple[str, int]] = []
        self._files = 0
        self._kinds: dict[str, int] = {}
        self._languages: dict[str, int] = {}
        for name, dtype in LAYOUT.items():
            writer.append(name, np.zeros(0, dtype=dtype))
        self._tokens = 1
        self._before = np.zeros(anchors.CONTEXT, dtype=np.uint32)  # the last tokens of the previous batch, for contexts

    def add(self, batch: list[tuple[SegmentFile, blobs.Packed]]) -> None:
        """Write the arrays of a batch of files; numbers that have to be sorted are spooled until `finish`."""
        folded = [packed.text if packed.is_ascii else tokens.fold(packed.decode()) for _, packed in batch]
        data = b"\x00".join([*(piece.replace(b"\x00", b"\x01") for piece in folded), b""])
        lengths = np.array([len(piece) + 1 for piece in folded], dtype=np.int64)
        begins = np.cumsum(lengths) - lengths
        files = [packed for _, packed in batch]
        self._add_tokens(data, begins, files)
        self._add_chunks(data, begins, files)
        self._add_files(batch)

    def _add_tokens(self, data: bytes, begins: NDArray[np.int64], files: list[blobs.Packed]) -> None:
        """Write the tokens of a batch, and spool their anchors.

        Args:
            data: the folded texts, each followed by NUL.
            begins: offset in `data` at which each text begins.
            files: the unpacked blobs.
        """
        found = tokens.tokenize(data)
        ends = np.searchsorted(found.starts, np.append(begins[1:], len(data)))
        owner = np.repeat(np.arange(len(begins)), np.diff(ends, prepend=0))
        self._add_to_stream(found.ids, found.starts - begins[owner], ends, files)
        token_ends = ends + self._tokens
        self._writer.append("file_token_end", token_ends.astype(np.uint32))
        keys = anchors.compute_keys(np.concatenate([self._before, found.ids]))[len(self._before) :]
        self._before = np.concatenate([self._before, found.ids])[-anchors.CONTEXT :]
        places = np.arange(self._tokens, self._tokens + len(keys), dtype=np.uint64)
        useful = (found.ids != tokens.SEPARATOR) & (places < anchors.MAX_TOKENS)
        useful[:-1] &= found.ids[1:] > tokens.SHALLOWER
        packed = anchors.pack(keys[useful], places[useful])
        packed.sort()
        for partition, piece in _split_by_partition(packed):
            self._writer.spool("anchors", partition, piece)
        self._tokens += len(found.ids)

    def _add_to_stream(
        self, ids: NDArray[np.uint32], offsets: NDArray[np.int64], ends: NDArray[np.int64], files: list[blobs.Packed]
    ) -> None:
        """Append a batch to the token stream: the separator before it, and all of it but its last separator.

        Args:
            ids: the tokens.
            offsets: code-point offset of each token in its file.
            ends: the number of tokens up to the end of each file.
            files: the unpacked blobs.
        """
        starts = np.empty(len(ids) + 1, dtype=np.int64)
        starts[0] = 0
        begin, low = 1, 0
        for packed, high in zip(files, ends.tolist(), strict=True):
            inside = offsets[low:high]
            starts[low + 1 : high + 1] = inside if packed.is_ascii else packed.compute_byte_offsets()[inside]
            starts[low + 1 : high + 1] += begin
            begin, low = begin + len(packed.text) + 1, high
        self._stream.add(
            b"\x00" + b"\x00".join([packed.text for packed in files]),
            starts[:-1],
            np.append(np.uint32(tokens.SEPARATOR), ids[:-1]),
            np.append(self._last_length, offsets[:-1]),
        )
        self._last_length = files[-1].length

    def _add_chunks(self, data: bytes, begins: NDArray[np.int64], batch: list[blobs.Packed]) -> None:
        """Write the chunks' spans and term counts, and spool their postings; arguments as in `_add_tokens`."""
        spans = np.concatenate([packed.spans for packed in batch]).astype(np.int64)
        owner = np.repeat(begins, [len(packed.spans) for packed in batch])
        pairs, counts = count_terms(data, spans[:, 0] + owner, spans[:, 1] + owner)
        self._writer.append("chunk_spans", spans.astype(np.uint32).ravel())
        self._writer.append("chunk_terms", counts.astype(np.uint32))
        self._terms += int(counts.sum())
        firsts = np.flatnonzero(np.diff(pairs, prepend=np.uint64(2**64 - 1)))
        repeats = np.minimum(np.diff(np.append(firsts, len(pairs))), 255).astype(np.uint64)
        kept = pairs[firsts]
        chunk = (kept & np.uint64(0xFFFFFFFF)) + np.uint64(self._chunks)
        packed_pairs = (kept & np.uint64(0xFFFFFFFF00000000)) | chunk << np.uint64(8) | repeats
        for partition, piece in _split_by_partition(packed_pairs[chunk < 1 << CHUNK_BITS]):
            self._writer.spool("postings", partition, piece)

    def _add_files(self, batch: list[tuple[SegmentFile, blobs.Packed]]) -> None:
        """Write paths, languages, and kinds and names of chunks of a batch; note its modules and definitions."""
        files = [packed for _, packed in batch]
        paths = [file.relative.encode("utf-8", "surrogatepass") for file, _ in batch]
        names = [name.encode("utf-8", "surrogatepass") for packed in files for name in packed.names]
        kinds = [self._kinds.setdefault(kind, len(self._kinds)) for packed in files for kind in packed.kinds]
        languages = [self._languages.setdefault(packed.language, len(self._languages)) for packed in files]
        chunk_end = _accumulate([len(packed.names) for packed in files], self._chunks)
        self._add_definitions(files, chunk_end)
        for number, (file, _) in enumerate(batch, self._files):
            self._modules += [(module, number) for module in list_module_names(file.relative)]
        append = self._writer.append
        append("chunk_kinds", np.array(kinds, dtype=np.uint8))
        append("chunk_names", np.frombuffer(b"".join(names), dtype=np.uint8))
        append("chunk_name_end", _accumulate([len(name) for name in names], self._names_end).astype(np.uint32))
        append("paths", np.frombuffer(b"".join(paths), dtype=np.uint8))
        append("file_id", np.array([file.file_id for file, _ in batch], dtype=np.int64))
        append("file_mtime", np.array([file.mtime for file, _ in batch], dtype=np.float64))
        append("file_language", np.array(languages, dtype=np.uint16))
        append("file_ascii", np.array([packed.is_ascii for packed in files], dtype=np.uint8))
        append("file_chunk_end", chunk_end.astype(np.uint32))
        append("file_path_end", _accumulate([len(path) for path in paths], self._paths_end).astype(np.uint32))
        self._names_end += sum(map(len, names))
        self._paths_end += sum(map(len, paths))
        self._chunks = int(chunk_end[-1])
        self._files += len(batch)

    def _add_definitions(self, files: list[blobs.Packed], chunk_end: NDArray[np.int64]) -> None:
        """Note the definitions of a batch by their hash and chunk; `chunk_end` has the end of each file's chunks."""
        first = chunk_end - [len(packed.names) for packed in files]
        homes = np.concatenate([packed.defined_in + low for packed, low in zip(files, first, strict=True)])
        defined = np.concatenate([packed.defined for packed in files]).astype(np.uint64)
        self._defined.append(defined << np.uint64(32) | homes.astype(np.uint64))

    def finish(self, described: dict[str, Any]) -> None:
        """Write the last separator, sort the spooled numbers and write the segment, with `described` in its meta."""
        end = np.array([self._last_length])
        self._stream.add(b"\x00", np.zeros(1, dtype=np.int64), np.array([tokens.SEPARATOR], dtype=np.uint32), end)
        self._stream.finish()
        self._write_postings()
        self._write_anchors()
        defined = np.concatenate(self._defined) if self._defined else np.zeros(0, dtype=np.uint64)
        defined.sort()
        self._writer.append("defined", (defined >> np.uint64(32)).astype(np.uint32))
        self._writer.append("defined_in", (defined & np.uint64(0xFFFFFFFF)).astype(np.uint32))
        modules = tokens.hash_words([name for name, _ in self._modules])
        order = np.argsort(modules, kind="stable")
        self._writer.append("modules", modules[order])
        self._writer.append("module_file", np.array([file for _, file in self._modules], dtype=np.uint32)[order])
        self._writer.finish(
            described
            | {
                "format": FORMAT,
                "files": self._files,
                "chunks": self._chunks,
                "tokens": self._tokens,
                "terms": self._terms,
                "kinds": list(self._kinds),
                "languages": list(self._languages),
            }
        )

    def _write_postings(self) -> None:
        """Write the terms and their postings from the spooled numbers."""
        postings = PostingWriter(self._writer)
        for packed in self._drain_sorted("postings"):
            postings.append(
                (packed >> np.uint64(32)).astype(np.uint32),
                (packed >> np.uint64(8) & np.uint64((1 << CHUNK_BITS) - 1)).astype(np.int64),
                packed.astype(np.uint8),
            )
        postings.finish()

    def _drain_sorted(self, name: str) -> Iterator[NDArray[np.uint64]]:
        """Yield the sorted numbers of each partition; for many tokens, threads sort the next partitions in advance."""
        partitions = iter(range(1 << PARTITIONS_BITS))
        if self._tokens < MANY_TOKENS:
            yield from (self._writer.drain(name, partition) for partition in partitions)
            return
        with ThreadPoolExecutor(AHEAD) as ahead:
            coming = deque(ahead.submit(self._writer.drain, name, one) for one in islice(partitions, AHEAD))
            while coming:
                numbers = coming.popleft().result()
                coming.extend(ahead.submit(self._writer.drain, name, one) for one in islice(partitions, 1))
                yield numbers

    def _write_anchors(self) -> None:
        """Write the table of anchors from the spooled numbers."""
        bits = anchors.choose_bucket_bits(self._tokens)
        total = 0
        per_partition = 1 << (bits - PARTITIONS_BITS)
        written = PackedWriter(self._writer, "anchor_words", anchors.choose_place_bits(self._tokens))
        self._writer.append("anchor_start", np.zeros(1, dtype=np.uint32))
        for partition, packed in enumerate(self._drain_sorted("anchors")):
            buckets, places = anchors.unpack(packed, bits)
            counts = np.bincount(buckets - partition * per_partition, minlength=per_partition)
            self._writer.append("anchor_start", (np.cumsum(counts) + total).astype(np.uint32))
            written.append(places)
            total += len(places)
        written.finish()


def _split_by_partition(packed: NDArray[np.uint64]) -> Iterator[tuple[int, NDArray[np.uint64]]]:
    """Yield each partition of sorted numbers that is not empty: its number and its part of `packed`."""
    limits = np.arange(1, 1 << PARTITIONS_BITS, dtype=np.uint64) << np.uint64(64 - PARTITIONS_BITS)
    ends = [0, *np.searchsorted(packed, limits).tolist(), len(packed)]
    for partition in range(1 << PARTITIONS_BITS):
        piece = packed[ends[partition] : ends[partition + 1]]
        if len(piece):
            yield partition, piece
