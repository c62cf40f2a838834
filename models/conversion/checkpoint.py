"""A model's folder as its authors publish it: configuration, and weights in safetensors or torch's own files.

Reads the safetensors container itself (https://github.com/huggingface/safetensors#format: an 8-byte length, a JSON
table of contents, the numbers), so that one block of a tensor at a time is in memory; torch's own files through
`models.conversion.torch_files`. Executes nothing in the files. Start at `Checkpoint.open`.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from models.conversion.tensor_shapes import is_valid_shape
from models.errors import ModelError
from starling_files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray


_LARGEST_OBJECT = 100_000_000  # bytes
CONFIG_FILE = "config.json"
SAFETENSORS = "*.safetensors"
PICKLES = "pytorch_model*.bin"
OTHER_PICKLES = ("*.pt", "*.pth", "*.ckpt")
MOST_HEADER_BYTES = 100_000_000  # the format's own limit
BLOCK_NUMBERS = 1 << 24  # read at once
TYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "F64": np.dtype("<f8"),
}


class Weights(Protocol):
    """A tensor on disk, whatever its format."""

    @property
    def name(self) -> str:
        """Name that the network's authors gave it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions, rows first."""

    def read_blocks(self) -> Iterator[NDArray[np.floating[Any]]]:
        """Read and yield its numbers in blocks of rows; each block has all dimensions of `shape`."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor on disk.

    Attributes:
        name: name that its authors gave it.
        file: the file that holds it.
        kind: number type, as safetensors writes it ("F32", "F16", "BF16").
        shape: dimensions, rows first.
        start: offset of its first byte in the file.
    """

    name: str
    file: Path
    kind: str
    shape: tuple[int, ...]
    start: int

    def read(self) -> NDArray[np.floating[Any]]:
        """Read and return all numbers of the tensor, as float16 if they are stored so, else float32.

        Raises:
            ModelError: the disk failed, or the number type cannot be converted.
        """
        return self._read_rows(0, self.shape[0] if self.shape else 1).reshape(self.shape)

    def read_blocks(self) -> Iterator[NDArray[np.floating[Any]]]:
        """Read and yield the numbers in blocks of rows, so that a large tensor is never in memory whole.

        Raises:
            ModelError: the disk failed, or the number type cannot be converted.
        """
        if not self.shape:
            yield self.read()
            return
        count = max(1, BLOCK_NUMBERS // max(1, math.prod(self.shape[1:])))
        for start in range(0, max(1, self.shape[0]), count):
            yield self._read_rows(start, min(count, self.shape[0] - start))

    def _read_rows(self, start: int, count: int) -> NDArray[np.floating[Any]]:
        """Read and return `count` rows from row `start` on; raises as `read`."""
        if self.kind not in TYPES:
            raise ModelError(
                f"The tensor {self.name} in {self.file} is stored as {self.kind}, which cannot be converted; "
                "take the checkpoint in float32, float16 or bfloat16."
            )
        row = math.prod(self.shape[1:])
        offset = self.start + start * row * TYPES[self.kind].itemsize
        try:
            numbers: NDArray[Any] = np.fromfile(self.file, TYPES[self.kind], count * row, offset=offset)
        except OSError as error:
            raise ModelError(f"The weights {self.file} cannot be read: {error.strerror}; try again.") from error
        if len(numbers) != count * row:
            raise ModelError(f"The weights {self.file} have become shorter while they were read; download them again.")
        if self.kind == "BF16":  # bfloat16 is the upper half of a float32
            numbers = (numbers.astype("<u4") << 16).view("<f4")
        elif self.kind == "F64":
            numbers = numbers.astype("<f4")
        return numbers.reshape(count, *self.shape[1:])


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A published model.

    Attributes:
        folder: its folder; the file itself for a GGUF file.
        config: content of `config.json`.
        tensors: tensors by name; their numbers are read when needed.
    """

    folder: Path
    config: Mapping[str, Any]
    tensors: Mapping[str, Weights]

    @classmethod
    def open(cls, folder: Path) -> Checkpoint:
        """Read the configuration in `folder` and the tables of contents of its weights, but no weights.

        Raises:
            ModelError: a file is missing or damaged; the message says what to do.
        """
        if not folder.is_dir():
            raise ModelError(f"There is no folder {folder}; give the folder of a downloaded model.")
        config = _read_object(folder / CONFIG_FILE)
        tensors: dict[str, Weights] = {}
        for file in sorted(folder.glob(SAFETENSORS)):
            tensors |= _read_safetensors(file)
        for file in sorted(folder.glob(PICKLES)) if not tensors else ():
            tensors |= _read_torch_file(file)
        if not tensors:
            raise ModelError(_explain_no_weights(folder))
        _check_shards(folder, tensors)
        return cls(folder, config, tensors)

    def get_tensor(self, name: str) -> Weights:
        """Return the tensor called `name`.

        Raises:
            ModelError: there is no such tensor.
        """
        try:
            return self.tensors[name]
        except KeyError:
            raise ModelError(
                f"The checkpoint {self.folder} has no tensor {name}, which its architecture needs; download it again."
            ) from None

    def find_prefix(self, *prefixes: str, having: str) -> str:
        """Return the first of `prefixes` that followed by `having` is the name of a tensor.

        Checkpoints of one architecture differ in the prefix of their tensors' names.

        Raises:
            ModelError: there is no such tensor.
        """
        for prefix in prefixes:
            if prefix + having in self.tensors:
                return prefix
        raise ModelError(
            f"The checkpoint {self.folder} has no tensor {having}, which its architecture needs; download it again."
        )

    def get_integer(self, *names: str, default: int | None = None) -> int:
        """Return a positive integer of the configuration: the first of `names` that it has, else `default`.

        Raises:
            ModelError: the value is missing without a default, or is not an integer from 1 on.
        """
        value = next((self.config[name] for name in names if self.config.get(name) is not None), default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ModelError(
                f"{self.folder / CONFIG_FILE}: {names[0]} is {value!r}, not a number from 1 on; download it again."
            )
        return value

    def get_number(self, *names: str, default: float) -> float:
        """Return a number of the configuration: the first of `names` that it has, else `default`.

        Raises:
            ModelError: the value is not a number.
        """
        value = next((self.config[name] for name in names if self.config.get(name) is not None), default)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ModelError(f"{self.folder / CONFIG_FILE}: {names[0]} is {value!r}, not a number; download it again.")
        return float(value)


def _read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in the file `path`.

    Raises:
        ModelError: the file is missing, cannot be read, or holds no JSON object.
    """
    try:
        value = json.loads(read_text(path, _LARGEST_OBJECT))
    except FileNotFoundError:
        raise ModelError(f"{path.parent} has no {path.name}; give the folder of a downloaded model.") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}; check its permissions.") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not JSON ({error}); download the model again.") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} holds no JSON object; download the model again.")
    return value


