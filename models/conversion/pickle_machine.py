"""Reader of pickles that hold tensors, without Python's unpickler.

A pickle is a program. The machine here knows only the instructions that a checkpoint of torch needs, and makes only
dictionaries, lists, numbers, strings and views of tensors. It calls nothing, imports nothing, and names every other
instruction or value in a `PickleError`. Start at `PickleMachine.run`.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.conversion.tensor_shapes import is_valid_shape

if TYPE_CHECKING:
    import io

MOST_STEPS = 10_000_000  # instructions; a model of 1,000 tensors takes 50,000
MOST_STACKED = 100_000  # values on the stack; Python's own pickler writes tables in batches of 1,000 entries
MOST_COPIED = 10_000_000  # entries of all tables that `reduce` makes

STORAGES = {  # number type as safetensors writes it, and bytes of a number
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
KNOWN = frozenset({TENSOR, PARAMETER, ORDERED, *(f"torch {name}" for name in STORAGES)})


class PickleError(ValueError):
    """Error that names something in a pickle that no checkpoint of torch holds."""


@dataclass(frozen=True, slots=True)
class _Global:
    """A name that the pickle imports; never resolved."""

    name: str  # "module name"


@dataclass(frozen=True, slots=True)
class Storage:
    """An array of numbers that tensors are views of.

    Attributes:
        kind: number type, as safetensors writes it ("F32").
        number_bytes: size of one number.
        key: name of the storage in the file.
        count: number of numbers.
    """

    kind: str
    number_bytes: int
    key: str
    count: int


@dataclass(frozen=True, slots=True)
class TensorView:
    """A tensor as a view of a storage.

    Attributes:
        storage: holds the tensor's numbers, row by row.
        first: index of the tensor's first number in the storage.
        shape: rows first.
    """

    storage: Storage
    first: int
    shape: tuple[int, ...]


class _Mark:
    """A mark on the stack: the beginning of a list of arguments."""


class PickleMachine:
    """Interpreter of one pickle. Each instruction is a method, or an entry of `_LITERALS` or `_STEPS`.

    Attributes:
        number_bytes: size of one number in each storage that the pickle described, by the storage's key.
    """

    def __init__(self, stream: io.BytesIO) -> None:
        self._stream = stream
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._copied = 0
        self.number_bytes: dict[str, int] = {}

    def run(self) -> Any:  # noqa: ANN401 (any value that a pickle can hold)
        """Interpret the pickle up to its STOP instruction; return the value that it describes.

        Raises:
            PickleError: the pickle holds an instruction or a value that no checkpoint needs.
            ValueError, KeyError, IndexError, TypeError: the pickle is invalid, or longer than that of any checkpoint.
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
        """Pop the values above the last mark, and the mark; return the values. Raises IndexError without a mark."""
        marks = (at for at in range(len(self._stack) - 1, -1, -1) if isinstance(self._stack[at], _Mark))
        if (index := next(marks, None)) is None:
            raise IndexError("no mark")
        values = self._stack[index + 1 :]
        del self._stack[index:]
        return values

    def pop(self, count: int) -> tuple[Any, ...]:
        """Pop the top `count` values; return them in the order of pushing. Raises IndexError if there are fewer."""
        if count > len(self._stack):
            raise IndexError(count)
        values = tuple(self._stack[len(self._stack) - count :])
        del self._stack[len(self._stack) - count :]
        return values

    def memoize(self, index: int | None) -> None:
        """Store the top of the stack in the memo, under `index` or, for None, under the next free number."""
        self._memo[len(self._memo) if index is None else index] = self._stack[-1]

    def recall(self, index: int) -> None:
        """Push the value that the memo has under `index`."""
        self._stack.append(self._memo[index])

    def push_name(self, name: str | None) -> None:
        """Push an imported name that is in `KNOWN`, without importing anything.

        Args:
            name: "module name"; None to pop module and name from the stack.

        Raises:
            PickleError: any other name.
        """
        parts = self.pop(2) if name is None else (name,)
        if not all(isinstance(part, str) for part in parts):
            raise PickleError("a name that is not text")
        name = " ".join(parts)
        if name not in KNOWN:
            raise PickleError(ascii(name.replace(" ", ".")[:100])[1:-1])
        self._stack.append(_Global(name))

    def set_items(self, pairs: list[Any]) -> None:
        """Add keys and values, which alternate in `pairs`, to the table on top of the stack.

        Raises:
            PickleError: there is something else on top, or a key is not a string.
        """
        table = self._stack[-1]
        if not isinstance(table, dict):
            raise PickleError("something else than a table where one belongs")
        table.update(_make_table(list(zip(pairs[::2], pairs[1::2], strict=True))))

    def extend(self, values: list[Any]) -> None:
        """Append `values` to the list on top of the stack; raise PickleError if there is something else."""
        row = self._stack[-1]
        if not isinstance(row, list):
            raise PickleError("something else than a list where one belongs")
        row.extend(values)

    def drop_state(self) -> None:
        """Discard the state on top of the stack (attributes of an OrderedDict); the dict below it stays.

        Raises:
            PickleError: the state belongs to something other than a dict.
        """
        table, _ = self.pop(2)
        if not isinstance(table, dict):
            raise PickleError("an object with a state of its own")
        self._stack.append(table)

    def reduce(self) -> None:
        """Replace a name and its arguments on the stack by the tensor, parameter or table that the call describes.

        Raises:
            PickleError: the call describes anything else.
            ValueError: the tables made so far have more than `MOST_COPIED` entries.
        """
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
        """Replace torch's description of a storage on top of the stack by a `Storage`.

        Raises:
            PickleError: the description is not one that torch writes.
        """
        (description,) = self.pop(1)
        word, kind, key, _device, count, *view = description
        name = kind.name.removeprefix("torch ") if isinstance(kind, _Global) else ""
        if word != "storage" or name not in STORAGES or view not in ([], [None]):
            raise PickleError("numbers stored in an unknown way")
        if not isinstance(key, str) or not isinstance(count, int) or count < 0:
            raise PickleError("numbers stored in an unknown way")
        storage = Storage(*STORAGES[name], key, count)
        self.number_bytes[key] = storage.number_bytes
        self._stack.append(storage)


