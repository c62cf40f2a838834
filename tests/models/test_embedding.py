"""Vectors of texts: pooled as the catalog says, of length one, the same alone and among others."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.catalog.installation import describe_checkpoint, install
from models.errors import ModelError
from models.local.loading import load_embedder
from tests.models import bundled
from tests.models.conversion.parity import NETWORKS

if TYPE_CHECKING:
    from pathlib import Path

    from models.catalog.catalog import ModelEntry


@pytest.fixture
def entry(tmp_path: Path) -> ModelEntry:
    checkpoint = shutil.copytree(NETWORKS / "bert", tmp_path / "checkpoint")
    known = describe_checkpoint(checkpoint, "own-bert")
    return install(known, checkpoint, tmp_path / "models", quantization="float32")


def test_vectors_have_length_one_and_do_not_depend_on_their_neighbours(entry: ModelEntry) -> None:
    embedder = load_embedder(entry, device="cpu")
    together = embedder.embed(["t5", "t7", "t9"])
    alone = embedder.embed(["t7"])
    embedder.close()
    assert together.tokens == 3
    assert [math.hypot(*vector) for vector in together.vectors] == [pytest.approx(1.0)] * 3
    assert together.vectors[1] == pytest.approx(alone.vectors[0], abs=1e-5)
    assert together.vectors[0] != pytest.approx(together.vectors[1], abs=1e-2)


def test_pooling_is_the_mean_or_the_first_as_the_catalog_says(entry: ModelEntry) -> None:
    states = np.load(NETWORKS / "bert" / "expected.npz")
    vocabulary = json.loads((entry.weights / "vocabulary.json").read_text(encoding="utf-8"))
    tokens = [vocabulary[number] for number in states["tokens"]]
    for pooling, expected in (("mean", states["state"].mean(axis=0)), ("first", states["state"][0])):
        embedder = load_embedder(replace(entry, pooling=pooling), device="cpu", compute_type="float32")
        (vector,) = embedder._compute_vectors([tokens])
        embedder.close()
        assert vector == pytest.approx(expected / np.linalg.norm(expected), abs=1e-4)


def test_a_closed_model_and_one_for_something_else_say_so(entry: ModelEntry) -> None:
    embedder = load_embedder(entry, device="cpu")
    embedder.close()
    with pytest.raises(ModelError, match="was unloaded; ask again"):
        embedder.embed(["t1"])
    with pytest.raises(ModelError, match="makes no embeddings"):
        load_embedder(bundled.entry())
