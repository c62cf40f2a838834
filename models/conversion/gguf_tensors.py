"""One tensor of a GGUF file: dequantized in blocks of rows, with the rows in its authors' order.

The formats of quantized blocks (`ggml-common.h` and `ggml-quants.c` of llama.cpp) are decoded by the `gguf` package.
llama.cpp's converter permutes the rows of queries and keys of the Llama family; that is undone here. Start at
`PackedTensor`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from models.conversion.gguf_contents import StoredTensor

BLOCK_NUMBERS = 1 << 23  # dequantized at once: 32 MB, beside the memory for the arithmetic

# Types that the `gguf` package can dequantize; a test tries each.
READABLE = (
    *("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"),
    *("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0"),
    "MXFP4",
)


@dataclass(frozen=True, slots=True)
class PackedTensor:
    """One tensor of a GGUF file; implements `models.conversion.checkpoint.Weights`.

    Attributes:
        name: name that the network's authors gave it.
        stored: location and type in the file.
        head: rows of an attention head if they are in llama.cpp's order; 0 if they are in the authors' order.
    """

    name: str
    stored: StoredTensor
    head: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions, rows first."""
        return self.stored.shape

    def read(self) -> NDArray[np.float32]:
        """Read and return all numbers of the tensor, in the authors' order.

        Raises:
            ModelError: the disk failed, the `gguf` package is missing, or a value is not finite.
        """
        blocks = list(self.read_blocks())
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def read_row(self, number: int) -> NDArray[np.float32]:
        """Read and return row `number` of a matrix that is in the authors' order (`head` is 0).

        Raises:
            ModelError: as `read`.
        """
        return self._read_rows(number, 1).reshape(self.shape[1:])

    def read_blocks(self) -> Iterator[NDArray[np.float32]]:
        """Read and yield the numbers in blocks of rows, in the authors' order; a block never splits a reordered head.

        Raises:
            ModelError: as `read`.
        """
        if len(self.shape) == 1:
            yield self._reorder(self._read_rows(0, 1).reshape(self.shape))
            return
        row = math.prod(self.shape[1:])
        step = max(self.head, 1)
        count = max(step, BLOCK_NUMBERS // row // step * step)
        for start in range(0, self.shape[0], count):
            rows = min(count, self.shape[0] - start)
            yield self._reorder(self._read_rows(start, rows).reshape(rows, *self.shape[1:]))

    def _read_rows(self, start: int, rows: int) -> NDArray[np.float32]:
        """Read and dequantize `rows` rows from row `start` on, in the file's order; a vector is one row.

        Raises:
            ModelError: as `read`.
        """
        size = self.stored.size_bytes // (1 if len(self.shape) == 1 else self.shape[0])
        try:
            data = np.fromfile(self.stored.file, np.uint8, rows * size, offset=self.stored.start + start * size)
        except OSError as error:
            raise ModelError(f"{self.stored.file} cannot be read: {error.strerror}; try again.") from error
        if len(data) != rows * size:
            raise ModelError(f"{self.stored.file} has become shorter while it was read; download it again.")
        numbers = _dequantize(data.reshape(rows, size), self.stored.type_name)
        if not np.isfinite(numbers).all():
            raise ModelError(
                f"The tensor {self.stored.name} in {self.stored.file} holds values that are not finite numbers; "
                "download it again."
            )
        return numbers

    def _reorder(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return `rows` in the authors' order: in each head first halves of the rotated pairs, then second halves.

        This is the inverse of `LlamaModel.permute` in llama.cpp's `convert_hf_to_gguf.py`.
        """
        if not self.head:
            return rows
        pairs = rows.reshape(-1, self.head // 2, 2, *rows.shape[1:])
        return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(rows.shape)


def _dequantize(data: NDArray[np.uint8], type_name: str) -> NDArray[np.float32]:
    """Return the numbers, in float32, of `data`: rows of bytes in the tensor type `type_name`."""
    quants, types = import_gguf()
    with np.errstate(all="ignore"):  # a damaged scale overflows; the caller looks at the result
        numbers: NDArray[np.float32] = quants.dequantize(data, types[type_name])
    return numbers.astype(np.float32, copy=False)


def import_gguf() -> tuple[Any, Any]:
    """Import the `gguf` package; return its module `quants` and its enumeration of tensor types.

    Raises:
        ModelError: the package is not installed.
    """
    try:
        from gguf import GGMLQuantizationType, quants  # noqa: PLC0415 (an optional dependency)
    except ImportError:
        raise ModelError(
            "GGUF files are read with the package gguf, which is not installed; install Starling with the extra: "
            "uv tool install '.[convert]' in its repository."
        ) from None
    return quants, GGMLQuantizationType
