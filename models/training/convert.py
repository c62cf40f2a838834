"""The convert stage: a trained checkpoint as CTranslate2 loads it, int8.

Uses CTranslate2's own converter, which wants a folder as transformers writes it. Start at `convert`.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from ctranslate2.converters import TransformersConverter

_TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": "<|endoftext|>",
    "eos_token": "<|endoftext|>",
    "unk_token": "<|endoftext|>",
}


def convert(checkpoint: Path, tokenizer: Path, target: Path, *, quantization: str = "int8") -> None:
    """Write `model.bin`, `config.json`, `vocabulary.json` and `tokenizer.json` to `target`, replacing them.

    Args:
        checkpoint: folder with `config.json` and `model.safetensors`.
        tokenizer: `tokenizer.json` file.
        target: folder; other files in it are kept.
        quantization: as CTranslate2 names it.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source, made = Path(scratch, "source"), Path(scratch, "made")
        source.mkdir()
        for name in ("config.json", "model.safetensors"):
            shutil.copy(checkpoint / name, source)
        shutil.copy(tokenizer, source / "tokenizer.json")
        (source / "tokenizer_config.json").write_text(json.dumps(_TOKENIZER_CONFIG), encoding="utf-8")
        TransformersConverter(str(source)).convert(str(made), quantization=quantization)
        shutil.copy(tokenizer, made / "tokenizer.json")
        target.mkdir(parents=True, exist_ok=True)
        for file in made.iterdir():
            shutil.copyfile(file, target / file.name)
