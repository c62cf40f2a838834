"""Network to train: StarCoder 1's architecture (GPTBigCode), written for speed in training only.

Multi-query attention, learned positions, pre-norm, tanh-GELU, tied embeddings. The parameters have the names of
`transformers.GPTBigCodeForCausalLM`, so that a checkpoint written here loads there and in CTranslate2's converter. It
never generates text: `evaluate` and the product do so with the converted weights. Start at `Network`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PART_TOKENS = 128  # queries computed at once on a CPU, chosen for its caches


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of a network.

    Attributes:
        vocabulary: number of token ids.
        positions: maximum length of a sequence, in tokens.
        width: size of the residual stream.
        layers: number of blocks.
        heads: query heads; keys and values have one head for all of them.
        inner: width of the feed-forward layer.
    """

    vocabulary: int = 8192
    positions: int = 512
    width: int = 256
    layers: int = 6
    heads: int = 4
    inner: int = 1024

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads


class Attention(nn.Module):
    """Causal attention with one key and value head (https://arxiv.org/abs/1911.02150)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.c_attn = nn.Linear(shape.width, shape.width + 2 * shape.head_width)
        self.c_proj = nn.Linear(shape.width, shape.width)

    def forward(self, states: Tensor) -> Tensor:
        """Return the output of the attention for `states`; both are (rows, tokens, width)."""
        rows, tokens, width = states.shape
        size = self.shape.head_width
        queries, keys, values = self.c_attn(states).split([width, size, size], dim=-1)
        queries = queries.view(rows, tokens, self.shape.heads, size).transpose(1, 2)
        attended = attend_at_once(queries, keys, values) if states.is_cuda else attend_in_parts(queries, keys, values)
        projected: Tensor = self.c_proj(attended.transpose(1, 2).reshape(rows, tokens, width))
        return projected


def attend_at_once(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return softmax(Q K^T / sqrt(size)) V with a causal mask (https://arxiv.org/abs/1706.03762), by PyTorch's kernel.

    Queries and the result are (rows, heads, tokens, size); keys and values (rows, tokens, size).
    """
    shared = queries.shape
    return functional.scaled_dot_product_attention(
        queries, keys.unsqueeze(1).expand(shared), values.unsqueeze(1).expand(shared), is_causal=True
    )


