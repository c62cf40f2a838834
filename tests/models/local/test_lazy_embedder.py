"""An embedding model that is loaded when it is first needed: its choice, its loading and its release."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from models.catalog.catalog import Catalog
from models.catalog.installation import describe_checkpoint, install
from models.errors import ModelError
from models.local.lazy_embedder import LazyEmbedder, choose_embedder
from models.scripted.scripted_embedder import ScriptedEmbedder
from server.cli.models.models import find_problem
from server.state import paths
from tests.models.conversion.parity import NETWORKS

if TYPE_CHECKING:
    from pathlib import Path

    from models.catalog.catalog import ModelEntry
    from models.embedding import Embedder


def install_models(tmp_path: Path, *names: str) -> None:
    """Install a small random BERT under each of `names`."""
    checkpoint = shutil.copytree(NETWORKS / "bert", tmp_path / "checkpoint")
    for name in names:
        entry = install(describe_checkpoint(checkpoint, name), checkpoint, paths.models_dir(), quantization="float32")
        assert not find_problem(entry)


def list_entries() -> list[ModelEntry]:
    """Return the models of the catalog."""
    return list(Catalog.load(paths.models_dir()).entries.values())


def test_an_installed_model_embeds_and_comes_back_after_it_was_released(tmp_path: Path) -> None:
    install_models(tmp_path, "own-bert")
    embedder = choose_embedder(list_entries(), "auto")
    assert embedder is not None
    assert embedder.name == "own-bert"
    assert embedder.identity.startswith("own-bert ")
    (vector,) = embedder.embed(["t5 t7"])
    assert sum(value * value for value in vector) == pytest.approx(1.0)
    embedder.close()
    assert embedder.embed(["t5 t7"])[0] == pytest.approx(vector)
    embedder.close()


def test_the_smallest_is_chosen_or_the_named_one(tmp_path: Path) -> None:
    assert choose_embedder(list_entries(), "auto") is None
    install_models(tmp_path, "one", "other")
    for name, expected in (("auto", "one"), ("other", "other")):
        chosen = choose_embedder(list_entries(), name)
        assert chosen is not None
        assert chosen.name == expected
    assert choose_embedder(list_entries(), "starling-mini") is None


def test_only_an_idle_model_is_released() -> None:
    loaded: list[Embedder] = []

    def load() -> Embedder:
        """Return a scripted model the first two times, then fail."""
        if len(loaded) == 2:
            raise ModelError("The weights are gone; pull them again.")
        loaded.append(ScriptedEmbedder())
        return loaded[-1]

    busy = LazyEmbedder("scripted", "scripted 1", load, idle_s=1000)
    busy.embed(["a text"])
    busy.release_idle()
    busy.embed(["a text"])
    assert len(loaded) == 1
    idle = LazyEmbedder("scripted", "scripted 1", load, idle_s=-1)
    idle.embed(["a text"])
    idle.release_idle()
    with pytest.raises(ModelError, match="The weights are gone"):
        idle.embed(["a text"])
