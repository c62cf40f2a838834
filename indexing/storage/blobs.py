"""A blob: one indexed file in bytes, with its text, chunks and definitions, as the store keeps it.

Blobs are not compressed, so that packing costs little compared with the parse: the store keeps few of them, and
`building` merges them into a segment. Start at `pack`.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexing.records import Chunk
from indexing.syntax import tokens
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from indexing.syntax.documents import Symbol

MAGIC = b"SB04"
_SEAL = struct.Struct("<4sI")  # magic, checksum of everything after it
_COUNTS = struct.Struct("<IIIII")  # code points, bytes of text, bytes of names, chunks, definitions
_HEAD_BYTES = _SEAL.size + _COUNTS.size
_FIELD, _ITEM = "\x1f", "\x1e"


class BlobError(ValueError):
    """The bytes are not a blob of this format, or are damaged."""


@dataclass(frozen=True, slots=True)
class Packed:
    """An unpacked blob.

    Attributes:
        text: the text in UTF-8, with lone surrogates ("surrogatepass").
        length: number of code points of the text.
        language: name of the language.
        spans: start, end, first line and line after the last of each chunk; int32, shape (chunks, 4).
        kinds: kind of each chunk.
        names: name that each chunk defines, "" for none.
        defined: numbers of the names of all definitions, as `tokens.hash_words` returns them; uint32.
        defined_in: ordinal of the smallest chunk that holds each definition's start; int32, shape (definitions,).
    """

    text: bytes
    length: int
    language: str
    spans: NDArray[np.int32]
    kinds: tuple[str, ...]
    names: tuple[str, ...]
    defined: NDArray[np.uint32]
    defined_in: NDArray[np.int32]

    @property
    def is_ascii(self) -> bool:
        """Whether byte offsets equal code-point offsets."""
        return len(self.text) == self.length

    def decode(self) -> str:
        """Return the text."""
        return self.text.decode("utf-8", "surrogatepass")

    def compute_byte_offsets(self) -> NDArray[np.int64]:
        """Return the byte offset of each code point, then the number of bytes: shape (length + 1,)."""
        data = np.frombuffer(self.text, dtype=np.uint8)
        return np.append(np.flatnonzero((data & 0xC0) != 0x80), len(data))  # all but continuation bytes

    def get_chunk(self, ordinal: int) -> Chunk:
        """Return the chunk with the number `ordinal`."""
        start, end, first, last = (int(value) for value in self.spans[ordinal])
        return Chunk(Span(start, end), first, last, self.kinds[ordinal], self.names[ordinal])


def _clean(text: str) -> str:
    """Return `text` with the characters that separate names in a blob replaced by spaces."""
    return text.replace(_FIELD, " ").replace(_ITEM, " ")


def _join(names: list[str]) -> str:
    """Return `names` in one text, with the characters that separate them there replaced by spaces in each."""
    joined = _ITEM.join(names)
    if _FIELD in joined or joined.count(_ITEM) >= max(len(names), 1):
        joined = _ITEM.join(map(_clean, names))
    return joined


def _assign_to_chunks(chunks: Sequence[Chunk], symbols: Sequence[Symbol]) -> list[tuple[str, int]]:
    """Return the name of each definition and the ordinal of the smallest chunk that holds its start.

    Definitions in no chunk are left out.
    """
    homes = []
    coming = sorted((chunk.span.start, ordinal, chunk.span.end) for ordinal, chunk in enumerate(chunks))
    active: list[tuple[int, int, int, int]] = []  # length, start, ordinal and end
    waiting = 0
    for symbol in sorted(symbols, key=lambda symbol: symbol.span.start):
        at = symbol.span.start
        while waiting < len(coming) and coming[waiting][0] <= at:
            start, ordinal, end = coming[waiting]
            active.append((end - start, start, ordinal, end))
            waiting += 1
        active = [chunk for chunk in active if chunk[3] > at]
        if active:
            homes.append((symbol.name, min(active)[2]))
    return homes


def pack(text: str, chunks: Sequence[Chunk], symbols: Sequence[Symbol], language: str) -> bytes:
    """Return the blob of one file; definitions in none of its chunks are left out."""
    data = text.encode("utf-8", "surrogatepass")
    homes = _assign_to_chunks(chunks, symbols)
    names = _FIELD.join(
        (
            _clean(language),
            _join([chunk.kind for chunk in chunks]),
            _join([chunk.name for chunk in chunks]),
        )
    ).encode("utf-8", "surrogatepass")
    numbers = [
        number for chunk in chunks for number in (chunk.span.start, chunk.span.end, chunk.first_line, chunk.last_line)
    ]
    numbers += [ordinal for _, ordinal in homes]
    counts = _COUNTS.pack(len(text), len(data), len(names), len(chunks), len(homes))
    defined = tokens.hash_words([name for name, _ in homes]).astype("<u4").tobytes()
    body = b"".join((counts, data, names, struct.pack(f"<{len(numbers)}i", *numbers), defined))
    return _SEAL.pack(MAGIC, zlib.crc32(body)) + body


def check(blob: bytes) -> None:
    """Check the format and the checksum of a blob.

    Raises:
        BlobError: the blob is damaged or of another format.
    """
    if len(blob) < _HEAD_BYTES:
        raise BlobError("too short for a blob")
    magic, checksum = _SEAL.unpack_from(blob)
    if magic != MAGIC or checksum != zlib.crc32(memoryview(blob)[_SEAL.size :]):
        raise BlobError("a damaged blob, or one of another format")


def unpack(blob: bytes) -> Packed:
    """Check a blob, and return its content.

    Raises:
        BlobError: the blob is damaged or of another format.
    """
    check(blob)
    length, text_bytes, name_bytes, chunk_count, definition_count = _COUNTS.unpack_from(blob, _SEAL.size)
    numbers_at = _HEAD_BYTES + text_bytes + name_bytes
    if len(blob) != numbers_at + 4 * (4 * chunk_count + 2 * definition_count):
        raise BlobError("not a blob of this format")
    text = blob[_HEAD_BYTES : _HEAD_BYTES + text_bytes]
    fields = blob[_HEAD_BYTES + text_bytes : numbers_at].decode("utf-8", "surrogatepass").split(_FIELD)
    numbers = np.frombuffer(blob, dtype="<i4", offset=numbers_at)
    kinds, names = (tuple(field.split(_ITEM)) for field in fields[1:])
    return Packed(
        text=text,
        length=length,
        language=fields[0],
        spans=numbers[: 4 * chunk_count].reshape(-1, 4),
        kinds=kinds if chunk_count else (),
        names=names if chunk_count else (),
        defined=numbers[4 * chunk_count + definition_count :].view("<u4"),
        defined_in=numbers[4 * chunk_count : 4 * chunk_count + definition_count],
    )
