"""The parts that networks are made of, filled from a checkpoint under its authors' names. Start at `linear`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ctranslate2.specs import attention_spec, common_spec

from models.conversion.variables import Fused
from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.conversion.checkpoint import Checkpoint, Weights

ACTIVATIONS = {
    "gelu": common_spec.Activation.GELU,
    "gelu_fast": common_spec.Activation.GELUTanh,
    "gelu_new": common_spec.Activation.GELUTanh,
    "gelu_pytorch_tanh": common_spec.Activation.GELUTanh,
    "relu": common_spec.Activation.RELU,
    "silu": common_spec.Activation.SWISH,
    "swish": common_spec.Activation.SWISH,
}


def activation(checkpoint: Checkpoint, *names: str) -> common_spec.Activation:
    """The activation that the configuration names.

    Raises:
        ModelError: it is not one that can be computed here.
    """
    wanted = next((checkpoint.config[name] for name in names if name in checkpoint.config), None)
    if wanted not in ACTIVATIONS:
        raise _unsupported(checkpoint, f"the activation {wanted!r}", f"it knows {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[wanted]


def linear(spec: Any, checkpoint: Checkpoint, *names: str) -> None:  # noqa: ANN401 (a specification's layer)
    """One linear layer, or several whose outputs are laid side by side (queries, keys, values)."""
    spec.weight = Fused([checkpoint.tensor(f"{name}.weight") for name in names])
    biases = [checkpoint.tensors.get(f"{name}.bias") for name in names]
    if any(bias is not None for bias in biases):
        rows = [checkpoint.tensor(f"{name}.weight").shape[0] for name in names]
        spec.bias = Fused([row if bias is None else bias for bias, row in zip(biases, rows, strict=True)])


def norm(spec: Any, checkpoint: Checkpoint, name: str) -> None:  # noqa: ANN401
    """A layer norm with its bias, or a root-mean-square norm, which has none."""
    spec.gamma = whole(checkpoint.tensor(f"{name}.weight"))
    if hasattr(spec, "beta"):
        spec.beta = whole(checkpoint.tensor(f"{name}.bias"))


def whole(tensor: Weights, *, skip: int = 0) -> Fused:
    """Read one tensor, from a row on."""
    return Fused([tensor], skip=skip)


def projection(spec: Any, checkpoint: Checkpoint, name: str) -> None:  # noqa: ANN401
    """The layer from hidden states to tokens: its own weights, else those of the embeddings."""
    if f"{name}.weight" in checkpoint.tensors and not checkpoint.config.get("tie_word_embeddings"):
        linear(spec.projection, checkpoint, name)
    else:
        spec.projection.weight = spec.embeddings.weight


def rotary(checkpoint: Checkpoint) -> dict[str, Any]:
    """How positions are turned, as the specification's arguments.

    Raises:
        ModelError: the checkpoint stretches positions in a way that is not known here.
    """
    stretched: dict[str, Any] = {}
    for name in ("rope_scaling", "rope_parameters"):  # the older and the newer name of transformers
        stretched |= checkpoint.config.get(name) or {}
    base = stretched.get("rope_theta", checkpoint.config.get("rope_theta", 10_000))
    arguments: dict[str, Any] = {"rotary_dim": 0, "rotary_interleave": False, "rotary_base": float(base)}
    kind = stretched.get("rope_type", stretched.get("type", "default"))
    if kind == "linear":
        arguments["rotary_scaling_type"] = attention_spec.RotaryScalingType.Linear
        arguments["rotary_scaling_factor"] = float(stretched["factor"])
    elif kind == "llama3":
        arguments["rotary_scaling_type"] = attention_spec.RotaryScalingType.Llama3
        arguments["original_max_position_embeddings"] = int(stretched["original_max_position_embeddings"])
        arguments["max_position_embeddings"] = checkpoint.integer("max_position_embeddings")
    elif kind != "default":
        raise _unsupported(checkpoint, f"the position scaling {kind!r}", "it knows none, linear and llama3")
    return arguments


def stretch(attention: Any, checkpoint: Checkpoint) -> None:  # noqa: ANN401
    """Set what Llama 3.1's RoPE scaling needs beside the arguments of `rotary`."""
    stretched = checkpoint.config.get("rope_scaling") or checkpoint.config.get("rope_parameters") or {}
    if stretched.get("rope_type") == "llama3":
        # the specification has no such attribute for this way, and the runtime asks for it
        object.__setattr__(attention, "rotary_scaling_factor", np.dtype("float32").type(stretched["factor"]))
        attention.rotary_low_freq_factor = np.dtype("float32").type(stretched["low_freq_factor"])
        attention.rotary_high_freq_factor = np.dtype("float32").type(stretched["high_freq_factor"])


def heads(checkpoint: Checkpoint) -> tuple[int, int | None]:
    """Attention heads, and heads of keys and values; None where those are as many."""
    number = checkpoint.integer("num_attention_heads")
    of_keys = checkpoint.integer("num_key_value_heads", default=number)
    return number, None if of_keys == number else of_keys


def refuse_unless(checkpoint: Checkpoint, name: str, allowed: Sequence[object]) -> None:
    """A setting of the configuration that changes the network in a way which is not known here.

    Raises:
        ModelError: it has another value than those.
    """
    if (value := checkpoint.config.get(name)) not in allowed:
        raise _unsupported(checkpoint, f"{name} = {value!r}", f"it knows {', '.join(map(repr, allowed))}")


def _unsupported(checkpoint: Checkpoint, what: str, known: str) -> ModelError:
    return ModelError(
        f"The model in {checkpoint.folder} has {what}, which cannot be computed here ({known}); choose another model."
    )
