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
    """Return the activation that the configuration states under the first of `names` there is.

    Raises:
        ModelError: CTranslate2 cannot compute it.
    """
    wanted = next((checkpoint.config[name] for name in names if name in checkpoint.config), None)
    if wanted not in ACTIVATIONS:
        raise _make_error(checkpoint, f"the activation {wanted!r}", f"it knows {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[wanted]


def fill_linear(spec: Any, checkpoint: Checkpoint, *names: str) -> None:  # noqa: ANN401 (a specification's layer)
    """Fill the linear layer `spec` from one layer of the checkpoint, or from several whose outputs are concatenated.

    Queries, keys and values are one layer in CTranslate2. A missing bias becomes zeros if another of `names` has one.
    """
    spec.weight = Fused([checkpoint.get_tensor(f"{name}.weight") for name in names])
    biases = [checkpoint.tensors.get(f"{name}.bias") for name in names]
    if any(bias is not None for bias in biases):
        rows = [checkpoint.get_tensor(f"{name}.weight").shape[0] for name in names]
        spec.bias = Fused([row if bias is None else bias for bias, row in zip(biases, rows, strict=True)])


def fill_norm(spec: Any, checkpoint: Checkpoint, name: str) -> None:  # noqa: ANN401
    """Fill a layer norm with weight and bias, or a root-mean-square norm, which has no bias.

    https://arxiv.org/abs/1607.06450 and https://arxiv.org/abs/1910.07467.
    """
    spec.gamma = wrap(checkpoint.get_tensor(f"{name}.weight"))
    if hasattr(spec, "beta"):
        spec.beta = wrap(checkpoint.get_tensor(f"{name}.bias"))


def wrap(tensor: Weights, *, skip: int = 0) -> Fused:
    """Return `tensor` as a variable of a specification, without its first `skip` rows."""
    return Fused([tensor], skip=skip)


def fill_projection(spec: Any, checkpoint: Checkpoint, name: str) -> None:  # noqa: ANN401
    """Fill the output layer, from hidden states to tokens, with its own weights; else share those of the embeddings."""
    if f"{name}.weight" in checkpoint.tensors and not checkpoint.config.get("tie_word_embeddings"):
        fill_linear(spec.projection, checkpoint, name)
    else:
        spec.projection.weight = spec.embeddings.weight


def read_rotary(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the arguments of a specification for rotary positions (RoPE, https://arxiv.org/abs/2104.09864).

    Raises:
        ModelError: the checkpoint scales positions in a way that CTranslate2 cannot compute.
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
        arguments["max_position_embeddings"] = checkpoint.get_integer("max_position_embeddings")
    elif kind != "default":
        raise _make_error(checkpoint, f"the position scaling {kind!r}", "it knows none, linear and llama3")
    return arguments


def set_rope_scaling(attention: Any, checkpoint: Checkpoint) -> None:  # noqa: ANN401
    """Set the factors of Llama 3.1's RoPE scaling, which have no arguments in `read_rotary`.

    The formula is `_compute_llama3_parameters` in transformers' `modeling_rope_utils.py`.
    """
    stretched = checkpoint.config.get("rope_scaling") or checkpoint.config.get("rope_parameters") or {}
    if stretched.get("rope_type") == "llama3":
        # the specification has no such attribute for this kind of scaling, but the runtime reads it
        object.__setattr__(attention, "rotary_scaling_factor", np.dtype("float32").type(stretched["factor"]))
        attention.rotary_low_freq_factor = np.dtype("float32").type(stretched["low_freq_factor"])
        attention.rotary_high_freq_factor = np.dtype("float32").type(stretched["high_freq_factor"])


def read_heads(checkpoint: Checkpoint) -> tuple[int, int | None]:
    """Return the number of attention heads, and that of key and value heads; None where the two are equal."""
    number = checkpoint.get_integer("num_attention_heads")
    of_keys = checkpoint.get_integer("num_key_value_heads", default=number)
    return number, None if of_keys == number else of_keys


def refuse_unless(checkpoint: Checkpoint, name: str, allowed: Sequence[object]) -> None:
    """Check that the setting `name` of the configuration has one of the values `allowed`.

    Raises:
        ModelError: it has another value, which changes the network in a way that is not supported.
    """
    if (value := checkpoint.config.get(name)) not in allowed:
        raise _make_error(checkpoint, f"{name} = {value!r}", f"it knows {', '.join(map(repr, allowed))}")


def _make_error(checkpoint: Checkpoint, what: str, known: str) -> ModelError:
    """Return the error that the checkpoint has `what` and only `known` is supported."""
    return ModelError(
        f"The model in {checkpoint.folder} has {what}, which cannot be computed here ({known}); choose another model."
    )
