"""The table of contents of a GGUF file: what it says of itself, and where each tensor lies. No weights.

The file is foreign, so every count, length and offset is held against a bound and against the file's size before
anything is read or kept. `gguf.GGUFReader` has no such bounds: a file of 60 bytes that claims 2**60 values keeps it
busy for ever, and it takes 16 s and 500 MB for an ordinary vocabulary; what follows takes a second. What the numbers
of a tensor mean is the `gguf` package's business (`models.conversion.gguf_tensors`). Start at `read_contents`.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from models.errors import ModelError
from starling_files import open_regular

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
FEW = 64  # arrays of this length are kept even where no arrays are asked for
BLOCK_BYTES = 1 << 20

# Number of a type of tensor -> its name, weights in a block, bytes of a block (as `gguf.GGML_QUANT_SIZES`; a test
# compares the two). Here as well because `starling models find` does without the package.
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
# Number of a type of value -> how `struct` writes it.
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor lies.

    Attributes:
        name: as llama.cpp calls it ("blk.0.attn_q.weight").
        file: the file that holds it.
        type_name: how its numbers are stored ("F16", "Q4_K").
        shape: rows first.
        start: its first byte in the file.
        size_bytes: of its numbers in the file.
    """

    name: str
    file: Path
    type_name: str
    shape: tuple[int, ...]
    start: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What a GGUF file, or all parts of one, says of itself.

    Attributes:
        path: the file, or the first of its parts.
        values: metadata by key; arrays are lists, and long ones are there only where they were asked for.
        tensors: by name.
        files: all parts.
    """

    path: Path
    values: Mapping[str, Any]
    tensors: Mapping[str, StoredTensor]
    files: tuple[Path, ...] = field(default=())

    @property
    def architecture(self) -> str:
        """The network, as llama.cpp calls it; "" where the file does not say."""
        return self.text("general.architecture")[:LONGEST_NAME]

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(math.prod(tensor.shape) for tensor in self.tensors.values())

    def text(self, *keys: str) -> str:
        """The first of these that is a text and not empty, "" where none is."""
        found = (self.values.get(key) for key in keys)
        return next((value for value in found if isinstance(value, str) and value), "")

    def integer(self, key: str) -> int | None:
        """A whole number, None where there is none."""
        value = self.values.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def number(self, key: str) -> float | None:
        """A number, None where there is none."""
        value = self.values.get(key)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def items(self, key: str) -> list[Any] | None:
        """An array, None where there is none."""
        value = self.values.get(key)
        return value if isinstance(value, list) else None


def is_gguf(path: Path) -> bool:
    """Whether the file begins as a GGUF file does."""
    try:
        with open_regular(path) as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read_contents(path: Path, *, arrays: bool = True) -> Contents:
    """Read the table of contents of a GGUF file, and of its other parts where it is one of several.

    Args:
        path: the file, or any one of its parts.
        arrays: whether to keep long arrays (the vocabulary).

    Raises:
        ModelError: it is none, cut short, damaged, or a part is missing; the sentence says what to do.
    """
    first = _read_file(path, arrays=arrays)
    count = first.integer("split.count") or 1
    if count <= 1:
        return first
    files = parts_of(path, count)
    parts = [_read_file(file, arrays=arrays and file == files[0]) for file in files]
    tensors: dict[str, StoredTensor] = {}
    for part in parts:
        if tensors.keys() & part.tensors.keys():
            raise ModelError(f"Two parts of {path} hold the same tensor; download the model again.")
        tensors |= part.tensors
    expected = parts[0].integer("split.tensors.count")
    if expected is not None and expected != len(tensors):
        raise ModelError(f"The parts of {path} hold {len(tensors)} of {expected} tensors; download the model again.")
    return Contents(files[0], parts[0].values, tensors, files)


def parts_of(path: Path, count: int) -> tuple[Path, ...]:
    """All parts of a model in several files, by their names, in order.

    Raises:
        ModelError: the file is not called as a part is, or a part is missing.
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
    damaged = ModelError(f"{path} is cut short or damaged; download it again.")
    try:
        with open_regular(path) as file:
            contents = _Scan(path, file, arrays=arrays)
            return contents.read()
    except FileNotFoundError:
        raise ModelError(f"There is no file {path}; give the path of a GGUF file.") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}; check its permissions.") from error
    except (_DamagedError, struct.error, UnicodeDecodeError, OverflowError) as error:
        raise damaged from error


class _DamagedError(Exception):
    """A count, a length or an offset that cannot be."""


