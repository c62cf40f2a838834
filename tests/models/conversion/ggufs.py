"""Small GGUF files, written by the `gguf` package's own writer from the random checkpoints of `networks/`.

Names of tensors come from the package, and queries and keys of the Llama family are permuted as in llama.cpp's
converter, so that the tests do not share our own understanding of the format.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, quants

from models.conversion.checkpoint import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

ARCHITECTURES = {
    "gpt_bigcode": "starcoder",
    "starcoder2": "starcoder2",
    "starcoder2_window": "starcoder2",
    "starcoder2_bfloat16": "starcoder2",
    "llama": "llama",
    "llama_grouped": "llama",
    "mistral": "llama",
    "mistral_window": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
}


def list_byte_letters() -> dict[int, str]:
    """Return GPT-2's letter for each byte."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {byte: chr(256 + place) for place, byte in enumerate(hidden)}


MERGES = ["d e", "de f", "Ġ r", "e t", "Ġr et", "u r", "ur n", "Ġret urn", "Ġ Ġ", "ĠĠ ĠĠ"]
QWEN_MARKERS = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"),
    *("<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"),
)
STAR_MARKERS = ("<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<filename>", "<reponame>")
CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def make_vocabulary(markers: Sequence[str], rows: int = 0) -> list[str]:
    """Return a byte-level vocabulary: letters, merged tokens, markers, and unused tokens up to `rows` in all."""
    tokens = [*list_byte_letters().values(), *(merge.replace(" ", "") for merge in MERGES), *markers]
    return [*tokens, *(f"[PAD{number}]" for number in range(len(tokens), rows))]


def add_tokenizer(
    writer: GGUFWriter, markers: Sequence[str] = QWEN_MARKERS, *, rows: int = 0, pre: str = "qwen2"
) -> None:
    """Add a byte-level BPE tokenizer to a file, with `markers` as control tokens.

    Args:
        writer: writer of the file.
        markers: control tokens, the end token first.
        rows: minimum number of tokens; unused ones are added.
        pre: llama.cpp's name of the pretokenizer.
    """
    tokens = make_vocabulary(markers, rows)
    kinds = [3 if token in markers else 5 if token.startswith("[PAD") else 1 for token in tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(MERGES)
    writer.add_eos_token_id(tokens.index(markers[0]))


def add_numbered_tokens(writer: GGUFWriter, rows: int) -> list[str]:
    """Add a tokenizer with one token for each of `rows`, as in the checkpoints of `networks/`; return the tokens."""
    tokens = ["a", "b", "ab", *(f"t{number}" for number in range(3, rows - 6)), *QWEN_MARKERS[:6]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in QWEN_MARKERS else 1 for token in tokens])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(tokens.index("<|endoftext|>"))
    return tokens


def write_network(
    path: Path,
    folder: Path,
    quantization: str = "F32",
    *,
    tokenizer: Callable[[GGUFWriter, int], object] = add_numbered_tokens,
    change: Callable[[GGUFWriter], object] = lambda _writer: None,
) -> dict[str, NDArray[np.float32]]:
    """Write the checkpoint in `folder` as a GGUF file; return its weights by name, as they are after quantization.

    Args:
        path: the file to write.
        folder: a folder of `networks/`.
        quantization: type of the tensors.
        tokenizer: adds a tokenizer with a number of tokens.
        change: called with the writer before the file is written.
    """
    checkpoint = Checkpoint.open(folder)
    config = dict(checkpoint.config)
    architecture = ARCHITECTURES[folder.name]
    writer = GGUFWriter(path, architecture)
    add_sizes(writer, config)
    rows = max(
        tensor.shape[0] for name, tensor in checkpoint.tensors.items() if "embed_tokens" in name or "wte" in name
    )
    tokenizer(writer, rows)
    names = gguf.get_tensor_name_map(getattr(gguf.MODEL_ARCH, architecture.upper()), 8)
    kept = {}
    for name, tensor in checkpoint.tensors.items():
        numbers = np.concatenate([np.asarray(block, np.float32) for block in tensor.read_blocks()])
        kept[name] = quants.dequantize(*quantize(numbers, quantization)).reshape(numbers.shape)
        if architecture == "llama" and ".q_proj." in name:
            numbers = permute(numbers, config["num_attention_heads"])
        elif architecture == "llama" and ".k_proj." in name:
            numbers = permute(numbers, config["num_key_value_heads"])
        add_tensor(writer, names.get_name(name, try_suffixes=(".weight", ".bias")), numbers, quantization)
    change(writer)
    finish(writer)
    return kept


