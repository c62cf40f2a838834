"""The networks that can be converted: each a function from a checkpoint to a CTranslate2 specification.

Names of tensors are those of the authors' implementations in transformers. Of these, CTranslate2 itself has no way in
for StarCoder2; here it is one of them. Sliding windows of attention are left out: CTranslate2 4.8 fails on a prompt
longer than the window, and up to the window there is no difference, so a model's context ends there
(`conversion.context_tokens`). To add a network: a function, and a line in `NETWORKS`. Start there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctranslate2.specs import common_spec, transformer_spec

from models.conversion import layers

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.conversion.checkpoint import Checkpoint

Specification = Any  # ctranslate2.specs.model_spec.LanguageModelSpec; the library carries no types


def gpt_bigcode(checkpoint: Checkpoint) -> Specification:
    """StarCoder 1 and its relatives: multi-query attention, learned positions."""
    layers.refuse_unless(checkpoint, "multi_query", (True, None))
    specification = transformer_spec.TransformerDecoderModelSpec.from_config(
        checkpoint.integer("n_layer", "num_hidden_layers"),
        checkpoint.integer("n_head", "num_attention_heads"),
        pre_norm=True,
        activation=layers.activation(checkpoint, "activation_function"),
        multi_query_attention=True,
    )
    decoder = specification.decoder
    decoder.scale_embeddings = False
    scope = checkpoint.scope("transformer.", "", having="wte.weight")
    decoder.embeddings.weight = layers.whole(checkpoint.tensor(f"{scope}wte.weight"))
    decoder.position_encodings.encodings = layers.whole(checkpoint.tensor(f"{scope}wpe.weight"))
    layers.norm(decoder.layer_norm, checkpoint, f"{scope}ln_f")
    layers.projection(decoder, checkpoint, "lm_head")
    for number, layer in enumerate(decoder.layer):
        name = f"{scope}h.{number}"
        layers.norm(layer.self_attention.layer_norm, checkpoint, f"{name}.ln_1")
        layers.linear(layer.self_attention.linear[0], checkpoint, f"{name}.attn.c_attn")
        layers.linear(layer.self_attention.linear[1], checkpoint, f"{name}.attn.c_proj")
        layers.norm(layer.ffn.layer_norm, checkpoint, f"{name}.ln_2")
        layers.linear(layer.ffn.linear_0, checkpoint, f"{name}.mlp.c_fc")
        layers.linear(layer.ffn.linear_1, checkpoint, f"{name}.mlp.c_proj")
    _set_epsilon(specification, checkpoint, "layer_norm_epsilon")
    return specification


def starcoder2(checkpoint: Checkpoint) -> Specification:
    """StarCoder 2: grouped-query attention, rotary positions, layer norms with bias, a plain feed-forward network."""
    layers.refuse_unless(checkpoint, "mlp_type", ("default", None))
    layers.refuse_unless(checkpoint, "norm_type", ("layer_norm", None))
    number, of_keys = layers.heads(checkpoint)
    specification = transformer_spec.TransformerDecoderModelSpec.from_config(
        checkpoint.integer("num_hidden_layers"),
        number,
        pre_norm=True,
        activation=layers.activation(checkpoint, "hidden_act"),
        num_heads_kv=of_keys,
        **layers.rotary(checkpoint),
    )
    decoder = specification.decoder
    scope = _fill_ends(decoder, checkpoint)
    for index, layer in enumerate(decoder.layer):
        name = f"{scope}layers.{index}"
        _fill_attention(layer, checkpoint, name)
        layers.linear(layer.ffn.linear_0, checkpoint, f"{name}.mlp.c_fc")
        layers.linear(layer.ffn.linear_1, checkpoint, f"{name}.mlp.c_proj")
    _set_epsilon(specification, checkpoint, "norm_epsilon")
    return specification


def llama(checkpoint: Checkpoint) -> Specification:
    """Llama, Mistral, Qwen and their relatives: rotary positions, root-mean-square norms, gated feed-forward."""
    normed = checkpoint.config.get("model_type") == "qwen3"  # queries and keys pass a norm of their own
    number, of_keys = layers.heads(checkpoint)
    specification = transformer_spec.TransformerDecoderModelSpec.from_config(
        checkpoint.integer("num_hidden_layers"),
        number,
        pre_norm=True,
        activation=layers.activation(checkpoint, "hidden_act"),
        ffn_glu=True,
        rms_norm=True,
        num_heads_kv=of_keys,
        head_dim=checkpoint.config.get("head_dim"),
        qk_norm=normed,
        **layers.rotary(checkpoint),
    )
    decoder = specification.decoder
    scope = _fill_ends(decoder, checkpoint)
    for index, layer in enumerate(decoder.layer):
        name = f"{scope}layers.{index}"
        _fill_attention(layer, checkpoint, name)
        if normed:
            layers.norm(layer.self_attention.q_norm, checkpoint, f"{name}.self_attn.q_norm")
            layers.norm(layer.self_attention.k_norm, checkpoint, f"{name}.self_attn.k_norm")
        layers.linear(layer.ffn.linear_0, checkpoint, f"{name}.mlp.gate_proj")
        layers.linear(layer.ffn.linear_0_noact, checkpoint, f"{name}.mlp.up_proj")
        layers.linear(layer.ffn.linear_1, checkpoint, f"{name}.mlp.down_proj")
    _set_epsilon(specification, checkpoint, "rms_norm_eps")
    return specification


def bert(checkpoint: Checkpoint) -> Specification:
    """BERT and RoBERTa as encoders, for embeddings: MiniLM, CodeBERT, UniXcoder."""
    layers.refuse_unless(checkpoint, "position_embedding_type", ("absolute", None))
    encoder = transformer_spec.TransformerEncoderSpec(
        checkpoint.integer("num_hidden_layers"),
        checkpoint.integer("num_attention_heads"),
        pre_norm=False,
        activation=layers.activation(checkpoint, "hidden_act"),
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    scope = checkpoint.scope("", "bert.", "roberta.", having="embeddings.word_embeddings.weight")
    pooled = f"{scope}pooler.dense.weight" in checkpoint.tensors
    specification = transformer_spec.TransformerEncoderModelSpec(encoder, pooling_layer=pooled)
    if pooled:
        layers.linear(specification.pooler_dense, checkpoint, f"{scope}pooler.dense")
    encoder.scale_embeddings = False
    table = f"{scope}embeddings"
    encoder.embeddings[0].weight = layers.whole(checkpoint.tensor(f"{table}.word_embeddings.weight"))
    encoder.embeddings[1].weight = layers.whole(checkpoint.tensor(f"{table}.token_type_embeddings.weight"))
    # RoBERTa counts positions from behind its padding token
    skip = checkpoint.integer("pad_token_id", default=1) + 1 if checkpoint.config.get("model_type") == "roberta" else 0
    positions = checkpoint.tensor(f"{table}.position_embeddings.weight")
    encoder.position_encodings.encodings = layers.whole(positions, skip=skip)
    layers.norm(encoder.layernorm_embedding, checkpoint, f"{table}.LayerNorm")
    for index, layer in enumerate(encoder.layer):
        name = f"{scope}encoder.layer.{index}"
        own = f"{name}.attention.self"
        layers.linear(layer.self_attention.linear[0], checkpoint, f"{own}.query", f"{own}.key", f"{own}.value")
        layers.linear(layer.self_attention.linear[1], checkpoint, f"{name}.attention.output.dense")
        layers.norm(layer.self_attention.layer_norm, checkpoint, f"{name}.attention.output.LayerNorm")
        layers.linear(layer.ffn.linear_0, checkpoint, f"{name}.intermediate.dense")
        layers.linear(layer.ffn.linear_1, checkpoint, f"{name}.output.dense")
        layers.norm(layer.ffn.layer_norm, checkpoint, f"{name}.output.LayerNorm")
    _set_epsilon(specification, checkpoint, "layer_norm_eps")
    return specification


NETWORKS: dict[str, tuple[str, Callable[[Checkpoint], Specification]]] = {
    "gpt_bigcode": ("GPTBigCode", gpt_bigcode),
    "starcoder2": ("Starcoder2", starcoder2),
    "llama": ("Llama", llama),
    "mistral": ("Mistral", llama),
    "qwen2": ("Qwen2", llama),
    "qwen3": ("Qwen3", llama),
    "bert": ("Bert", bert),
    "roberta": ("Roberta", bert),
}
"""`model_type` of a configuration -> (name of the architecture in a catalog entry, what builds its specification)."""


def _fill_ends(decoder: Any, checkpoint: Checkpoint) -> str:  # noqa: ANN401
    """Embeddings, last norm and projection; returns what stands before the layers' names."""
    decoder.scale_embeddings = False
    scope = checkpoint.scope("model.", "", having="embed_tokens.weight")
    decoder.embeddings.weight = layers.whole(checkpoint.tensor(f"{scope}embed_tokens.weight"))
    layers.norm(decoder.layer_norm, checkpoint, f"{scope}norm")
    layers.projection(decoder, checkpoint, "lm_head")
    return scope


def _fill_attention(layer: Any, checkpoint: Checkpoint, name: str) -> None:  # noqa: ANN401
    attention = layer.self_attention
    own = f"{name}.self_attn"
    layers.stretch(attention, checkpoint)
    layers.norm(attention.layer_norm, checkpoint, f"{name}.input_layernorm")
    layers.linear(attention.linear[0], checkpoint, f"{own}.q_proj", f"{own}.k_proj", f"{own}.v_proj")
    layers.linear(attention.linear[1], checkpoint, f"{own}.o_proj")
    layers.norm(layer.ffn.layer_norm, checkpoint, f"{name}.post_attention_layernorm")


def _set_epsilon(specification: Specification, checkpoint: Checkpoint, name: str) -> None:
    specification.config.layer_norm_epsilon = checkpoint.number(name, default=1e-5)
