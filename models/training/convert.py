"""Convert stage: a trained checkpoint converted to CTranslate2 in int8, by the product's own converter.

Start at `convert`.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from models.conversion import conversion

if TYPE_CHECKING:
    from models.conversion.variables import Quantization


def convert(checkpoint: Path, tokenizer: Path, target: Path, *, quantization: Quantization = "int8") -> None:
    """Convert `checkpoint` to CTranslate2, and write the files of the model to `target`, replacing those of before.

    The files are `model.bin`, `config.json`, `vocabulary.json` and `tokenizer.json`.

    Args:
        checkpoint: folder with `config.json` and `model.safetensors`.
        tokenizer: file `tokenizer.json`.
        target: folder, made if it is missing; other files in it are kept.
        quantization: number type of the weights.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source, converted = Path(scratch, "source"), Path(scratch, "converted")
        source.mkdir()
        for name in ("config.json", "model.safetensors"):
            shutil.copy(checkpoint / name, source)
        shutil.copy(tokenizer, source / "tokenizer.json")
        conversion.convert(source, converted, quantization=quantization)
        target.mkdir(parents=True, exist_ok=True)
        for file in converted.iterdir():
            shutil.copyfile(file, target / file.name)
