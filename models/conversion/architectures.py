"""The networks that can be converted, each with a function that builds its CTranslate2 specification.

Tensors have the names of the authors' implementations in transformers. CTranslate2's own converters have none for
StarCoder 2. Sliding windows of attention are left out: CTranslate2 4.8 fails on a prompt longer than the window, and up
to the window the result is the same, so a model's context ends there (`conversion.get_context_tokens`). To add a
network, add a function and a line in `NETWORKS`. Start there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctranslate2.specs import common_spec, transformer_spec

from models.conversion import layers

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.conversion.checkpoint import Checkpoint

Specification = Any  # ctranslate2.specs.model_spec.LanguageModelSpec; the library carries no types


def build_gpt_bigcode(checkpoint: Checkpoint) -> Specification:
    """Build the specification of StarCoder 1 and its relatives: multi-query attention, learned positions.

    The network is described in https://arxiv.org/abs/2305.06161, its attention in https://arxiv.org/abs/1911.02150.

    Raises:
        ModelError: a tensor is missing, or a setting is not supported.
    """
    layers.require_setting(checkpoint, "multi_query", (True, None))
    specification = transformer_spec.TransformerDecoderModelSpec.from_config(
        checkpoint.get_integer("n_layer", "num_hidden_layers"),
        checkpoint.get_integer("n_head", "num_attention_heads"),
        pre_norm=True,
        activation=layers.read_activation(checkpoint, "activation_function"),
        multi_query_attention=True,
    )
    decoder = specification.decoder
    decoder.scale_embeddings = False
    scope = checkpoint.find_prefix("transformer.", "", having="wte.weight")
    decoder.embeddings.weight = layers.make_variable(checkpoint.get_tensor(f"{scope}wte.weight"))
    decoder.position_encodings.encodings = layers.make_variable(checkpoint.get_tensor(f"{scope}wpe.weight"))
    layers.fill_norm(decoder.layer_norm, checkpoint, f"{scope}ln_f")
    layers.fill_projection(decoder, checkpoint, "lm_head")
    for number, layer in enumerate(decoder.layer):
        name = f"{scope}h.{number}"
        layers.fill_norm(layer.self_attention.layer_norm, checkpoint, f"{name}.ln_1")
        layers.fill_linear(layer.self_attention.linear[0], checkpoint, f"{name}.attn.c_attn")
        layers.fill_linear(layer.self_attention.linear[1], checkpoint, f"{name}.attn.c_proj")
        layers.fill_norm(layer.ffn.layer_norm, checkpoint, f"{name}.ln_2")
        layers.fill_linear(layer.ffn.linear_0, checkpoint, f"{name}.mlp.c_fc")
        layers.fill_linear(layer.ffn.linear_1, checkpoint, f"{name}.mlp.c_proj")
    _set_epsilon(specification, checkpoint, "layer_norm_epsilon")
    return specification


def build_starcoder2(checkpoint: Checkpoint) -> Specification:
    """Build the specification of StarCoder 2.

    Grouped-query attention, rotary positions, layer norms with bias, feed-forward without a gate. The network is
    described in https://arxiv.org/abs/2402.19173.

    Raises:
        ModelError: a tensor is missing, or a setting is not supported.
    """
    layers.require_setting(checkpoint, "mlp_type", ("default", None))
    layers.require_setting(checkpoint, "norm_type", ("layer_norm", None))
    heads, key_heads = layers.read_heads(checkpoint)
    specification = transformer_spec.TransformerDecoderModelSpec.from_config(
        checkpoint.get_integer("num_hidden_layers"),
        heads,
        pre_norm=True,
        activation=layers.read_activation(checkpoint, "hidden_act"),
        num_heads_kv=key_heads,
        **layers.read_rotary(checkpoint),
    )
    decoder = specification.decoder
    scope = _fill_outer_layers(decoder, checkpoint)
    for index, layer in enumerate(decoder.layer):
        name = f"{scope}layers.{index}"
        _fill_attention(layer, checkpoint, name)
        layers.fill_linear(layer.ffn.linear_0, checkpoint, f"{name}.mlp.c_fc")
        layers.fill_linear(layer.ffn.linear_1, checkpoint, f"{name}.mlp.c_proj")
    _set_epsilon(specification, checkpoint, "norm_epsilon")
    return specification


def build_llama(checkpoint: Checkpoint) -> Specification:
    """Build the specification of Llama, Mistral, Qwen and their relatives.

    Rotary positions, root-mean-square norms, gated feed-forward (SwiGLU). The network is described in
    https://arxiv.org/abs/2302.13971, the gate in https://arxiv.org/abs/2002.05202.

    Raises:
        ModelError: a tensor is missing, or a setting is not supported.
    """
    has_query_norms = checkpoint.config.get("model_type") == "qwen3"  # it normalizes queries and keys as well
    heads, key_heads = layers.read_heads(checkpoint)
    specification = transformer_spec.TransformerDecoderModelSpec.from_config(
        checkpoint.get_integer("num_hidden_layers"),
        heads,
        pre_norm=True,
        activation=layers.read_activation(checkpoint, "hidden_act"),
        ffn_glu=True,
        rms_norm=True,
        num_heads_kv=key_heads,
        head_dim=checkpoint.config.get("head_dim"),
        qk_norm=has_query_norms,
        **layers.read_rotary(checkpoint),
    )
    decoder = specification.decoder
    scope = _fill_outer_layers(decoder, checkpoint)
    for index, layer in enumerate(decoder.layer):
        name = f"{scope}layers.{index}"
        _fill_attention(layer, checkpoint, name)
        if has_query_norms:
            layers.fill_norm(layer.self_attention.q_norm, checkpoint, f"{name}.self_attn.q_norm")
            layers.fill_norm(layer.self_attention.k_norm, checkpoint, f"{name}.self_attn.k_norm")
        layers.fill_linear(layer.ffn.linear_0, checkpoint, f"{name}.mlp.gate_proj")
        layers.fill_linear(layer.ffn.linear_0_noact, checkpoint, f"{name}.mlp.up_proj")
        layers.fill_linear(layer.ffn.linear_1, checkpoint, f"{name}.mlp.down_proj")
    _set_epsilon(specification, checkpoint, "rms_norm_eps")
    return specification


def build_bert(checkpoint: Checkpoint) -> Specification:
    """Build the specification of BERT and RoBERTa as encoders, for embeddings: MiniLM, CodeBERT, UniXcoder.

    Raises:
        ModelError: a tensor is missing, or a setting is not supported.
    """
    layers.require_setting(checkpoint, "position_embedding_type", ("absolute", None))
    encoder = transformer_spec.TransformerEncoderSpec(
        checkpoint.get_integer("num_hidden_layers"),
        checkpoint.get_integer("num_attention_heads"),
        pre_norm=False,
        activation=layers.read_activation(checkpoint, "hidden_act"),
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    scope = checkpoint.find_prefix("", "bert.", "roberta.", having="embeddings.word_embeddings.weight")
    has_pooler = f"{scope}pooler.dense.weight" in checkpoint.tensors
    specification = transformer_spec.TransformerEncoderModelSpec(encoder, pooling_layer=has_pooler)
    if has_pooler:
        layers.fill_linear(specification.pooler_dense, checkpoint, f"{scope}pooler.dense")
    encoder.scale_embeddings = False
    table = f"{scope}embeddings"
    encoder.embeddings[0].weight = layers.make_variable(checkpoint.get_tensor(f"{table}.word_embeddings.weight"))
    encoder.embeddings[1].weight = layers.make_variable(checkpoint.get_tensor(f"{table}.token_type_embeddings.weight"))
    # RoBERTa numbers positions from the one after its padding token
    skip = (
        checkpoint.get_integer("pad_token_id", default=1) + 1 if checkpoint.config.get("model_type") == "roberta" else 0
    )
    positions = checkpoint.get_tensor(f"{table}.position_embeddings.weight")
    encoder.position_encodings.encodings = layers.make_variable(positions, skip=skip)
    layers.fill_norm(encoder.layernorm_embedding, checkpoint, f"{table}.LayerNorm")
    for index, layer in enumerate(encoder.layer):
        name = f"{scope}encoder.layer.{index}"
        own = f"{name}.attention.self"
        layers.fill_linear(layer.self_attention.linear[0], checkpoint, f"{own}.query", f"{own}.key", f"{own}.value")
        layers.fill_linear(layer.self_attention.linear[1], checkpoint, f"{name}.attention.output.dense")
        layers.fill_norm(layer.self_attention.layer_norm, checkpoint, f"{name}.attention.output.LayerNorm")
        layers.fill_linear(layer.ffn.linear_0, checkpoint, f"{name}.intermediate.dense")
        layers.fill_linear(layer.ffn.linear_1, checkpoint, f"{name}.output.dense")
        layers.fill_norm(layer.ffn.layer_norm, checkpoint, f"{name}.output.LayerNorm")
    _set_epsilon(specification, checkpoint, "layer_norm_eps")
    return specification


NETWORKS: dict[str, tuple[str, Callable[[Checkpoint], Specification]]] = {
    "gpt_bigcode": ("GPTBigCode", build_gpt_bigcode),
    "starcoder2": ("Starcoder2", build_starcoder2),
    "llama": ("Llama", build_llama),
    "mistral": ("Mistral", build_llama),
    "qwen2": ("Qwen2", build_llama),
    "qwen3": ("Qwen3", build_llama),
    "bert": ("Bert", build_bert),
    "roberta": ("Roberta", build_bert),
}
"""`model_type` of a configuration -> (name of the architecture in a catalog entry, builder of its specification)."""


def _fill_outer_layers(decoder: Any, checkpoint: Checkpoint) -> str:  # noqa: ANN401
    """Fill the embeddings, the last norm and the output projection of `decoder`; return the prefix of tensor names."""
    decoder.scale_embeddings = False
    scope = checkpoint.find_prefix("model.", "", having="embed_tokens.weight")
    decoder.embeddings.weight = layers.make_variable(checkpoint.get_tensor(f"{scope}embed_tokens.weight"))
    layers.fill_norm(decoder.layer_norm, checkpoint, f"{scope}norm")
    layers.fill_projection(decoder, checkpoint, "lm_head")
    return scope


def _fill_attention(layer: Any, checkpoint: Checkpoint, name: str) -> None:  # noqa: ANN401
    """Fill the attention and both norms of `layer` from the tensors that begin with `name`."""
    attention = layer.self_attention
    own = f"{name}.self_attn"
    layers.set_rope_scaling(attention, checkpoint)
    layers.fill_norm(attention.layer_norm, checkpoint, f"{name}.input_layernorm")
    layers.fill_linear(attention.linear[0], checkpoint, f"{own}.q_proj", f"{own}.k_proj", f"{own}.v_proj")
    layers.fill_linear(attention.linear[1], checkpoint, f"{own}.o_proj")
    layers.fill_norm(layer.ffn.layer_norm, checkpoint, f"{name}.post_attention_layernorm")


def _set_epsilon(specification: Specification, checkpoint: Checkpoint, name: str) -> None:
    """Set the epsilon of the norms to the number `name` of the checkpoint's configuration, 1e-5 by default."""
    specification.config.layer_norm_epsilon = checkpoint.get_number(name, default=1e-5)
