"""A GGUF file gives the same network as a checkpoint with its weights: equal logits, and equal bytes on disk."""

from __future__ import annotations

import json
import math
import shutil
from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter, quants

from models.conversion.checkpoint import Checkpoint
from models.conversion.conversion import convert
from models.conversion.gguf_contents import TENSOR_TYPES, read_contents
from models.conversion.gguf_tensors import READABLE, PackedTensor
from models.errors import ModelError
from tests.models.conversion import ggufs
from tests.models.conversion.parity import NETWORKS, TOLERANCE, compute_logits, name_tokens
from tests.models.conversion.reference import compute_llama_logits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UNQUANTIZED = ("F32", "F16", "BF16")
QUANTIZED = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")
BLOCKS = tuple(name for name in READABLE if name not in UNQUANTIZED)


def read_tokens(folder: Path, numbers: np.ndarray) -> list[str]:
    """Return the tokens with these numbers in the vocabulary of a converted model."""
    vocabulary = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    return [vocabulary[number] for number in numbers]


@pytest.mark.parametrize("name", ggufs.ARCHITECTURES)
def test_every_architecture_gives_the_logits_of_transformers(name: str, tmp_path: Path) -> None:
    ggufs.write_network(tmp_path / "model.gguf", NETWORKS / name)
    converted = convert(tmp_path / "model.gguf", tmp_path / "made", quantization="float32")
    expected = np.load(NETWORKS / name / "expected.npz")
    tokens = read_tokens(tmp_path / "made", expected["tokens"])[: converted.context_tokens]
    logits = compute_logits(tmp_path / "made", tokens)
    assert np.abs(logits - expected["logits"][: len(tokens)]).max() < TOLERANCE


@pytest.mark.parametrize("name", ["llama_grouped", "mistral", "qwen2", "qwen3", "starcoder2", "gpt_bigcode"])
@pytest.mark.parametrize("quantization", [*UNQUANTIZED, *QUANTIZED])
def test_the_model_equals_that_of_a_checkpoint_with_these_weights(name: str, quantization: str, tmp_path: Path) -> None:
    kept = ggufs.write_network(tmp_path / "model.gguf", NETWORKS / name, quantization)
    convert(tmp_path / "model.gguf", tmp_path / "made")
    config = json.loads((NETWORKS / name / "config.json").read_text(encoding="utf-8"))
    ggufs.write_checkpoint(tmp_path / "checkpoint", config, kept)
    shutil.copy(tmp_path / "made" / "tokenizer.json", tmp_path / "checkpoint")
    convert(tmp_path / "checkpoint", tmp_path / "from_checkpoint")
    made, wanted = ((tmp_path / folder / "model.bin").read_bytes() for folder in ("made", "from_checkpoint"))
    assert made == wanted


CONFIG = {
    "model_type": "qwen2",
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "max_position_embeddings": 64,
    "hidden_act": "silu",
    "tie_word_embeddings": True,
}
SHAPES = {
    "token_embd": ("model.embed_tokens", (48, 256)),
    "blk.0.attn_q": ("model.layers.0.self_attn.q_proj", (256, 256)),
    "blk.0.attn_k": ("model.layers.0.self_attn.k_proj", (128, 256)),
    "blk.0.attn_v": ("model.layers.0.self_attn.v_proj", (128, 256)),
    "blk.0.attn_output": ("model.layers.0.self_attn.o_proj", (256, 256)),
    "blk.0.ffn_gate": ("model.layers.0.mlp.gate_proj", (512, 256)),
    "blk.0.ffn_up": ("model.layers.0.mlp.up_proj", (512, 256)),
    "blk.0.ffn_down": ("model.layers.0.mlp.down_proj", (256, 512)),
}
NORMS = {
    "output_norm": "model.norm",
    "blk.0.attn_norm": "model.layers.0.input_layernorm",
    "blk.0.ffn_norm": "model.layers.0.post_attention_layernorm",
}


