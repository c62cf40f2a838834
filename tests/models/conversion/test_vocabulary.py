"""Vocabularies of checkpoints: token lists and tokenizers, whole or in parts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from models.conversion.vocabulary import Vocabulary
from models.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path


def test_older_checkpoints_have_the_two_parts_of_a_tokenizer(tmp_path: Path) -> None:
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "a", "b", "\u0120", "ab", "<mask>"]
    (tmp_path / "vocab.json").write_text(json.dumps({token: place for place, token in enumerate(tokens)}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\n")
    from tokenizers import Tokenizer  # noqa: PLC0415 (heavy, as in the program)

    vocabulary = Vocabulary.read(tmp_path)
    assert list(vocabulary.tokens) == tokens
    assert Tokenizer.from_str(vocabulary.content).encode("ab a").tokens == ["<s>", "ab", "\u0120", "a", "</s>"]
    (tmp_path / "merges.txt").unlink()
    with pytest.raises(ModelError, match="or name it with --tokenizer"):
        Vocabulary.read(tmp_path)
