"""The weights of a GGUF file as a checkpoint: under their authors' names, dequantized a block of rows at a time.

Names, sizes and the order of rows are llama.cpp's; its writer turns the rows of queries and keys of the Llama family
into another order, which is undone here. What the bytes of a quantized block mean is the `gguf` package's business. A
tensor that is not known, or has another size than the file's own figures give it, is refused: weights that lie
wrongly make a network that answers nonsense, or a runtime that reads beyond them. Start at `checkpoint_of`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from models.conversion.checkpoint import Checkpoint
from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from models.conversion.gguf_contents import Contents, StoredTensor

MOST_LAYERS = 1_000
MOST_HEADS = 4_096
MOST_WIDTH = 1 << 20
BLOCK_NUMBERS = 1 << 23  # dequantized at once: 32 MB, and what the arithmetic takes beside it
STARCODER2_WINDOW = 4_096  # tokens; all published sizes were trained so, and the file does not say it

# What the `gguf` package can dequantize; a test tries each.
READABLE = (
    *("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"),
    *("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0"),
    "MXFP4",
)
BLOCK = re.compile(r"blk\.(\d{1,4})\.(\w+)\.(weight|bias)\Z")
ROPE_FACTORS = "rope_freqs.weight"  # how Llama 3.1 and later stretch positions

# llama.cpp's name of an architecture -> `model_type` of the configuration
NETWORKS = {
    "llama": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "starcoder": "gpt_bigcode",
    "starcoder2": "starcoder2",
}
# llama.cpp's name of a part -> its name in the checkpoint, and how many rows and columns it has in terms of `_sizes`
_ENDS = {
    "token_embd": ("model.embed_tokens", "vocabulary", "width"),
    "output_norm": ("model.norm", "width", ""),
    "output": ("lm_head", "vocabulary", "width"),
}
_ATTENTION = {
    "attn_norm": ("input_layernorm", "width", ""),
    "attn_q": ("self_attn.q_proj", "queries", "width"),
    "attn_k": ("self_attn.k_proj", "keys", "width"),
    "attn_v": ("self_attn.v_proj", "keys", "width"),
    "attn_output": ("self_attn.o_proj", "width", "queries"),
    "ffn_norm": ("post_attention_layernorm", "width", ""),
}
_GATED = {
    "ffn_gate": ("mlp.gate_proj", "inner", "width"),
    "ffn_up": ("mlp.up_proj", "inner", "width"),
    "ffn_down": ("mlp.down_proj", "width", "inner"),
}
_QUERY_NORMS = {"attn_q_norm": ("self_attn.q_norm", "head", ""), "attn_k_norm": ("self_attn.k_norm", "head", "")}
_LLAMA = (_ENDS, _ATTENTION | _GATED, "model.layers")
_PARTS: dict[str, tuple[dict[str, tuple[str, str, str]], dict[str, tuple[str, str, str]], str]] = {
    "llama": _LLAMA,
    "qwen2": _LLAMA,
    "qwen3": (_ENDS, _ATTENTION | _GATED | _QUERY_NORMS, "model.layers"),
    "starcoder2": (
        _ENDS,
        _ATTENTION | {"ffn_up": ("mlp.c_fc", "inner", "width"), "ffn_down": ("mlp.c_proj", "width", "inner")},
        "model.layers",
    ),
    "starcoder": (
        {
            "token_embd": ("transformer.wte", "vocabulary", "width"),
            "position_embd": ("transformer.wpe", "positions", "width"),
            "output_norm": ("transformer.ln_f", "width", ""),
            "output": ("lm_head", "vocabulary", "width"),
        },
        {
            "attn_norm": ("ln_1", "width", ""),
            "attn_qkv": ("attn.c_attn", "all", "width"),
            "attn_output": ("attn.c_proj", "width", "queries"),
            "ffn_norm": ("ln_2", "width", ""),
            "ffn_up": ("mlp.c_fc", "inner", "width"),
            "ffn_down": ("mlp.c_proj", "width", "inner"),
        },
        "transformer.h",
    ),
}


@dataclass(frozen=True, slots=True)
class PackedTensor:
    """One tensor of a GGUF file; does what `models.conversion.checkpoint.Tensor` does.

    Attributes:
        name: as the network's authors call it.
        stored: where it lies and how.
        head: rows of an attention head where these stand in llama.cpp's order, 0 where they stand in the authors'.
    """

    name: str
    stored: StoredTensor
    head: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows first."""
        return self.stored.shape

    def read(self) -> NDArray[np.float32]:
        """Return its numbers; shape `shape`.

        Raises:
            ModelError: the disk failed, the `gguf` package is missing, or these are no numbers.
        """
        blocks = list(self.blocks())
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Read its numbers some rows at a time.

        Raises:
            ModelError: as `read`.
        """
        if len(self.shape) == 1:
            yield self._ordered(self._numbers(0, 1).reshape(self.shape))
            return
        row = math.prod(self.shape[1:])
        step = max(self.head, 1)
        count = max(step, BLOCK_NUMBERS // row // step * step)
        for start in range(0, self.shape[0], count):
            rows = min(count, self.shape[0] - start)
            yield self._ordered(self._numbers(start, rows).reshape(rows, *self.shape[1:]))

    def _numbers(self, start: int, rows: int) -> NDArray[np.float32]:
        """`rows` rows from `start` on; all of a vector is one row."""
        size = self.stored.size_bytes // (1 if len(self.shape) == 1 else self.shape[0])
        try:
            data = np.fromfile(self.stored.file, np.uint8, rows * size, offset=self.stored.start + start * size)
        except OSError as error:
            raise ModelError(f"{self.stored.file} cannot be read: {error.strerror}; try again.") from error
        if len(data) != rows * size:
            raise ModelError(f"{self.stored.file} has become shorter while it was read; download it again.")
        numbers = _dequantized(data.reshape(rows, size), self.stored.type_name)
        if not np.isfinite(numbers).all():
            raise ModelError(
                f"The tensor {self.stored.name} in {self.stored.file} holds values that are no numbers; download it "
                "again."
            )
        return numbers

    def _ordered(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows of heads in the authors' order: the first halves of the turned pairs, then the second ones."""
        if not self.head:
            return rows
        pairs = rows.reshape(-1, self.head // 2, 2, *rows.shape[1:])
        return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(rows.shape)


def _dequantized(data: NDArray[np.uint8], type_name: str) -> NDArray[np.float32]:
    quants, types = _package()
    with np.errstate(all="ignore"):  # a damaged scale overflows; the caller looks at the result
        numbers: NDArray[np.float32] = quants.dequantize(data, types[type_name])
    return numbers.astype(np.float32, copy=False)


def _package() -> tuple[Any, Any]:
    """The `gguf` package: how to dequantize, and the types there are.

    Raises:
        ModelError: it is not installed.
    """
    try:
        from gguf import GGMLQuantizationType, quants  # noqa: PLC0415 (an extra, for this alone)
    except ImportError:
        raise ModelError(
            "GGUF files are read with the package gguf, which is not installed; install Starling with the extra: "
            "uv tool install '.[convert]' in its repository."
        ) from None
    return quants, GGMLQuantizationType


def is_part(contents: Contents) -> bool:
    """Whether a GGUF file belongs to another model: its eyes, or measurements of its weights."""
    return contents.text("general.type") in ("mmproj", "imatrix") or contents.architecture == "clip"


def unreadable(contents: Contents) -> str:
    """Say why the network of a GGUF file cannot be run here; "" for one that can."""
    if contents.text("general.type") == "adapter":
        return "it is a LoRA adapter, not a model; take the model that it was merged into"
    if is_part(contents):
        return "it is a part of another model (its eyes, or measurements), not a model; take the model itself"
    if contents.architecture not in NETWORKS:
        named = contents.architecture or "unknown"
        return f"its architecture is {named!r}, and there are {', '.join(NETWORKS)} (Mistral's is llama)"
    if contents.integer(f"{contents.architecture}.expert_count"):
        return "it is a mixture of experts, which cannot be run here"
    unknown = {one.type_name for one in contents.tensors.values()} - set(READABLE)
    if unknown:
        return f"its weights are stored as {', '.join(sorted(unknown))}; take them as Q4_K_M or Q8_0"
    return "" if contents.tensors else "it holds a vocabulary and no weights"


def checkpoint_of(contents: Contents) -> Checkpoint:
    """Describe the network of a GGUF file as its authors' checkpoint would.

    Raises:
        ModelError: it cannot be run here, or its figures and its tensors disagree; the sentence says what to do.
    """
    if problem := unreadable(contents):
        raise ModelError(f"{contents.path} cannot be converted: {problem}.")
    _package()
    figures = _Figures(contents)
    sizes = figures.sizes()
    tensors = {}
    for stored in contents.tensors.values():
        if stored.name == ROPE_FACTORS:
            continue
        packed = _packed(contents, stored, sizes)
        tensors[packed.name] = packed
    config = figures.config(sizes, tied="lm_head.weight" not in tensors)
    return Checkpoint(contents.path, config, tensors)


def _packed(contents: Contents, stored: StoredTensor, sizes: dict[str, int]) -> PackedTensor:
    ends, inside, layers = _PARTS[contents.architecture]
    match = BLOCK.fullmatch(stored.name)
    if match is not None:
        number, part, kind = int(match[1]), match[2], match[3]
        found = inside.get(part) if number < sizes["layers"] else None
        prefix = f"{layers}.{number}."
    else:
        part, _, kind = stored.name.rpartition(".")
        found, prefix = (ends.get(part) if kind in ("weight", "bias") else None), ""
    if found is None:
        raise ModelError(
            f"{contents.path} holds a tensor {stored.name!r}, which is no part of {contents.architecture} as it is "
            "known here; choose another model."
        )
    name, rows, columns = found
    expected = (sizes[rows],) if kind == "bias" or not columns else (sizes[rows], sizes[columns])
    if stored.shape != expected:
        raise ModelError(
            f"The tensor {stored.name} in {contents.path} has the shape {stored.shape} in place of {expected}; "
            "download it again."
        )
    turned = contents.architecture == "llama" and part in ("attn_q", "attn_k")
    return PackedTensor(f"{prefix}{name}.{kind}", stored, sizes["head"] if turned else 0)


class _Figures:
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
        """What the checkpoint's `config.json` would say."""
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
        """How positions are stretched beyond what the network was first trained on."""
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
    """The way of Llama 3.1 and later, from the factors that llama.cpp's writer made of its four figures.

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
    """By what each frequency is divided: the fast ones by 1, the slow ones by `factor`, smoothly between."""
    lengths = 2 * math.pi * base ** (np.arange(0, head, 2) / head)  # tokens of a whole turn
    original = figures["original_max_position_embeddings"]
    low, high = figures["low_freq_factor"], figures["high_freq_factor"]
    smooth = (original / lengths - low) / (high - low)
    between = 1 / ((1 - smooth) / factor + smooth)
    slow = np.where(lengths > original / low, factor, between)
    return np.asarray(np.where(lengths < original / high, 1.0, slow))
