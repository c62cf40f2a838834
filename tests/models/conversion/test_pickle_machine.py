"""Pickles of checkpoints: hostile ones are refused before they take time or memory."""

from __future__ import annotations

import io
import pickle
from typing import Any

import pytest

from models.conversion.pickle_machine import PickleError, PickleMachine, TensorView


def run(program: bytes) -> Any:
    """Return the value that the pickle `program` describes."""
    return PickleMachine(io.BytesIO(program)).run()


class Call:
    """An object whose pickle calls `eval`."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return eval, ("1",)


def test_an_error_names_the_function_that_a_pickle_would_call() -> None:
    with pytest.raises(PickleError, match=r"^(builtins|__builtin__)\.eval$"):
        run(pickle.dumps({"w": Call()}, 2))


def nest_tuples(depth: int) -> bytes:
    """Return instructions that push a pair of the pair before, `depth` times; visiting every item takes for ever."""
    return b")" + b"".join(b"q" + bytes([place]) + b"h" + bytes([place]) + b"\x86" for place in range(depth))


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x02}" + nest_tuples(60) + b"K\x01s.",  # as a key
        b"\x80\x04\x8c\x05torch" + nest_tuples(60) + b"\x93.",  # as a name
        b"\x80\x02r\xff\xff\xff\xff.",  # memo number 4,294,967,295, with nothing on the stack
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",  # longer than any file
        b"\x80\x02" + b"(" * 1_000_000 + b".",
        b"\x80\x02" + b"]" * 500_000 + b"a" * 499_999 + b".",
    ],
)
def test_a_bomb_is_refused_before_it_takes_memory_or_time(program: bytes) -> None:
    with pytest.raises((ValueError, KeyError, IndexError, TypeError)):
        run(program)


def test_a_nested_value_costs_no_time() -> None:
    assert list(run(b"\x80\x02}X\x01\x00\x00\x00w" + nest_tuples(60) + b"s.")) == ["w"]


def test_a_large_memo_number_costs_no_memory() -> None:
    assert run(b"\x80\x02]r\xff\xff\xff\xff.") == []


def describe_tensor(shape: bytes) -> bytes:
    """Return a pickle of a table of one tensor, over one number, whose shape and strides both are `shape`."""
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ"
    return b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00" + shape * 2 + b"tRs."


def test_a_tensor_is_a_view_of_its_storage() -> None:
    tensor = run(describe_tensor(b"(K\x01t"))["w"]
    assert isinstance(tensor, TensorView)
    assert (tensor.shape, tensor.first) == ((1,), 0)
    assert (tensor.storage.kind, tensor.storage.key, tensor.storage.count) == ("F32", "0", 1)


@pytest.mark.parametrize(
    "shape",
    [
        b"(" + b"\x8a\xff" + b"\xff" * 254 + b"\x7fq\x00" + b"h\x00" * 20_000 + b"t",  # a product of 40 million digits
        b"(\x8a\x09" + b"\x00" * 8 + b"\x01t",
        b"(" + b"K\x01" * 65 + b"t",
    ],
)
def test_sizes_that_no_tensor_has_are_refused_before_they_are_multiplied(shape: bytes) -> None:
    with pytest.raises(PickleError, match="a tensor of an unknown form"):
        run(describe_tensor(shape))


def test_a_large_table_that_is_copied_again_and_again_is_refused() -> None:
    pairs = b"".join(b"X\x05\x00\x00\x00%05dK\x01\x86" % number for number in range(20_000))
    again = b"ccollections\nOrderedDict\nq\x00" + b"h\x00h\x01\x85R" * 100_000  # 100 GB or so
    with pytest.raises(ValueError, match="too large"):
        run(b"\x80\x02](" + pairs + b"eq\x01" + again + b".")


def test_control_characters_in_a_name_are_escaped() -> None:
    with pytest.raises(PickleError, match=r"^os\\x1b\[2J\.\\ud800$"):
        run(b"\x80\x04\x8c\x06os\x1b[2J\x8c\x03\xed\xa0\x80\x93.")
