"""Vectors that another server has computed are fetched, and what cannot be one is computed here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from indexing.vectors.vector_store import MOST_FETCHED, IndexNote, digest
from models.scripted.scripted_embedder import ScriptedEmbedder
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from indexing.index import Index

WORKSPACE = """
    #- coffee.py
    def pour(cup):
        return cup

    def grind(beans):
        return beans
    #- secret.txt
    Some plain words.
"""


class Model:
    """A scripted model that counts the texts that it has seen."""

    name = "scripted"
    failures = (ArithmeticError,)
    identity = "scripted 1"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return the vectors of `texts`."""
        self.seen += texts
        return ScriptedEmbedder().embed(texts).vectors

    def release_idle(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Store:
    """A store in memory."""

    def __init__(self) -> None:
        self.problem = ""
        self.vectors: dict[tuple[str, bytes], Sequence[float]] = {}
        self.notes: dict[tuple[bytes, str], IndexNote] = {}
        self.asked: list[int] = []

    def fetch(self, model: str, digests: Sequence[bytes]) -> Mapping[bytes, Sequence[float]]:
        """Return what is there."""
        self.asked.append(len(digests))
        return {each: self.vectors[model, each] for each in digests if (model, each) in self.vectors}

    def store(self, model: str, vectors: Mapping[bytes, Sequence[float]]) -> None:
        """Keep what is new."""
        for key, vector in vectors.items():
            self.vectors.setdefault((model, key), vector)

    def exchange(self, workspace: bytes, note: IndexNote) -> tuple[IndexNote, ...]:
        """Keep the note."""
        self.notes[workspace, note.server] = replace(note, noted_at=1.0)
        return tuple(one for (place, _), one in self.notes.items() if place == workspace)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return parse(WORKSPACE).write(tmp_path / "root")


def embed(index: Index) -> bool:
    """Embed what is missing; return whether all is done."""
    index.load()
    return index.vectors.embed_all(lambda: True, lambda _: None)


def test_a_second_server_computes_nothing_but_a_first_text(
    make_index: Callable[..., Index], root: Path, tmp_path: Path
) -> None:
    store, first, second = Store(), Model(), Model()
    index = make_index(root, embedder=first, store=store)
    assert embed(index)
    assert len(store.vectors) == len(first.seen) == index.read_status().vectors.vectors
    assert index.read_status().vectors.fetched == 0
    other = make_index(root, embedder=second, store=store, where=tmp_path / "other")
    assert embed(other)
    status = other.read_status().vectors
    assert (status.fetched, status.share, len(second.seen)) == (len(first.seen), 1.0, 1)  # one text tells the width
    assert all(asked <= MOST_FETCHED for asked in store.asked)
    (note,) = status.servers
    assert (note.files, note.share, note.model) == (1, 1.0, "scripted")


@pytest.mark.parametrize(
    "wrong", [(), (1.0,), (float("nan"),) * 64, (float("inf"),) * 64, (0.0,) * 64, (9.0,) * 64, (1.0, *(0.0,) * 9999)]
)
def test_what_is_no_vector_of_the_model_is_computed_here(
    make_index: Callable[..., Index], root: Path, tmp_path: Path, wrong: tuple[float, ...]
) -> None:
    store, first, second = Store(), Model(), Model()
    assert embed(make_index(root, embedder=first, store=store))
    width = len(next(iter(store.vectors.values())))
    store.vectors = dict.fromkeys(store.vectors, wrong[:1] * width if len(wrong) == 64 else wrong)
    other = make_index(root, embedder=second, store=store, where=tmp_path / "other")
    assert embed(other)
    assert set(second.seen) == set(first.seen)
    assert (other.read_status().vectors.share, other.read_status().vectors.fetched) == (1.0, 0)


def test_a_digest_tells_texts_apart_and_holds_none() -> None:
    assert digest("one") == digest("one") != digest("two")
    assert len(digest("\ud800 text " * 1000)) == 32