def add_sizes(writer: GGUFWriter, config: Mapping[str, Any]) -> None:
    """Add the sizes and numbers of a configuration to a file, under llama.cpp's names."""
    heads = config.get("num_attention_heads") or config["n_head"]
    width = config.get("hidden_size") or config["n_embd"]
    writer.add_block_count(config.get("num_hidden_layers") or config["n_layer"])
    writer.add_context_length(config.get("max_position_embeddings") or config["n_positions"])
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(config.get("intermediate_size") or 4 * width)
    writer.add_head_count(heads)
    if "n_embd" in config:
        writer.add_head_count_kv(1)
        writer.add_layer_norm_eps(config["layer_norm_epsilon"])
        return
    writer.add_head_count_kv(config["num_key_value_heads"])
    theta = config.get("rope_theta") or (config.get("rope_parameters") or {}).get("rope_theta", 10_000.0)
    writer.add_rope_freq_base(theta)
    if config["model_type"] == "starcoder2":
        writer.add_layer_norm_eps(config["norm_epsilon"])
    else:
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if config.get("head_dim"):
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
    if config.get("sliding_window"):
        writer.add_sliding_window(config["sliding_window"])


def add_tensor(writer: GGUFWriter, name: str, numbers: NDArray[np.float32], quantization: str) -> None:
    """Add a tensor to a file, quantized if its rows are whole blocks."""
    data, kind = quantize(numbers, quantization)
    writer.add_tensor(name, data, raw_dtype=kind)


def quantize(numbers: NDArray[np.float32], quantization: str) -> tuple[NDArray[Any], GGMLQuantizationType]:
    """Return the quantized numbers and their type; vectors, and rows that are no whole blocks, stay float32."""
    kind = GGMLQuantizationType[quantization]
    block, _ = gguf.GGML_QUANT_SIZES[kind]
    if numbers.ndim == 1 or numbers.shape[-1] % block:
        kind = GGMLQuantizationType.F32
    return quants.quantize(np.ascontiguousarray(numbers), kind), kind


def permute(numbers: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Return the rows of queries or keys in the order of llama.cpp's converter."""
    halves = numbers.reshape(heads, 2, numbers.shape[0] // heads // 2, *numbers.shape[1:])
    return halves.swapaxes(1, 2).reshape(numbers.shape)


def finish(writer: GGUFWriter) -> None:
    """Write the file to the disk, and close it."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_checkpoint(folder: Path, config: Mapping[str, Any], tensors: Mapping[str, NDArray[np.float32]]) -> None:
    """Write a checkpoint to the new folder `folder`, as authors publish them: config.json and one safetensors file."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    contents, start = {}, 0
    for name, numbers in tensors.items():
        end = start + numbers.nbytes
        contents[name] = {"dtype": "F32", "shape": list(numbers.shape), "data_offsets": [start, end]}
        start = end
    header = json.dumps(contents).encode()
    data = b"".join(np.ascontiguousarray(numbers).tobytes() for numbers in tensors.values())
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + data)


def random_blocks(quantization: str, count: int, seed: int) -> NDArray[np.uint8]:
    """Return random blocks of a tensor type whose values are small numbers; shape (count, bytes of a block)."""
    kind = GGMLQuantizationType[quantization]
    _, size = gguf.GGML_QUANT_SIZES[kind]
    generator = np.random.default_rng(seed)
    found: list[NDArray[np.uint8]] = []
    with np.errstate(all="ignore"):
        while sum(map(len, found)) < count:
            drawn = generator.integers(0, 256, (4096, size), np.uint8)
            largest = np.abs(quants.dequantize(drawn, kind)).max(axis=1)
            found.append(drawn[np.isfinite(largest) & (largest < 4) & (largest > 1e-3)])
    return np.concatenate(found)[:count]
