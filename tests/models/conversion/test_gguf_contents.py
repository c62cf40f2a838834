"""GGUF files are untrusted: every count and offset is checked against bounds and the size of the file."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
from typing import TYPE_CHECKING, Any

import pytest
from gguf import GGUFReader
from hypothesis import given, settings
from hypothesis import strategies as st

from models.conversion.conversion import convert
from models.conversion.gguf_contents import is_gguf, read_contents
from models.conversion.gguf_vocabulary import build_vocabulary
from models.errors import ModelError
from tests.models.conversion import ggufs
from tests.models.conversion.parity import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gguf import GGUFWriter


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return the path of a GGUF file of the qwen2 network."""
    ggufs.write_network(tmp_path / "model.gguf", NETWORKS / "qwen2")
    return tmp_path / "model.gguf"


def encode_u32(number: int) -> bytes:
    return struct.pack("<I", number)


def encode_u64(number: int) -> bytes:
    return struct.pack("<Q", number)


def encode_text(value: str) -> bytes:
    """Return a string as GGUF has it: its length, then its bytes."""
    return encode_u64(len(value)) + value.encode()


def make_head(tensors: int, fields: int, rest: bytes = b"", version: int = 3) -> bytes:
    """Return the head of a file that claims numbers of tensors and fields, followed by `rest`."""
    return b"GGUF" + encode_u32(version) + encode_u64(tensors) + encode_u64(fields) + rest


