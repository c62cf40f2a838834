from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from indexing.index import Index
from indexing.limits import IndexLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from indexing.vectors.text_embedder import TextEmbedder
    from indexing.vectors.vector_store import VectorStore

LIMITS = IndexLimits(processes=1, nice=0)


@pytest.fixture(autouse=True)
def _forks(forks: None) -> None:
    """Fork the indexing process of each test that is not marked `real_start`."""


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    return tmp_path / "storage"


@pytest.fixture
def make_index(storage: Path) -> Iterator[Callable[..., Index]]:
    """Yield a function that opens an index (with `start=True`, once its roots are indexed); close all at the end."""
    made: list[Index] = []

    def make(
        *roots: Path,
        start: bool = True,
        limits: IndexLimits = LIMITS,
        where: Path = storage,
        embedder: TextEmbedder | None = None,
        store: VectorStore | None = None,
    ) -> Index:
        index = Index(roots, storage=where, limits=limits, embedder=embedder, store=store)
        made.append(index)
        if start:
            index.start()
            assert index.wait(60)
        return index

    yield make
    for index in made:
        index.close()
