"""A large model made on the spot: the bundled one's vocabulary, and weights of any size that are mostly zeros.

What it writes makes no sense; what it takes in memory and how it is loaded are those of a real one.
"""

from __future__ import annotations

import json
import shutil
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from models.catalog.installation import describe_checkpoint, install
from models.local.machine_probe import make_sparse
from models.local.weights_file import WEIGHTS_FILE
from tests.models import bundled

if TYPE_CHECKING:
    from pathlib import Path

    from models.catalog.catalog import ModelEntry

WIDTH, INNER, HEADS = 2048, 8192, 16
HEAD = WIDTH // HEADS
LAYER_BYTES = WIDTH * (WIDTH + 2 * HEAD) + WIDTH * WIDTH + 2 * WIDTH * INNER  # as int8


def install_large(models_dir: Path, scratch: Path, name: str, *, megabytes: int) -> ModelEntry:
    """Install a StarCoder of about that size, as int8, in `models_dir`; return its entry."""
    layers = -(-megabytes * 1_000_000 // LAYER_BYTES)
    scratch.mkdir()
    shapes = {"wte.weight": (8192, WIDTH), "wpe.weight": (512, WIDTH), "ln_f.weight": (WIDTH,), "ln_f.bias": (WIDTH,)}
    for layer in range(layers):
        head = f"h.{layer}."
        shapes |= {f"{head}{norm}.{part}": (WIDTH,) for norm in ("ln_1", "ln_2") for part in ("weight", "bias")}
        matrices = {
            "attn.c_attn": (WIDTH + 2 * HEAD, WIDTH),
            "attn.c_proj": (WIDTH, WIDTH),
            "mlp.c_fc": (INNER, WIDTH),
            "mlp.c_proj": (WIDTH, INNER),
        }
        for matrix, shape in matrices.items():
            shapes |= {f"{head}{matrix}.weight": shape, f"{head}{matrix}.bias": shape[:1]}
    _write(scratch / "model.safetensors", shapes)
    config = {
        "model_type": "gpt_bigcode",
        "activation_function": "gelu_pytorch_tanh",
        "multi_query": True,
        "vocab_size": 8192,
        "n_positions": 512,
        "n_embd": WIDTH,
        "n_layer": layers,
        "n_head": HEADS,
        "n_inner": INNER,
        "layer_norm_epsilon": 1e-05,
        "tie_word_embeddings": True,
    }
    (scratch / "config.json").write_text(json.dumps(config), encoding="utf-8")
    shutil.copy(bundled.entry().tokenizer, scratch)
    entry = install(
        replace(describe_checkpoint(scratch, name), licence="none"), scratch, models_dir, quantization="int8"
    )
    shutil.rmtree(scratch)
    make_sparse(entry.weights / WEIGHTS_FILE)
    return entry


def _write(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """Write a checkpoint in bfloat16: random tokens and a bias that chooses among them; the rest is a hole."""
    table, start = {}, 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        table[f"transformer.{name}"] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, start + size]}
        start += size
    header = json.dumps(table).encode()
    chance = np.random.default_rng(1)
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(header)) + header)
        base = stream.tell()
        stream.truncate(base + start)
        for name in ("wte.weight", "ln_f.bias"):
            numbers = chance.standard_normal(shapes[name]).astype("<f4")
            stream.seek(base + table[f"transformer.{name}"]["data_offsets"][0])
            stream.write((numbers.view("<u4") >> 16).astype("<u2").tobytes())