@pytest.mark.parametrize("quantization", BLOCKS)
def test_every_quantization_is_read_as_the_package_reads_it(
    quantization: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random blocks, read a few rows at a time, give the same model as a checkpoint with their values."""
    monkeypatch.setattr("models.conversion.gguf_tensors.BLOCK_NUMBERS", 256 * 40)
    kind = GGMLQuantizationType[quantization]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    writer = GGUFWriter(tmp_path / "model.gguf", "qwen2")
    ggufs.add_sizes(writer, CONFIG)
    tokens = ggufs.add_numbered_tokens(writer, 48)
    tensors = {}
    for seed, (name, (published, (rows, columns))) in enumerate(SHAPES.items()):
        data = ggufs.random_blocks(quantization, rows * columns // block, seed).reshape(rows, columns // block * size)
        writer.add_tensor(f"{name}.weight", data, raw_dtype=kind)
        tensors[f"{published}.weight"] = quants.dequantize(data, kind).reshape(rows, columns)
    for name, published in NORMS.items():
        tensors[f"{published}.weight"] = np.linspace(0.5, 1.5, 256, dtype=np.float32)
        writer.add_tensor(f"{name}.weight", tensors[f"{published}.weight"])
    ggufs.finish(writer)
    convert(tmp_path / "model.gguf", tmp_path / "made")
    ggufs.write_checkpoint(tmp_path / "checkpoint", CONFIG, tensors)
    shutil.copy(tmp_path / "made" / "tokenizer.json", tmp_path / "checkpoint")
    convert(tmp_path / "checkpoint", tmp_path / "wanted")
    assert len(tokens) == 48
    assert (tmp_path / "made" / "model.bin").read_bytes() == (tmp_path / "wanted" / "model.bin").read_bytes()


def test_the_table_of_types_is_the_packages() -> None:
    theirs = {kind.value: (kind.name, *gguf.GGML_QUANT_SIZES[kind]) for kind in GGMLQuantizationType}
    assert {number: theirs.get(number) for number in TENSOR_TYPES} == TENSOR_TYPES


def compute_factors(head: int, base: float, *, original: int, factor: float = 8.0) -> np.ndarray:
    """Return the divisor of each RoPE frequency in Llama 3.1, as computed by its authors and llama.cpp's converter."""
    factors = []
    for place in range(0, head, 2):
        length = 2 * math.pi * base ** (place / head)
        if length < original / 4:
            factors.append(1.0)
        elif length > original:
            factors.append(factor)
        else:
            smooth = (original / length - 1) / 3
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(factors, np.float32)


def copy_with_positions(folder: Path, **positions: Any) -> Path:
    """Copy the small grouped Llama to `folder`, with `positions` as its `rope_parameters`; return `folder`."""
    shutil.copytree(NETWORKS / "llama_grouped", folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["rope_parameters"] = positions
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def test_positions_of_llama_3_are_scaled_as_a_checkpoint_states(tmp_path: Path) -> None:
    figures = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
    folder = copy_with_positions(tmp_path / "llama_grouped", rope_type="llama3", rope_theta=500.0, **figures)
    convert(folder, tmp_path / "made", quantization="float32")
    expected = np.load(folder / "expected.npz")
    plain = 500.0 ** (-np.arange(0, 8, 2) / 8)
    assert np.abs(compute_llama_logits(folder, expected["tokens"], plain) - expected["logits"]).max() < TOLERANCE
    wanted = compute_llama_logits(folder, expected["tokens"], plain / compute_factors(8, 500.0, original=32))
    logits = compute_logits(tmp_path / "made", name_tokens(expected["tokens"]))
    assert np.abs(logits - wanted).max() < TOLERANCE
    assert np.abs(logits - expected["logits"]).max() > 1


def test_positions_of_llama_3_are_recognized_in_a_file(tmp_path: Path) -> None:
    folder = copy_with_positions(tmp_path / "llama_grouped", rope_type="default", rope_theta=500_000.0)
    factors = compute_factors(8, 500_000.0, original=8192)
    ggufs.write_network(
        tmp_path / "model.gguf", folder, change=lambda writer: writer.add_tensor("rope_freqs.weight", factors)
    )
    convert(tmp_path / "model.gguf", tmp_path / "made", quantization="float32")
    tokens = np.load(folder / "expected.npz")["tokens"]
    plain = 500_000.0 ** (-np.arange(0, 8, 2) / 8)
    logits = compute_logits(tmp_path / "made", read_tokens(tmp_path / "made", tokens))
    assert np.abs(logits - compute_llama_logits(folder, tokens, plain / factors)).max() < TOLERANCE
    assert np.abs(logits - compute_llama_logits(folder, tokens, plain)).max() > 10 * TOLERANCE


def test_positions_scaled_in_another_way_are_refused(tmp_path: Path) -> None:
    factors = np.array([1, 1.0, 3.1, 8.0], np.float32)  # not what Llama's figures give
    ggufs.write_network(
        tmp_path / "model.gguf",
        NETWORKS / "llama",
        change=lambda writer: writer.add_tensor("rope_freqs.weight", factors),
    )
    with pytest.raises(ModelError, match="the position scaling 'of unknown factors'"):
        convert(tmp_path / "model.gguf", tmp_path / "made")


def test_a_table_that_a_file_has_twice_is_kept_once_in_its_finer_form(tmp_path: Path) -> None:
    table = np.concatenate(
        list(Checkpoint.open(NETWORKS / "qwen2").get_tensor("model.embed_tokens.weight").read_blocks())
    )

    def add_second_table(finer: str) -> Callable[[GGUFWriter], object]:
        return lambda writer: ggufs.add_tensor(writer, "output.weight", table.astype(np.float32), finer)

    ggufs.write_network(tmp_path / "coarse.gguf", NETWORKS / "qwen2", "Q4_0")
    ggufs.write_network(tmp_path / "twice.gguf", NETWORKS / "qwen2", "Q4_0", change=add_second_table("Q8_0"))
    ggufs.write_network(tmp_path / "other.gguf", NETWORKS / "qwen2", "Q4_0", change=add_second_table("Q4_0"))
    sizes = {
        name: convert(tmp_path / f"{name}.gguf", tmp_path / name).size_bytes for name in ("coarse", "twice", "other")
    }
    assert len(set(sizes.values())) == 1
    made = {name: (tmp_path / name / "model.bin").read_bytes() for name in sizes}
    assert made["other"] == made["coarse"]
    assert made["twice"] != made["coarse"]
    mirrored = tmp_path / "mirrored.gguf"
    table = table[::-1]
    ggufs.write_network(mirrored, NETWORKS / "qwen2", "Q4_0", change=add_second_table("Q8_0"))
    assert convert(mirrored, tmp_path / "mirrored").size_bytes > sizes["coarse"]


def test_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    def spoil(writer: GGUFWriter) -> None:
        writer.tensors[-1]["output_norm.weight"].tensor[3] = np.nan

    ggufs.write_network(tmp_path / "model.gguf", NETWORKS / "qwen2", change=spoil)
    with pytest.raises(ModelError, match=r"output_norm\.weight in .* holds values that are not finite numbers"):
        convert(tmp_path / "model.gguf", tmp_path / "models" / "made")
    assert not list((tmp_path / "models").glob("**/*"))


def test_a_tensor_is_read_in_blocks_of_whole_heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ggufs.write_network(tmp_path / "model.gguf", NETWORKS / "llama")
    stored = read_contents(tmp_path / "model.gguf").tensors["blk.0.attn_q.weight"]
    whole = PackedTensor("q", stored, head=8).read()
    monkeypatch.setattr("models.conversion.gguf_tensors.BLOCK_NUMBERS", 1)
    blocks = list(PackedTensor("q", stored, head=8).read_blocks())
    assert [len(block) for block in blocks] == [8, 8, 8, 8]
    assert np.array_equal(np.concatenate(blocks), whole)


def test_a_missing_gguf_package_is_reported_with_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys  # noqa: PLC0415

    ggufs.write_network(tmp_path / "model.gguf", NETWORKS / "qwen2")
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ModelError, match=r"uv tool install '\.\[convert\]'"):
        convert(tmp_path / "model.gguf", tmp_path / "made")
