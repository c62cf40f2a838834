"""A segment: the text, chunks, tokens and definitions of many files in arrays, mapped from a file or in memory.

`building` writes the arrays. Immutable and thread-safe; reads no file of the workspace. Start at `Segment`.
"""

from __future__ import annotations

import itertools
import threading
import time
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from indexing.records import Chunk
from indexing.storage.anchors import Anchors, Context, choose_place_bits
from indexing.storage.arrays import FormatError, MappedArrays
from indexing.storage.bit_packing import PackedArray
from indexing.storage.blobs import Packed
from indexing.storage.building import FORMAT
from indexing.storage.token_stream import OFFSET_BITS, TokenStream
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from numpy.typing import NDArray

    from indexing.storage.arrays import MemoryWriter

# Measured: a query of a segment of 475 MB reads 7 to 10 MB of it; the system maps 16 pages around each one.
MOST_QUERIES = 4  # after so many queries without a pause, pages are released nevertheless
SMALL_BYTES = 64 * 2**20  # pages of a segment up to this size are never released: reading them again is slower
PAUSE_S = 0.03  # without queries, before pages are released, which takes 1 to 2 ms with the GIL held


_serials = itertools.count()


class Segment:
    """The files of a segment, each with its index (0 to the number of files) in the arrays. Thread-safe.

    `serial` is a number that no other segment of this process has.
    """

    def __init__(self, arrays: MappedArrays | MemoryWriter) -> None:
        """Take arrays as `building` writes them."""
        self.arrays = arrays
        self.serial = next(_serials)
        self.stream = TokenStream(arrays)
        places = PackedArray(arrays["anchor_words"], choose_place_bits(len(self.stream)))
        self._anchors = Anchors(self.stream, arrays["anchor_start"], places)
        self._queries = 0  # a race miscounts, which does not matter
        self._last_query = 0.0
        self._forgetting = False
        self._index = {file_id: index for index, file_id in enumerate(arrays["file_id"].tolist())}

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map the segment file at `path`.

        Raises:
            FormatError: the file is damaged or of another format.
            OSError: it cannot be read.
        """
        arrays = MappedArrays(path)
        if arrays.meta.get("format") != FORMAT:
            raise FormatError(f"{path.name} has another format")
        return cls(arrays)

    def close(self) -> None:
        """Release the memory of its pages. Idempotent; the map ends with the last view that uses it."""
        self.arrays.release_pages()

    @property
    def file_ids(self) -> Collection[int]:
        """Ids of the files in the segment."""
        return self._index.keys()

    @property
    def bytes(self) -> int:
        """Size of the arrays in bytes."""
        return self.arrays.bytes

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return int(self.arrays.meta["chunks"])

    def note_query(self) -> None:
        """Count a query; a thread releases the pages in the next pause between queries, or after `MOST_QUERIES`.

        Does nothing for a segment of up to `SMALL_BYTES`.
        """
        if self.bytes <= SMALL_BYTES:
            return
        self._queries += 1
        self._last_query = time.monotonic()
        if not self._forgetting:
            self._forgetting = True
            threading.Thread(target=self._release_pages, name="index-pages", daemon=True).start()

    def _release_pages(self) -> None:
        """Wait for a pause or `MOST_QUERIES` queries, then release the pages; runs in a separate thread."""
        while True:
            time.sleep(PAUSE_S)
            if self._queries >= MOST_QUERIES or time.monotonic() - self._last_query >= PAUSE_S:
                break
        self._queries, self._forgetting = 0, False
        self.arrays.release_pages()

    def find_index(self, file_id: int) -> int:
        """Return the index of the file with the id `file_id`. Raises KeyError for an unknown id."""
        return self._index[file_id]

    def _read_range(self, ends: str, index: int) -> tuple[int, int]:
        """Return start and end of the entry `index`; `ends` is the name of the array that holds the ends of entries."""
        array = self.arrays[ends]
        return (int(array[index - 1]) if index else 0), int(array[index])

    def read_relative_path(self, index: int) -> str:
        """Return the root-relative path of the file at `index`."""
        low, high = self._read_range("file_path_end", index)
        return self.arrays["paths"][low:high].tobytes().decode("utf-8", "surrogatepass")

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Root-relative paths of all files, by index; read at the first use."""
        data = self.arrays["paths"].tobytes()
        starts = [0, *self.arrays["file_path_end"].tolist()]
        return tuple(data[low:high].decode("utf-8", "surrogatepass") for low, high in itertools.pairwise(starts))

    def _find_tokens(self, index: int) -> tuple[int, int]:
        """Return the positions of the first token of the file at `index` and of its separator."""
        low, high = self._read_range("file_token_end", index)
        return max(low, 1), high - 1  # before the first file there is a separator, too

    def find_code_point_offset(self, index: int, position: int) -> int:
        """Return the code-point offset of the token at `position`, which is in the file at `index`."""
        first, _ = self._find_tokens(index)
        begin, offset = first - 1, -1  # from the separator, whose NUL is not part of the file
        marked = position >> OFFSET_BITS << OFFSET_BITS
        if marked >= first:
            begin, offset = marked, int(self.arrays["offsets"][marked >> OFFSET_BITS])
        is_ascii = bool(self.arrays["file_ascii"][index])
        return offset + (self.stream.count_bytes if is_ascii else self.stream.count_code_points)(begin, position)

    def read_text(self, index: int, span: Span | None = None) -> str:
        """Return the text of the file at `index`, or the part in `span` (code points)."""
        first, last = self._find_tokens(index)
        begin, end, base = first - 1, last, -1  # from the separator, whose NUL is not part of the file
        if span is not None:
            low = (first + (1 << OFFSET_BITS) - 1) >> OFFSET_BITS
            offsets = self.arrays["offsets"][low : (last >> OFFSET_BITS) + 1]
            before = int(np.searchsorted(offsets, max(0, span.start), side="right")) - 1
            if before >= 0:
                begin, base = (low + before) << OFFSET_BITS, int(offsets[before])
            after = int(np.searchsorted(offsets, max(0, span.end), side="left"))
            end = min(last, (low + after) << OFFSET_BITS)
        text = self.stream.read_texts(np.array([begin]), np.array([end]))[0].decode("utf-8", "surrogatepass")
        return text[1:] if span is None else text[max(0, span.start) - base : max(0, span.end) - base]

    def read_chunk(self, index: int, ordinal: int) -> Chunk:
        """Return the chunk number `ordinal` of the file at `index`. Raises KeyError if there is none."""
        low, high = self._read_range("file_chunk_end", index)
        number = low + ordinal
        if not low <= number < high:
            raise KeyError(ordinal)
        start, end, first, last = self.arrays["chunk_spans"][4 * number : 4 * number + 4].tolist()
        name_low, name_high = self._read_range("chunk_name_end", number)
        name = self.arrays["chunk_names"][name_low:name_high].tobytes().decode("utf-8", "surrogatepass")
        kind = self.arrays.meta["kinds"][int(self.arrays["chunk_kinds"][number])]
        return Chunk(Span(start, end), first, last, kind, name)

    def count_chunks(self, index: int) -> int:
        """Return the number of chunks of the file at `index`."""
        low, high = self._read_range("file_chunk_end", index)
        return high - low

    @cached_property
    def _definitions(self) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """The names' numbers and the chunks of all definitions, sorted by chunk."""
        order = np.argsort(self.arrays["defined_in"], kind="stable")
        return self.arrays["defined"][order], self.arrays["defined_in"][order].astype(np.int64)

    def read_packed(self, index: int) -> Packed:
        """Return the file at `index` as it was given to `building`."""
        low, high = self._read_range("file_chunk_end", index)
        text = self.read_text(index)
        name_begin = self._read_range("chunk_name_end", low)[0] if high > low else 0
        ends = self.arrays["chunk_name_end"][low:high].astype(np.int64) - name_begin
        names = self.arrays["chunk_names"][name_begin : name_begin + int(ends[-1]) if len(ends) else 0].tobytes()
        kinds = self.arrays.meta["kinds"]
        defined, chunks = self._definitions
        first, last = np.searchsorted(chunks, (low, high)).tolist()
        return Packed(
            text=text.encode("utf-8", "surrogatepass"),
            length=len(text),
            language=self.arrays.meta["languages"][int(self.arrays["file_language"][index])],
            spans=self.arrays["chunk_spans"][4 * low : 4 * high].reshape(-1, 4).astype(np.int32),
            kinds=tuple(kinds[kind] for kind in self.arrays["chunk_kinds"][low:high].tolist()),
            names=tuple(
                names[begin:end].decode("utf-8", "surrogatepass")
                for begin, end in itertools.pairwise([0, *ends.tolist()])
            ),
            defined=defined[first:last],
            defined_in=(chunks[first:last] - low).astype(np.int32),
        )

    def locate_chunk(self, chunk: int) -> tuple[int, int]:
        """Return the index of the file that contains the chunk with the number `chunk`, and its ordinal there."""
        index = int(np.searchsorted(self.arrays["file_chunk_end"], chunk, side="right"))
        return index, chunk - self._read_range("file_chunk_end", index)[0]

    def find_files(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the index of the file of each token position."""
        return np.searchsorted(self.arrays["file_token_end"], positions, side="right")

    def find_anchors(self, context: Context, limit: int) -> NDArray[np.int64]:
        """Return up to `limit` token positions at which a suffix of `context` ends, preferring long ones."""
        return self._anchors.find(context, limit)
