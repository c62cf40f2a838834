"""The layers of a CTranslate2 specification, filled from a checkpoint's tensors by name. Start at `fill_linear`."""

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


def read_activation(checkpoint: Checkpoint, *names: str) -> common_spec.Activation:
    """Return the activation function that the configuration states: the first of `names` that it has.

    Raises:
        ModelError: CTranslate2 does not support the activation.
    """
    wanted = next((checkpoint.config[name] for name in names if name in checkpoint.config), None)
    if wanted not in ACTIVATIONS:
        raise _make_error(checkpoint, f"the activation {wanted!r}", f"supported are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[wanted]


def fill_linear(spec: Any, checkpoint: Checkpoint, *names: str) -> None:  # noqa: ANN401 (a specification's layer)
    """Fill the linear layer `spec` from one layer of the checkpoint, or from several whose outputs are concatenated.

    Queries, keys and values are one layer in CTranslate2. A missing bias becomes zeros if another of `names` has one.

    Raises:
        ModelError: a layer has no weight.
    """
    spec.weight = Fused([checkpoint.get_tensor(f"{name}.weight") for name in names])
    biases = [checkpoint.tensors.get(f"{name}.bias") for name in names]
    if any(bias is not None for bias in biases):
        rows = [checkpoint.get_tensor(f"{name}.weight").shape[0] for name in names]
        spec.bias = Fused([row if bias is None else bias for bias, row in zip(biases, rows, strict=True)])


def fill_norm(spec: Any, checkpoint: Checkpoint, name: str) -> None:  # noqa: ANN401
    """Fill the norm `spec` from the layer `name`: a layer norm with its bias, or a root-mean-square norm without.

    https://arxiv.org/abs/1607.06450 and https://arxiv.org/abs/1910.07467.

    Raises:
        ModelError: the weight or the bias is missing.
    """
    spec.gamma = make_variable(checkpoint.get_tensor(f"{name}.weight"))
    if hasattr(spec, "beta"):
        spec.beta = make_variable(checkpoint.get_tensor(f"{name}.bias"))


def make_variable(tensor: Weights, *, skip: int = 0) -> Fused:
    """Return a variable of a specification with the rows of `tensor` after the first `skip`."""
    return Fused([tensor], skip=skip)


def fill_projection(spec: Any, checkpoint: Checkpoint, name: str) -> None:  # noqa: ANN401
    """Fill the output layer of `spec` from the layer `name`.

    Uses the weights of the embeddings instead if the configuration says that the two layers share them, or if there is
    no layer `name`.
    """
    if f"{name}.weight" in checkpoint.tensors and not checkpoint.config.get("tie_word_embeddings"):
        fill_linear(spec.projection, checkpoint, name)
    else:
        spec.projection.weight = spec.embeddings.weight


def read_rotary(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the arguments of a CTranslate2 specification for rotary positions (RoPE).

    They are described in https://arxiv.org/abs/2104.09864.

    Raises:
        ModelError: CTranslate2 does not support the checkpoint's scaling of positions.
    """
    scaling: dict[str, Any] = {}
    for name in ("rope_scaling", "rope_parameters"):  # the older and the newer name of transformers
        scaling |= checkpoint.config.get(name) or {}
    base = scaling.get("rope_theta", checkpoint.config.get("rope_theta", 10_000))
    arguments: dict[str, Any] = {"rotary_dim": 0, "rotary_interleave": False, "rotary_base": float(base)}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "linear":
        arguments["rotary_scaling_type"] = attention_spec.RotaryScalingType.Linear
        arguments["rotary_scaling_factor"] = float(scaling["factor"])
    elif kind == "llama3":
        arguments["rotary_scaling_type"] = attention_spec.RotaryScalingType.Llama3
        arguments["original_max_position_embeddings"] = int(scaling["original_max_position_embeddings"])
        arguments["max_position_embeddings"] = checkpoint.get_integer("max_position_embeddings")
    elif kind != "default":
        raise _make_error(checkpoint, f"the position scaling {kind!r}", "supported are none, linear and llama3")
    return arguments


def set_rope_scaling(attention: Any, checkpoint: Checkpoint) -> None:  # noqa: ANN401
    """Set the factors of Llama 3.1's RoPE scaling on `attention`, for which specifications have no arguments.

    Does nothing for other kinds of scaling.

    The formula is `_compute_llama3_parameters` in transformers' `modeling_rope_utils.py`.
    """
    scaling = checkpoint.config.get("rope_scaling") or checkpoint.config.get("rope_parameters") or {}
    if scaling.get("rope_type") == "llama3":
        # the specification has no such attribute for this kind of scaling, but the runtime reads it
        object.__setattr__(attention, "rotary_scaling_factor", np.dtype("float32").type(scaling["factor"]))
        attention.rotary_low_freq_factor = np.dtype("float32").type(scaling["low_freq_factor"])
        attention.rotary_high_freq_factor = np.dtype("float32").type(scaling["high_freq_factor"])


def read_heads(checkpoint: Checkpoint) -> tuple[int, int | None]:
    """Return the number of attention heads, and the number of key and value heads, None if it is the same."""
    heads = checkpoint.get_integer("num_attention_heads")
    key_heads = checkpoint.get_integer("num_key_value_heads", default=heads)
    return heads, None if key_heads == heads else key_heads


def require_setting(checkpoint: Checkpoint, name: str, allowed: Sequence[object]) -> None:
    """Check that the setting `name` of the configuration has one of the values `allowed`.

    Raises:
        ModelError: the setting has another value, for a variant of the network that is not supported.
    """
    if (value := checkpoint.config.get(name)) not in allowed:
        raise _make_error(checkpoint, f"{name} = {value!r}", f"supported are {', '.join(map(repr, allowed))}")


def _make_error(checkpoint: Checkpoint, unsupported: str, supported: str) -> ModelError:
    """Return an error with a message that names the unsupported feature and lists the supported ones."""
    return ModelError(
        f"The model in {checkpoint.folder} has {unsupported}, which cannot be converted ({supported}); "
        "choose another model."
    )