class _Scan:
    """One file, read from its beginning to the end of its table."""

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
        """The whole table."""
        if self._size < len(MAGIC) or self._take(len(MAGIC)) != MAGIC:
            raise ModelError(f"{self._path} is no GGUF file; give one, or a folder with config.json and *.safetensors.")
        self._check_version()
        tensors, fields = self._bounded("Q", MOST_TENSORS), self._bounded("Q", MOST_FIELDS)
        values: dict[str, Any] = {}
        for _ in range(fields):
            key = self._text(MOST_NAME_BYTES)
            if key in values:
                raise _DamagedError
            values[key] = self._value(self._scalar("I"), 0)
        found = self._tensors(tensors, self._alignment(values))
        return Contents(self._path, values, found, (self._path,))

    def _check_version(self) -> None:
        version = self._scalar("I")
        if version in VERSIONS:
            return
        if version & 0xFFFF == 0:
            raise ModelError(f"{self._path} is written for big-endian machines; take the usual file.")
        raise ModelError(
            f"{self._path} has version {version} of the format, and {' and '.join(map(str, VERSIONS))} can be read; "
            "take a file that was written lately."
        )

    @staticmethod
    def _alignment(values: Mapping[str, Any]) -> int:
        alignment = values.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 1 <= alignment <= BLOCK_BYTES or alignment & (alignment - 1):
            raise _DamagedError
        return alignment

    def _tensors(self, count: int, alignment: int) -> dict[str, StoredTensor]:
        listed = []
        for _ in range(count):
            name = self._text(MOST_TENSOR_NAME_BYTES)
            dimensions = self._bounded("I", MOST_DIMENSIONS)
            shape = tuple(reversed([self._scalar("Q") for _ in range(dimensions)]))
            listed.append((name, shape, self._scalar("I"), self._scalar("Q")))
        begin = -(-(self._before + self._at) // alignment) * alignment
        tensors: dict[str, StoredTensor] = {}
        for name, shape, kind, offset in listed:
            if name in tensors or offset % alignment:
                raise _DamagedError
            type_name, size = self._measured(name, shape, kind)
            if begin + offset + size > self._size:
                raise _DamagedError
            tensors[name] = StoredTensor(name, self._path, type_name, shape, begin + offset, size)
        return tensors

    def _measured(self, name: str, shape: tuple[int, ...], kind: int) -> tuple[str, int]:
        """The name of a tensor's type, and its bytes."""
        if kind not in TENSOR_TYPES:
            raise ModelError(
                f"The tensor {name!r} in {self._path} is stored in a way that is not known here (type {kind}); take "
                "the model in a common quantization, Q4_K_M or Q8_0."
            )
        type_name, weights, size = TENSOR_TYPES[kind]
        numbers = math.prod(shape)
        if not shape or not 0 < numbers <= MOST_NUMBERS or shape[-1] % weights:
            raise _DamagedError
        return type_name, numbers // weights * size

    def _value(self, kind: int, depth: int) -> Any:  # noqa: ANN401 (whatever a file says)
        if kind == _TEXT:
            return self._text(MOST_TEXT_BYTES)
        if kind in _SCALARS:
            return self._scalar(_SCALARS[kind])
        if kind != _ARRAY or depth >= MOST_NESTED:
            raise _DamagedError
        inner, count = self._scalar("I"), self._bounded("Q", MOST_ITEMS)
        if inner in _SCALARS:
            layout = f"<{count}{_SCALARS[inner]}"
            data = self._take(struct.calcsize(layout))
            return list(struct.unpack(layout, data)) if self._keeps(count) else None
        read: Callable[[], Any] = self._bytes if inner == _TEXT else lambda: self._value(inner, depth + 1)
        if not self._keeps(count):
            for _ in range(count):
                read()
            return None
        items = [read() for _ in range(count)]
        return [item.decode() for item in items] if inner == _TEXT else items

    def _keeps(self, count: int) -> bool:
        return self._arrays or count <= FEW

    def _text(self, limit: int) -> str:
        length = self._bounded("Q", limit)
        return self._take(length).decode()

    def _bytes(self) -> bytes:
        (length,) = _LENGTH.unpack(self._take(8))
        return self._take(length)

    def _bounded(self, layout: str, most: int) -> int:
        value = int(self._scalar(layout))
        if value > most:
            raise _DamagedError
        return value

    def _scalar(self, layout: str) -> Any:  # noqa: ANN401 (a number or a truth)
        layout = f"<{layout}"
        return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]

    def _take(self, count: int) -> bytes:
        """The next bytes."""
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
