"""The tensors in a checkpoint of torch (`pytorch_model.bin`), located without torch and without Python's unpickler.

A pickle is a program. This one is run by a machine that knows only the instructions such a file needs, and can make
only dictionaries, lists, numbers, strings and tensors; it calls nothing, imports nothing, and refuses everything else
by name. Reads both containers that `torch.serialization` writes: the zip archive, and the older sequence of pickles
followed by the numbers. The result says where the numbers are; they are read later, a block at a time. Start at
`read_contents`.
"""

from __future__ import annotations

import io
import math
import pickletools
import struct
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.conversion.tensor_shapes import is_shape
from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

MOST_PICKLE_BYTES = 64 << 20  # without the tensors' numbers, which are not in the pickle
MOST_STEPS = 10_000_000  # instructions; a model of 1,000 tensors takes 50,000
MOST_STACKED = 100_000  # values on the stack; Python's own pickler writes tables in batches of 1,000 entries
MOST_COPIED = 10_000_000  # entries of all tables that `reduce` makes
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
ZIP_MAGIC = b"PK\x03\x04"
LOCAL_HEADER = struct.Struct("<26xHH")  # of a file in a zip archive: lengths of its name and its extra field

KINDS = {
    "FloatStorage": ("F32", 4),
    "HalfStorage": ("F16", 2),
    "BFloat16Storage": ("BF16", 2),
    "DoubleStorage": ("F64", 8),
    "LongStorage": ("I64", 8),
    "IntStorage": ("I32", 4),
    "ShortStorage": ("I16", 2),
    "CharStorage": ("I8", 1),
    "ByteStorage": ("U8", 1),
    "BoolStorage": ("BOOL", 1),
}
TENSOR, PARAMETER, ORDERED = (
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "collections OrderedDict",
)
KNOWN = frozenset({TENSOR, PARAMETER, ORDERED, *(f"torch {name}" for name in KINDS)})


class PickleError(ValueError):
    """The file holds something that no checkpoint of torch does; the message names it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The place of a tensor's numbers.

    Attributes:
        kind: as safetensors writes it ("F32").
        shape: rows first.
        start: its first byte in the file.
    """

    kind: str
    shape: tuple[int, ...]
    start: int


@dataclass(frozen=True, slots=True)
class _Global:
    """A name that the pickle imports; never resolved."""

    name: str  # "module name"


