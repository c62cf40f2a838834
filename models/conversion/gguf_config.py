"""Configuration of a GGUF file's network, in the form of its authors' `config.json`. Start at `ConfigReader`."""

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
STARCODER2_WINDOW = 4_096  # tokens; the same in all published sizes, and missing from the file
ROPE_FACTORS = "rope_freqs.weight"  # tensor with the RoPE scaling of Llama 3.1 and later

# llama.cpp's name of an architecture -> `model_type` of the configuration
NETWORKS = {
    "llama": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "starcoder": "gpt_bigcode",
    "starcoder2": "starcoder2",
}


class ConfigReader:
    """Reader of the metadata under the name of the file's architecture."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._name = contents.architecture

    def read_sizes(self) -> dict[str, int]:
        """Return the sizes that determine the shapes of the network's tensors, by name ("width", "heads", "queries").

        Raises:
            ModelError: a size is missing or out of bounds, or the attention is of a kind that is not supported.
        """
        width = self._read_integer("embedding_length", MOST_WIDTH)
        heads = self._read_integer("attention.head_count", MOST_HEADS)
        of_keys = self._read_integer("attention.head_count_kv", MOST_HEADS, default=heads)
        head = self._read_integer("attention.key_length", MOST_WIDTH, default=width // heads)
        rotated = self._read_integer("rope.dimension_count", MOST_WIDTH, default=head)
        if (
            heads % of_keys
            or head % 2
            or head * heads > MOST_WIDTH
            or rotated != head
            or self._read_integer("attention.value_length", MOST_WIDTH, default=head) != head
            or (self._name == "starcoder" and of_keys != 1)
        ):
            raise ModelError(
                f"The attention of {self._contents.path} ({heads} heads, {of_keys} of keys, {head} wide, {rotated} "
                "rotated) cannot be converted; choose another model."
            )
        embeddings = self._contents.tensors.get("token_embd.weight")
        if embeddings is None:
            raise ModelError(f"{self._contents.path} has no tensor token_embd.weight; download it again.")
        return {
            "layers": self._read_integer("block_count", MOST_LAYERS),
            "width": width,
            "heads": heads,
            "of_keys": of_keys,
            "head": head,
            "queries": heads * head,
            "keys": of_keys * head,
            "all": (heads + 2 * of_keys) * head,
            "inner": self._read_integer("feed_forward_length", MOST_WIDTH * 8),
            "positions": self._read_integer("context_length", MOST_WIDTH * 64),
            "vocabulary": embeddings.shape[0],
        }

    def make_config(self, sizes: dict[str, int], *, tied: bool) -> dict[str, Any]:
        """Return the configuration in the form of the original checkpoint's `config.json`.

        Args:
            sizes: sizes of the network, from `read_sizes`.
            tied: whether input and output embeddings share one table.

        Raises:
            ModelError: a number in the file is not finite, or not positive.
        """
        shared: dict[str, Any] = {"model_type": NETWORKS[self._name], "tie_word_embeddings": tied}
        if self._name == "starcoder":
            return shared | {
                "n_layer": sizes["layers"],
                "n_head": sizes["heads"],
                "n_positions": sizes["positions"],
                "activation_function": "gelu_pytorch_tanh",
                "layer_norm_epsilon": self._read_number("attention.layer_norm_epsilon"),
            }
        shared |= {
            "num_hidden_layers": sizes["layers"],
            "num_attention_heads": sizes["heads"],
            "num_key_value_heads": sizes["of_keys"],
            "max_position_embeddings": sizes["positions"],
            "rope_theta": self._read_number("rope.freq_base", default=10_000.0),
            **self._read_rope_scaling(sizes["head"]),
        }
        if f"{self._name}.attention.key_length" in self._contents.values:
            shared["head_dim"] = sizes["head"]
        window = self._contents.get_integer(f"{self._name}.attention.sliding_window")
        if self._name == "starcoder2":
            window = window or STARCODER2_WINDOW
            epsilon = self._read_number("attention.layer_norm_epsilon")
            return shared | {"hidden_act": "gelu_pytorch_tanh", "norm_epsilon": epsilon, "sliding_window": window}
        epsilon = self._read_number("attention.layer_norm_rms_epsilon")
        return shared | {"hidden_act": "silu", "rms_norm_eps": epsilon, "sliding_window": window}

    def _read_rope_scaling(self, head: int) -> dict[str, Any]:
        """Return the entry `rope_scaling` of the configuration as a dict of its own; {} without scaling of positions.

        Args:
            head: width of an attention head.
        """
        kind = self._contents.get_text(f"{self._name}.rope.scaling.type")
        factor = self._contents.get_number(f"{self._name}.rope.scaling.factor")
        older = self._contents.get_number(f"{self._name}.rope.scale_linear")
        if older is not None and older not in (0.0, 1.0) and not kind:
            kind, factor = "linear", older
        if ROPE_FACTORS in self._contents.tensors:
            factors = PackedTensor(ROPE_FACTORS, self._contents.tensors[ROPE_FACTORS]).read()
            return {
                "rope_scaling": _recognize_llama3(factors, head, self._read_number("rope.freq_base", default=10_000.0))
            }
        if kind in ("", "none"):
            return {}
        return {"rope_scaling": {"rope_type": kind[:60], "factor": factor or 1.0}}

    def _read_integer(self, name: str, most: int, *, default: int | None = None) -> int:
        """Return the integer `name` of the architecture, else `default`; of a list of equal integers, the integer.

        Raises:
            ModelError: the value is missing without a default, or not an integer from 1 to `most`.
        """
        key = f"{self._name}.{name}"
        value = self._contents.values.get(key, default)
        if isinstance(value, list) and value and all(one == value[0] for one in value):
            value = value[0]  # one item for each layer
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            raise ModelError(
                f"{self._contents.path}: {key} is {_shorten(value)}, not a number from 1 to {most}; choose another "
                "model, or download it again."
            )
        return value

    def _read_number(self, name: str, *, default: float = 1e-5) -> float:
        """Return the number `name` of the architecture, else `default`.

        Raises:
            ModelError: the number is not finite, or not positive.
        """
        value = self._contents.get_number(f"{self._name}.{name}")
        value = default if value is None else value
        if not math.isfinite(value) or value <= 0:
            raise ModelError(f"{self._contents.path}: {self._name}.{name} is {value}; download it again.")
        return value


def _shorten(value: object) -> str:
    """Return `value` as text of at most 60 characters for a message; "missing" for None."""
    return "missing" if value is None else repr(value)[:60]


def _recognize_llama3(factors: NDArray[np.float32], head: int, base: float) -> dict[str, Any]:
    """Return the value of `rope_scaling` in Llama 3.1, from which llama.cpp's converter computed `factors`.

    Factors that do not follow from the parameters of the published models get a `rope_type` that is refused later.

    Args:
        factors: divisor of each RoPE frequency.
        head: width of an attention head.
        base: base of the RoPE frequencies.
    """
    figures = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
    if factors.shape == (head // 2,):
        largest = float(factors.max())
        wanted = _compute_llama3_factors(head, base, largest, figures)
        if largest >= 1 and np.allclose(factors, wanted, rtol=1e-3):
            return {"rope_type": "llama3", "factor": largest, **figures}
    return {"rope_type": "of unknown factors", "factor": 1.0}


def _compute_llama3_factors(head: int, base: float, factor: float, figures: dict[str, Any]) -> NDArray[np.float64]:
    """Return the divisor of each RoPE frequency: 1 for high frequencies, `factor` for low ones, interpolated between.

    `figures` has the other parameters of Llama 3.1's scaling, by name.

    The formula is that of `generate_extra_tensors` for Llama in llama.cpp's `convert_hf_to_gguf.py`, and of
    `_compute_llama3_parameters` in transformers' `modeling_rope_utils.py`.
    """
    lengths = 2 * math.pi * base ** (np.arange(0, head, 2) / head)  # wavelengths, in tokens
    original = figures["original_max_position_embeddings"]
    low, high = figures["low_freq_factor"], figures["high_freq_factor"]
    smooth = (original / lengths - low) / (high - low)
    between = 1 / ((1 - smooth) / factor + smooth)
    slow = np.where(lengths > original / low, factor, between)
    return np.asarray(np.where(lengths < original / high, 1.0, slow))
