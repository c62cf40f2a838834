"""A segment: the arrays of `building` with their meaning, mapped from a file or held in memory.

Immutable, thread-safe, reads no workspace file. Start at `Segment`.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

import numpy as np

from indexing.records import Chunk
from indexing.storage import anchors
from indexing.storage.arrays import FormatError, MappedArrays
from indexing.storage.building import FORMAT
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from numpy.typing import NDArray

    from indexing.storage.arrays import MemoryWriter

# Measured: a question of 475 MB brings in 7 to 10 MB; the system maps 16 pages around each one read.
MOST_QUESTIONS = 4  # whose pages are kept at once where no pause comes, as no person asks
SMALL_BYTES = 64 * 2**20  # the pages of such a segment stay: reading them again would take longer than the question
PAUSE_S = 0.03  # without questions; giving pages back takes 1 to 2 ms with the GIL held


class Segment:
    """The arrays of a segment with their meaning. Immutable and thread-safe."""

    def __init__(self, arrays: MappedArrays | MemoryWriter) -> None:
        """Give meaning to `arrays` as `building` writes them."""
        self.arrays = arrays
        ends = arrays["file_text_end"].astype(np.int64)
        self.text_begins = np.concatenate([np.zeros(1, dtype=np.int64), ends])  # of each file, in bytes; and the end
        self._questions = 0  # a race miscounts, which does not matter
        self._asked = 0.0
        self._forgetting = False
        self._index = {file_id: index for index, file_id in enumerate(arrays["file_id"].tolist())}

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map `path`. Raises ValueError when it is no segment of this format, OSError when it cannot be read."""
        arrays = MappedArrays(path)
        if arrays.meta.get("format") != FORMAT:
            raise FormatError(f"{path.name} has another format")
        return cls(arrays)

    def close(self) -> None:
        """Give back the memory of its pages; the map itself ends with the last view that uses it. Safe twice."""
        self.arrays.forget_pages()

    @property
    def file_ids(self) -> Collection[int]:
        """Ids of the files it holds."""
        return self._index.keys()

    @property
    def bytes(self) -> int:
        """Its size."""
        return self.arrays.bytes

    @property
    def chunks(self) -> int:
        """How many chunks it holds."""
        return int(self.arrays.meta["chunks"])

    def used(self) -> None:
        """Count a question; in a pause between them the pages read so far are given back."""
        if self.bytes <= SMALL_BYTES:
            return
        self._questions += 1
        self._asked = time.monotonic()
        if not self._forgetting:
            self._forgetting = True
            threading.Thread(target=self._forget, name="index-pages", daemon=True).start()

    def _forget(self) -> None:
        """On a thread of its own: wait for a pause, then give the pages back."""
        while True:
            time.sleep(PAUSE_S)
            if self._questions >= MOST_QUESTIONS or time.monotonic() - self._asked >= PAUSE_S:
                break
        self._questions, self._forgetting = 0, False
        self.arrays.forget_pages()

    def index_of(self, file_id: int) -> int:
        """The position of a file in this segment. Raises KeyError."""
        return self._index[file_id]

    def _range(self, ends: str, index: int) -> tuple[int, int]:
        array = self.arrays[ends]
        return (int(array[index - 1]) if index else 0), int(array[index])

    def relative(self, index: int) -> str:
        """Root-relative path of the file at `index`."""
        low, high = self._range("file_path_end", index)
        return self.arrays["paths"][low:high].tobytes().decode("utf-8", "surrogatepass")

    def _is_ascii(self, index: int) -> bool:
        """Whether bytes are code points in the file at `index`."""
        low, high = self._range("file_text_end", index)
        return high - low == int(self.arrays["file_length"][index])

    def code_points(self, index: int, offset: int) -> int:
        """The code-point offset of a byte offset in the file at `index`."""
        if self._is_ascii(index):
            return offset
        low, _ = self._range("file_text_end", index)
        data = self.arrays["text"][low : low + offset]
        return int(np.count_nonzero((data & 0xC0) != 0x80))  # all but continuation bytes

    def text(self, index: int, span: Span | None = None) -> str:
        """Text of the file at `index`, or a part of it."""
        low, high = self._range("file_text_end", index)
        data = self.arrays["text"]
        if span is None:
            return data[low:high].tobytes().decode("utf-8", "surrogatepass")
        if self._is_ascii(index):
            return data[low + max(0, span.start) : min(high, low + max(0, span.end))].tobytes().decode("ascii")
        return data[low:high].tobytes().decode("utf-8", "surrogatepass")[span.start : span.end]

    def chunk(self, index: int, ordinal: int) -> Chunk:
        """A chunk of the file at `index`. Raises KeyError when it has no such chunk."""
        low, high = self._range("file_chunk_end", index)
        number = low + ordinal
        if not low <= number < high:
            raise KeyError(ordinal)
        start, end, first, last = self.arrays["chunk_spans"][4 * number : 4 * number + 4].tolist()
        name_low, name_high = self._range("chunk_name_end", number)
        name = self.arrays["chunk_names"][name_low:name_high].tobytes().decode("utf-8", "surrogatepass")
        kind = self.arrays.meta["kinds"][int(self.arrays["chunk_kinds"][number])]
        return Chunk(Span(start, end), first, last, kind, name)

    def chunk_count(self, index: int) -> int:
        """Number of the chunks of the file at `index`."""
        low, high = self._range("file_chunk_end", index)
        return high - low

    def home(self, chunk: int) -> tuple[int, int]:
        """The file (its position) and the ordinal in it of a chunk by its number in the segment."""
        index = int(np.searchsorted(self.arrays["file_chunk_end"], chunk, side="right"))
        return index, chunk - self._range("file_chunk_end", index)[0]

    def files_at(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The files (their positions) of some token positions."""
        return np.searchsorted(self.arrays["file_token_end"], places, side="right")

    def anchors(self, context: NDArray[np.uint32], limit: int) -> NDArray[np.int64]:
        """Token positions that share most tokens with the end of `context`."""
        arrays = self.arrays
        return anchors.find(arrays["ids"], arrays["anchor_start"], arrays["anchor_place"], context, limit)
