"""Table of contents of a GGUF file: metadata, and the location of each tensor. Reads no weights.

The layout is that of https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The file is untrusted, so every count,
length and offset is checked against a bound and against the file's size before anything is read or kept.
`gguf.GGUFReader` has no such bounds: a file of 60 bytes that claims 2**60 values keeps it busy forever, and an ordinary
vocabulary takes it 16 s and 500 MB; this module takes a second. The bytes of a tensor are decoded by the `gguf` package
(`models.conversion.gguf_tensors`). Start at `read_contents`.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from models.errors import ModelError
from starling_files import open_regular_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MAGIC = b"GGUF"
VERSIONS = (2, 3)
SUFFIX = ".gguf"
SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf\Z")

MOST_SHARDS = 1_000
MOST_TENSORS = 100_000
MOST_FIELDS = 10_000
MOST_ITEMS = 5_000_000  # of one array; the largest vocabularies have 300,000 tokens
MOST_CONTENTS_BYTES = 256_000_000  # of the whole table
MOST_NAME_BYTES = 65_535  # the format's own limit
MOST_TEXT_BYTES = 10_000_000
MOST_TENSOR_NAME_BYTES = 512  # llama.cpp takes 64
LONGEST_NAME = 60  # characters of an architecture
MOST_DIMENSIONS = 4  # the format's own limit
MOST_NUMBERS = 1 << 48  # in one tensor
MOST_NESTED = 4
FEW = 64  # arrays of at most this length are always kept
BLOCK_BYTES = 1 << 20

# Number of a tensor type -> its name, weights in a block, bytes of a block. A copy of `GGML_QUANT_SIZES` in the `gguf`
# package, which `starling models find` does without; a test compares the two.
TENSOR_TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}
# Number of a value type -> its format in `struct`.
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Location and type of a tensor.

    Attributes:
        name: llama.cpp's name ("blk.0.attn_q.weight").
        file: the file that holds it.
        type_name: type of its numbers ("F16", "Q4_K").
        shape: dimensions, rows first.
        start: offset of its first byte in the file.
        size_bytes: size of its numbers in the file.
    """

    name: str
    file: Path
    type_name: str
    shape: tuple[int, ...]
    start: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Contents:
    """Metadata and tensors of a GGUF model in one or several files.

    Attributes:
        path: the file, or the first of several.
        values: metadata by key; arrays are lists, None for a long array that was not to be kept.
        tensors: tensors by name.
        files: all files of the model.
    """

    path: Path
    values: Mapping[str, Any]
    tensors: Mapping[str, StoredTensor]
    files: tuple[Path, ...] = field(default=())

    @property
    def architecture(self) -> str:
        """Name of the network in llama.cpp; "" where the file does not say."""
        return self.get_text("general.architecture")[:LONGEST_NAME]

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(math.prod(tensor.shape) for tensor in self.tensors.values())

    def get_text(self, *keys: str) -> str:
        """Return the first metadata value under `keys` that is a non-empty string; "" if there is none."""
        found = (self.values.get(key) for key in keys)
        return next((value for value in found if isinstance(value, str) and value), "")

    def get_integer(self, key: str) -> int | None:
        """Return the metadata value under `key` if it is an integer, else None."""
        value = self.values.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def get_number(self, key: str) -> float | None:
        """Return the metadata value under `key` as a float if it is a number, else None."""
        value = self.values.get(key)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def get_list(self, key: str) -> list[Any] | None:
        """Return the metadata value under `key` if it is an array that was kept, else None."""
        value = self.values.get(key)
        return value if isinstance(value, list) else None


def is_gguf(path: Path) -> bool:
    """Return whether the file begins with the magic bytes of GGUF; False if it cannot be read."""
    try:
        with open_regular_file(path) as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read_contents(path: Path, *, arrays: bool = True) -> Contents:
    """Return the table of contents of a GGUF model, merged from all its files if it is split.

    Args:
        path: the file, or any file of a split model.
        arrays: whether to keep arrays of more than `FEW` items (the vocabulary).

    Raises:
        ModelError: a file is not a GGUF file, is damaged or missing; the message says what to do.
    """
    first = _read_file(path, arrays=arrays)
    count = first.get_integer("split.count") or 1
    if count <= 1:
        return first
    files = list_parts(path, count)
    parts = [_read_file(file, arrays=arrays and file == files[0]) for file in files]
    tensors: dict[str, StoredTensor] = {}
    for part in parts:
        if tensors.keys() & part.tensors.keys():
            raise ModelError(f"Two parts of {path} hold the same tensor; download the model again.")
        tensors |= part.tensors
    expected = parts[0].get_integer("split.tensors.count")
    if expected is not None and expected != len(tensors):
        raise ModelError(f"The parts of {path} hold {len(tensors)} of {expected} tensors; download the model again.")
    return Contents(files[0], parts[0].values, tensors, files)


