"""Reciprocal rank fusion of several rankings of pieces of code. Start at `fuse`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from indexing.ranking import do_overlap_by_half

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    Place = tuple[Hashable, int, int]

Item = TypeVar("Item")

# Cormack, Clarke and Buettcher, 2009: a rank counts 1 / (SMOOTHING + rank). They have 60; with 10 and three votes for
# vectors, more descriptions found their function in the dev packages (tests/eval/embedding_search.py).
SMOOTHING = 10
WORDS = 1.0
VECTORS = 3.0


def fuse(rankings: Sequence[tuple[float, Sequence[tuple[Item, Place]]]], limit: int) -> list[tuple[Item, float]]:
    """Return up to `limit` items of several rankings with their scores, highest first.

    Each ranking comes with its number of votes, and each item with its place (file, start, end). Places that overlap by
    half in the same file are the same result: an item gets the ranks of both, and of such items only the best is
    returned; of equal ones, the shorter.
    """
    files: dict[Hashable, list[tuple[int, int, Place]]] = {}
    for number, (_, ranking) in enumerate(rankings):
        for rank, (_, place) in enumerate(ranking, 1):
            files.setdefault(place[0], []).append((number, rank, place))
    scored: list[tuple[float, int, int, int, Item, Place]] = []
    for number, (_, ranking) in enumerate(rankings):
        for rank, (item, place) in enumerate(ranking, 1):
            best: dict[int, int] = {}
            for other, other_rank, other_place in files[place[0]]:
                if do_overlap_by_half(place, other_place):
                    best[other] = min(best.get(other, other_rank), other_rank)
            score = sum(rankings[other][0] / (SMOOTHING + each) for other, each in best.items())
            scored.append((-score, place[2] - place[1], rank, number, item, place))
    scored.sort(key=lambda each: each[:4])
    found: list[tuple[Item, float]] = []
    taken: dict[Hashable, list[Place]] = {}
    for negative, _, _, _, item, place in scored:
        others = taken.setdefault(place[0], [])
        if len(found) < limit and not any(do_overlap_by_half(place, other) for other in others):
            others.append(place)
            found.append((item, -negative))
    return found
