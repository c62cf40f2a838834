"""Model to convert, opened from a published checkpoint's folder or a GGUF file. Start at `open_model`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.conversion.checkpoint import Checkpoint
from models.conversion.vocabulary import Vocabulary

if TYPE_CHECKING:
    from pathlib import Path

    from models.conversion.gguf_contents import Contents


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """A model whose weights are not yet read.

    Attributes:
        checkpoint: configuration and tensors.
        vocabulary: tokenizer and tokens.
        contents: table of contents of a GGUF file; None for a folder.
    """

    checkpoint: Checkpoint
    vocabulary: Vocabulary
    contents: Contents | None = None


def open_model(source: Path, tokenizer: Path | None = None) -> OpenedModel:
    """Read configuration, vocabulary and tables of contents of the model at `source`, but no weights.

    Args:
        source: a folder with `config.json`, or a GGUF file.
        tokenizer: a `tokenizer.json` to use in place of the model's own; None for its own.

    Raises:
        ModelError: there is no model at `source`, or it cannot be converted; the message says what to do.
    """
    if not source.is_file():
        return OpenedModel(Checkpoint.open(source), Vocabulary.read(source, tokenizer))
    from models.conversion.gguf_contents import read_contents  # noqa: PLC0415 (only for GGUF files)
    from models.conversion.gguf_vocabulary import build_vocabulary  # noqa: PLC0415
    from models.conversion.gguf_weights import build_checkpoint  # noqa: PLC0415

    contents = read_contents(source)
    checkpoint = build_checkpoint(contents)
    vocabulary = Vocabulary.read(source.parent, tokenizer) if tokenizer else build_vocabulary(contents)
    return OpenedModel(checkpoint, vocabulary, contents)
