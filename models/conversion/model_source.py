"""What is to be converted, in whatever form it lies there: a published checkpoint's folder, or a GGUF file.

Start at `open_model`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.conversion.checkpoint import Checkpoint
from models.conversion.vocabulary import Vocabulary

if TYPE_CHECKING:
    from pathlib import Path

    from models.conversion.gguf_contents import Contents


@dataclass(frozen=True, slots=True)
class Opened:
    """A model whose weights are still to be read.

    Attributes:
        checkpoint: configuration and tensors.
        vocabulary: tokens.
        contents: what a GGUF file says of itself; None for a folder.
    """

    checkpoint: Checkpoint
    vocabulary: Vocabulary
    contents: Contents | None = None


def open_model(source: Path, tokenizer: Path | None = None) -> Opened:
    """Open the checkpoint or the GGUF file at `source`.

    Args:
        source: a folder with `config.json`, or a file.
        tokenizer: another `tokenizer.json` than its own; None for that.

    Raises:
        ModelError: it is none, or cannot be converted; the sentence says what to do.
    """
    if not source.is_file():
        return Opened(Checkpoint.open(source), Vocabulary.of(source, tokenizer))
    from models.conversion.gguf_contents import read_contents  # noqa: PLC0415 (for GGUF files alone)
    from models.conversion.gguf_vocabulary import vocabulary_of  # noqa: PLC0415
    from models.conversion.gguf_weights import checkpoint_of  # noqa: PLC0415

    contents = read_contents(source)
    checkpoint = checkpoint_of(contents)
    vocabulary = Vocabulary.of(source.parent, tokenizer) if tokenizer else vocabulary_of(contents)
    return Opened(checkpoint, vocabulary, contents)