def list_parts(path: Path, count: int) -> tuple[Path, ...]:
    """Return the files of a model that is split into `count` files, in order.

    Args:
        path: any file of the model.
        count: number of its files.

    Raises:
        ModelError: the name of `path` does not have the form for a split model, or a file is missing.
    """
    match = SHARD.fullmatch(path.name)
    if match is None or int(match["count"]) != count or not 1 <= count <= MOST_SHARDS:
        raise ModelError(
            f"{path} is one of {count} parts of a model; give them the names they were published under "
            "(NAME-00001-of-0000N.gguf) and name the first."
        )
    files = tuple(path.with_name(f"{match['stem']}-{number:05}-of-{count:05}.gguf") for number in range(1, count + 1))
    if missing := [file.name for file in files if not file.exists()]:
        raise ModelError(f"{path.parent} lacks {', '.join(missing[:5])}; download the rest of the model.")
    return files


def _read_file(path: Path, *, arrays: bool) -> Contents:
    """Return the table of contents of one file; raise ModelError if it cannot be read or is damaged."""
    damaged = ModelError(f"{path} is cut short or damaged; download it again.")
    try:
        with open_regular_file(path) as file:
            return _Reader(path, file, arrays=arrays).read()
    except FileNotFoundError:
        raise ModelError(f"There is no file {path}; give the path of a GGUF file.") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}; check its permissions.") from error
    except (_DamagedError, struct.error, UnicodeDecodeError, OverflowError) as error:
        raise damaged from error


class _DamagedError(Exception):
    """Error for a count, a length or an offset that is out of bounds."""