def attend_in_parts(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return the same as `attend_at_once`, with equal arguments; faster on a CPU.

    All heads are one matrix product, for 128 queries at a time, without the keys after them.
    """
    rows, heads, tokens, size = queries.shape
    attended = []
    for first in range(0, tokens, _PART_TOKENS):
        last = min(first + _PART_TOKENS, tokens)
        part = queries[:, :, first:last].reshape(rows, heads * (last - first), size)
        scores = (part @ keys[:, :last].mT).view(rows, heads, last - first, last).float() / size**0.5
        ahead = torch.ones(last - first, last, dtype=torch.bool, device=scores.device).triu(first + 1)
        shares = scores.masked_fill(ahead, -torch.inf).softmax(-1).to(values.dtype)
        found = shares.view(rows, heads * (last - first), last) @ values[:, :last]
        attended.append(found.view(rows, heads, last - first, size))
    return torch.cat(attended, dim=2)


class FeedForward(nn.Module):
    """Two matrices with a tanh-approximated GELU (https://arxiv.org/abs/1606.08415) between them."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.c_fc = nn.Linear(shape.width, shape.inner)
        self.c_proj = nn.Linear(shape.inner, shape.width)

    def forward(self, states: Tensor) -> Tensor:
        """Return the transformed `states`; both are (rows, tokens, width)."""
        projected: Tensor = self.c_proj(functional.gelu(self.c_fc(states), approximate="tanh"))
        return projected


class Block(nn.Module):
    """One pre-norm transformer block (https://arxiv.org/abs/2002.04745)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(shape.width)
        self.attn = Attention(shape)
        self.ln_2 = nn.LayerNorm(shape.width)
        self.mlp = FeedForward(shape)

    def forward(self, states: Tensor) -> Tensor:
        """Return `states` plus the outputs of attention and feed-forward; all are (rows, tokens, width)."""
        states = states + self.attn(self.ln_1(states))
        added: Tensor = states + self.mlp(self.ln_2(states))
        return added


class Stack(nn.Module):
    """Embeddings, blocks and the final norm; the part that transformers names `transformer`."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.wte = nn.Embedding(shape.vocabulary, shape.width)
        self.wpe = nn.Embedding(shape.positions, shape.width)
        self.h = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.ln_f = nn.LayerNorm(shape.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the final states (rows, tokens, width) of token ids (rows, tokens)."""
        states = self.wte(tokens) + self.wpe.weight[: tokens.shape[1]]
        for block in self.h:
            states = block(states)
        normalized: Tensor = self.ln_f(states)
        return normalized


class Network(nn.Module):
    """The whole network; its output table is the embedding matrix."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.transformer = Stack(shape)
        self.apply(_initialise)
        for name, parameter in self.named_parameters():
            if name.endswith("c_proj.weight"):  # GPT-2: residual branches start smaller with depth
                nn.init.normal_(parameter, std=0.02 / (2 * shape.layers) ** 0.5)

    def forward(self, tokens: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy of each of `labels`, the next tokens, in nats; all three are (rows, tokens)."""
        logits = self.compute_logits(tokens).flatten(0, 1)
        losses = functional.cross_entropy(logits.float(), labels.flatten(), reduction="none")
        return losses.view(labels.shape)

    def compute_logits(self, tokens: Tensor) -> Tensor:
        """Return logits (rows, tokens, vocabulary) of token ids (rows, tokens)."""
        return functional.linear(self.transformer(tokens), self.transformer.wte.weight)


def _initialise(module: nn.Module) -> None:
    """Initialise a linear layer or an embedding as GPT-2 does: normal weights of the deviation 0.02, biases of zero."""
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


def save(network: Network, folder: Path, *, dtype: torch.dtype = torch.bfloat16) -> None:
    """Write `config.json` and `model.safetensors`, with weights as `dtype`, to `folder`, as transformers does."""
    folder.mkdir(parents=True, exist_ok=True)
    config = make_config(network.shape, dtype)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    weights = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def load(folder: Path) -> Network:
    """Read the checkpoint in `folder` that `save` or transformers wrote; return the network in float32.

    Raises:
        ValueError: the folder holds another architecture.
    """
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") != "gpt_bigcode":
        raise ValueError(f"{folder} holds a {config.get('model_type')} model, not gpt_bigcode.")
    network = Network(
        Shape(
            vocabulary=config["vocab_size"],
            positions=config["n_positions"],
            width=config["n_embd"],
            layers=config["n_layer"],
            heads=config["n_head"],
            inner=config["n_inner"] or 4 * config["n_embd"],
        )
    )
    weights = {name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()}
    weights.pop("lm_head.weight", None)  # tied to the embedding
    network.load_state_dict(weights)
    return network


def average(folders: Sequence[Path]) -> Network:
    """Return the network with the mean weights of the checkpoints in `folders`.

    The mean of checkpoints of one run is often better than each ("Model soups", https://arxiv.org/abs/2203.05482).

    Raises:
        ValueError: there are no folders, or the sizes of the networks differ.
    """
    networks = [load(folder) for folder in folders]
    if len({network.shape for network in networks}) != 1:
        raise ValueError("Only checkpoints of one size can be averaged.")
    mean, *others = networks
    with torch.no_grad():
        for name, value in mean.state_dict().items():
            for other in others:
                value.add_(other.state_dict()[name])
            value.div_(len(networks))
    return mean


def make_config(shape: Shape, dtype: torch.dtype) -> dict[str, Any]:
    """Return the content of `config.json` that transformers and CTranslate2 expect for a network of this shape."""
    sizes = asdict(shape)
    return {
        "architectures": ["GPTBigCodeForCausalLM"],
        "model_type": "gpt_bigcode",
        "activation_function": "gelu_pytorch_tanh",
        "multi_query": True,
        "vocab_size": sizes["vocabulary"],
        "n_positions": sizes["positions"],
        "n_embd": sizes["width"],
        "n_layer": sizes["layers"],
        "n_head": sizes["heads"],
        "n_inner": sizes["inner"],
        "layer_norm_epsilon": 1e-05,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "dtype": str(dtype).removeprefix("torch."),
    }
