"""Variables of a CTranslate2 file, whose tensors are read and quantized only while they are written.

CTranslate2's own converter holds a whole model in memory and needs torch. Here a specification is filled with `Fused`
variables; `quantize` sets each variable's type, and numbers are read in blocks of rows. The arithmetic is CTranslate2's
(`ctranslate2.specs.model_spec`): int8 by rows with the scale 127 / max |w|
(https://opennmt.net/CTranslate2/quantization.html). Start at `Fused` and `quantize`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from ctranslate2.specs.model_spec import LayerSpec, Variable, visit_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from models.conversion.checkpoint import Weights

Quantization = Literal["int8", "int8_float16", "int8_bfloat16", "int8_float32", "float16", "bfloat16", "float32"]
QUANTIZATIONS: tuple[Quantization, ...] = get_args(Quantization)
FLOATS = ("float32", "float16", "bfloat16")
SIZES = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
LARGEST_FLOAT = float(np.finfo(np.float32).max)


class Fused(Variable):  # type: ignore[misc]  # the library carries no types
    """A variable made of one or more tensors, concatenated along their rows.

    Args:
        parts: tensors that are equal in all dimensions but the first; an integer stands for as many zeros.
        skip: number of rows left out at the beginning.
        wanted: number type in the file.
    """

    def __init__(self, parts: Sequence[Weights | int], *, skip: int = 0, wanted: str = "float32") -> None:
        self._parts = tuple(parts)
        self._skip = skip
        self._wanted = wanted
        first = next(part for part in self._parts if not isinstance(part, int))
        rows = sum(part if isinstance(part, int) else part.shape[0] for part in self._parts) - skip
        self._shape = [rows, *first.shape[1:]]

    @property
    def shape(self) -> list[int]:
        """Dimensions, rows first."""
        return self._shape

    @property
    def dtype(self) -> str:
        """Number type in the file."""
        return self._wanted

    def numpy(self) -> NDArray[np.float32]:
        """Read and return all numbers, in float32."""
        arrays = list(self.read_blocks())
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

    def read_blocks(self) -> Iterator[NDArray[np.float32]]:
        """Read all numbers and yield them in blocks of rows, in float32."""
        skip = self._skip
        for part in self._parts:
            blocks = [np.zeros(part, np.float32)] if isinstance(part, int) else part.read_blocks()
            for block in blocks:
                if skip < len(block):
                    yield block[skip:].astype(np.float32, copy=False)
                skip = max(0, skip - len(block))

    def num_bytes(self) -> int:
        """Return the size in the file, in bytes."""
        return math.prod(self._shape) * SIZES[self._wanted]

    def to_bytes(self) -> bytes:
        """Read all numbers and return their bytes in the file."""
        return b"".join(map(self._pack, self.read_blocks()))

    def _pack(self, numbers: NDArray[np.float32]) -> bytes:
        """Return the bytes of `numbers`; bfloat16 is the upper half of a float32, rounded to nearest, ties to even.

        The rounding is that of `round_to_nearest_even` in PyTorch's `c10/util/BFloat16.h`.
        """
        if self._wanted == "bfloat16":
            bits = np.ascontiguousarray(numbers).view(np.uint32)
            rounded = bits + (0x7FFF + ((bits >> 16) & 1))
            return (rounded >> 16).astype("<u2").tobytes()
        return numbers.astype(self._wanted).tobytes()

    def _to(self, dtype: str) -> Fused:
        """Return the same variable with the number type `dtype` in the file; called by CTranslate2."""
        return Fused(self._parts, skip=self._skip, wanted=dtype)

    def _equal(self, other: Variable) -> bool:
        """Return whether both are the same object; numbers are not compared."""
        return self is other


class _FixedVariable(Variable):  # type: ignore[misc]
    """A variable that CTranslate2 writes without conversion or comparison of its numbers."""

    def _to(self, dtype: str) -> Variable:
        """Refuse a conversion; raises NotImplementedError."""
        raise NotImplementedError(dtype)

    def _equal(self, other: Variable) -> bool:
        """Return whether both are the same object; numbers are not compared."""
        return self is other


class _Int8Weights(_FixedVariable):
    """The weights of a `Fused` in int8. `numpy` and `to_bytes` compute and store the `scales` of the rows."""

    def __init__(self, source: Fused) -> None:
        self._source = source
        self.scales: NDArray[np.float32] | None = None

    @property
    def shape(self) -> list[int]:
        return self._source.shape

    @property
    def dtype(self) -> str:
        return "int8"

    def numpy(self) -> NDArray[np.int8]:
        """Read and quantize the weights, and store the scale of each row in `scales`.

        A row becomes rint(w * scale) with scale = 127 / max |w|, as in CTranslate2's `model_spec`.
        """
        rows, scales = np.empty(self.shape, np.int8), np.empty(self.shape[0], np.float32)
        start = 0
        for numbers in self._source.read_blocks():
            end = start + len(numbers)
            largest = np.maximum(numbers.max(axis=1), -numbers.min(axis=1))
            largest[largest == 0] = 127.0
            largest = np.maximum(largest, np.float32(127) / LARGEST_FLOAT)  # keeps scales of tiny rows finite
            scales[start:end] = 127.0 / largest
            rows[start:end] = np.rint(numbers * scales[start:end, None])
            start = end
        self.scales = scales
        return rows

    def num_bytes(self) -> int:
        return math.prod(self.shape)

    def to_bytes(self) -> bytes:
        """Read and quantize the weights, and return their bytes in the file."""
        return self.numpy().tobytes()


class _Int8Scales(_FixedVariable):
    """The scales of an `_Int8Weights`, whose own numbers are written before them."""

    def __init__(self, rows: _Int8Weights) -> None:
        self._rows = rows

    @property
    def shape(self) -> list[int]:
        return self._rows.shape[:1]

    @property
    def dtype(self) -> str:
        return "float32"

    def numpy(self) -> NDArray[np.float32]:
        """Return the scales; quantizes the weights if that has not been done."""
        if self._rows.scales is None:
            self._rows.numpy()
        assert self._rows.scales is not None  # noqa: S101 (just computed)
        return self._rows.scales

    def num_bytes(self) -> int:
        return self.shape[0] * SIZES["float32"]

    def to_bytes(self) -> bytes:
        return self.numpy().tobytes()


class _ReportedVariable(_FixedVariable):
    """A variable that calls `on_written` with its size in bytes when it is written."""

    def __init__(self, variable: Variable, on_written: Callable[[int], None]) -> None:
        self._variable = variable
        self._on_written = on_written

    @property
    def shape(self) -> list[int]:
        return list(self._variable.shape)

    @property
    def dtype(self) -> str:
        return str(self._variable.dtype)

    def numpy(self) -> NDArray[Any]:
        return np.asarray(self._variable.numpy())

    def num_bytes(self) -> int:
        return int(self._variable.num_bytes())

    def to_bytes(self) -> bytes:
        """Report the size, and return the bytes of the variable in the file."""
        self._on_written(self.num_bytes())
        return bytes(self._variable.to_bytes())


def quantize(specification: LayerSpec, quantization: Quantization) -> None:
    """Replace each `Fused` variable of a validated specification by one with the number type of `quantization`.

    Weights with a scale become int8 if `quantization` begins with "int8"; all other variables get its float type.
    """
    rest = next((name for name in FLOATS if quantization in (name, f"int8_{name}")), "float32")

    def set_type(layer: LayerSpec, path: str, value: object) -> None:
        """Replace the variable `value` at `path`, if it is `Fused`, by one with the wanted number type."""
        name = path.rpartition("/")[2]
        if not isinstance(value, Fused):
            return
        if quantization.startswith("int8") and hasattr(layer, f"{name}_scale"):
            rows = _Int8Weights(value)
            setattr(layer, name, rows)
            setattr(layer, f"{name}_scale", _Int8Scales(rows))
        else:
            setattr(layer, name, value.to(rest))

    visit_spec(specification, set_type)


def track_writing(specification: LayerSpec, on_written: Callable[[int], None]) -> int:
    """Make each variable call `on_written` with its size when it is written; return the total size, in bytes."""
    total = 0

    def track(layer: LayerSpec, path: str, value: object) -> None:
        """Replace the variable `value` at `path` by one that reports when it is written; add its size to the total."""
        nonlocal total
        if isinstance(value, Variable):
            total += int(value.num_bytes())
            setattr(layer, path.rpartition("/")[2], _ReportedVariable(value, on_written))

    visit_spec(specification, track)
    return total