def _explain_no_weights(folder: Path) -> str:
    """Return a message for a person that the weights in `folder` are missing or have an unknown layout."""
    if any(next(folder.glob(pattern), None) for pattern in OTHER_PICKLES):
        return (
            f"{folder} holds its weights in files of no known layout; take the model's safetensors files, or write "
            "them with transformers: save_pretrained(folder, safe_serialization=True)."
        )
    return f"{folder} has no *.safetensors file and no pytorch_model.bin; give the folder of a downloaded model."


def _read_torch_file(file: Path) -> dict[str, Tensor]:
    """Return the tensors of torch's own `file`, by name, without their numbers.

    Raises:
        ModelError: the file cannot be read, is damaged, or holds something other than weights.
    """
    from models.conversion.torch_files import locate_tensors  # noqa: PLC0415 (for checkpoints in torch's own file)

    found = locate_tensors(file)
    return {name: Tensor(name, file, place.kind, place.shape, place.start) for name, place in found.items()}


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors `file`, by name, without their numbers; checks every size and offset.

    Raises:
        ModelError: the file cannot be read, is cut short or damaged.
    """
    damaged = ModelError(f"The weights {file} are cut short or damaged; download them again.")
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > min(MOST_HEADER_BYTES, size):
                raise damaged
            contents = json.loads(stream.read(length))
        begin = 8 + length
        tensors = {}
        for name, entry in contents.items():
            if name == "__metadata__":
                continue
            shape = tuple(int(dimension) for dimension in entry["shape"])
            first, end = (int(offset) for offset in entry["data_offsets"])
            kind = str(entry["dtype"])
            if not 0 <= first <= end <= size - begin or not is_valid_shape(shape):
                raise damaged
            if kind in TYPES and math.prod(shape) * TYPES[kind].itemsize != end - first:
                raise damaged
            tensors[name] = Tensor(name, file, kind, shape, begin + first)
    except OSError as error:
        raise ModelError(f"The weights {file} cannot be read: {error.strerror}; check their permissions.") from error
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise damaged from error
    return tensors


def _check_shards(folder: Path, tensors: Mapping[str, Weights]) -> None:
    """Check that `tensors` has every tensor in the index of a model that is split into several files.

    Raises:
        ModelError: a tensor is missing, so a file is; or the index is malformed.
    """
    indexes = (folder / "model.safetensors.index.json", folder / "pytorch_model.bin.index.json")
    index = next((one for one in indexes if one.exists()), None)
    if index is None:
        return
    files = _read_object(index).get("weight_map")
    if not isinstance(files, dict):
        raise ModelError(f"{index} names no files; download the model again.")
    missing = {str(file) for name, file in files.items() if name not in tensors}
    if missing:
        raise ModelError(f"{folder} lacks {', '.join(sorted(missing))}; download the rest of the model.")
