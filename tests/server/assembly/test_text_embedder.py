"""The embedding model of the settings: which one it is, when it is loaded, and when it is released."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from indexing.vectors.text_embedder import EmbeddingError
from models.catalog.installation import describe_checkpoint, install
from models.errors import ModelError
from models.scripted.scripted_embedder import ScriptedEmbedder
from server.assembly.text_embedder import LazyEmbedder, make_embedder
from server.cli.models.models import find_problem
from server.state import paths
from tests.models.conversion.parity import NETWORKS

if TYPE_CHECKING:
    from pathlib import Path

    from models.embedding import Embedder


def install_models(tmp_path: Path, *names: str) -> None:
    """Install a small random BERT under each of `names`."""
    checkpoint = shutil.copytree(NETWORKS / "bert", tmp_path / "checkpoint")
    for name in names:
        entry = install(describe_checkpoint(checkpoint, name), checkpoint, paths.models_dir(), quantization="float32")
        assert not find_problem(entry)


def test_an_installed_model_embeds_and_comes_back_after_it_was_released(tmp_path: Path) -> None:
    install_models(tmp_path, "own-bert")
    problems: list[str] = []
    embedder = make_embedder("auto", problems)
    assert embedder is not None
    assert (embedder.name, problems) == ("own-bert", [])
    assert embedder.identity.startswith("own-bert ")
    (vector,) = embedder.embed(["t5 t7"])
    assert sum(value * value for value in vector) == pytest.approx(1.0)
    embedder.close()
    assert embedder.embed(["t5 t7"])[0] == pytest.approx(vector)
    embedder.close()


def test_the_settings_choose_and_say_what_is_wrong(tmp_path: Path) -> None:
    problems: list[str] = []
    assert make_embedder("auto", problems) is None
    assert make_embedder("", problems) is None
    assert problems == []
    install_models(tmp_path, "one", "other")
    chosen = make_embedder("other", problems)
    assert chosen is not None
    assert chosen.name == "other"
    assert make_embedder("", problems) is None
    assert make_embedder("starling-mini", problems) is None
    assert problems == [
        (
            "There is no embedding model called starling-mini; set `index.embedder` to one that `starling models list` "
            'shows, or to "".'
        ),
    ]


def test_only_an_idle_model_is_released_and_a_failure_becomes_one_of_the_index() -> None:
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
    with pytest.raises(EmbeddingError, match="The weights are gone"):
        idle.embed(["a text"])
