"""Conversion of a downloaded checkpoint or a GGUF file to the folder that CTranslate2 loads.

The folder is written under a temporary name and renamed at the end, so that a model is never incomplete. Start at
`convert`.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.conversion.architectures import NETWORKS
from models.conversion.model_source import open_model
from models.conversion.variables import QUANTIZATIONS, quantize, track_writing
from models.conversion.vocabulary import TOKENIZER_FILE
from models.errors import ModelError
from starling_files import make_folder, make_tree_private

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.conversion.architectures import Specification
    from models.conversion.checkpoint import Checkpoint
    from models.conversion.variables import Quantization
    from models.conversion.vocabulary import Vocabulary

SPARE_BYTES = 50_000_000  # left free on the disk beside the model itself
CONTEXT_NAMES = ("n_positions", "max_position_embeddings")


@dataclass(frozen=True, slots=True)
class Converted:
    """Facts about a converted model.

    Attributes:
        architecture: name for a catalog entry.
        parameters: number of weights, tied ones counted once.
        context_tokens: maximum number of tokens of prompt and answer together.
        vocabulary: tokenizer and tokens.
        size_bytes: size of the weights on disk.
    """

    architecture: str
    parameters: int
    context_tokens: int
    vocabulary: Vocabulary
    size_bytes: int


def convert(
    source: Path,
    target: Path,
    *,
    quantization: Quantization = "int8",
    tokenizer: Path | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Converted:
    """Convert the model at `source` to the new folder `target`; return facts about it.

    The folder gets `model.bin`, `config.json`, `vocabulary.json` and `tokenizer.json`.

    Args:
        source: folder with `config.json`, `*.safetensors` or `pytorch_model.bin`, and `tokenizer.json`; or a GGUF file.
        target: the folder to make; must not exist.
        quantization: number type of the weights; norms and biases stay in floating point.
        tokenizer: a `tokenizer.json` to use in place of the model's own; None for its own.
        on_progress: called with bytes written and bytes in all; an exception from it ends the conversion, and nothing
            is left.

    Raises:
        ModelError: the model cannot be converted or written; the message says what to do.
    """
    if quantization not in QUANTIZATIONS:
        raise ModelError(f"There is no quantization {quantization!r}; choose one of {', '.join(QUANTIZATIONS)}.")
    if target.exists():
        raise ModelError(f"{target} is there already; remove it or choose another name.")
    opened = open_model(source, tokenizer)
    checkpoint, vocabulary = opened.checkpoint, opened.vocabulary
    architecture, specification = _build_specification(checkpoint)
    specification.register_vocabulary(vocabulary.pad_tokens(specification.get_vocabulary_size()))
    _set_special_tokens(specification, vocabulary)
    specification.validate()
    _share_projection(specification)
    parameters = count_parameters(checkpoint)
    quantize(specification, quantization)
    done, total = 0, 0

    def report_written(size: int) -> None:
        """Report progress after another `size` bytes of weights were written."""
        nonlocal done
        done += size
        on_progress(done, total)

    total = track_writing(specification, report_written)
    _write(specification, vocabulary, target, total)
    return Converted(architecture, parameters, get_context_tokens(checkpoint), vocabulary, total)


def count_parameters(checkpoint: Checkpoint) -> int:
    """Return the number of weights in the checkpoint's files."""
    return sum(math.prod(tensor.shape) for tensor in checkpoint.tensors.values())


def _build_specification(checkpoint: Checkpoint) -> tuple[str, Specification]:
    """Return the name of the architecture for a catalog entry, and CTranslate2's specification of the network.

    Raises:
        ModelError: the network is not supported or already quantized, or its configuration is damaged.
    """
    kind = checkpoint.config.get("model_type")
    if kind not in NETWORKS:
        raise ModelError(
            f"The model in {checkpoint.folder} is a {kind!r} network, which cannot be converted; "
            f"supported are {', '.join(NETWORKS)}."
        )
    if checkpoint.config.get("quantization_config"):
        raise ModelError(f"The weights in {checkpoint.folder} are quantized already; take the original checkpoint.")
    architecture, build = NETWORKS[kind]
    try:
        return architecture, build(checkpoint)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"The configuration of the model in {checkpoint.folder} makes no sense ({error}); download it again."
        ) from error


def _set_special_tokens(specification: Specification, vocabulary: Vocabulary) -> None:
    """Set the beginning, end and unknown tokens of the specification; the end token is the fallback of the others."""
    config = specification.config
    tokens = vocabulary.tokens
    config.eos_token = vocabulary.eos or next((one for one in ("<|endoftext|>", "</s>") if one in tokens), tokens[0])
    config.bos_token = vocabulary.bos or config.eos_token
    config.unk_token = vocabulary.unk or config.eos_token


def _share_projection(specification: Specification) -> None:
    """Replace an output projection that shares the embeddings' weights by a reference, to write them only once."""
    decoder = getattr(specification, "decoder", None)
    if decoder is not None and decoder.projection.weight is decoder.embeddings.weight:
        decoder.projection.weight = "decoder/embeddings/weight"


def get_context_tokens(checkpoint: Checkpoint) -> int:
    """Return the maximum number of tokens of prompt and answer together.

    It is the number of positions (2048 if none is stated), or the sliding window of attention if that is shorter.
    """
    positions = checkpoint.get_integer(*CONTEXT_NAMES, default=2048)
    if checkpoint.config.get("model_type") == "roberta":
        positions -= checkpoint.get_integer("pad_token_id", default=1) + 1
    windowed = checkpoint.config.get("use_sliding_window", True) and checkpoint.config.get("sliding_window") is not None
    return min(positions, checkpoint.get_integer("sliding_window")) if windowed else positions


def _write(specification: Specification, vocabulary: Vocabulary, target: Path, size_bytes: int) -> None:
    """Write the weights, of `size_bytes`, and the tokenizer to the new folder `target`, whole or not at all.

    Raises:
        ModelError: there is too little space, or a file cannot be written.
    """
    try:
        make_folder(target.parent)
        free = shutil.disk_usage(target.parent).free
        if free < size_bytes + SPARE_BYTES:
            raise ModelError(
                f"The model takes {size_bytes / 1e9:.1f} GB and {target.parent} has {free / 1e9:.1f} GB free; "
                "free some space, or choose a smaller quantization."
            )
        with tempfile.TemporaryDirectory(prefix=".converting-", dir=target.parent) as scratch:
            folder = Path(scratch, target.name)
            make_folder(folder)
            specification.save(str(folder))
            (folder / TOKENIZER_FILE).write_text(vocabulary.content, encoding="utf-8")
            make_tree_private(folder)
            folder.rename(target)
    except OSError as error:
        raise ModelError(
            f"The model cannot be written to {target.parent}: {error.strerror}; check space and permissions."
        ) from error