@dataclass(frozen=True, slots=True)
class _Storage:
    """A storage: an array of numbers that tensors are views of."""

    kind: str
    size: int  # bytes of a number
    key: str
    count: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor as a view of a storage."""

    storage: _Storage
    first: int  # number in the storage
    shape: tuple[int, ...]


class _Mark:
    """A mark on the stack: the beginning of a list of arguments."""


def read_contents(file: Path) -> Mapping[str, Stored]:
    """Return the places of the tensors in `file`, by name.

    Raises:
        ModelError: the file is damaged, or holds something other than weights; nothing in it was executed.
    """
    try:
        with file.open("rb") as stream:
            zipped = stream.read(4) == ZIP_MAGIC
            stream.seek(0)
            result, starts = _read_zip(stream) if zipped else _read_legacy(stream)
        return dict(_locate_tensors(result, starts))
    except OSError as error:
        raise ModelError(f"The weights {file} cannot be read: {error.strerror}; check their permissions.") from error
    except PickleError as error:
        raise ModelError(
            f"The weights {file} are a Python pickle that holds {error}, which no checkpoint needs; nothing of it was "
            "run. Take the model's safetensors files, or do not trust its source."
        ) from error
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, MemoryError, OverflowError, struct.error,
            zipfile.BadZipFile, EOFError, RuntimeError) as error:  # fmt: skip
        raise ModelError(f"The weights {file} are cut short or damaged; download them again.") from error


def _locate_tensors(result: Any, starts: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, Stored]]:  # noqa: ANN401
    """Yield name and place of each tensor in the table `result`; `starts` has start and length of each storage.

    Raises:
        PickleError: `result` is no table.
        ValueError: a tensor lies outside its storage.
    """
    if isinstance(result, dict) and isinstance(result.get("state_dict"), dict):
        result = result["state_dict"]
    if not isinstance(result, dict):
        raise PickleError("no table of tensors")
    for name, tensor in result.items():
        if not isinstance(tensor, _Tensor) or not isinstance(name, str):
            continue
        storage = tensor.storage
        begin, length = starts[storage.key]
        end = (tensor.first + math.prod(tensor.shape)) * storage.size
        if end > min(length, storage.count * storage.size):
            raise ValueError(name)
        yield name, Stored(storage.kind, tensor.shape, begin + tensor.first * storage.size)


def _read_zip(stream: BinaryIO) -> tuple[Any, Mapping[str, tuple[int, int]]]:
    """Return what the pickle of a zip archive makes, and start and length of each storage's bytes in the file."""
    with zipfile.ZipFile(stream) as archive:
        files = {info.filename.partition("/")[2]: info for info in archive.infolist()}
        if any(info.compress_type != zipfile.ZIP_STORED for info in files.values()):
            raise ValueError("compressed")
        if files["data.pkl"].file_size > MOST_PICKLE_BYTES:
            raise ValueError("too large")
        result = _Machine(io.BytesIO(archive.read(files["data.pkl"]))).run()
    starts = {}
    for name, info in files.items():
        if name.startswith("data/"):
            stream.seek(info.header_offset)
            lengths = LOCAL_HEADER.unpack(stream.read(LOCAL_HEADER.size))
            start = info.header_offset + LOCAL_HEADER.size + sum(lengths)
            starts[name.removeprefix("data/")] = (start, _check_length(stream, start, info.file_size))
    return result, starts


def _read_legacy(stream: BinaryIO) -> tuple[Any, Mapping[str, tuple[int, int]]]:
    """Return the same as `_read_zip` from the older container.

    It holds pickles of a magic number, a version, the system, the table and the storages' keys, then the numbers.
    """
    head = io.BytesIO(stream.read(MOST_PICKLE_BYTES))
    if _Machine(head).run() != LEGACY_MAGIC:
        raise ValueError("no magic number")
    for _ in range(2):
        _Machine(head).run()
    machine = _Machine(head)
    result = machine.run()
    keys = _Machine(head).run()
    starts = {}
    at = head.tell()
    for key in keys:
        if not isinstance(key, str):
            raise ValueError("no key")  # noqa: TRY004 (the file is wrong, not an argument)
        stream.seek(at)
        (count,) = struct.unpack("<q", stream.read(8))
        length = count * machine.sizes[key]
        if count < 0:
            raise ValueError(key)
        starts[key] = (at + 8, _check_length(stream, at + 8, length))
        at += 8 + length
    return result, starts


def _check_length(stream: BinaryIO, start: int, length: int) -> int:
    """Return `length` if the file has as many bytes from `start` on.

    Raises:
        ValueError: it has fewer.
    """
    if start + length > stream.seek(0, io.SEEK_END):
        raise ValueError("cut short")
    return length