def _make_table(pairs: Any) -> dict[str, Any]:  # noqa: ANN401 (any value that a pickle can hold)
    """Return a dict of `pairs`, a pickle's list of keys and values.

    Raises:
        PickleError: a key is not a string; hashing nested tuples can take unbounded time.
    """
    if not isinstance(pairs, list | tuple) or not all(isinstance(key, str) for key, _ in pairs):
        raise PickleError("a table whose keys are not text")
    return dict(pairs)


def _make_tensor(storage: object, first: object, shape: object, strides: object) -> TensorView:
    """Return the tensor that the arguments of torch's `_rebuild_tensor_v2` describe.

    Raises:
        PickleError: an argument has another type, or `strides` leave gaps between the numbers or change their order.
    """
    if not isinstance(storage, Storage) or not isinstance(first, int) or first < 0:
        raise PickleError("a tensor of an unknown form")
    sizes, steps = _check_shape(shape), _check_shape(strides)
    expected, step = [], 1
    for size in reversed(sizes):
        expected.append(step)
        step *= size
    if any(size > 1 and has != wants for size, has, wants in zip(sizes, steps, reversed(expected), strict=True)):
        raise PickleError("a tensor whose numbers do not lie row by row")
    return TensorView(storage, first, sizes)


def _check_shape(value: object) -> tuple[int, ...]:
    """Return `value` unchanged if it is a tuple of integers within the bounds of a tensor's shape.

    Raises:
        PickleError: it is not.
    """
    if not isinstance(value, tuple) or not all(isinstance(one, int) for one in value) or not is_valid_shape(value):
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
    "BINPUT": lambda m, index: m.memoize(index),
    "LONG_BINPUT": lambda m, index: m.memoize(index),
    "MEMOIZE": lambda m, _: m.memoize(None),
    "BINGET": lambda m, index: m.recall(index),
    "LONG_BINGET": lambda m, index: m.recall(index),
    "GLOBAL": lambda m, name: m.push_name(name),
    "STACK_GLOBAL": lambda m, _: m.push_name(None),
    "REDUCE": lambda m, _: m.reduce(),
    "BUILD": lambda m, _: m.drop_state(),
    "BINPERSID": lambda m, _: m.load_storage(),
    "APPEND": lambda m, _: m.extend(list(m.pop(1))),
    "APPENDS": lambda m, _: m.extend(m.pop_mark()),
    "SETITEM": lambda m, _: m.set_items(list(m.pop(2))),
    "SETITEMS": lambda m, _: m.set_items(m.pop_mark()),
}
