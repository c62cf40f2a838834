"""Weights of a GGUF file as a checkpoint, under the names that their authors gave them.

Names and shapes in the file are llama.cpp's (`TENSOR_NAMES` in `gguf-py/gguf/constants.py`). A tensor that is unknown,
or has another shape than the file's own sizes require, is refused: misplaced weights make a network that answers
nonsense, or a runtime that reads beyond them. Start at `build_checkpoint`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from models.conversion.checkpoint import Checkpoint
from models.conversion.gguf_config import NETWORKS, ROPE_FACTORS, ConfigReader
from models.conversion.gguf_tensors import READABLE, PackedTensor, import_gguf
from models.errors import ModelError

if TYPE_CHECKING:
    from models.conversion.gguf_contents import Contents, StoredTensor

TRIED_ROWS = 64  # rows compared of two tables that may be one
SAME_TABLE = 0.5  # norm of the difference by norm of the table; about the root of 2 for two unrelated tables
BLOCK = re.compile(r"blk\.(\d{1,4})\.(\w+)\.(weight|bias)\Z")

# llama.cpp's name of a tensor -> its name in the checkpoint, rows and columns by names of `ConfigReader.read_sizes`
_ENDS = {
    "token_embd": ("model.embed_tokens", "vocabulary", "width"),
    "output_norm": ("model.norm", "width", ""),
    "output": ("lm_head", "vocabulary", "width"),
}
_ATTENTION = {
    "attn_norm": ("input_layernorm", "width", ""),
    "attn_q": ("self_attn.q_proj", "queries", "width"),
    "attn_k": ("self_attn.k_proj", "keys", "width"),
    "attn_v": ("self_attn.v_proj", "keys", "width"),
    "attn_output": ("self_attn.o_proj", "width", "queries"),
    "ffn_norm": ("post_attention_layernorm", "width", ""),
}
_GATED = {
    "ffn_gate": ("mlp.gate_proj", "inner", "width"),
    "ffn_up": ("mlp.up_proj", "inner", "width"),
    "ffn_down": ("mlp.down_proj", "width", "inner"),
}
_QUERY_NORMS = {"attn_q_norm": ("self_attn.q_norm", "head", ""), "attn_k_norm": ("self_attn.k_norm", "head", "")}
_LLAMA = (_ENDS, _ATTENTION | _GATED, "model.layers")
_NETWORK_PARTS: dict[str, tuple[dict[str, tuple[str, str, str]], dict[str, tuple[str, str, str]], str]] = {
    "llama": _LLAMA,
    "qwen2": _LLAMA,
    "qwen3": (_ENDS, _ATTENTION | _GATED | _QUERY_NORMS, "model.layers"),
    "starcoder2": (
        _ENDS,
        _ATTENTION | {"ffn_up": ("mlp.c_fc", "inner", "width"), "ffn_down": ("mlp.c_proj", "width", "inner")},
        "model.layers",
    ),
    "starcoder": (
        {
            "token_embd": ("transformer.wte", "vocabulary", "width"),
            "position_embd": ("transformer.wpe", "positions", "width"),
            "output_norm": ("transformer.ln_f", "width", ""),
            "output": ("lm_head", "vocabulary", "width"),
        },
        {
            "attn_norm": ("ln_1", "width", ""),
            "attn_qkv": ("attn.c_attn", "all", "width"),
            "attn_output": ("attn.c_proj", "width", "queries"),
            "ffn_norm": ("ln_2", "width", ""),
            "ffn_up": ("mlp.c_fc", "inner", "width"),
            "ffn_down": ("mlp.c_proj", "width", "inner"),
        },
        "transformer.h",
    ),
}


def is_auxiliary(contents: Contents) -> bool:
    """Return whether a GGUF file is no model but belongs to one: an image encoder, or measurements of weights."""
    return contents.get_text("general.type") in ("mmproj", "imatrix") or contents.architecture == "clip"


def explain_unsupported(contents: Contents) -> str:
    """Return the reason why a GGUF file is refused: no model, an unsupported network or number type; "" for none."""
    if contents.get_text("general.type") == "adapter":
        return "it is a LoRA adapter, not a model; take the model that it was merged into"
    if is_auxiliary(contents):
        return "it is a part of another model (for images, or measurements), not a model; take the model itself"
    if contents.architecture not in NETWORKS:
        named = contents.architecture or "unknown"
        return f"its architecture is {named!r}; supported are {', '.join(NETWORKS)} (Mistral's is llama)"
    if contents.get_integer(f"{contents.architecture}.expert_count"):
        return "it is a mixture of experts, which cannot be run here"
    unknown = {one.type_name for one in contents.tensors.values()} - set(READABLE)
    if unknown:
        return f"its weights are stored as {', '.join(sorted(unknown))}; take them as Q4_K_M or Q8_0"
    return "" if contents.tensors else "it holds a vocabulary and no weights"


def build_checkpoint(contents: Contents) -> Checkpoint:
    """Return a GGUF file as a checkpoint, with the tensors named as in the published one; weights are read later.

    Raises:
        ModelError: the file cannot be converted, its sizes and its tensors disagree, or the `gguf` package is missing.
    """
    if problem := explain_unsupported(contents):
        raise ModelError(f"{contents.path} cannot be converted: {problem}.")
    import_gguf()
    reader = ConfigReader(contents)
    sizes = reader.read_sizes()
    stored = (one for one in contents.tensors.values() if one.name != ROPE_FACTORS)
    tensors = {packed.name: packed for packed in (_name_tensor(contents, one, sizes) for one in stored)}
    _merge_tables(tensors, _NETWORK_PARTS[contents.architecture][0]["token_embd"][0])
    config = reader.make_config(sizes, tied="lm_head.weight" not in tensors)
    return Checkpoint(contents.path, config, tensors)


def _merge_tables(tensors: dict[str, PackedTensor], embeddings: str) -> None:
    """Keep only the finer of input and output embeddings, as input embeddings, if both hold the same table.

    Files of networks with tied embeddings often have both; the table is a fifth of a small network's weights.

    Args:
        tensors: tensors by name; changed in place.
        embeddings: name of the input embeddings, without ".weight".
    """
    reading, writing = tensors.get(f"{embeddings}.weight"), tensors.get("lm_head.weight")
    if reading is None or writing is None or "lm_head.bias" in tensors or reading.shape != writing.shape:
        return
    rows = range(0, reading.shape[0], max(1, reading.shape[0] // TRIED_ROWS))
    first, second = (np.concatenate([tensor.read_row(number) for number in rows]) for tensor in (reading, writing))
    if np.linalg.norm(first - second) < SAME_TABLE * np.linalg.norm(second):
        finer = max(reading, writing, key=lambda tensor: tensor.stored.size_bytes)
        del tensors["lm_head.weight"]
        tensors[reading.name] = PackedTensor(reading.name, finer.stored)


def _name_tensor(contents: Contents, stored: StoredTensor, sizes: dict[str, int]) -> PackedTensor:
    """Return the tensor `stored` under the name that its authors gave it, after a check of its shape.

    Raises:
        ModelError: the architecture has no such tensor, or the shape is not the one that `sizes` give.
    """
    ends, inside, layers = _NETWORK_PARTS[contents.architecture]
    match = BLOCK.fullmatch(stored.name)
    if match is not None:
        number, part, kind = int(match[1]), match[2], match[3]
        found = inside.get(part) if number < sizes["layers"] else None
        prefix = f"{layers}.{number}."
    else:
        part, _, kind = stored.name.rpartition(".")
        found, prefix = (ends.get(part) if kind in ("weight", "bias") else None), ""
    if found is None:
        raise ModelError(
            f"{contents.path} holds a tensor {stored.name!r}, which Starling does not know as a part of "
            f"{contents.architecture}; choose another model."
        )
    name, rows, columns = found
    expected = (sizes[rows],) if kind == "bias" or not columns else (sizes[rows], sizes[columns])
    if stored.shape != expected:
        raise ModelError(
            f"The tensor {stored.name} in {contents.path} has the shape {stored.shape} in place of {expected}; "
            "download it again."
        )
    is_permuted = contents.architecture == "llama" and part in ("attn_q", "attn_k")
    return PackedTensor(f"{prefix}{name}.{kind}", stored, sizes["head"] if is_permuted else 0)