def describe_tensor(name: str, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    """Return the entry of a tensor in the table of contents."""
    return (
        encode_text(name)
        + encode_u32(len(shape))
        + b"".join(map(encode_u64, shape))
        + encode_u32(kind)
        + encode_u64(offset)
    )


HUGE = 1 << 60
DAMAGED = {
    "nothing": b"",
    "half a magic": b"GG",
    "a magic alone": b"GGUF",
    "counts cut off": b"GGUF" + encode_u32(3) + b"\1\0",
    "tensors without end": make_head(HUGE, 0),
    "fields without end": make_head(0, HUGE),
    "fewer fields than it says": make_head(0, 3),
    "a key without end": make_head(0, 1, encode_u64(HUGE)),
    "a key beyond the file": make_head(0, 1, encode_u64(500) + b"short"),
    "a text without end": make_head(0, 1, encode_text("k") + encode_u32(8) + encode_u64(HUGE)),
    "an array without end": make_head(0, 1, encode_text("k") + encode_u32(9) + encode_u32(0) + encode_u64(HUGE)),
    "an array of texts without end": make_head(
        0, 1, encode_text("k") + encode_u32(9) + encode_u32(8) + encode_u64(4_000_000)
    ),
    "an array of nothing known": make_head(0, 1, encode_text("k") + encode_u32(9) + encode_u32(99) + encode_u64(3)),
    "arrays in arrays without end": make_head(
        0, 1, encode_text("k") + encode_u32(9) + (encode_u32(9) + encode_u64(1)) * 50
    ),
    "a value of no known type": make_head(0, 1, encode_text("k") + encode_u32(77)),
    "a key twice": make_head(0, 2, (encode_text("k") + encode_u32(0) + b"\1") * 2),
    "no text but bytes": make_head(0, 1, encode_u64(2) + b"\xff\xfe" + encode_u32(0) + b"\1"),
    "an alignment of nothing": make_head(0, 1, encode_text("general.alignment") + encode_u32(4) + encode_u32(0)),
    "an alignment that is none": make_head(0, 1, encode_text("general.alignment") + encode_u32(4) + encode_u32(33)),
    "a tensor of many dimensions": make_head(1, 0, describe_tensor("w", (2,) * 5)),
    "a tensor of no dimension": make_head(1, 0, describe_tensor("w", ())),
    "a tensor of nothing": make_head(1, 0, describe_tensor("w", (0, 4))),
    "a tensor larger than numbers go": make_head(1, 0, describe_tensor("w", (1 << 40, 1 << 40))),
    "a tensor beyond the file": make_head(1, 0, describe_tensor("w", (4, 4))),
    "a tensor far beyond the file": make_head(1, 0, describe_tensor("w", (4, 4), offset=(1 << 64) - 32)),
    "an offset that is not aligned": make_head(1, 0, describe_tensor("w", (1,), offset=3)) + bytes(200),
    "half a block": make_head(1, 0, describe_tensor("w", (33,), kind=8)) + bytes(200),
    "a tensor of a long name": make_head(1, 0, describe_tensor("w" * 5000, (1,))) + bytes(200),
    "a tensor twice": make_head(2, 0, describe_tensor("w", (1,)) * 2) + bytes(200),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_reported_without_delay(name: str, tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(DAMAGED[name])
    sentence = "is no GGUF file" if not DAMAGED[name].startswith(b"GGUF") else "is cut short or damaged; download it"
    with pytest.raises(ModelError, match=sentence):
        read_contents(tmp_path / "bad.gguf")
    with pytest.raises(ModelError, match=sentence):
        read_contents(tmp_path / "bad.gguf", arrays=False)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (make_head(0, 0, version=1), "has version 1 of the GGUF format; 2 and 3 can be read"),
        (make_head(0, 0, version=3 << 24), "is written for big-endian machines"),
        (make_head(1, 0, describe_tensor("w", (32,), kind=36)) + bytes(100), "stored in an unknown way .type 36."),
    ],
)
def test_a_file_of_another_kind_is_named(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "other.gguf").write_bytes(content)
    with pytest.raises(ModelError, match=sentence):
        read_contents(tmp_path / "other.gguf")


def test_a_file_that_is_cut_short_anywhere_is_refused(model: Path) -> None:
    data = model.read_bytes()
    for part in range(1, 40):
        model.write_bytes(data[: len(data) * part // 40])
        with pytest.raises(ModelError, match="is cut short or damaged"):
            read_contents(model)


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 4000), byte=st.integers(0, 255))
def test_a_file_with_a_changed_byte_is_read_or_refused(
    place: int, byte: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("changed") / "model.gguf"
    ggufs.write_network(path, NETWORKS / "qwen2")
    data = bytearray(path.read_bytes())
    data[place % len(data)] = byte
    path.write_bytes(data)
    with contextlib.suppress(ModelError):
        convert(path, path.parent / "made")


def test_contents_equal_those_that_the_gguf_package_reads(model: Path) -> None:
    contents, theirs = read_contents(model), GGUFReader(model)
    fields = {key: field.contents() for key, field in theirs.fields.items() if not key.startswith("GGUF.")}
    assert dict(contents.values) == fields
    for one in theirs.tensors:
        stored = contents.tensors[one.name]
        assert stored.shape == tuple(reversed([int(size) for size in one.shape]))
        assert (stored.start, stored.size_bytes) == (one.data_offset, one.n_bytes)
        assert stored.type_name == one.tensor_type.name
    assert len(contents.tensors) == len(theirs.tensors)
    assert contents.parameters == sum(int(one.n_elements) for one in theirs.tensors)


def test_without_arrays_short_values_are_kept(model: Path) -> None:
    contents = read_contents(model, arrays=False)
    assert contents.get_list("tokenizer.ggml.tokens") is None
    assert contents.architecture == "qwen2"
    assert contents.tensors.keys() == read_contents(model).tensors.keys()


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(ModelError, match="cannot be read"):
        read_contents(tmp_path / "pipe.gguf")
    assert not is_gguf(tmp_path / "pipe.gguf")


def set_type(name: str) -> Callable[[GGUFWriter], object]:
    """Return a change that sets the type of the file."""
    return lambda writer: writer.add_type(name)


REFUSED: dict[str, tuple[str, Callable[[GGUFWriter], object], str]] = {
    "an adapter": ("qwen2", set_type("adapter"), "it is a LoRA adapter, not a model"),
    "eyes": ("qwen2", set_type("mmproj"), "it is a part of another model"),
    "experts": ("qwen2", lambda writer: writer.add_expert_count(8), "it is a mixture of experts"),
    "a tensor too many": (
        "qwen2",
        lambda writer: writer.add_tensor("blk.0.attn_sinks.weight", ggufs.np.ones(4, ggufs.np.float32)),
        r"holds a tensor 'blk.0.attn_sinks.weight', which Starling does not know as a part of qwen2",
    ),
    "a layer too many": (
        "qwen2",
        lambda writer: writer.add_tensor("blk.9.attn_norm.weight", ggufs.np.ones(32, ggufs.np.float32)),
        r"holds a tensor 'blk.9.attn_norm.weight'",
    ),
    "yarn": (
        "qwen2",
        lambda writer: writer.add_rope_scaling_type(ggufs.gguf.RopeScalingType.YARN),
        "the position scaling 'yarn'",
    ),
    "half rotated": ("llama", lambda writer: writer.add_rope_dimension_count(4), "4 rotated. cannot be converted"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_network_that_cannot_be_run_is_reported_with_the_reason(name: str, tmp_path: Path) -> None:
    network, change, sentence = REFUSED[name]
    ggufs.write_network(tmp_path / "model.gguf", NETWORKS / network, change=change)
    with pytest.raises(ModelError, match=sentence):
        convert(tmp_path / "model.gguf", tmp_path / "models" / "made")
    assert not list((tmp_path / "models").glob("**/*"))


def replace_value(key: str, value: Any = None) -> Callable[[GGUFWriter], object]:
    """Return a change that removes the metadata value under `key`, or replaces it by `value`."""

    def change(writer: GGUFWriter) -> None:
        if value is None:
            del writer.kv_data[0][key]
        else:
            writer.kv_data[0][key].value = value

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (replace_value("general.architecture", "mamba"), "its architecture is 'mamba'; supported are llama, qwen2"),
        (replace_value("general.architecture"), "its architecture is 'unknown'"),
        (replace_value("qwen2.block_count"), "qwen2.block_count is missing, not a number from 1 to 1000"),
        (replace_value("qwen2.block_count", 3), "has no tensor model.layers.2"),
        (replace_value("qwen2.block_count", 4_000_000_000), "qwen2.block_count is 4000000000, not a number"),
        (replace_value("qwen2.embedding_length", 64), r"has the shape \(\d+, 32\) in place of"),
        (replace_value("qwen2.attention.head_count", 3), "cannot be converted"),
        (replace_value("qwen2.feed_forward_length", 47), "in place of"),
        (replace_value("qwen2.attention.layer_norm_rms_epsilon", float("nan")), "layer_norm_rms_epsilon is nan"),
    ],
)
def test_sizes_that_do_not_fit_the_weights_are_refused(
    change: Callable[[GGUFWriter], object], sentence: str, tmp_path: Path
) -> None:
    ggufs.write_network(tmp_path / "model.gguf", NETWORKS / "qwen2", change=change)
    with pytest.raises(ModelError, match=sentence):
        convert(tmp_path / "model.gguf", tmp_path / "made")


def test_messages_stay_short_for_long_names_in_a_file(tmp_path: Path) -> None:
    def claim(writer: GGUFWriter) -> None:
        for key in ("general.architecture", "tokenizer.ggml.model", "tokenizer.ggml.pre"):
            writer.kv_data[0][key].value = "m" * 100_000

    ggufs.write_network(tmp_path / "model.gguf", NETWORKS / "qwen2", change=claim)
    with pytest.raises(ModelError) as told:
        convert(tmp_path / "model.gguf", tmp_path / "made")
    assert len(str(told.value)) < 1_000
    with pytest.raises(ModelError) as told:
        build_vocabulary(read_contents(tmp_path / "model.gguf"))
    assert len(str(told.value)) < 1_000


def test_a_vocabulary_without_weights_is_reported(tmp_path: Path) -> None:
    (tmp_path / "vocabulary.gguf").write_bytes(
        make_head(0, 1, encode_text("general.architecture") + encode_u32(8) + encode_text("qwen2")),
    )
    with pytest.raises(ModelError, match="it holds a vocabulary and no weights"):
        convert(tmp_path / "vocabulary.gguf", tmp_path / "made")


def split(model: Path, *, lose: str = "") -> Path:
    """Write the model in three parts as llama.cpp's tool does, without the tensor `lose`; return the first part."""
    reader = GGUFReader(model)
    for number in range(3):
        part = ggufs.GGUFWriter(model.parent / f"parts-{number + 1:05}-of-00003.gguf", "qwen2")
        if number == 0:
            for key, field in reader.fields.items():
                if not key.startswith("GGUF.") and key != "general.architecture":
                    sub = field.types[-1] if len(field.types) > 1 else None
                    part.add_key_value(key, field.contents(), field.types[0], sub_type=sub)
        part.add_uint16("split.no", number)
        part.add_uint16("split.count", 3)
        part.add_int32("split.tensors.count", len(reader.tensors))
        for one in reader.tensors[number::3]:
            if one.name != lose:
                part.add_tensor(one.name, one.data, raw_dtype=one.tensor_type)
        ggufs.finish(part)
    return model.parent / "parts-00001-of-00003.gguf"


def test_a_model_in_parts_is_read_from_any_of_its_parts(model: Path, tmp_path: Path) -> None:
    first = split(model)
    convert(model, tmp_path / "whole")
    for number in (1, 3):
        convert(first.with_name(f"parts-{number:05}-of-00003.gguf"), tmp_path / f"made{number}")
        made, whole = ((tmp_path / name / "model.bin").read_bytes() for name in (f"made{number}", "whole"))
        assert made == whole


def test_a_missing_part_is_named(model: Path, tmp_path: Path) -> None:
    first = split(model)
    first.with_name("parts-00002-of-00003.gguf").unlink()
    with pytest.raises(ModelError, match=r"lacks parts-00002-of-00003\.gguf; download the rest"):
        convert(first, tmp_path / "made")


def test_a_part_under_another_name_is_reported_with_a_fix(model: Path, tmp_path: Path) -> None:
    shutil.move(split(model), tmp_path / "renamed.gguf")
    with pytest.raises(ModelError, match=r"is one of 3 parts of a model; give them the names"):
        convert(tmp_path / "renamed.gguf", tmp_path / "made")


def test_parts_that_lack_a_tensor_are_refused(model: Path, tmp_path: Path) -> None:
    first = split(model, lose="output_norm.weight")
    with pytest.raises(ModelError, match=r"hold \d+ of \d+ tensors; download the model again"):
        convert(first, tmp_path / "made")
