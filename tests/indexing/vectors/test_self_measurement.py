"""The measurement of search by meaning with a workspace's own functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from indexing.records import SearchQuality
from indexing.vectors import self_measurement, vectors
from indexing.vectors.self_measurement import compute_quality, list_described, split_docstring
from models.scripted.scripted_embedder import ScriptedEmbedder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from indexing.index import Index

NAMES = ("apple", "birch", "cedar", "daisy", "elder", "fern", "grape")


class Model:
    """A scripted model."""

    name = identity = "scripted"
    failures = (ArithmeticError,)

    def __init__(self) -> None:
        self.count = 0

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return the vectors of `texts`."""
        self.count += len(texts)
        return ScriptedEmbedder().embed(texts).vectors

    def release_idle(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def write(root: Path, names: Sequence[str] = NAMES) -> Path:
    """Write a file for each name, with a function whose docstring has its words."""
    root.mkdir()
    for name in names:
        (root / f"{name}.py").write_text(
            f'def {name}():\n    """Return {name} of {name} again {name}."""\n    return {name}, {name}\n',
            encoding="utf-8",
        )
    return root


def prepare(index: Index) -> vectors.Vectors:
    """Return the vectors of an index, of which all are computed."""
    index.load()
    assert index.vectors.embed_all(lambda: True, lambda _: None)
    made = index.vectors._load()
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('def f():\n    """Say one two."""\n    return 1\n', ("Say one two.", "def f():\n    return 1\n")),
        ("def f(\n    a,\n):\n    '''One\n    two.\n\n    3.'''\n    x\n", ("One two.", "def f(\n    a,\n):\n    x\n")),
        ('def f():  # why\r\n    """One."""\r\n    x\r\n', ("One.", "def f():  # why\r\n    x\r\n")),
        ('def f():\n    x = 1\n    """No docstring."""\n', None),
        ('def f():\n    """Never closed\n', None),
        ("def f():\n    return 1\n", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_docstring_is_taken_out(text: str, found: tuple[str, str] | None) -> None:
    made = split_docstring(text)
    assert made == found or (made is not None and found is not None and made[1].split() == found[1].split())


def test_figures_are_those_of_the_field() -> None:
    quality = compute_quality([1, 2, 0, 6])
    assert quality.n == 4
    assert dict(quality.recall) == {1: 0.25, 5: 0.5, 10: 0.75}
    assert dict(quality.precision) == {1: 0.25, 5: 0.1, 10: 0.075}
    assert quality.mrr == round((1 + 1 / 2 + 1 / 6) / 4, 4)


def test_a_search_is_measured_once_and_again_when_much_has_changed(
    make_index: Callable[..., Index], tmp_path: Path
) -> None:
    root, model = write(tmp_path / "root"), Model()
    index = make_index(root, embedder=model)
    made = prepare(index)
    assert index.read_status().vectors.quality is None
    snapshot = index._snapshot
    assert snapshot is not None
    before = model.count
    assert made.measure_quality(snapshot.view, lambda: True)
    quality = index.read_status().vectors.quality
    assert quality is not None
    assert quality.n == len(NAMES)
    assert dict(quality.recall)[1] == quality.mrr == 1.0
    assert model.count == before + 2 * len(NAMES)
    assert made.measure_quality(snapshot.view, lambda: True)
    assert model.count == before + 2 * len(NAMES)
    made._changed = made._measured
    assert made.measure_quality(snapshot.view, lambda: True)
    assert model.count == before + 4 * len(NAMES)


def test_functions_that_say_something_else_are_not_found_first(
    make_index: Callable[..., Index], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    for name, other in zip(NAMES, (*NAMES[1:], NAMES[0]), strict=True):
        (root / f"{name}.py").write_text(
            f'def {name}():\n    """Return {other} of {other} again."""\n    return {name}, {name}\n', encoding="utf-8"
        )
    index = make_index(root, embedder=Model())
    made = prepare(index)
    snapshot = index._snapshot
    assert snapshot is not None
    assert made.measure_quality(snapshot.view, lambda: True)
    assert made.quality is not None
    assert dict(made.quality.recall)[1] < 1.0
    assert made.quality.mrr is not None
    assert made.quality.mrr < 1.0


def test_too_few_functions_and_an_end_give_no_figures(
    make_index: Callable[..., Index], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_index(write(tmp_path / "root", NAMES[:2]), embedder=Model())
    made = prepare(index)
    snapshot = index._snapshot
    assert snapshot is not None
    assert made.measure_quality(snapshot.view, lambda: True)
    assert made.quality == SearchQuality()
    monkeypatch.setattr(self_measurement, "LEAST_FUNCTIONS", 1)
    made.quality = None
    assert not made.measure_quality(snapshot.view, lambda: False)
    monkeypatch.setattr(vectors, "MEASURE_S", -1.0)
    assert made.measure_quality(snapshot.view, lambda: True)
    assert made.quality == SearchQuality()


def test_a_sample_is_bounded_and_always_the_same(
    make_index: Callable[..., Index], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_index(write(tmp_path / "root"), embedder=Model())
    index.load()
    snapshot = index._snapshot
    assert snapshot is not None
    keys = [key for _, key in snapshot.view.iterate_paths()]
    everything = [each.query for each in list_described(snapshot.view, keys)]
    assert everything == [each.query for each in list_described(snapshot.view, keys[::-1])]
    assert list(list_described(snapshot.view, keys, lambda: False)) == []
    assert all('"""' not in each.answer for each in list_described(snapshot.view, keys))
    monkeypatch.setattr(self_measurement, "MOST_FUNCTIONS", 3)
    assert [each.query for each in list_described(snapshot.view, keys)] == everything[:3]


def test_freshness_is_the_age_of_the_oldest_change_without_vectors(
    make_index: Callable[..., Index], tmp_path: Path
) -> None:
    index = make_index(write(tmp_path / "root"), embedder=Model())
    index.load()
    calls = iter([True] * (len(NAMES) + 2))
    assert not index.vectors.embed_all(lambda: next(calls, False), lambda _: None)
    assert index.read_status().vectors.lag_s >= 0.0
    assert index.vectors._load()._noticed  # type: ignore[union-attr]
    prepare(index)
    assert index.read_status().vectors.lag_s == 0.0
    assert np.isclose(index.read_status().vectors.share or 0, 1.0)
