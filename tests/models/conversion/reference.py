"""Llama's network in plain numpy, as a reference for variants whose results are not stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from models.conversion.checkpoint import Checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def compute_llama_logits(
    folder: Path, tokens: NDArray[np.int64], frequencies: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the logits (tokens, vocabulary) of a checkpoint of the Llama family for `tokens`.

    Args:
        folder: folder of the checkpoint.
        tokens: numbers of the tokens.
        frequencies: rotation of each pair of a head at each position, in radians; shape (head / 2,).
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tensors = Checkpoint.open(folder).tensors
    weights = {name: np.concatenate(list(tensor.read_blocks())).astype(np.float64) for name, tensor in tensors.items()}
    heads, of_keys = config["num_attention_heads"], config["num_key_value_heads"]
    angles = np.outer(np.arange(len(tokens)), frequencies)
    state = weights["model.embed_tokens.weight"][tokens]

    def normalize(values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        size = np.sqrt((values**2).mean(axis=-1, keepdims=True) + config["rms_norm_eps"])
        return values / size * weights[f"{name}.weight"]

    def rotate(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        first, second = np.split(values.reshape(len(tokens), count, -1).swapaxes(0, 1), 2, axis=-1)
        cosine, sine = np.cos(angles), np.sin(angles)
        return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)

    for layer in range(config["num_hidden_layers"]):
        name = f"model.layers.{layer}"
        inner = normalize(state, f"{name}.input_layernorm")
        projected = {part: inner @ weights[f"{name}.self_attn.{part}_proj.weight"].T for part in "qkv"}
        queries, keys = rotate(projected["q"], heads), rotate(projected["k"], of_keys)
        values = projected["v"].reshape(len(tokens), of_keys, -1).swapaxes(0, 1)
        keys, values = (np.repeat(part, heads // of_keys, axis=0) for part in (keys, values))
        scores = queries @ keys.swapaxes(1, 2) / np.sqrt(queries.shape[-1])
        scores += np.triu(np.full(scores.shape[-2:], -np.inf), 1)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        seen = (shares / shares.sum(axis=-1, keepdims=True)) @ values
        state = state + seen.swapaxes(0, 1).reshape(len(tokens), -1) @ weights[f"{name}.self_attn.o_proj.weight"].T
        inner = normalize(state, f"{name}.post_attention_layernorm")
        gate = inner @ weights[f"{name}.mlp.gate_proj.weight"].T
        up = inner @ weights[f"{name}.mlp.up_proj.weight"].T
        state = state + (gate / (1 + np.exp(-gate)) * up) @ weights[f"{name}.mlp.down_proj.weight"].T
    logits: NDArray[np.float64] = normalize(state, "model.norm") @ weights["lm_head.weight"].T
    return logits