class _Reader:
    """Reader of one file, from its beginning to the end of its table of contents."""

    def __init__(self, path: Path, file: BinaryIO, *, arrays: bool) -> None:
        self._path = path
        self._file = file
        self._size = file.seek(0, 2)
        file.seek(0)
        self._arrays = arrays
        self._block = b""
        self._at = 0  # in the block
        self._before = 0  # bytes of the file before the block

    def read(self) -> Contents:
        """Read and return the whole table of contents.

        Raises:
            ModelError: the file is not a GGUF file, or of a version or type that is not supported.
            _DamagedError, struct.error, UnicodeDecodeError, OverflowError: the file is damaged.
        """
        if self._size < len(MAGIC) or self._take(len(MAGIC)) != MAGIC:
            raise ModelError(
                f"{self._path} is no GGUF file; give a GGUF file, or a folder with config.json and *.safetensors."
            )
        self._check_version()
        tensors, fields = self._read_bounded("Q", MOST_TENSORS), self._read_bounded("Q", MOST_FIELDS)
        values: dict[str, Any] = {}
        for _ in range(fields):
            key = self._read_text(MOST_NAME_BYTES)
            if key in values:
                raise _DamagedError
            values[key] = self._read_value(self._read_scalar("I"), 0)
        found = self._read_tensors(tensors, self._get_alignment(values))
        return Contents(self._path, values, found, (self._path,))

    def _check_version(self) -> None:
        """Read the version; raise ModelError if the version or the byte order is not supported."""
        version = self._read_scalar("I")
        if version in VERSIONS:
            return
        if version & 0xFFFF == 0:
            raise ModelError(f"{self._path} is written for big-endian machines; take the little-endian file.")
        raise ModelError(
            f"{self._path} has version {version} of the GGUF format; {' and '.join(map(str, VERSIONS))} can be "
            "read. Take a file of such a version."
        )

    @staticmethod
    def _get_alignment(values: Mapping[str, Any]) -> int:
        """Return the alignment of tensors in bytes, from the metadata `values`; 32 by default.

        Raises:
            _DamagedError: the alignment is no power of two, or larger than `BLOCK_BYTES`.
        """
        alignment = values.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 1 <= alignment <= BLOCK_BYTES or alignment & (alignment - 1):
            raise _DamagedError
        return alignment

    def _read_tensors(self, count: int, alignment: int) -> dict[str, StoredTensor]:
        """Read the list of `count` tensors; return them by name.

        Offsets in the file count from the end of the list, rounded up to `alignment`.

        Raises:
            ModelError: a tensor's type is unknown.
            _DamagedError: a name occurs twice, or a shape or an offset is out of bounds.
        """
        listed = []
        for _ in range(count):
            name = self._read_text(MOST_TENSOR_NAME_BYTES)
            dimensions = self._read_bounded("I", MOST_DIMENSIONS)
            shape = tuple(reversed([self._read_scalar("Q") for _ in range(dimensions)]))
            listed.append((name, shape, self._read_scalar("I"), self._read_scalar("Q")))
        begin = -(-(self._before + self._at) // alignment) * alignment
        tensors: dict[str, StoredTensor] = {}
        for name, shape, kind, offset in listed:
            if name in tensors or offset % alignment:
                raise _DamagedError
            type_name, size = self._measure_tensor(name, shape, kind)
            if begin + offset + size > self._size:
                raise _DamagedError
            tensors[name] = StoredTensor(name, self._path, type_name, shape, begin + offset, size)
        return tensors

    def _measure_tensor(self, name: str, shape: tuple[int, ...], kind: int) -> tuple[str, int]:
        """Return the name of the tensor type number `kind`, and the size of the tensor in bytes.

        Raises:
            ModelError: the type is unknown.
            _DamagedError: the shape is out of bounds, or does not fit the type.
        """
        if kind not in TENSOR_TYPES:
            raise ModelError(
                f"The tensor {name!r} in {self._path} is stored in an unknown way (type {kind}); take the model in "
                "a common quantization, Q4_K_M or Q8_0."
            )
        type_name, weights, size = TENSOR_TYPES[kind]
        numbers = math.prod(shape)
        if not shape or not 0 < numbers <= MOST_NUMBERS or shape[-1] % weights:
            raise _DamagedError
        return type_name, numbers // weights * size

    def _read_value(self, kind: int, depth: int) -> Any:  # noqa: ANN401 (any metadata value)
        """Read and return a metadata value of the type `kind`; None for an array that is not kept.

        Args:
            kind: number of the value's type.
            depth: number of arrays around the value.
        """
        if kind == _TEXT:
            return self._read_text(MOST_TEXT_BYTES)
        if kind in _SCALARS:
            return self._read_scalar(_SCALARS[kind])
        if kind != _ARRAY or depth >= MOST_NESTED:
            raise _DamagedError
        inner, count = self._read_scalar("I"), self._read_bounded("Q", MOST_ITEMS)
        if inner in _SCALARS:
            layout = f"<{count}{_SCALARS[inner]}"
            data = self._take(struct.calcsize(layout))
            return list(struct.unpack(layout, data)) if self._is_array_kept(count) else None
        read: Callable[[], Any] = self._read_bytes if inner == _TEXT else lambda: self._read_value(inner, depth + 1)
        if not self._is_array_kept(count):
            for _ in range(count):
                read()
            return None
        items = [read() for _ in range(count)]
        return [item.decode() for item in items] if inner == _TEXT else items

    def _is_array_kept(self, count: int) -> bool:
        """Return whether an array of `count` values is kept: a short one always, a long one if arrays are wanted."""
        return self._arrays or count <= FEW

    def _read_text(self, limit: int) -> str:
        """Read and return a string of at most `limit` bytes."""
        length = self._read_bounded("Q", limit)
        return self._take(length).decode()

    def _read_bytes(self) -> bytes:
        """Read and return a string as undecoded bytes."""
        (length,) = _LENGTH.unpack(self._take(8))
        return self._take(length)

    def _read_bounded(self, layout: str, most: int) -> int:
        """Read and return a count or a length in the `struct` format `layout`; raise `_DamagedError` above `most`."""
        value = int(self._read_scalar(layout))
        if value > most:
            raise _DamagedError
        return value

    def _read_scalar(self, layout: str) -> Any:  # noqa: ANN401 (a number or a boolean)
        """Read and return one number or boolean in the `struct` format `layout`."""
        layout = f"<{layout}"
        return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]

    def _take(self, count: int) -> bytes:
        """Return the next `count` bytes; raise `_DamagedError` beyond the file's end or `MOST_CONTENTS_BYTES`."""
        end = self._at + count
        if end > len(self._block):
            if self._before + end > min(self._size, MOST_CONTENTS_BYTES):
                raise _DamagedError
            self._before += self._at
            self._block = self._block[self._at :] + self._file.read(max(count, BLOCK_BYTES))
            self._at, end = 0, count
            if end > len(self._block):  # the file has become shorter
                raise _DamagedError
        taken = self._block[self._at : end]
        self._at = end
        return taken


_LENGTH = struct.Struct("<Q")
