"""Conversions that fail report the reason, and leave nothing behind."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from models.conversion.conversion import convert
from models.errors import ModelError
from tests.models.conversion.parity import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Return a copy of the starcoder2 checkpoint."""
    return Path(shutil.copytree(NETWORKS / "starcoder2", tmp_path / "checkpoint"))


def set_config(folder: Path, **changes: Any) -> None:
    """Change fields of the configuration."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8")) | changes
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def drop_tensor(folder: Path, name: str) -> None:
    """Remove a tensor from the table of contents of the weights."""
    data = (folder / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    contents = json.loads(data[8 : 8 + length])
    del contents[name]
    header = json.dumps(contents, separators=(",", ":")).encode().ljust(length)
    (folder / "model.safetensors").write_bytes(data[:8] + header + data[8 + length :])


def cut_short(folder: Path, name: str) -> None:
    """Remove the last third of the file `name`."""
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) * 2 // 3])


def rename_to_pickle(folder: Path) -> None:
    """Give the weights the name of a pickle with an unknown layout."""
    (folder / "model.safetensors").rename(folder / "weights.pt")


def add_index(folder: Path) -> None:
    """Add an index of two files of weights, of which the second is missing."""
    index = {"weight_map": {"model.norm.weight": "model.safetensors", "model.more.weight": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


def grow_tokenizer(folder: Path) -> None:
    """Add 50 tokens to the tokenizer."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["model"]["vocab"] |= {f"more{number}": 90 + number for number in range(50)}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")


NINES = b"9" * 300 + b","  # the product of 20,000 such numbers takes a computer a day


def write_header(folder: Path, content: bytes) -> None:
    """Replace the weights by a safetensors file with the header `content` and no numbers."""
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(content)) + content)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no configuration": (lambda f: (f / "config.json").unlink(), "has no config.json"),
    "configuration cut short": (lambda f: cut_short(f, "config.json"), "is not JSON"),
    "an unknown network": (lambda f: set_config(f, model_type="mamba"), "'mamba' network, which cannot be converted"),
    "an unknown activation": (lambda f: set_config(f, hidden_act="swiglu"), "the activation 'swiglu'"),
    "stretched positions": (lambda f: set_config(f, rope_parameters={"rope_type": "yarn"}), "position scaling 'yarn'"),
    "no layers": (lambda f: set_config(f, num_hidden_layers=0), "num_hidden_layers is 0, not a number from 1 on"),
    "layers that are no number": (lambda f: set_config(f, num_hidden_layers="2"), "num_hidden_layers is '2'"),
    "more layers than weights": (lambda f: set_config(f, num_hidden_layers=3), "has no tensor model.layers.2"),
    "quantized already": (lambda f: set_config(f, quantization_config={"bits": 4}), "quantized already"),
    "a missing tensor": (
        lambda f: drop_tensor(f, "model.layers.1.mlp.c_fc.weight"),
        "has no tensor model.layers.1.mlp",
    ),
    "weights cut short": (lambda f: cut_short(f, "model.safetensors"), "cut short or damaged"),
    "weights of nothing": (lambda f: (f / "model.safetensors").write_bytes(b""), "cut short or damaged"),
    "a table without end": (lambda f: write_header(f, b"[" * 200_000), "cut short or damaged"),
    "a shape without end": (
        lambda f: write_header(f, b'{"w": {"dtype": "F32", "shape": [1e999], "data_offsets": [0, 0]}}'),
        "cut short or damaged",
    ),
    "a shape of large numbers": (
        lambda f: write_header(
            f, b'{"w": {"dtype": "F32", "shape": [%s1], "data_offsets": [0, 0]}}' % (NINES * 20_000)
        ),
        "cut short or damaged",
    ),
    "a configuration without end": (lambda f: (f / "config.json").write_bytes(b"[" * 200_000), "is not JSON"),
    "pickled weights": (rename_to_pickle, "files of no known layout; take the model's safetensors"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), r"has no \*.safetensors"),
    "a missing part": (add_index, "lacks model-2.safetensors"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "has no tokenizer.json"),
    "a damaged tokenizer": (lambda f: cut_short(f, "tokenizer.json"), "is not a tokenizer"),
    "another model's tokenizer": (grow_tokenizer, "knows 140 tokens and the weights 96; they do not belong together"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_failed_conversion_reports_the_reason_and_leaves_nothing(
    broken: str, checkpoint: Path, tmp_path: Path
) -> None:
    spoil, sentence = BROKEN[broken]
    spoil(checkpoint)
    with pytest.raises(ModelError, match=sentence):
        convert(checkpoint, tmp_path / "models" / "made")
    assert not list((tmp_path / "models").glob("**/*"))


def test_an_interrupted_conversion_leaves_nothing(checkpoint: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(checkpoint, tmp_path / "models" / "made", on_progress=interrupt)
    assert not list((tmp_path / "models").glob("**/*"))


def test_progress_reaches_the_end(checkpoint: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    converted = convert(checkpoint, tmp_path / "made", on_progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (converted.size_bytes, converted.size_bytes)


def test_an_existing_model_is_not_overwritten(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    with pytest.raises(ModelError, match="is there already; remove it or choose another name"):
        convert(checkpoint, tmp_path / "made")


def test_an_unknown_quantization_names_the_known_ones(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="choose one of int8, "):
        convert(checkpoint, tmp_path / "made", quantization="int3")  # type: ignore[arg-type]


def test_the_context_ends_where_attention_does(tmp_path: Path) -> None:
    assert convert(NETWORKS / "starcoder2_window", tmp_path / "windowed").context_tokens == 12
    assert convert(NETWORKS / "starcoder2", tmp_path / "whole").context_tokens == 64


def test_a_checkpoint_in_several_files_is_converted(checkpoint: Path, tmp_path: Path) -> None:
    whole = convert(checkpoint, tmp_path / "whole")
    shutil.copy(checkpoint / "model.safetensors", checkpoint / "model-00002-of-00002.safetensors")
    drop_tensor(checkpoint, "model.norm.weight")
    drop_tensor(checkpoint, "model.norm.bias")
    assert convert(checkpoint, tmp_path / "parts").size_bytes == whole.size_bytes
    assert (tmp_path / "parts" / "model.bin").read_bytes() == (tmp_path / "whole" / "model.bin").read_bytes()
