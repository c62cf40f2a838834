"""Fusion of rankings by reciprocal rank."""

from __future__ import annotations

from indexing.vectors.fusion import fuse


def rank(votes: float, *items: tuple[str, str, int, int]) -> tuple[float, list[tuple[str, tuple[str, int, int]]]]:
    """Return a ranking of items (name, file, start, end) with its number of votes."""
    return votes, [(name, (file, start, end)) for name, file, start, end in items]


def test_what_both_rankings_have_comes_before_what_one_has() -> None:
    words = rank(1, ("only words", "a", 0, 10), ("both", "a", 20, 30))
    vectors = rank(1, ("only vectors", "b", 0, 10), ("both", "a", 20, 30))
    assert [item for item, _ in fuse([words, vectors], 5)] == ["both", "only words", "only vectors"]


def test_votes_decide_between_the_firsts_and_the_limit_cuts() -> None:
    words, vectors = rank(1, ("word", "a", 0, 10)), rank(3, ("vector", "b", 0, 10))
    assert [item for item, _ in fuse([words, vectors], 1)] == ["vector"]
    assert [item for item, _ in fuse([words, vectors], 2)] == ["vector", "word"]


def test_places_that_overlap_by_half_are_one_result_and_the_shorter_stays() -> None:
    window, function = ("window", "a", 0, 100), ("function", "a", 40, 60)
    found = fuse([rank(1, window, ("other", "a", 200, 210)), rank(1, function)], 5)
    assert [item for item, _ in found] == ["function", "other"]
    assert found[0][1] > found[1][1]


def test_without_rankings_nothing_is_found() -> None:
    assert fuse([], 5) == []
    assert fuse([rank(1)], 5) == []