class _Machine:
    """The machine that runs one pickle. Each instruction is a method, or an entry of `_LITERALS` or `_STEPS`.

    Attributes:
        sizes: bytes of a number, by the key of each storage that was named.
    """

    def __init__(self, stream: io.BytesIO) -> None:
        self._stream = stream
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._copied = 0
        self.sizes: dict[str, int] = {}

    def run(self) -> Any:  # noqa: ANN401 (whatever it holds)
        """Run the pickle and return what it makes.

        Raises:
            PickleError: it holds an instruction or a value that no checkpoint needs.
            ValueError, KeyError, IndexError, TypeError: it is not a valid pickle, or longer than any checkpoint's.
        """
        for steps, (opcode, argument, _) in enumerate(pickletools.genops(self._stream)):
            if steps > MOST_STEPS or len(self._stack) > MOST_STACKED:
                raise ValueError("too long")
            if opcode.name == "STOP":
                return self._stack.pop()
            if opcode.name in _LITERALS:
                self._stack.append(argument)
            elif (step := _STEPS.get(opcode.name)) is not None:
                step(self, argument)
            else:
                raise PickleError(f"the instruction {opcode.name}")
        raise ValueError("no end")

    def push(self, value: Any) -> None:  # noqa: ANN401
        """Push `value` on the stack."""
        self._stack.append(value)

    def pop_mark(self) -> list[Any]:
        """Pop the values above the last mark, and the mark; return the values."""
        marks = (at for at in range(len(self._stack) - 1, -1, -1) if isinstance(self._stack[at], _Mark))
        if (place := next(marks, None)) is None:
            raise IndexError("no mark")
        found = self._stack[place + 1 :]
        del self._stack[place:]
        return found

    def pop(self, count: int) -> tuple[Any, ...]:
        """Pop and return the last `count` values."""
        if count > len(self._stack):
            raise IndexError(count)
        found = tuple(self._stack[len(self._stack) - count :])
        del self._stack[len(self._stack) - count :]
        return found

    def memoize(self, place: int | None) -> None:
        """Store the top of the stack in the memo, under `place` or the next number."""
        self._memo[len(self._memo) if place is None else place] = self._stack[-1]

    def recall(self, place: int) -> None:
        """Push the value that the memo has under `place`."""
        self._stack.append(self._memo[place])

    def push_name(self, written: str | None) -> None:
        """Push an imported name, given or popped; only names in `KNOWN`.

        Raises:
            PickleError: any other name.
        """
        parts = self.pop(2) if written is None else (written,)
        if not all(isinstance(part, str) for part in parts):
            raise PickleError("a name that is no text")
        name = " ".join(parts)
        if name not in KNOWN:
            raise PickleError(ascii(name.replace(" ", ".")[:100])[1:-1])
        self._stack.append(_Global(name))

    def set_items(self, pairs: list[Any]) -> None:
        """Add keys and values, which alternate in `pairs`, to the table on top of the stack."""
        table = self._stack[-1]
        if not isinstance(table, dict):
            raise PickleError("something else than a table where one belongs")
        table.update(_make_table(list(zip(pairs[::2], pairs[1::2], strict=True))))

    def extend(self, values: list[Any]) -> None:
        """Append `values` to the list on top of the stack."""
        row = self._stack[-1]
        if not isinstance(row, list):
            raise PickleError("something else than a list where one belongs")
        row.extend(values)

    def build(self) -> None:
        """Drop the attributes that torch stores for a table; keep the table on the stack."""
        table, _ = self.pop(2)
        if not isinstance(table, dict):
            raise PickleError("an object with a state of its own")
        self._stack.append(table)

    def reduce(self) -> None:
        """Replace a name and its arguments by the tensor, parameter or table that the call would make."""
        called, arguments = self.pop(2)
        name = called.name if isinstance(called, _Global) else ""
        if name == ORDERED:
            result: Any = _make_table(*arguments) if arguments else {}
            self._copied += len(result)
            if self._copied > MOST_COPIED:
                raise ValueError("too large")
        elif name == PARAMETER:
            result = arguments[0]
        elif name == TENSOR:
            result = _make_tensor(*arguments[:4])
        else:
            raise PickleError("a call of something that is no tensor")
        self._stack.append(result)

    def load_storage(self) -> None:
        """Replace torch's description of a storage on top of the stack by a `_Storage`."""
        (description,) = self.pop(1)
        word, kind, key, _place, count, *view = description
        name = kind.name.removeprefix("torch ") if isinstance(kind, _Global) else ""
        if word != "storage" or name not in KINDS or view not in ([], [None]):
            raise PickleError("numbers kept in an unknown way")
        if not isinstance(key, str) or not isinstance(count, int) or count < 0:
            raise PickleError("numbers kept in an unknown way")
        storage = _Storage(*KINDS[name], key, count)
        self.sizes[key] = storage.size
        self._stack.append(storage)


