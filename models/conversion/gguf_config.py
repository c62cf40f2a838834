"""The figures of a GGUF file's network as the configuration that its authors publish. Start at `Figures`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from models.conversion.gguf_tensors import PackedTensor
from models.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.conversion.gguf_contents import Contents

MOST_LAYERS = 1_000
MOST_HEADS = 4_096
MOST_WIDTH = 1 << 20
STARCODER2_WINDOW = 4_096  # tokens; all published sizes were trained so, and the file does not say it
ROPE_FACTORS = "rope_freqs.weight"  # how Llama 3.1 and later stretch positions

# llama.cpp's name of an architecture -> `model_type` of the configuration
NETWORKS = {
    "llama": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "starcoder": "gpt_bigcode",
    "starcoder2": "starcoder2",
}


class Figures:
    """The numbers of a network, under the names of its architecture."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._name = contents.architecture

    def sizes(self) -> dict[str, int]:
        """All that a tensor's shape can depend on.

        Raises:
            ModelError: one is missing, is no number, or they do not go together.
        """
        width = self._whole("embedding_length", MOST_WIDTH)
        heads = self._whole("attention.head_count", MOST_HEADS)
        of_keys = self._whole("attention.head_count_kv", MOST_HEADS, default=heads)
        head = self._whole("attention.key_length", MOST_WIDTH, default=width // heads)
        turned = self._whole("rope.dimension_count", MOST_WIDTH, default=head)
        if (
            heads % of_keys
            or head % 2
            or head * heads > MOST_WIDTH
            or turned != head
            or self._whole("attention.value_length", MOST_WIDTH, default=head) != head
            or (self._name == "starcoder" and of_keys != 1)
        ):
            raise ModelError(
                f"The attention of {self._contents.path} ({heads} heads, {of_keys} of keys, {head} wide, {turned} "
                "turned) cannot be computed here; choose another model."
            )
        embeddings = self._contents.tensors.get("token_embd.weight")
        if embeddings is None:
            raise ModelError(f"{self._contents.path} has no tensor token_embd.weight; download it again.")
        return {
            "layers": self._whole("block_count", MOST_LAYERS),
            "width": width,
            "heads": heads,
            "of_keys": of_keys,
            "head": head,
            "queries": heads * head,
            "keys": of_keys * head,
            "all": (heads + 2 * of_keys) * head,
            "inner": self._whole("feed_forward_length", MOST_WIDTH * 8),
            "positions": self._whole("context_length", MOST_WIDTH * 64),
            "vocabulary": embeddings.shape[0],
        }

    def config(self, sizes: dict[str, int], *, tied: bool) -> dict[str, Any]:
        """Return what the checkpoint's `config.json` would say."""
        shared: dict[str, Any] = {"model_type": NETWORKS[self._name], "tie_word_embeddings": tied}
        if self._name == "starcoder":
            return shared | {
                "n_layer": sizes["layers"],
                "n_head": sizes["heads"],
                "n_positions": sizes["positions"],
                "activation_function": "gelu_pytorch_tanh",
                "layer_norm_epsilon": self._number("attention.layer_norm_epsilon"),
            }
        shared |= {
            "num_hidden_layers": sizes["layers"],
            "num_attention_heads": sizes["heads"],
            "num_key_value_heads": sizes["of_keys"],
            "max_position_embeddings": sizes["positions"],
            "rope_theta": self._number("rope.freq_base", default=10_000.0),
            **self._stretching(sizes["head"]),
        }
        if f"{self._name}.attention.key_length" in self._contents.values:
            shared["head_dim"] = sizes["head"]
        window = self._contents.integer(f"{self._name}.attention.sliding_window")
        if self._name == "starcoder2":
            window = window or STARCODER2_WINDOW
            epsilon = self._number("attention.layer_norm_epsilon")
            return shared | {"hidden_act": "gelu_pytorch_tanh", "norm_epsilon": epsilon, "sliding_window": window}
        epsilon = self._number("attention.layer_norm_rms_epsilon")
        return shared | {"hidden_act": "silu", "rms_norm_eps": epsilon, "sliding_window": window}

    def _stretching(self, head: int) -> dict[str, Any]:
        """Return how positions are stretched beyond what the network was first trained on."""
        kind = self._contents.text(f"{self._name}.rope.scaling.type")
        factor = self._contents.number(f"{self._name}.rope.scaling.factor")
        older = self._contents.number(f"{self._name}.rope.scale_linear")
        if older is not None and older not in (0.0, 1.0) and not kind:
            kind, factor = "linear", older
        if ROPE_FACTORS in self._contents.tensors:
            factors = PackedTensor(ROPE_FACTORS, self._contents.tensors[ROPE_FACTORS]).read()
            return {"rope_scaling": _llama3_stretching(factors, head, self._number("rope.freq_base", default=10_000.0))}
        if kind in ("", "none"):
            return {}
        return {"rope_scaling": {"rope_type": kind[:60], "factor": factor or 1.0}}

    def _whole(self, name: str, most: int, *, default: int | None = None) -> int:
        key = f"{self._name}.{name}"
        value = self._contents.values.get(key, default)
        if isinstance(value, list) and value and all(one == value[0] for one in value):
            value = value[0]  # said for each layer
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            raise ModelError(
                f"{self._contents.path}: {key} is {_shortened(value)}, not a number from 1 to {most}; choose another "
                "model, or download it again."
            )
        return value

    def _number(self, name: str, *, default: float = 1e-5) -> float:
        value = self._contents.number(f"{self._name}.{name}")
        value = default if value is None else value
        if not math.isfinite(value) or value <= 0:
            raise ModelError(f"{self._contents.path}: {self._name}.{name} is {value}; download it again.")
        return value


def _shortened(value: object) -> str:
    return "missing" if value is None else repr(value)[:60]


def _llama3_stretching(factors: NDArray[np.float32], head: int, base: float) -> dict[str, Any]:
    """Return Llama 3.1's RoPE scaling, from the factors that llama.cpp's writer made of its four figures.

    The factors are held against what these figures give, as every published model of the family has them; others are
    named so that the caller refuses them.
    """
    figures = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
    if factors.shape == (head // 2,):
        largest = float(factors.max())
        wanted = _llama3_factors(head, base, largest, figures)
        if largest >= 1 and np.allclose(factors, wanted, rtol=1e-3):
            return {"rope_type": "llama3", "factor": largest, **figures}
    return {"rope_type": "of unknown factors", "factor": 1.0}


def _llama3_factors(head: int, base: float, factor: float, figures: dict[str, Any]) -> NDArray[np.float64]:
    """Return what each frequency is divided by: fast ones by 1, slow ones by `factor`, smoothly between."""
    lengths = 2 * math.pi * base ** (np.arange(0, head, 2) / head)  # tokens of a whole turn
    original = figures["original_max_position_embeddings"]
    low, high = figures["low_freq_factor"], figures["high_freq_factor"]
    smooth = (original / lengths - low) / (high - low)
    between = 1 / ((1 - smooth) / factor + smooth)
    slow = np.where(lengths > original / low, factor, between)
    return np.asarray(np.where(lengths < original / high, 1.0, slow))
