"""A person's own models: installation, checks, removal."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from models.catalog.catalog import Catalog
from models.catalog.installation import CHECKSUMS_FILE, describe_checkpoint, explain_damage, install, remove
from models.catalog.published_models import load_published_models
from models.errors import ModelError
from models.tokenizer import Tokenizer
from tests.models.conversion.parity import NETWORKS

ROOM = ["<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<|endoftext|>"]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Return a checkpoint whose tokenizer knows StarCoder's markers."""
    folder = Path(shutil.copytree(NETWORKS / "starcoder2", tmp_path / "checkpoint"))
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["model"]["vocab"] |= {marker: 90 + number for number, marker in enumerate(ROOM)}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    return folder


def test_a_local_checkpoint_becomes_a_model_of_the_catalog(checkpoint: Path, tmp_path: Path) -> None:
    known = describe_checkpoint(checkpoint, "mine")
    assert (known.roles, known.context_tokens) == (("completion",), 64)
    entry = install(known, checkpoint, tmp_path / "models")
    catalog = Catalog.load(tmp_path / "models")
    assert catalog.problems == ()
    assert catalog.get("mine") == entry
    assert (entry.fim.middle, entry.fim.end, entry.fim.file) == ("<fim_middle>", "<|endoftext|>", "")
    assert explain_damage(entry) == ""


@pytest.mark.parametrize("name", sorted(load_published_models()))
def test_an_entry_has_the_facts_about_the_published_model(name: str, checkpoint: Path, tmp_path: Path) -> None:
    known = load_published_models()[name]
    entry = install(known, checkpoint, tmp_path / "models")
    assert (entry.roles, entry.licence, entry.source) == (known.roles, known.licence, known.repository)
    assert (entry.chat, entry.pooling, dict(entry.settings)) == (known.chat, known.pooling, dict(known.settings or {}))
    assert entry.fim == known.fim or not known.fim


def test_a_marker_that_is_no_special_token_is_never_encoded_from_a_text(checkpoint: Path, tmp_path: Path) -> None:
    path = checkpoint / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    tokenizer["added_tokens"] = [{"id": 91, "content": "<fim_suffix>", **plain}]
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    entry = install(describe_checkpoint(checkpoint, "mine"), checkpoint, tmp_path / "models")
    assert "<fim_suffix>" in Tokenizer.read(path).encode("a<fim_suffix>").tokens  # as it was
    assert "<fim_suffix>" not in Tokenizer.read(entry.tokenizer).encode("a<fim_suffix>").tokens


def test_a_tokenizer_without_markers_is_no_use_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="knows neither fill-in-the-middle nor chat markers"):
        describe_checkpoint(NETWORKS / "llama", "mine")


def test_the_first_token_of_a_prompt_stands_in_the_entry(checkpoint: Path, tmp_path: Path) -> None:
    known = describe_checkpoint(checkpoint, "mine")
    assert known.fim is not None
    entry = install(replace(known, fim=replace(known.fim, begin="<|endoftext|>")), checkpoint, tmp_path / "models")
    assert entry.fim.begin == "<|endoftext|>"
    assert entry.fim == replace(known.fim, begin="<|endoftext|>")


def test_an_encoder_is_an_embedder(tmp_path: Path) -> None:
    known = describe_checkpoint(NETWORKS / "roberta", "mine")
    assert known.roles == ("embedding",)
    assert install(known, NETWORKS / "roberta", tmp_path / "models").context_tokens == 64


@pytest.mark.parametrize("name", ["", "..", "../up", "a/b", "a\\b", ".hidden", "a" * 100, "new\nline"])
def test_a_name_is_never_a_path(name: str, checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is no name for a model"):
        install(replace(describe_checkpoint(checkpoint, "mine"), name=name), checkpoint, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_changed_or_lost_file_is_noticed(checkpoint: Path, tmp_path: Path) -> None:
    entry = install(describe_checkpoint(checkpoint, "mine"), checkpoint, tmp_path / "models")
    with (entry.folder / "model.bin").open("ab") as stream:
        stream.write(b"more")
    assert "model.bin of the model mine has changed" in explain_damage(entry)
    (entry.folder / "model.bin").unlink()
    assert "model.bin of the model mine is gone" in explain_damage(entry)
    for damaged in ("[1]", "7", "{", "[" * 200_000):
        (entry.folder / CHECKSUMS_FILE).write_text(damaged)
        assert "cannot be read" in explain_damage(entry)


def test_only_a_persons_own_models_are_removed(checkpoint: Path, tmp_path: Path) -> None:
    entry = install(describe_checkpoint(checkpoint, "mine"), checkpoint, tmp_path / "models")
    with pytest.raises(ModelError, match="lies outside"):
        remove(replace(entry, folder=checkpoint), tmp_path / "models")
    with pytest.raises(ModelError, match="is part of Starling"):
        remove(replace(entry, bundled=True), tmp_path / "models")
    remove(entry, tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_a_model_of_that_name_is_not_overwritten(checkpoint: Path, tmp_path: Path) -> None:
    install(describe_checkpoint(checkpoint, "mine"), checkpoint, tmp_path / "models")
    with pytest.raises(ModelError, match="`starling models remove mine` first"):
        install(describe_checkpoint(checkpoint, "mine"), checkpoint, tmp_path / "models")
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["mine"]