def _make_table(pairs: Any) -> dict[str, Any]:  # noqa: ANN401 (whatever the file holds)
    """Return a dict of `pairs`, a pickle's list of keys and values.

    Raises:
        PickleError: a key is not a string; hashing nested tuples can take unbounded time.
    """
    if not isinstance(pairs, list | tuple) or not all(isinstance(key, str) for key, _ in pairs):
        raise PickleError("a table whose keys are no texts")
    return dict(pairs)


def _make_tensor(storage: object, first: object, shape: object, strides: object) -> _Tensor:
    """Return a tensor whose numbers lie row by row, without gaps.

    Raises:
        PickleError: they lie otherwise, as `strides` says, or an argument has another type.
    """
    if not isinstance(storage, _Storage) or not isinstance(first, int) or first < 0:
        raise PickleError("a tensor of an unknown form")
    sizes, steps = _check_integers(shape), _check_integers(strides)
    expected, step = [], 1
    for size in reversed(sizes):
        expected.append(step)
        step *= size
    if any(size > 1 and has != wants for size, has, wants in zip(sizes, steps, reversed(expected), strict=True)):
        raise PickleError("a tensor whose numbers do not lie row by row")
    return _Tensor(storage, first, sizes)


def _check_integers(value: object) -> tuple[int, ...]:
    """Return `value` if it is a tuple of integers that can be a shape.

    Raises:
        PickleError: it is not.
    """
    if not isinstance(value, tuple) or not all(isinstance(one, int) for one in value) or not is_shape(value):
        raise PickleError("a tensor of an unknown form")
    return value


_LITERALS = frozenset(
    {
        "BININT",
        "BININT1",
        "BININT2",
        "LONG1",
        "BINFLOAT",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
        "INT",
        "LONG",
    }
)
_STEPS: dict[str, Any] = {
    "PROTO": lambda _m, _a: None,
    "FRAME": lambda _m, _a: None,
    "NONE": lambda m, _: m.push(None),
    "NEWTRUE": lambda m, _: m.push(True),
    "NEWFALSE": lambda m, _: m.push(False),
    "MARK": lambda m, _: m.push(_Mark()),
    "EMPTY_TUPLE": lambda m, _: m.push(()),
    "EMPTY_LIST": lambda m, _: m.push([]),
    "EMPTY_DICT": lambda m, _: m.push({}),
    "TUPLE": lambda m, _: m.push(tuple(m.pop_mark())),
    "TUPLE1": lambda m, _: m.push(m.pop(1)),
    "TUPLE2": lambda m, _: m.push(m.pop(2)),
    "TUPLE3": lambda m, _: m.push(m.pop(3)),
    "BINPUT": lambda m, place: m.memoize(place),
    "LONG_BINPUT": lambda m, place: m.memoize(place),
    "MEMOIZE": lambda m, _: m.memoize(None),
    "BINGET": lambda m, place: m.recall(place),
    "LONG_BINGET": lambda m, place: m.recall(place),
    "GLOBAL": lambda m, written: m.push_name(written),
    "STACK_GLOBAL": lambda m, _: m.push_name(None),
    "REDUCE": lambda m, _: m.reduce(),
    "BUILD": lambda m, _: m.build(),
    "BINPERSID": lambda m, _: m.load_storage(),
    "APPEND": lambda m, _: m.extend(list(m.pop(1))),
    "APPENDS": lambda m, _: m.extend(m.pop_mark()),
    "SETITEM": lambda m, _: m.set_items(list(m.pop(2))),
    "SETITEMS": lambda m, _: m.set_items(m.pop_mark()),
}
